"""Figures of a model on a test set of one's own: residuals, calibration, learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from agez.report.figure_calibration import figure_calibration
from agez.report.numbers import floats, number
from agez.report.style import (
    BLUE,
    DENSITY,
    FOLD_COLOURS,
    VERMILLION,
    count_norm,
    counts_on_grid,
    figure,
    margins,
    note,
    running_quantiles,
)
from agez.report.style import robust_limits as limits_of

#: Fewer rows are drawn as dots; bins of running medians, and rows of each at least.
_DOTS, _BINS, _LEAST_ROWS = 600, 12, 10


def evaluation_figures(folder: Path, block: Mapping[str, Any]) -> dict[str, dict[str, Path]]:
    """Draw the figures of a block of :func:`agez.bench.evaluation.evaluate_model`; by target, and ``training``."""
    out: dict[str, dict[str, Path]] = {}
    for name, one in block["targets"].items():
        out[name] = {"residuals": figure_residuals(folder / f"{name}_residuals.png", one)}
        path = folder / f"{name}_calibration.png"
        figure_calibration(path, {name: one})
        out[name]["calibration"] = path
    if block.get("losses") and block["losses"].get("networks"):
        out["training"] = {"losses": figure_losses(folder / "losses.png", block["losses"])}
    if block.get("size_curve"):
        path = figure_size_curve(folder / "size_curve.png", block["size_curve"], block["targets"])
        out.setdefault("training", {})["size_curve"] = path
    return out


def figure_residuals(path: Path, one: Mapping[str, Any]) -> Path:
    """Prediction against label, and their difference against the label, with running median and 16 to 84 %."""
    label, mean = floats(one["points"]["label"]), floats(one["points"]["prediction"])
    known = np.isfinite(mean)
    both, off = limits_of(label[known], mean[known]), limits_of(mean[known] - label[known])
    score = one["scores"]["all"]
    with figure(path, width=9.6, height=4.4) as page:
        room = margins(page, left=0.85, right=0.2, bottom=0.65, top=0.3, wspace=0.3)
        left, right = page.subplots(1, 2, gridspec_kw=room)
        _draw(left, label, mean, both, both)
        left.plot(both, both, color="0.25", lw=1, ls="--")
        left.set(xlim=both, ylim=both, xlabel=f"label: {one['symbol']}", ylabel=f"prediction: {one['symbol']}")
        _draw(right, label, mean - label, both, off)
        right.axhline(0, color="0.25", lw=1, ls="--")
        n_bins = min(_BINS, int(known.sum() // _LEAST_ROWS))
        if n_bins > 1 and np.ptp(label[known]) > 0:
            centre, low, middle, high = running_quantiles(label[known], (mean - label)[known], n_bins)
            right.plot(centre, middle, color=VERMILLION, lw=2)
            for edge in (low, high):
                right.plot(centre, edge, color=VERMILLION, lw=1.2, ls="--")
            right.legend(
                handles=[Line2D([], [], color=VERMILLION, lw=2, label="running median"),
                         Line2D([], [], color=VERMILLION, lw=1.2, ls="--", label="16 and 84 %")], loc="lower left",
            )  # fmt: skip
        right.set(xlim=both, ylim=off, xlabel=f"label: {one['symbol']}", ylabel="prediction − label")
        words = (("sigma_mad", "{:.3f}"), ("bias", "{:+.3f}"), ("rmse", "{:.3f}"), ("n", "{:.0f}"))
        note(left, "\n".join(f"{key} {number(score[key], form)}" for key, form in words))
    return path


def figure_losses(path: Path, losses: Mapping[str, Any]) -> Path:
    """Losses of training and validation of every network; a ring where the weights were kept."""
    networks = losses["networks"]
    of_targets = sorted({str(one["member"]) for one in networks}) if losses["unit"] == "epoch" else [""]
    with figure(path, width=4.6 * len(of_targets) + 1.6, height=4.2) as page:
        room = margins(page, left=0.85, right=0.2, bottom=0.95, top=0.35, wspace=0.25)
        panels = page.subplots(1, len(of_targets), squeeze=False, gridspec_kw=room)[0]
        for axes, word in zip(panels, of_targets, strict=True):
            drawn = [one for one in networks if not word or one["member"] == word]
            for one in drawn:
                colour = FOLD_COLOURS[one["fold"] % len(FOLD_COLOURS)]
                axes.plot(one["step"], floats(one["training"]), color=colour, lw=1, ls="--", alpha=0.7)
                axes.plot(one["step"], floats(one["validation"]), color=colour, lw=1.3)
                at = int(np.argmin(np.abs(np.array(one["step"]) - one["kept"])))
                axes.plot(one["step"][at], floats(one["validation"])[at], "o", ms=6, mfc="white", mec=colour, mew=1.5)
            every = np.concatenate([floats(one[key]) for one in drawn for key in ("training", "validation")])
            low, high = float(np.nanmin(every)), float(np.nanquantile(every, 0.97))
            axes.set_ylim(low - 0.05 * (high - low), high + 0.15 * (high - low))
            axes.set(xlabel=losses["unit"], title=word)
            axes.grid(alpha=0.3)
        panels[0].set_ylabel("loss [nats]" if losses["unit"] == "step" else "mean squared error [dex$^2$]")
        ring: dict[str, Any] = {"ls": "", "marker": "o", "mfc": "white"}
        styles: dict[str, dict[str, Any]] = {"training": {"ls": "--"}, "validation": {}, "weights kept": ring}
        handles = [Line2D([], [], color="0.3", label=word, **how) for word, how in styles.items()]
        page.legend(handles=handles, loc="lower center", ncols=3, frameon=False)
    return path


def figure_size_curve(path: Path, curve: Mapping[str, Any], targets: Mapping[str, Any]) -> Path:
    """RMSE and sigma_mad of each target against the number of rows that were learned from."""
    names = [name for name in targets if name in curve["points"][0]]
    n = [point["n"] for point in curve["points"]]
    with figure(path, width=4.4 * len(names) + 0.6, height=3.8) as page:
        room = margins(page, left=0.8, right=0.2, bottom=0.65, top=0.2, wspace=0.3)
        panels = page.subplots(1, max(len(names), 1), squeeze=False, gridspec_kw=room)[0]
        for axes, name in zip(panels, names, strict=False):
            for key, colour, ls in (("rmse", BLUE, "-"), ("sigma_mad", VERMILLION, "--")):
                axes.plot(n, floats([point[name][key] for point in curve["points"]]), ls, marker="o", color=colour,
                          label=key)  # fmt: skip
            axes.set(xlabel="rows learned from", ylabel=f"error of {targets[name]['symbol']}", xscale="log")
            axes.set_xticks(n, [str(one) for one in n])
            axes.minorticks_off()
            axes.set_ylim(0, 1.1 * axes.dataLim.ymax)
            axes.legend(loc="lower left")
            axes.grid(alpha=0.3)
    return path


def _draw(axes: Any, x: Any, y: Any, x_limits: tuple[float, float], y_limits: tuple[float, float]) -> None:
    """Dots of few rows, counts of many."""
    if np.isfinite(y).sum() <= _DOTS:
        axes.plot(x, y, ".", color=BLUE, ms=4, alpha=0.6)
        return
    grid = counts_on_grid(x, y, x_limits, y_limits, 60)
    axes.pcolormesh(*grid, cmap=DENSITY, norm=count_norm(grid), rasterized=True)
