"""Figures 10 to 12: do the residuals of a galaxy depend on what kind of galaxy it is?  And the bulge fraction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from agez.report.numbers import floats, number
from agez.report.style import RESIDUAL, SET_NAMES, VERMILLION, figure, margins, note, robust_limits
from agez.targets import TARGET_WORDS

#: Axis labels of the galaxy properties.
PROPERTY = {
    "log_ssfr": "log specific SFR [log$_{10}$ yr$^{-1}$]",
    "inclination": "inclination [deg]",
    "av": "$A_V$ [mag]",
    "bulge_fraction": "bulge fraction",
}
_STATISTICS = ("median", "sigma_mad")
#: Rows of a set, in the paper's order.
_TARGETS = ("mh_lw", "log_age_lw")


def figure_dependence(path: Path, block: Mapping[str, Any], property_name: str) -> None:
    """Draw median (left) and sigma_mad (right) of each galaxy's residuals against a property, with medians of bins.

    Rows: metallicity and age of Set A, then of Set B.

    To the PNG ``path``; ``block`` is that of the experiment ``dependence``, ``property_name`` of :data:`PROPERTY`.
    """
    rows = [(name, target) for name in SET_NAMES if name in block["points"] for target in _TARGETS]
    with figure(path, width=9.2, height=2.35 * len(rows) + 0.75) as page:
        room = margins(page, left=0.95, right=0.15, bottom=0.95, top=0.4, wspace=0.26, hspace=0.3)
        panels = page.subplots(len(rows), 2, squeeze=False, sharex=True, gridspec_kw=room)
        for row, (name, target) in enumerate(rows):
            for column, statistic in enumerate(_STATISTICS):
                _panel(panels[row, column], block, name, property_name, target, statistic)
        for axes in panels[-1]:
            axes.set_xlabel(PROPERTY[property_name])
        page.legend(*panels[0, 0].get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)


def _panel(axes: Any, block: Mapping[str, Any], name: str, key: str, target: str, statistic: str) -> None:
    word, points = TARGET_WORDS[target], block["points"]
    x, y = floats(points["properties"][key]), floats(points[name][word][statistic])
    bins = points["bins"][name][word][key]
    middle, median, spread = (floats(bins[part]) for part in ("x", statistic, f"{statistic}_spread"))
    axes.plot(x, y, "o", color="0.65", ms=3.4, mew=0, label="a galaxy each")
    axes.errorbar(middle, median, yerr=spread, fmt="o", color=VERMILLION, ms=5.5, mec="white", mew=0.5, elinewidth=1.4,
                  label="median and $\\sigma_{MAD}$ of bins of 16 galaxies")  # fmt: skip
    shown = y[np.isfinite(x)]
    bottom, top = robust_limits(shown, median - spread, median + spread, keep=0.985, pad=0.12)
    if statistic == "median":
        axes.axhline(0, color="0.25", lw=1, ls=":")
        axes.set_ylabel(f"median {RESIDUAL[target]}")
    else:
        bottom = 0.0
        axes.set_ylabel(f"$\\sigma_{{MAD}}$ of {RESIDUAL[target]}")
    axes.set_ylim(bottom, top)
    test = block["measured"][name][word][key][statistic]
    rho, low, high = (number(test[part], "{:+.2f}") for part in ("rho", "low", "high"))
    axes.set_title(f"{SET_NAMES[name]}, {word}: $\\rho$ = {rho} (95 %: {low} to {high})", fontsize=9)
    if not np.isfinite(shown).any():
        axes.text(0.5, 0.6, "not known of any galaxy", transform=axes.transAxes, ha="center", fontsize=9)
    if lost := int(((shown < bottom) | (shown > top)).sum()):
        note(axes, f"{lost} outside", where="upper right")
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(alpha=0.25)
