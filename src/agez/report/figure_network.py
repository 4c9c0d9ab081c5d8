"""Figure 2: the network drawn layer by layer, and the sizes of all four networks under it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.transforms import Bbox

from agez.experiments.paper import SETS
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture
from agez.report.style import BLUE, GREEN, ORANGE, SET_NAMES, SKY, VERMILLION, figure
from agez.targets import PAPER_TARGETS, TARGET_WORDS

_HAND_SET_BATCH = 128
_TALL = 0.62  # of the drawing's height: the longest layer
_COLUMNS = ("filters, 1st", "width, 1st", "filters, 2nd", "width, 2nd", "pooling", "dense units", "batch", "parameters")


def figure_network(path: Path, n_bands: int, block: Mapping[str, Any] | None = None) -> None:
    """Draw the network with the sizes that the authors set by hand for the age, and a table of the sizes of all four.

    To the PNG ``path``; ``block`` is that of the experiment ``hyperparameters``.
    """
    measured: Mapping[str, Any] = {} if block is None else block["measured"]
    rows: list[tuple[str, Architecture, int]] = []
    for name in SETS:
        for target in PAPER_TARGETS:
            title = f"{SET_NAMES[name]}, {TARGET_WORDS[target]}"
            rows.append((f"{title}: set by hand", PAPER_ARCHITECTURES[target], _HAND_SET_BATCH))
            if name in measured:
                chosen = measured[name][TARGET_WORDS[target]]["chosen"]
                rows.append((f"{title}: chosen by the search", Architecture.from_dict(chosen), int(chosen["batch"])))
    drawing, line = 2.9, 0.3
    height = drawing + line * (len(rows) + 1) + 0.25
    with figure(path, width=10.4, height=height) as page:
        top = page.add_axes((0.02, 1 - drawing / height, 0.96, (drawing - 0.05) / height))
        _draw(top, PAPER_ARCHITECTURES["log_age_lw"], n_bands)
        below = page.add_axes((0.02, 0.12 / height, 0.96, 1 - (drawing + 0.15) / height))
        below.axis("off")
        cells = [[title, *_sizes(architecture, batch, n_bands)] for title, architecture, batch in rows]
        table = below.table(
            cells, colLabels=["", *_COLUMNS], colWidths=[0.3, *[0.7 / len(_COLUMNS)] * len(_COLUMNS)],
            cellLoc="center", bbox=Bbox.unit(), edges="horizontal",
        )  # fmt: skip
        table.auto_set_font_size(False)
        table.set_fontsize(8.5)
        for row in range(len(rows) + 1):
            table[row, 0].set_text_props(ha="left")
            table[row, 0].PAD = 0.02


def _sizes(architecture: Architecture, batch: int, n_bands: int) -> list[str]:
    (f1, f2), (w1, w2) = architecture.filters, architecture.widths
    n_parameters = sum(int(np.prod(shape)) for shape in architecture.shapes(n_bands).values())
    return [f"{value:,}" for value in (f1, w1, f2, w2, architecture.pool, architecture.dense, batch, n_parameters)]


def _draw(axes: Any, architecture: Architecture, n_bands: int) -> None:
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
    longest = max(length for _, _, length, _, _ in layers)
    axes.set(xlim=(-0.5, len(layers) - 0.5), ylim=(0, 1.18))
    axes.axis("off")
    axes.text(-0.45, 1.16, "The network for the age, as set by hand", fontsize=10, fontweight="bold", va="top")
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
