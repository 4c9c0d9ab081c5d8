"""Figure 13: accuracy of the age against the size of the training set; and both quantities, in two measures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter

from agez.report.style import BLUE, SET_NAMES, TITLES, VERMILLION, figure, log_y, margins
from agez.targets import PAPER_TARGETS, TARGET_WORDS

_SCORES = {"mse": "mean squared error [dex$^2$]", "sigma_mad": "$\\sigma_{MAD}$ [dex]"}
_STYLES = {"set_a": (BLUE, "o", "-"), "set_b": (VERMILLION, "^", "--")}


def figure_training_size(path: Path, block: Mapping[str, Any]) -> None:
    """Draw sigma_mad of the age against the training fraction, Set A solid and Set B dashed, and random guesses.

    To the PNG ``path``; ``block`` is that of the experiment ``training_size``.
    """
    measured = block["measured"]
    fractions = np.asarray(measured["fractions"], dtype=float)
    with figure(path, width=7.0, height=5.6) as page:
        axes = page.subplots(gridspec_kw=margins(page, left=0.85, right=0.25, bottom=1.15, top=0.2))
        for name in (one for one in _STYLES if one in measured):
            colour, marker, line = _STYLES[name]
            mean, std = (np.asarray(measured[name]["age"][f"sigma_mad_{what}"], float) for what in ("mean", "std"))
            axes.errorbar(fractions, mean, yerr=std, fmt=marker + line, color=colour, lw=1.8, ms=6, capsize=4,
                          label=f"{SET_NAMES[name]}: mean and standard deviation of the repeats")  # fmt: skip
        for source, whose, line in ((measured, "this run", ":"), (block["published"], "paper", "-.")):
            mse = source["random_mse"]["age"]
            if mse is not None:
                axes.axhline(mse**0.5, color=VERMILLION if whose == "this run" else "0.4", lw=1.6, ls=line,
                             label=f"random guesses, {whose}")  # fmt: skip
        axes.set_ylim(bottom=0.0)
        axes.set_xlim(0.0, 0.8)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set(xlabel="training set [part of the whole sample]", ylabel="$\\sigma_{MAD}$ of the log age [dex]")
        axes.grid(alpha=0.3)
        page.legend(*axes.get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)


def figure_training_size_of_both(path: Path, block: Mapping[str, Any]) -> None:
    """Draw MSE and sigma_mad against the training fraction: means, spreads, repeats, and random guesses.

    To the PNG ``path``; ``block`` is that of the experiment ``training_size``.
    """
    measured, points, published = block["measured"], block["points"], block["published"]
    fractions = np.asarray(measured["fractions"], dtype=float)
    with figure(path, width=9.4, height=7.2) as page:
        room = margins(page, left=0.85, right=0.15, bottom=1.1, top=0.35, wspace=0.24, hspace=0.14)
        panels = page.subplots(2, len(PAPER_TARGETS), sharex=True, gridspec_kw=room)
        handles: dict[str, Any] = {}
        for row, (score, label) in enumerate(_SCORES.items()):
            for column, target in enumerate(PAPER_TARGETS):
                axes, word = panels[row, column], TARGET_WORDS[target]
                for name in (one for one in _STYLES if one in measured):
                    _draw_set(axes, fractions, name, score, measured[name][word], points[name][word])
                if score == "mse":
                    for source, line in ((measured, ":"), (published, "-.")):
                        guess = source["random_mse"][word]
                        if guess is not None:
                            whose = "this run" if source is measured else "paper"
                            axes.axhline(guess, color="0.25", lw=1.3, ls=line, label=f"random guesses, {whose}")
                    axes.set_title(TITLES[target])
                log_y(axes)
                axes.set_ylabel(label)
                axes.grid(alpha=0.3, which="both")
                for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
                    handles.setdefault(text, handle)
        for axes in panels[1]:
            axes.set_xlabel("training set [part of the whole sample]")
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        page.legend(list(handles.values()), list(handles), loc="lower center", ncols=3, frameon=False)


def _draw_set(
    axes: Any, fractions: Any, name: str, score: str, measured: Mapping[str, Any], points: Mapping[str, Any]
) -> None:
    colour, marker, line = _STYLES[name]
    mean, std = (np.asarray(measured[f"{score}_{what}"], dtype=float) for what in ("mean", "std"))
    side = -1 if name == "set_a" else 1  # the sets' repeats stand beside each other
    for fraction, values in zip(fractions, points[score], strict=True):
        repeats = np.asarray(values, dtype=float)
        axes.plot(np.full(repeats.size, fraction + 0.006 * side), repeats, marker, color=colour, ms=2.4, alpha=0.25,
                  mew=0)  # fmt: skip
    low = np.where(mean - std > 0, mean - std, mean * 0.5)  # a logarithmic axis has no place for less
    axes.fill_between(fractions, low, mean + std, color=colour, alpha=0.18, lw=0)
    axes.plot(fractions, mean, line, marker=marker, color=colour, lw=1.8, ms=6, mec="white", mew=0.6,
              label=f"{SET_NAMES[name]}: mean, standard deviation")  # fmt: skip
