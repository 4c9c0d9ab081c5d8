"""Figure 14: radial gradients of age and metallicity against stellar mass, early and late types."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agez.report.style import BLUE, GRADIENT, TITLES, VERMILLION, figure, margins, note, robust_limits
from agez.types import TARGET_WORDS, TARGETS, Floats

_ROWS = {"labels": "labels", "set_a": "Set A", "set_b": "Set B"}
_KINDS = {"late": ("late types", BLUE, "o"), "early": ("early types", VERMILLION, "^")}


def figure_mass_gradients(path: str | os.PathLike[str], block: Mapping[str, Any]) -> Path:
    """Draw the gradients of every galaxy (faint) and their means in bins of mass (bold), from labels and both sets.

    Parameters
    ----------
    path
        PNG to write.
    block : mapping
        Of the experiment ``mass_gradients``.
    """
    measured, points = block["measured"], block["points"]
    rows = [name for name in _ROWS if name in points]
    log_mass, morphology = _floats(points["log_mass"]), np.asarray(points["morphology"], dtype=str)
    drawn = np.isin(morphology, list(_KINDS))
    across = robust_limits(log_mass[drawn], keep=1.0, pad=0.04)
    with figure(path, width=9.4, height=2.7 * len(rows) + 1.0) as page:
        room = margins(page, left=0.85, right=0.15, bottom=0.95, top=0.35, wspace=0.24, hspace=0.08)
        panels = page.subplots(len(rows), len(TARGETS), squeeze=False, sharex=True, sharey="col", gridspec_kw=room)
        for column, target in enumerate(TARGETS):
            word = TARGET_WORDS[target]
            slopes = [_floats(points[name][word]["slope"])[drawn] for name in rows]
            up = robust_limits(*slopes, keep=0.97, pad=0.1)
            for row, name in enumerate(rows):
                axes = panels[row, column]
                slope, error = (_floats(points[name][word][key]) for key in ("slope", "slope_err"))
                axes.axhline(0, color="0.25", lw=1, ls=":")
                for kind, (_, colour, marker) in _KINDS.items():
                    own = (morphology == kind) & np.isfinite(log_mass) & np.isfinite(slope)
                    axes.errorbar(
                        log_mass[own], slope[own], yerr=error[own], fmt=marker, color=colour, ms=3.4, mew=0, alpha=0.3,
                        elinewidth=0.7,
                    )  # fmt: skip
                for kind, (title, colour, marker) in _KINDS.items():
                    bins = measured[name][word].get(kind, {}).get("bins", {"log_mass": [], "mean": [], "err": []})
                    axes.errorbar(
                        _floats(bins["log_mass"]), _floats(bins["mean"]), yerr=_floats(bins["err"]), fmt=marker,
                        color=colour, ms=8, mec="white", mew=0.9, elinewidth=2.2, capsize=3, capthick=1.6, zorder=5,
                        label=f"{title}: mean of a bin with its error",
                    )  # fmt: skip
                known = np.isfinite(log_mass[drawn]) & np.isfinite(slopes[row])
                lost = int((known & ((slopes[row] < up[0]) | (slopes[row] > up[1]))).sum())
                note(axes, _ROWS[name] + (f"; {lost} outside" if lost else ""))
                axes.grid(alpha=0.25)
                axes.set_ylabel(GRADIENT[target])
                axes.set(xlim=across, ylim=up)
            panels[0, column].set_title(TITLES[target])
            panels[-1, column].set_xlabel("log stellar mass [log$_{10}$ $M_\\odot$]")
        page.legend(*panels[0, 0].get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)
    return Path(path)


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=float)
