"""Figures 7 and 9: differences of the gradients in age and metallicity; and predicted against label gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from agez.analysis.gradients import GradientTable
from agez.analysis.metrics import evaluate, sigma_mad
from agez.report.numbers import number
from agez.report.style import BLUE, GRADIENT, TITLES, VERMILLION, figure, margins, note, robust_limits
from agez.targets import PAPER_TARGETS
from agez.types import Strings

#: Width of the histograms' bins [dex/Re], as in the paper.
BIN_DEX = 0.05
_KINDS = (("late", "late type", BLUE, "o"), ("early", "early type", VERMILLION, "^"), ("", "type unknown", "0.4", "s"))


def figure_gradient_differences(path: Path, labels: GradientTable, predicted: GradientTable, *, title: str) -> None:
    """Draw the difference in the age gradient against that in the [M/H] gradient, network minus fit, of each galaxy.

    Error bars are standard deviations over the subsets of the differences themselves: both gradients are measured on
    the same subsets.  Histograms have bins of ``BIN_DEX``.

    To the PNG ``path``, of tables of the same galaxies with the columns ``PAPER_TARGETS``.
    """
    difference = predicted.slope - labels.slope
    both = np.isfinite(difference).all(axis=1)
    age, mh = difference[both].T
    if labels.lines is None or predicted.lines is None:
        error = np.zeros_like(difference[both])
    else:
        error = (predicted.lines[1] - labels.lines[1])[:, both].std(axis=0, ddof=1)
    low, high = robust_limits(difference[both], keep=0.99, pad=0.15)
    reach = BIN_DEX * max(np.ceil(max(-low, high) / BIN_DEX), 2)
    edges = np.arange(-reach, reach + BIN_DEX / 2, BIN_DEX).tolist()
    with figure(path, width=6.6, height=6.4) as page:
        page.suptitle(title)
        room = margins(page, left=0.9, right=0.2, bottom=0.65, top=0.5)
        axes = page.subplot_mosaic(
            [["top", "corner"], ["main", "side"]], width_ratios=(4, 1), height_ratios=(1, 4), gridspec_kw=room
        )
        main, top, side = axes["main"], axes["top"], axes["side"]
        main.errorbar(mh, age, xerr=error[:, 1], yerr=error[:, 0], fmt="x", color="black", ms=5, mew=1.1,
                      ecolor=VERMILLION, elinewidth=0.8)  # fmt: skip
        for line in (main.axhline, main.axvline):
            line(0, color="0.4", lw=0.8, ls=":")
        main.set(xlim=(-reach, reach), ylim=(-reach, reach))
        for axis in (main.xaxis, main.yaxis):
            axis.set_major_locator(MaxNLocator(7, prune="both"))
        main.set_xlabel(f"$\\Delta$ {GRADIENT['mh_lw']}, network \N{MINUS SIGN} fit")
        main.set_ylabel(f"$\\Delta$ {GRADIENT['log_age_lw']}, network \N{MINUS SIGN} fit")
        main.grid(alpha=0.2)
        top.hist(mh, bins=edges, color="0.75", ec="black", lw=0.8)
        side.hist(age, bins=edges, color="0.75", ec="black", lw=0.8, orientation="horizontal")
        top.set(xlim=(-reach, reach), ylabel="galaxies")
        side.set(ylim=(-reach, reach), xlabel="galaxies")
        top.tick_params(labelbottom=False)
        side.tick_params(labelleft=False)
        side.xaxis.set_major_locator(MaxNLocator(2, integer=True, prune="lower"))
        lost = int((np.abs(difference[both]) > reach).any(axis=1).sum())
        words = ["$\\sigma_{MAD}$ [dex/$R_e$]", f"age {number(sigma_mad(age), '{:.3f}')}",
                 f"[M/H] {number(sigma_mad(mh), '{:.3f}')}", f"{both.sum()} galaxies"]  # fmt: skip
        axes["corner"].axis("off")
        words += [f"{lost} outside"] if lost else []
        axes["corner"].text(0.06, 1, "\n".join(words), va="top", fontsize=8.5)


def figure_gradients(
    path: Path,
    labels: GradientTable,
    predicted: GradientTable,
    morphology: Strings,
    *,
    title: str,
) -> None:
    """Draw predicted against label gradients of log age and [M/H] with their errors.

    To the PNG ``path``; ``morphology`` (g,) is ``early``, ``late`` or '' of each galaxy of the tables.
    """
    with figure(path, width=9.4, height=5.0) as page:
        page.suptitle(title)
        panels = page.subplots(
            1, len(PAPER_TARGETS), gridspec_kw=margins(page, left=0.85, right=0.15, bottom=0.6, top=0.7, wspace=0.26)
        )
        for k, target in enumerate(PAPER_TARGETS):
            axes = panels[k]
            x, y = labels.slope[:, k], predicted.slope[:, k]
            x_err, y_err = labels.slope_scatter[:, k], predicted.slope_scatter[:, k]
            limits = robust_limits(x - x_err, x + x_err, y - y_err, y + y_err, keep=1.0, pad=0.04)
            axes.plot(limits, limits, color="0.25", lw=1.3, ls="--", label="1:1")
            for word, legend, colour, marker in _KINDS:
                these = np.isfinite(x) & np.isfinite(y) & (morphology == word)
                if these.any():
                    axes.errorbar(
                        x[these], y[these], xerr=x_err[these], yerr=y_err[these], fmt=marker,
                        ms=5, color=colour, mec="white", mew=0.5, ecolor=colour, elinewidth=0.7, alpha=0.85,
                        label=f"{legend} ({these.sum()})",
                    )  # fmt: skip
            scores = evaluate(y, x)
            note(
                axes,
                f"$\\sigma_{{MAD}}$ = {number(scores.sigma_mad, '{:.3f}')} dex/$R_e$\n"
                f"bias = {number(scores.bias)} dex/$R_e$\nn = {scores.n} galaxies",
            )
            axes.legend(loc="lower right")
            axes.set(
                xlim=limits, ylim=limits, xlabel=f"label {GRADIENT[target]}", ylabel=f"predicted {GRADIENT[target]}"
            )
            axes.set_title(TITLES[target])
            axes.set_aspect("equal")
            axes.grid(alpha=0.25)
