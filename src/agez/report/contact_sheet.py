"""Contact sheets of many galaxies' maps: of each a colour picture, its ages and its metallicities, on common scales."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Normalize

from agez.report.style import QUANTITY, figure, value_limits
from agez.tables.maps import MapFrame
from agez.tables.maps_files import read_maps
from agez.targets import KNOWN_TARGETS, PAPER_TARGETS
from agez.types import Floats

#: Galaxies beside each other, and below, on a page.
ACROSS, DOWN = 3, 8
#: Side of a picture [pixel of the page's mosaic] and [inch].
SIDE, INCHES = 96, 1.15
_UNUSED = 0.85
#: Room [inch] for a name, between galaxies, around the page, and for the colour bars.
_NAME, _GAP, _EDGE, _BARS = 0.22, 0.15, 0.2, 0.75


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """The three pictures of a galaxy, (SIDE, SIDE) each; NaN where there is none."""

    name: str
    colour: Floats  #: (SIDE, SIDE, 3) 0-1; a cube's: its light in grey.
    values: tuple[Floats, ...]  #: Ages and metallicities.


def draw_contact_sheets(path: str | os.PathLike[str], maps: Sequence[tuple[str, Path]]) -> list[Path]:
    """Draw the contact sheet of files of maps; the pages, ``NAME_01.png`` and on where there are several.

    Colour scales are the same on all pages.

    Parameters
    ----------
    maps : sequence of (str, path)
        Names of galaxies, and the files that ``agez map`` wrote.
    """
    shown = [thumbnails(name, file) for name, file in maps]
    limits = []
    for k in range(len(PAPER_TARGETS)):
        known = [one.values[k][np.isfinite(one.values[k])] for one in shown]
        limits.append(value_limits(np.concatenate([np.zeros(0), *known]), 0.0))
    pages = [shown[start : start + ACROSS * DOWN] for start in range(0, len(shown), ACROSS * DOWN)]
    path = Path(path)
    digits = max(2, len(str(len(pages))))
    names = [path] if len(pages) == 1 else [
        path.with_name(f"{path.stem}_{number:0{digits}d}{path.suffix}") for number in range(1, len(pages) + 1)
    ]  # fmt: skip
    for number, (file, page) in enumerate(zip(names, pages, strict=True), start=1):
        _page(file, page, limits, of=f"page {number} of {len(pages)}" if len(pages) > 1 else "")
    return names


def thumbnails(name: str, path: Path) -> Thumbnails:
    """The pictures of one galaxy's maps, cut to where it has regions, and brought to one size."""
    maps, frame = read_maps(path)
    window = _square(frame.bin_id >= 0)
    values = [
        _resized(_cut(np.asarray(maps[target.upper()].values, float), window))
        if target.upper() in maps
        else np.full((SIDE, SIDE), np.nan)
        for target in PAPER_TARGETS
    ]
    return Thumbnails(name, _resized(_cut(_light(frame), window)), tuple(values))


def _light(frame: MapFrame) -> Floats:
    """(ny, nx, 3) the colour picture in 0-1; without one, what is known of the light in grey."""
    if frame.colour is not None:
        return np.moveaxis(frame.colour, 0, -1) / 255.0
    grey = frame.mean_flux if frame.mean_flux is not None else frame.snr
    if grey is None:
        return np.full((*frame.bin_id.shape, 3), np.nan)
    known = np.isfinite(grey)
    top = float(np.quantile(grey[known], 0.99)) if known.any() else 1.0
    pressed = np.arcsinh(8 * np.clip(np.where(known, grey, 0.0) / (top if top > 0 else 1.0), 0, 1)) / np.arcsinh(8.0)
    return np.repeat(pressed[..., None], 3, axis=-1)


def _square(used: Any) -> tuple[int, int, int]:
    """Lowest row and column of the square around what is used, and its side; it may reach beyond the image."""
    y, x = np.nonzero(used)
    side = int(max(np.ptp(y), np.ptp(x)) + 1)
    side += 2 * max(1, round(0.06 * side))
    return int(y.min() + y.max() + 1 - side) // 2, int(x.min() + x.max() + 1 - side) // 2, side


def _cut(image: Floats, square: tuple[int, int, int]) -> Floats:
    """The square out of an image, NaN beyond its edges."""
    low_y, low_x, side = square
    out = np.full((side, side, *image.shape[2:]), np.nan)
    y, x = np.arange(low_y, low_y + side), np.arange(low_x, low_x + side)
    y, x = y[(y >= 0) & (y < image.shape[0])], x[(x >= 0) & (x < image.shape[1])]
    out[np.ix_(y - low_y, x - low_x)] = image[np.ix_(y, x)]
    return out


def _resized(image: Floats) -> Floats:
    """The nearest pixels on a grid of SIDE by SIDE: no value is one that no region has."""
    at = np.minimum((np.arange(SIDE) + 0.5) / SIDE * len(image), len(image) - 1).astype(int)
    return image[np.ix_(at, at)]


def _page(path: Path, shown: Sequence[Thumbnails], limits: Sequence[tuple[float, float]], *, of: str) -> None:
    across = min(ACROSS, len(shown))
    down = -(-len(shown) // across)
    cell = 3 * INCHES + _GAP, INCHES + _NAME
    width = max(across * cell[0] - _GAP + 2 * _EDGE, 4.6)
    height = down * cell[1] + _BARS + 2 * _EDGE
    with figure(path, width=width, height=height) as page:
        for number, one in enumerate(shown):
            left = _EDGE + (number % across) * cell[0]
            top = height - _EDGE - (number // across) * cell[1]
            _strip(page, one, limits, left, top - cell[1] + 0.02)
            page.text(left / width, (top - _NAME + 0.05) / height, one.name, fontsize=8, parse_math=False)
        _bars(page, limits, left=_EDGE)
        if of:
            page.text(1 - _EDGE / width, 0.06 / height, of, fontsize=8, ha="right")


def _strip(page: Any, one: Thumbnails, limits: Sequence[tuple[float, float]], left: float, bottom: float) -> None:
    """Colour, age and metallicity side by side."""
    width, height = page.get_size_inches()
    pictures = [np.where(np.isfinite(one.colour), one.colour, 0.0)]
    for target, values, (low, high) in zip(PAPER_TARGETS, one.values, limits, strict=True):
        colours = matplotlib.colormaps[KNOWN_TARGETS[target].colour_map](Normalize(low, high)(values))[..., :3]
        pictures.append(np.where(np.isfinite(values)[..., None], colours, _UNUSED))
    axes = page.add_axes((left / width, bottom / height, 3 * INCHES / width, INCHES / height))
    axes.imshow(
        np.clip(np.concatenate(pictures, axis=1), 0.0, 1.0), origin="lower", interpolation="nearest", aspect="auto"
    )
    axes.set_axis_off()


def _bars(page: Any, limits: Sequence[tuple[float, float]], *, left: float) -> None:
    """The two colour scales at the foot of the page."""
    width, height = page.get_size_inches()
    each = min(2.2, (width - 2 * left - 0.3) / 2)
    for number, (target, (low, high)) in enumerate(zip(PAPER_TARGETS, limits, strict=True)):
        axes = page.add_axes(((left + number * (each + 0.3)) / width, 0.5 / height, each / width, 0.12 / height))
        scale = matplotlib.cm.ScalarMappable(Normalize(low, high), KNOWN_TARGETS[target].colour_map)
        bar = page.colorbar(scale, cax=axes, orientation="horizontal", extend="both")
        bar.set_label(QUANTITY[target], fontsize=8)
        bar.ax.tick_params(labelsize=7)
