"""A figure of one spectrum's history: mass formed by age, cumulative mass, and the age-metallicity relation."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from agez.analysis.age_bins import log_bin_edges
from agez.label_types import Labels
from agez.report.fit_figures import stem_of, title_of
from agez.report.style import BLUE, GREEN, VERMILLION, figure, margins, value_limits
from agez.spectra.histories import Histories, histories
from agez.spectra.templates import SSPGrid
from agez.types import Floats

_BAND = 0.25
_SHARES = {0.5: ("$t_{50}$", VERMILLION), 0.9: ("$t_{90}$", GREEN)}


def figure_history(path: str | os.PathLike[str], labels: Labels, grid: SSPGrid, row: int = 0) -> Path:
    """Draw the history of one row; bands and bars are 16 to 84 % quantiles, where the labels have errors.

    Left: part of the mass formed in each age bin.  Middle: part formed before a lookback time, and when 50 and 90 %
    had formed.  Right: mean [M/H] by age, the symbols as large as the age's part of the light.

    Raises
    ------
    AgezError
        If the labels hold no light fractions, or those of another grid.
    """
    one = labels.take([row])
    found = histories(np.empty((1, 0)) if one.weights is None else one.weights, grid, one.history_errors)
    return draw_history(path, found, grid.mh, title=title_of(labels, row))


def draw_history(path: str | os.PathLike[str], found: Histories, mh_nodes: Floats, *, title: str) -> Path:
    """The same of the history of one row; ``mh_nodes`` (m,) are the [M/H] of the template grid."""
    gyr = 10 ** (found.log_age - 9)
    edges = 10 ** (log_bin_edges(found.log_age) - 9)
    with figure(path, width=11, height=3.7) as page:
        panels = page.subplots(1, 3, gridspec_kw=margins(page, left=0.75, right=0.15, bottom=0.6, top=0.5, wspace=0.3))
        page.suptitle(title, fontsize=11)
        for axes in panels:
            axes.set_xscale("log")
            axes.set_xlim(edges[0], edges[-1])
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.set_xlabel("age [Gyr]")
        _mass(panels[0], found, edges)
        _cumulative(panels[1], found, edges)
        _metallicity(panels[2], found, gyr, mh_nodes)
    return Path(path)


def write_history_figures(folder: str | os.PathLike[str], labels: Labels, grid: SSPGrid) -> list[Path]:
    """A figure of every row, named as those of the fits with ``.history`` behind, in a folder that is there."""
    return [
        figure_history(Path(folder) / f"{stem_of(labels, row)}.history.png", labels, grid, row)
        for row in range(len(labels))
    ]


def _mass(axes: Axes, found: Histories, edges: Floats) -> None:
    if found.errors is not None:
        low, _, high = (part[0] for part in found.quantiles("mass_fraction"))
        axes.stairs(high, edges, baseline=low, fill=True, color=BLUE, alpha=_BAND, lw=0, label="16 to 84 %")
    axes.stairs(found.mass_fraction[0], edges, color=BLUE, lw=1.4, label="fit")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("part of the mass formed, by age bin")
    axes.legend(loc="upper left")


def _cumulative(axes: Axes, found: Histories, edges: Floats) -> None:
    if found.errors is not None:
        low, _, high = (np.append(part[0], 0.0) for part in found.quantiles("formed_before"))
        axes.fill_between(edges, low, high, color=BLUE, alpha=_BAND, lw=0)
    axes.plot(edges, np.append(found.formed_before[0], 0.0), color=BLUE, lw=1.4)
    for share, (name, colour) in _SHARES.items():
        low_t, middle, high_t = (float(one[0]) for one in found.log_lookback(share))
        if not np.isfinite(middle):
            continue
        error = [[10 ** (middle - 9) - 10 ** (low_t - 9)], [10 ** (high_t - 9) - 10 ** (middle - 9)]]
        known = bool(np.isfinite(error).all())
        told = f"{name} = {10 ** (middle - 9):.2g}" + (f" (+{error[1][0]:.2g} -{error[0][0]:.2g})" if known else "")
        axes.errorbar(
            10 ** (middle - 9), share, xerr=error if known else None, color=colour, marker="o", ms=5, capsize=3,
            label=f"{told} Gyr", zorder=4,
        )  # fmt: skip
    axes.set_ylim(0, 1.03)
    axes.set_ylabel("part of the mass formed earlier")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left")


def _metallicity(axes: Axes, found: Histories, gyr: Floats, nodes: Floats) -> None:
    mh, light = found.mh[0], found.light_fraction[0]
    error = np.full(len(mh), np.nan) if found.errors is None else found.errors.mh[0]
    known = np.isfinite(mh)
    if found.errors is not None:
        axes.errorbar(gyr[known], mh[known], error[known], fmt="none", ecolor=BLUE, elinewidth=1, alpha=0.5)
    axes.scatter(
        gyr[known], mh[known], s=6 + 240 * light[known], color=BLUE, zorder=3, lw=0, label="size: part of the light"
    )
    for node in (nodes[0], nodes[-1]):
        axes.axhline(node, color="0.6", lw=0.8, ls=":")
    low, high = value_limits(np.concatenate([mh - error, mh + error, mh]), 0.1, keep=1.0)
    axes.set_ylim(low - 0.25, high + 0.1)
    axes.set_ylabel("mean [M/H] [dex]")
    if known.any():
        axes.legend(loc="lower left")
