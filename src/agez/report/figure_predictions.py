"""Figures 4 and 7 (predictions against labels) and 5 and 8 (age residuals against metallicity residuals)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from agez.analysis.metrics import evaluate, residual_pcc
from agez.report.numbers import number
from agez.report.style import (
    BLUE,
    DENSITY,
    QUANTITY,
    RESIDUAL,
    TITLES,
    VERMILLION,
    beyond,
    colour_bar,
    count_norm,
    counts_on_grid,
    figure,
    margins,
    note,
    robust_limits,
)  # fmt: skip
from agez.types import TARGETS, Floats

_CELLS = 70


def figure_predictions(path: str | os.PathLike[str], labels: Floats, predicted: Floats, *, title: str) -> Path:
    """Draw predicted against label age and metallicity as densities, residuals below.

    Parameters
    ----------
    path
        PNG to write.
    labels, predicted : (n, 2) float
        log_age_lw [log10 yr] and mh_lw [dex]; NaN pairs are left out.
    title : str
    """
    residual = predicted - labels
    plots = []
    for k in range(len(TARGETS)):
        x, y, d = labels[:, k], predicted[:, k], residual[:, k]
        good = np.isfinite(d)
        across = robust_limits(x[good], y[good])
        low, high = robust_limits(d[good], keep=0.998)
        reach = max(abs(low), abs(high))
        up = (-reach, reach)
        plots.append(
            (
                across,
                up,
                counts_on_grid(x, y, across, across, _CELLS),
                counts_on_grid(x, d, across, up, (_CELLS, _CELLS // 3)),
            )
        )
    norm = count_norm(*(grid for plot in plots for grid in plot[2:]))

    with figure(path, width=9.4, height=6.6) as page:
        page.suptitle(title)
        room = margins(page, left=0.85, right=1.0, bottom=0.85, top=0.75, wspace=0.27)
        panels = page.subplots(2, len(TARGETS), sharex="col", height_ratios=(2.6, 1), gridspec_kw=room)
        for k, (target, (across, up, main_grid, residual_grid)) in enumerate(zip(TARGETS, plots, strict=True)):
            main, below = panels[0, k], panels[1, k]
            mesh = main.pcolormesh(*main_grid, cmap=DENSITY, norm=norm, rasterized=True)
            main.plot(across, across, color=VERMILLION, lw=1.4, ls="--", label="1:1")
            main.set(xlim=across, ylim=across, ylabel=f"predicted {QUANTITY[target]}", title=TITLES[target])
            scores = evaluate(predicted[:, k], labels[:, k])
            lost = beyond(labels[:, k], predicted[:, k], across, across)
            note(main, _scores_text(scores) + (f"\n{lost} outside the panel" if lost else ""))
            main.legend(loc="lower right")
            below.pcolormesh(*residual_grid, cmap=DENSITY, norm=norm, rasterized=True)
            below.axhline(0, color=VERMILLION, lw=1.4, ls="--")
            _running_median(below, labels[:, k], residual[:, k])
            below.set(ylim=up, xlabel=f"label {QUANTITY[target]}", ylabel=RESIDUAL[target])
        colour_bar(page, mesh, "spectra per cell", right=1.0)
        page.legend(*panels[1, 0].get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)
    return Path(path)


def figure_residuals(path: str | os.PathLike[str], labels: Floats, predicted: Floats, *, title: str) -> Path:
    """Draw the age residual against the metallicity residual of each spectrum, with both distributions.

    Parameters
    ----------
    path
        PNG to write.
    labels, predicted : (n, 2) float
        As in :func:`figure_predictions`.
    title : str
    """
    residual = predicted - labels
    residual = residual[np.all(np.isfinite(residual), axis=1)]
    limits = []
    for k in range(2):
        low, high = robust_limits(residual[:, k], keep=0.998)
        limits.append((-max(abs(low), abs(high)), max(abs(low), abs(high))))
    grid = counts_on_grid(residual[:, 0], residual[:, 1], limits[0], limits[1], _CELLS)
    with figure(path, width=6.6, height=6.2) as page:
        page.suptitle(title)
        room = margins(page, left=0.9, right=1.0, bottom=0.6, top=0.45)
        axes = page.subplot_mosaic(
            [["top", "corner"], ["main", "side"]], width_ratios=(4, 1), height_ratios=(1, 4), gridspec_kw=room
        )
        main, top, side = axes["main"], axes["top"], axes["side"]
        mesh = main.pcolormesh(*grid, cmap=DENSITY, norm=count_norm(grid), rasterized=True)
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
    return Path(path)


def _scores_text(scores: Any) -> str:
    return (
        f"$\\sigma_{{MAD}}$ = {number(scores.sigma_mad, '{:.3f}')} dex\n"
        f"bias = {number(scores.bias)} dex\nRMSE = {number(scores.rmse, '{:.3f}')} dex\nn = {scores.n}"
    )


def _running_median(axes: Any, x: Floats, d: Floats, n_bins: int = 12) -> None:
    """Median and 16-84 % of ``d`` in bins of equal numbers along ``x``."""
    good = np.isfinite(x) & np.isfinite(d)
    if good.sum() < 5 * n_bins:
        return
    order = np.argsort(x[good])
    groups = np.array_split(order, n_bins)
    centre = [np.median(x[good][g]) for g in groups]
    low, middle, high = np.array([np.quantile(d[good][g], [0.16, 0.5, 0.84]) for g in groups]).T
    axes.plot(
        centre, middle, "o-", color="black", mfc="white", ms=4, lw=1.2, label="residual: median of equal-number bins"
    )
    axes.plot(centre, low, color="black", lw=1.1, ls=":", label="residual: 16th and 84th percentiles")
    axes.plot(centre, high, color="black", lw=1.1, ls=":")
