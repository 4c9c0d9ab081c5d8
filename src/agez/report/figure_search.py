"""The search for the networks' sizes: validation error of each trial, in order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agez.experiments.paper import SETS
from agez.report.style import BLUE, ORANGE, TITLES, VERMILLION, figure, log_y, margins
from agez.targets import PAPER_TARGETS, TARGET_WORDS


def figure_search(path: Path, block: Mapping[str, Any]) -> None:
    """Draw the validation MSE of every trial of the four searches against its number.

    To the PNG ``path``; ``block`` is that of the experiment ``hyperparameters``, whose ``points`` are the trials.
    """
    points = block["points"]
    names = [name for name in SETS if name in points]
    with figure(path, width=9.2, height=2.7 * len(names) + 0.7) as page:
        room = margins(page, left=1.05, right=0.15, bottom=1.0, top=0.35, wspace=0.28, hspace=0.38)
        panels = page.subplots(len(names), len(PAPER_TARGETS), squeeze=False, gridspec_kw=room)
        for row, name in enumerate(names):
            for column, target in enumerate(PAPER_TARGETS):
                axes, trials = panels[row, column], points[name][TARGET_WORDS[target]]["trials"]
                number = np.array([trial["number"] for trial in trials], dtype=float)
                mse = np.array([trial["validation_mse"] for trial in trials], dtype=float)
                pruned = np.array([bool(trial["pruned"]) for trial in trials])
                whole = ~pruned & np.isfinite(mse)
                best = np.fmin.accumulate(np.where(whole, mse, np.nan))
                axes.plot(number[pruned], mse[pruned], "x", color=ORANGE, ms=5, mew=1.4, label="given up early")
                axes.plot(number[whole], mse[whole], "o", color=BLUE, ms=4.5, mec="white", mew=0.4, label="trained")
                axes.step(number, best, where="post", color="0.15", lw=1.3, label="best so far")
                first = whole & (number == number.min(initial=np.inf))
                axes.plot(
                    number[first], mse[first], "D", ms=8, mfc="none", mec=VERMILLION, mew=1.6, label="set by hand"
                )
                log_y(axes)
                axes.set_title(f"{name.replace('_', ' ').title()}: {TITLES[target].lower()}")
                axes.set_xlabel("trial")
                axes.grid(alpha=0.3, which="both")
            panels[row, 0].set_ylabel("validation MSE [dex$^2$]")
        page.legend(*panels[0, 0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)
