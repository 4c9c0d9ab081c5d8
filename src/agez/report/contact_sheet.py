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

from agez.report.style import QUANTITY, RoomyLocator, extend_of, figure, inch_axes, value_limits
from agez.tables.maps import MapFrame
from agez.tables.maps_files import read_maps
from agez.targets import KNOWN_TARGETS, PAPER_TARGETS
from agez.types import Floats

#: Rows of galaxies on a page, and its width between the margins [inch]: three round galaxies.
DOWN, WIDTH = 8, 10.7
#: Longer side of a picture [pixel of the page's mosaic], and height of a row [inch].
SIDE, INCHES = 96, 1.15
_UNUSED = 0.85
#: Pictures of this width over height or more stand above each other, not side by side.
_FLAT = 3.0
#: Room [inch] for a name, between galaxies, around the page, and for the colour bars.
_NAME, _GAP, _EDGE, _BARS = 0.22, 0.15, 0.2, 0.75
#: Width of a letter of a name [inch], and the most letters.
_LETTER, _LONGEST = 0.075, 48


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """The three pictures of a galaxy, (h, w) each, of the shape of its regions; NaN where there is none."""

    name: str
    colour: Floats  #: (h, w, 3) 0-1; a cube's: its light in grey.
    values: tuple[Floats, ...]  #: Ages and metallicities.

    @property
    def stacked(self) -> bool:
        """Whether the pictures stand above each other: as those of a galaxy along the rows do, to be larger."""
        height, width = self.colour.shape[:2]
        return width >= _FLAT * height

    @property
    def size_inches(self) -> tuple[float, float]:
        """Width and height of the three pictures together."""
        height, width = self.colour.shape[:2]
        across, down = (1, 3) if self.stacked else (3, 1)
        scale = INCHES / max(down * height, width / down)
        return across * width * scale, down * height * scale

    @property
    def label(self) -> str:
        """The name, or its beginning."""
        return self.name if len(self.name) <= _LONGEST else f"{self.name[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"

    @property
    def width_inches(self) -> float:
        """Of the pictures, or of the name."""
        return max(self.size_inches[0], _LETTER * len(self.label))


def draw_contact_sheets(path: str | os.PathLike[str], maps: Sequence[tuple[str, Path]]) -> list[Path]:
    """Draw the contact sheet of files of maps; the pages, ``NAME_01.png`` and on where there are several.

    Colour scales are the same on all pages; each galaxy takes as much room as its shape needs.

    Parameters
    ----------
    maps : sequence of (str, path)
        Names of galaxies, and the files that ``agez map`` wrote.
    """
    shown = [thumbnails(name, file) for name, file in maps]
    values = [
        np.concatenate([np.zeros(0), *(one.values[k].ravel() for one in shown)]) for k in range(len(PAPER_TARGETS))
    ]
    limits = [value_limits(one, 0.0) for one in values]
    extends = [extend_of(one, *scale) for one, scale in zip(values, limits, strict=True)]
    rows = _rows(shown)
    pages = [rows[start : start + DOWN] for start in range(0, len(rows), DOWN)]
    path = Path(path)
    digits = max(2, len(str(len(pages))))
    names = [path] if len(pages) == 1 else [
        path.with_name(f"{path.stem}_{number:0{digits}d}{path.suffix}") for number in range(1, len(pages) + 1)
    ]  # fmt: skip
    for number, (file, page) in enumerate(zip(names, pages, strict=True), start=1):
        _page(file, page, limits, extends, of=f"page {number} of {len(pages)}" if len(pages) > 1 else "")
    return names


def thumbnails(name: str, path: Path) -> Thumbnails:
    """The pictures of one galaxy's maps, cut to where it has regions, and brought to one size."""
    maps, frame = read_maps(path)
    window = _window(frame.bin_id >= 0)
    values = [
        np.asarray(maps[target.upper()].values, float)
        if target.upper() in maps
        else np.full(frame.bin_id.shape, np.nan)
        for target in PAPER_TARGETS
    ]
    light, *values = (_resized(_cut(image, window)) for image in (_light(frame), *values))
    return Thumbnails(name, light, tuple(values))


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


def _window(used: Any) -> tuple[int, int, int, int]:
    """Lowest row and column of what is used with a margin, its height and width; it may reach beyond the image."""
    y, x = np.nonzero(used)
    height, width = int(np.ptp(y)) + 1, int(np.ptp(x)) + 1
    margin = max(1, round(0.06 * max(height, width)))
    return int(y.min()) - margin, int(x.min()) - margin, height + 2 * margin, width + 2 * margin


