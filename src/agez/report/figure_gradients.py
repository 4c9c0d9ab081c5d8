"""Figures 6 and 9: predicted against label radial gradients of galaxies, early and late types apart."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from agez.analysis.gradients import GradientTable
from agez.analysis.metrics import evaluate
from agez.report.numbers import number
from agez.report.style import BLUE, GRADIENT, TITLES, VERMILLION, figure, margins, note, robust_limits
from agez.types import TARGETS, Strings

_KINDS = (("late", "late type", BLUE, "o"), ("early", "early type", VERMILLION, "^"), ("", "type unknown", "0.4", "s"))


def figure_gradients(
    path: str | os.PathLike[str],
    labels: GradientTable,
    predicted: GradientTable,
    morphology: Strings,
    *,
    title: str,
) -> Path:
    """Draw predicted against label gradients of log age and [M/H] with their errors.

    Parameters
    ----------
    path
        PNG to write.
    labels, predicted : GradientTable
        The same galaxies, columns ``TARGETS``.
    morphology : (g,) str
        ``early``, ``late`` or '' of each galaxy of the tables.
    title : str
    """
    with figure(path, width=9.4, height=5.0) as page:
        page.suptitle(title)
        panels = page.subplots(
            1, len(TARGETS), gridspec_kw=margins(page, left=0.85, right=0.15, bottom=0.6, top=0.7, wspace=0.26)
        )
        for k, target in enumerate(TARGETS):
            axes = panels[k]
            x, y = labels.slope[:, k], predicted.slope[:, k]
            x_err, y_err = labels.slope_err[:, k], predicted.slope_err[:, k]
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
    return Path(path)
