"""Figures 6 and 8, predictions against labels; and the residuals, against the labels and against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy.ndimage import gaussian_filter

from agez.analysis.metrics import evaluate, residual_pcc
from agez.report.numbers import number
from agez.report.style import (
    BLUE,
    DENSITY,
    QUANTITY,
    RESIDUAL,
    VERMILLION,
    beyond,
    colour_bar,
    count_norm,
    counts_on_grid,
    figure,
    margins,
    note,
    robust_limits,
    running_quantiles,
)  # fmt: skip
from agez.targets import PAPER_TARGETS
from agez.types import Floats

_CELLS = 70
#: Of running medians.
_BINS = 12
_PLACES = {"top": (0, 0), "corner": (0, 1), "main": (1, 0), "side": (1, 1)}
#: Of the contours, over the highest density.
LEVELS = (0.05, 0.15, 0.3, 0.5, 0.75)


def figure_predictions(path: Path, labels: Floats, predicted: Floats, *, title: str) -> None:
    """Draw predicted against label age (top) and metallicity (bottom): points, contours of their density, 1:1 line.

    Contours are those of a histogram of ``_CELLS`` cells a side, smoothed by one cell and divided by its maximum, at
    ``LEVELS`` in both sets' figures.

    To the PNG ``path``, of (n, 2) ages [log10 yr] and metallicities [dex]; NaN pairs are left out.
    """
    with figure(path, width=6.2, height=11.2) as page:
        page.suptitle(title, fontsize=11)
        room = margins(page, left=0.85, right=0.2, bottom=0.6, top=0.45, hspace=0.2)
        panels = page.subplots(len(PAPER_TARGETS), 1, gridspec_kw=room)
        for k, target in enumerate(PAPER_TARGETS):
            axes, x, y = panels[k], labels[:, k], predicted[:, k]
            good = np.isfinite(y - x)
            across = robust_limits(x[good], y[good])
            axes.plot(x[good], y[good], ".", color="0.65", ms=3, mew=0, rasterized=True, zorder=1)
            x_edges, y_edges, counts = counts_on_grid(x, y, across, across, _CELLS)
            density = gaussian_filter(np.ma.filled(counts, 0).astype(float), 1.0)
            if density.max() > 0:
                middles = [(edges[1:] + edges[:-1]) / 2 for edges in (x_edges, y_edges)]
                axes.contour(*middles, density / density.max(), levels=LEVELS, cmap=DENSITY, linewidths=1.3, zorder=3)
            axes.plot(across, across, color="black", lw=1.3, label="1:1", zorder=2)
            axes.set(xlim=across, ylim=across, aspect="equal")
            axes.set(xlabel=f"spectral fit: {QUANTITY[target]}", ylabel=f"network: {QUANTITY[target]}")
            lost = beyond(x, y, across, across)
            scores = _scores_text(evaluate(predicted[:, k], labels[:, k]))
            note(axes, scores + (f"\n{lost} outside the panel" if lost else ""))
            axes.legend(loc="lower right")


def figure_residuals(path: Path, labels: Floats, predicted: Floats, *, title: str) -> None:
    """Draw the age residual against the metallicity residual of each spectrum, and both against the labels.

    To the PNG ``path``; arguments as of :func:`figure_predictions`.
    """
    residual = predicted - labels
    whole = np.all(np.isfinite(residual), axis=1)
    residual = residual[whole]
    limits = []
    for k in range(2):
        low, high = robust_limits(residual[:, k], keep=0.998)
        limits.append((-max(abs(low), abs(high)), max(abs(low), abs(high))))
    grid = counts_on_grid(residual[:, 0], residual[:, 1], limits[0], limits[1], _CELLS)
    across = [robust_limits(labels[whole, k]) for k in range(len(PAPER_TARGETS))]
    lower = [
        counts_on_grid(labels[whole, k], residual[:, k], across[k], limits[k], (_CELLS, _CELLS // 3))
        for k in range(len(PAPER_TARGETS))
    ]
    norm = count_norm(grid, *lower)
    with figure(path, width=6.6, height=10.4) as page:
        page.suptitle(title)
        room = margins(page, left=0.9, right=1.0, bottom=0.95, top=0.45, hspace=0.34)
        rows = page.add_gridspec(3, 1, height_ratios=(5, 1.7, 1.7), **room)
        joint = rows[0].subgridspec(2, 2, width_ratios=(4, 1), height_ratios=(1, 4), wspace=0.05, hspace=0.05)
        axes = {name: page.add_subplot(joint[at]) for name, at in _PLACES.items()}
        below = [page.add_subplot(rows[k + 1]) for k in range(len(PAPER_TARGETS))]
        for k, target in enumerate(PAPER_TARGETS):
            below[k].pcolormesh(*lower[k], cmap=DENSITY, norm=norm, rasterized=True)
            below[k].axhline(0, color=VERMILLION, lw=1.2, ls="--")
            _running_median(below[k], labels[whole, k], residual[:, k])
            below[k].set(xlim=across[k], ylim=limits[k], xlabel=f"label {QUANTITY[target]}", ylabel=RESIDUAL[target])
        page.legend(*below[0].get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)
        main, top, side = axes["main"], axes["top"], axes["side"]
        mesh = main.pcolormesh(*grid, cmap=DENSITY, norm=norm, rasterized=True)
        main.axhline(0, color="0.4", lw=0.8, ls=":")
        main.axvline(0, color="0.4", lw=0.8, ls=":")
        main.set(xlim=limits[0], ylim=limits[1], xlabel=RESIDUAL["log_age_lw"] + ", predicted \N{MINUS SIGN} label")
        main.set_ylabel(RESIDUAL["mh_lw"] + ", predicted \N{MINUS SIGN} label")
        pcc = residual_pcc(residual[:, 0], residual[:, 1])
        lost = beyond(residual[:, 0], residual[:, 1], *limits)
        text = f"Pearson\ncorrelation\n{number(pcc, '{:+.2f}')}\nn = {len(residual)}"
        axes["corner"].axis("off")
        axes["corner"].text(0, 1, text + (f"\n{lost} outside\nthe panel" if lost else ""), va="top", fontsize=9)
        top.hist(residual[:, 0], bins=_CELLS, range=limits[0], color=BLUE)
        side.hist(residual[:, 1], bins=_CELLS, range=limits[1], color=BLUE, orientation="horizontal")
        for k, panel in enumerate((top, side)):
            scores = evaluate(residual[:, k], np.zeros(len(residual)))
            line = panel.axvline if k == 0 else panel.axhline
            line(scores.bias, color=VERMILLION, lw=1.4)
            for edge in (scores.bias - scores.sigma_mad, scores.bias + scores.sigma_mad):
                line(edge, color=VERMILLION, lw=1.1, ls="--")
        top.set(xlim=limits[0], ylabel="spectra")
        side.set(ylim=limits[1], xlabel="spectra")
        top.tick_params(labelbottom=False)
        side.tick_params(labelleft=False)
        side.xaxis.set_major_locator(MaxNLocator(2, prune="lower"))
        colour_bar(page, mesh, "spectra per cell", right=1.0)


def _scores_text(scores: Any) -> str:
    return (
        f"$\\sigma_{{MAD}}$ = {number(scores.sigma_mad, '{:.3f}')} dex\n"
        f"bias = {number(scores.bias)} dex\nRMSE = {number(scores.rmse, '{:.3f}')} dex\nn = {scores.n}"
    )


def _running_median(axes: Any, x: Floats, d: Floats) -> None:
    """Median and 16-84 % of ``d`` in bins of equal numbers along ``x``."""
    good = np.isfinite(x) & np.isfinite(d)
    if good.sum() < 5 * _BINS:
        return
    centre, low, middle, high = running_quantiles(x[good], d[good], _BINS)
    axes.plot(
        centre, middle, "o-", color="black", mfc="white", ms=4, lw=1.2, label="residual: median of equal-number bins"
    )
    axes.plot(centre, low, color="black", lw=1.1, ls=":", label="residual: 16th and 84th percentiles")
    axes.plot(centre, high, color="black", lw=1.1, ls=":")
