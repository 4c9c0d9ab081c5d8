"""Figure 14: age gradients against stellar mass from the fit, Set A and Set B; and those of the metallicity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agez.report.numbers import floats
from agez.report.style import GRADIENT, VERMILLION, figure, margins, note, robust_limits
from agez.targets import TARGET_WORDS

_COLUMNS = {"labels": "spectral fit", "set_a": "Set A", "set_b": "Set B"}
_KINDS = {"late": ("late types", "black", "s"), "early": ("early types", VERMILLION, "o")}


def figure_mass_gradients(path: Path, block: Mapping[str, Any], target: str = "log_age_lw") -> None:
    """Draw the gradients of every galaxy (open) and means in bins of mass (filled), from the fit and from both sets.

    Error bars of the bins are standard deviations, as in the paper.

    To the PNG ``path``; ``block`` is that of the experiment ``mass_gradients``, ``target`` of ``PAPER_TARGETS``.
    """
    measured, points, word = block["measured"], block["points"], TARGET_WORDS[target]
    columns = [name for name in _COLUMNS if name in points]
    log_mass, morphology = floats(points["log_mass"]), np.asarray(points["morphology"], dtype=str)
    drawn = np.isin(morphology, list(_KINDS))
    slopes = {name: floats(points[name][word]["slope"]) for name in columns}
    across = robust_limits(log_mass[drawn], keep=1.0, pad=0.04)
    up = robust_limits(*(slope[drawn] for slope in slopes.values()), keep=0.98, pad=0.1)
    with figure(path, width=3.6 * len(columns) + 1.0, height=4.7) as page:
        room = margins(page, left=0.85, right=0.15, bottom=1.0, top=0.4, wspace=0.06)
        panels = page.subplots(1, len(columns), squeeze=False, sharex=True, sharey=True, gridspec_kw=room)[0]
        for axes, name in zip(panels, columns, strict=True):
            slope = slopes[name]
            axes.axhline(0, color="0.25", lw=1, ls=":")
            for kind, (title, colour, marker) in _KINDS.items():
                own = (morphology == kind) & np.isfinite(log_mass) & np.isfinite(slope)
                axes.plot(log_mass[own], slope[own], marker, mfc="none", mec=colour, mew=0.8, ms=4.5, alpha=0.5,
                          label=f"{title}: a galaxy each")  # fmt: skip
                bins = measured[name][word].get(kind, {}).get("bins", {"log_mass": [], "mean": [], "err": [], "n": []})
                spread = floats(bins["err"]) * np.sqrt(floats(bins["n"]))
                axes.errorbar(floats(bins["log_mass"]), floats(bins["mean"]), yerr=spread, fmt=marker, color=colour,
                              ms=8, mec="white", mew=0.9, elinewidth=1.6, capsize=3, zorder=5,
                              label=f"{title}: mean and standard deviation of bins")  # fmt: skip
            known = drawn & np.isfinite(log_mass) & np.isfinite(slope)
            lost = int((known & ((slope < up[0]) | (slope > up[1]))).sum())
            if lost:
                note(axes, f"{lost} outside", where="lower left")
            axes.set_title(_COLUMNS[name])
            axes.set_xlabel("log stellar mass [log$_{10}$ $M_\\odot$]")
            axes.grid(alpha=0.25)
        panels[0].set(xlim=across, ylim=up)
        panels[0].set_ylabel(GRADIENT[target])
        page.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)
