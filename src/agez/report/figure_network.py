"""Figure 2: the networks drawn layer by layer, with the shape of what each layer gives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle

from agez.experiments.paper import SETS
from agez.learn.architecture import PAPER_ARCHITECTURES, Architecture
from agez.report.style import BLUE, GREEN, ORANGE, SKY, TITLES, VERMILLION, figure
from agez.types import TARGET_WORDS, TARGETS

_HAND_SET_BATCH = 128
_TALL = 0.62  # of a panel's height: the longest layer


def figure_network(path: str | os.PathLike[str], n_bands: int, block: Mapping[str, Any] | None = None) -> Path:
    """Draw the authors' hand-set networks and, where there was a search, those that it chose.

    Parameters
    ----------
    path
        PNG to write.
    n_bands : int
        Bands of an SED.
    block : mapping, optional
        Of the experiment ``hyperparameters``.
    """
    rows: list[tuple[str, dict[str, tuple[Architecture, int]]]] = [
        ("set by hand", {target: (PAPER_ARCHITECTURES[target], _HAND_SET_BATCH) for target in TARGETS})
    ]
    measured: Mapping[str, Any] = {} if block is None else block["measured"]
    for name in SETS:
        if name in measured:
            chosen = {t: measured[name][TARGET_WORDS[t]]["chosen"] for t in TARGETS}
            title = f"searched, {name.replace('_', ' ').title()}"
            rows.append((title, {t: (Architecture.from_dict(c), int(c["batch"])) for t, c in chosen.items()}))
    with figure(path, width=9.4, height=2.45 * len(rows) + 0.1) as page:
        panels = page.subplots(
            len(rows), len(TARGETS), squeeze=False,
            gridspec_kw={"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.99, "wspace": 0.03, "hspace": 0.03},
        )  # fmt: skip
        for row, (title, networks) in enumerate(rows):
            for column, target in enumerate(TARGETS):
                architecture, batch = networks[target]
                _draw(panels[row, column], f"{TITLES[target]}, {title}", architecture, batch, n_bands)
    return Path(path)


def _draw(axes: Any, title: str, architecture: Architecture, batch: int, n_bands: int) -> None:
    (f1, f2), (w1, w2) = architecture.filters, architecture.widths
    pooled = n_bands // architecture.pool
    layers = [
        ("SED", "", n_bands, 1, "0.55"),
        ("conv", f"width {w1}", n_bands, f1, BLUE),
        ("conv", f"width {w2}", n_bands, f2, SKY),
        ("max pool", f"by {architecture.pool}", pooled, f2, GREEN),
        ("dense", "", architecture.dense, 1, ORANGE),
        ("output", "", 1, 1, VERMILLION),
    ]
    n_parameters = sum(int(np.prod(shape)) for shape in architecture.shapes(n_bands).values())
    longest = max(length for _, _, length, _, _ in layers)
    axes.set(xlim=(-0.5, len(layers) - 0.5), ylim=(0, 1.18))
    axes.axis("off")
    axes.text(-0.45, 1.16, title, fontsize=10, fontweight="bold", va="top")
    axes.text(
        len(layers) - 0.55, 1.155, f"{n_parameters:,} parameters, batch {batch}", fontsize=8, va="top", ha="right",
        color="0.25",
    )  # fmt: skip
    middle, edge = 0.57, -1.0
    for k, (name, detail, length, channels, colour) in enumerate(layers):
        high = max(_TALL * length / longest, 0.045)
        wide = 0.1 + 0.5 * min(channels, 64) / 64
        if k:
            axes.add_patch(
                FancyArrowPatch(
                    (edge + 0.02, middle), (k - wide / 2 - 0.02, middle), arrowstyle="-|>", mutation_scale=9,
                    color="0.3", lw=1, shrinkA=0, shrinkB=0,
                )
            )  # fmt: skip
        edge = k + wide / 2
        axes.add_patch(
            Rectangle((k - wide / 2, middle - high / 2), wide, high, facecolor=colour, edgecolor="0.15", lw=0.8)
        )
        axes.text(k, middle + _TALL / 2 + 0.035, name, ha="center", va="bottom", fontsize=8.5)
        shape = f"{length} \N{MULTIPLICATION SIGN} {channels}" if k < 4 else str(length)
        axes.text(k, middle - _TALL / 2 - 0.03, shape, ha="center", va="top", fontsize=8.5)
        if detail:
            axes.text(k, middle - _TALL / 2 - 0.125, detail, ha="center", va="top", fontsize=7.5, color="0.3")
    axes.plot([-0.45, len(layers) - 0.55], [0.01, 0.01], color="0.85", lw=0.8)