def _cut(image: Floats, window: tuple[int, int, int, int]) -> Floats:
    """The window out of an image, NaN beyond its edges."""
    low_y, low_x, height, width = window
    out = np.full((height, width, *image.shape[2:]), np.nan)
    y, x = np.arange(low_y, low_y + height), np.arange(low_x, low_x + width)
    y, x = y[(y >= 0) & (y < image.shape[0])], x[(x >= 0) & (x < image.shape[1])]
    out[np.ix_(y - low_y, x - low_x)] = image[np.ix_(y, x)]
    return out


def _resized(image: Floats) -> Floats:
    """The nearest pixels on a grid of SIDE along the longer side, 3 SIDE of flat ones: no value that no region has."""
    shape = np.array(image.shape[:2])
    side = SIDE * (3 if shape[1] >= _FLAT * shape[0] else 1)
    places = [
        np.minimum((np.arange(new) + 0.5) / new * n, n - 1).astype(int)
        for n, new in zip(shape, np.maximum(np.round(side * shape / shape.max()), 1).astype(int), strict=True)
    ]
    return image[np.ix_(*places)]


def _rows(shown: Sequence[Thumbnails]) -> list[list[Thumbnails]]:
    """Galaxies in their order, in rows no wider than the page."""
    rows: list[list[Thumbnails]] = []
    room = 0.0
    for one in shown:
        if not rows or one.width_inches > room:
            rows.append([])
            room = WIDTH + 1e-6
        rows[-1].append(one)
        room -= one.width_inches + _GAP
    return rows


def _page(
    path: Path, rows: Sequence[Sequence[Thumbnails]], limits: Sequence[tuple[float, float]],
    extends: Sequence[str], *, of: str,
) -> None:  # fmt: skip
    longest = max(sum(one.width_inches + _GAP for one in row) - _GAP for row in rows)
    width = max(longest + 2 * _EDGE, 4.6)
    height = len(rows) * (INCHES + _NAME) + _BARS + 2 * _EDGE
    with figure(path, width=width, height=height) as page:
        for number, row in enumerate(rows):
            left, top = _EDGE, height - _EDGE - number * (INCHES + _NAME)
            for one in row:
                _pictures(page, one, limits, left, top - _NAME)
                page.text(left / width, (top - _NAME + 0.05) / height, one.label, fontsize=8, parse_math=False)
                left += one.width_inches + _GAP
        _bars(page, limits, extends, left=_EDGE)
        if of:
            page.text(1 - _EDGE / width, 0.06 / height, of, fontsize=8, ha="right")


def _pictures(page: Any, one: Thumbnails, limits: Sequence[tuple[float, float]], left: float, top: float) -> None:
    """Colour, age and metallicity, side by side or one above the other."""
    pictures = [np.where(np.isfinite(one.colour), one.colour, 0.0)]
    for target, values, (low, high) in zip(PAPER_TARGETS, one.values, limits, strict=True):
        colours = matplotlib.colormaps[KNOWN_TARGETS[target].colour_map](Normalize(low, high)(values))[..., :3]
        pictures.append(np.where(np.isfinite(values)[..., None], colours, _UNUSED))
    mosaic = np.concatenate(pictures[::-1], axis=0) if one.stacked else np.concatenate(pictures, axis=1)
    width, height = one.size_inches
    axes = inch_axes(page, left, top - height, width, height)
    axes.imshow(np.clip(mosaic, 0.0, 1.0), origin="lower", interpolation="nearest", aspect="auto")
    axes.set_axis_off()


def _bars(page: Any, limits: Sequence[tuple[float, float]], extends: Sequence[str], *, left: float) -> None:
    """The two colour scales at the foot of the page."""
    width = page.get_figwidth()
    each = min(2.2, (width - 2 * left - 0.3) / 2)
    for number, (target, (low, high), extend) in enumerate(zip(PAPER_TARGETS, limits, extends, strict=True)):
        axes = inch_axes(page, left + number * (each + 0.4), 0.5, each, 0.12)
        scale = matplotlib.cm.ScalarMappable(Normalize(low, high), KNOWN_TARGETS[target].colour_map)
        bar = page.colorbar(scale, cax=axes, orientation="horizontal", extend=extend)
        bar.set_label(QUANTITY[target], fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.ax.xaxis.set_major_locator(RoomyLocator(each, 7.0))
