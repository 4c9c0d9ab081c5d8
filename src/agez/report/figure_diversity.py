"""What makes Set B bad: scatter of both sets, and their ratio, for surveys whose galaxies differ in several ways."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agez.experiments.diversity import STEPS, WITH_FEWER_GALAXIES
from agez.report.numbers import floats
from agez.report.style import BLUE, SET_NAMES, TITLES, VERMILLION, figure, log_y, margins
from agez.targets import PAPER_TARGETS, TARGET_WORDS

_STYLES = {"set_a": (BLUE, "o"), "set_b": (VERMILLION, "^")}
_LINES = {"standard": "-", "all": "--"}


def figure_diversity(path: Path, block: Mapping[str, Any]) -> None:
    """Draw Set B over Set A of every survey beside the paper's, and Set B against the number of galaxies.

    To the PNG ``path``; ``block`` is that of the experiment ``diversity``.
    """
    measured, published = block["measured"], block["published"]["ratio"]
    steps = [name for name in STEPS if name in measured["steps"]]
    with figure(path, width=10.8, height=8.4) as page:
        room = margins(page, left=3.3, right=0.2, bottom=1.1, top=0.4, wspace=0.14, hspace=0.62)
        panels = page.subplots(2, len(PAPER_TARGETS), height_ratios=(1.3, 1), gridspec_kw=room)
        for k, target in enumerate(PAPER_TARGETS):
            word = TARGET_WORDS[target]
            _ratios(panels[0, k], [measured["steps"][name][word]["ratio"] for name in steps], published[word])
            panels[0, k].set_title(TITLES[target])
            panels[0, k].set_yticks(range(len(steps)), [STEPS[name] for name in steps] if k == 0 else [])
            _galaxies(panels[1, k], measured["galaxies"], word)
        panels[1, 0].set_ylabel(r"$\sigma_{MAD}$ about the labels [dex]")
        for axes, columns in zip(panels[:, 0], (3, 4), strict=True):
            below = axes.get_position().y0 - 0.62 / page.get_size_inches()[1]
            page.legend(*axes.get_legend_handles_labels(), loc="upper center", ncols=columns, frameon=False,
                        bbox_to_anchor=(0.5, below))  # fmt: skip


def _ratios(axes: Any, ratios: list[Mapping[str, Any]], paper: float) -> None:
    for shift, key, title, colour, marker in ((-0.13, None, "against labels", BLUE, "o"),
                                              (0.13, "truth", "against truth", "0.45", "D")):  # fmt: skip
        parts = [ratio if key is None else ratio[key] for ratio in ratios]
        value, low, high = (floats([part[name] for part in parts]) for name in ("value", "low", "high"))
        error = np.nan_to_num(np.stack([value - low, high - value]).clip(min=0))
        axes.errorbar(value, np.arange(len(parts)) + shift, xerr=error, fmt=marker, color=colour, ms=6, capsize=3,
                      label=f"{title}, 95 % interval")  # fmt: skip
    axes.axvline(1, color="0.25", lw=1, ls=":")
    axes.axvline(paper, color=VERMILLION, lw=1.6, ls="--", label="paper")
    axes.set_xlim(left=0.0)
    axes.set_ylim(len(ratios) - 0.5, -0.5)
    axes.set_xlabel("$\\sigma_{MAD}$ of Set B over Set A")
    axes.grid(alpha=0.3, axis="x")


def _galaxies(axes: Any, galaxies: Mapping[str, Any], word: str) -> None:
    for survey, line in _LINES.items():
        n = galaxies[survey]["n_galaxies"]
        for name, (colour, marker) in _STYLES.items():
            label = f"{SET_NAMES[name]}, {WITH_FEWER_GALAXIES[survey]}"
            axes.plot(n, floats(galaxies[survey][word][name]), marker + line, color=colour, ms=6, label=label)
    axes.set_xscale("log")
    log_y(axes)
    axes.set_xticks(n, [str(one) for one in n])
    axes.minorticks_off()
    axes.set_xlabel("galaxies in the sample")
    axes.grid(alpha=0.3)
