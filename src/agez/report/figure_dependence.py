"""Figures 10-12: do the residuals of a galaxy depend on what kind of galaxy it is?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agez.report.numbers import number
from agez.report.style import BLUE, RESIDUAL, SET_NAMES, VERMILLION, figure, margins, note, robust_limits
from agez.types import TARGET_WORDS, TARGETS, Floats

#: Axis labels of the galaxy properties.
PROPERTY = {
    "log_ssfr": "log specific SFR [log$_{10}$ yr$^{-1}$]",
    "inclination": "inclination [deg]",
    "av": "$A_V$ [mag]",
    "bulge_fraction": "bulge fraction",
}
_SET_STYLES = {"set_a": (BLUE, "o", "-"), "set_b": (VERMILLION, "^", "--")}


def figure_dependence(path: str | os.PathLike[str], block: Mapping[str, Any], properties: Sequence[str]) -> Path:
    """Draw the median and the sigma_mad of each galaxy's residuals against its properties, with running medians.

    One property: a column for each target; more: a column for each property, rows for the targets.

    Parameters
    ----------
    path
        PNG to write.
    block : mapping
        Of the experiment ``dependence``.
    properties : sequence of str
        Of :data:`PROPERTY`.
    """
    statistics = ("median", "sigma_mad")
    if len(properties) == 1:
        grid = [[(properties[0], target, statistic) for target in TARGETS] for statistic in statistics]
    else:
        grid = [[(name, t, statistic) for name in properties] for t in TARGETS for statistic in statistics]
    names = [name for name in _SET_STYLES if name in block["points"]]
    with figure(path, width=9.4, height=2.65 * len(grid) + 0.6) as page:
        room = margins(page, left=0.95, right=0.15, bottom=0.95, top=0.5, wspace=0.24, hspace=0.34)
        panels = page.subplots(len(grid), len(grid[0]), squeeze=False, sharex="col", gridspec_kw=room)
        for row, cells in enumerate(grid):
            for column, (key, target, statistic) in enumerate(cells):
                axes = panels[row, column]
                _panel(axes, block, names, key, target, statistic)
                if row == len(grid) - 1:
                    axes.set_xlabel(PROPERTY[key])
        page.legend(*panels[0, 0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)
    return Path(path)


def _panel(axes: Any, block: Mapping[str, Any], names: Sequence[str], key: str, target: str, statistic: str) -> None:
    word, points = TARGET_WORDS[target], block["points"]
    x = _floats(points["properties"][key])
    values: list[Floats] = [np.zeros(0)]
    told = []
    for name in names:
        colour, marker, line = _SET_STYLES[name]
        y = _floats(points[name][word][statistic])
        values.append(y[np.isfinite(x)])
        axes.plot(x, y, marker, color=colour, ms=3.6, alpha=0.4, mew=0, label=f"{SET_NAMES[name]}: a galaxy each")
        running = points["running"][name][word][key]
        middle, median = _floats(running["x"]), _floats(running[statistic])
        axes.plot(middle, median, color="white", lw=3.6, solid_capstyle="round")
        axes.plot(middle, median, line, color=colour, lw=1.9, label=f"{SET_NAMES[name]}: running median")
        test = block["measured"][name][word][key][statistic]
        rho, low, high = (number(test[part], "{:+.2f}") for part in ("rho", "low", "high"))
        told.append(f"{SET_NAMES[name]}: $\\rho$ = {rho} (95 %: {low} to {high})")
    bottom, top = robust_limits(*values, keep=0.985, pad=0.12)
    lost = sum(int(((y < bottom) | (y > top)).sum()) for y in values)
    if statistic == "median":
        axes.axhline(0, color="0.25", lw=1, ls=":")
        axes.set_ylabel(f"median {RESIDUAL[target]}")
    else:
        bottom = 0.0
        axes.set_ylabel(f"$\\sigma_{{MAD}}$ of {RESIDUAL[target]}")
    axes.set_ylim(bottom, top)
    axes.set_title("\n".join(told), fontsize=8.5)
    if not any(np.isfinite(y).any() for y in values):
        axes.text(0.5, 0.6, "not known of any galaxy", transform=axes.transAxes, ha="center", fontsize=9)
    if lost:
        note(axes, f"{lost} outside", where="upper right")
    axes.grid(alpha=0.25)


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=float)
