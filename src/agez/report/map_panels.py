"""One map of a galaxy: which piece of the sky it shows, its colour bar, ticks, compass, PSF and effective radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Affine2D, ScaledTranslation

from agez.analysis.geometry import sky_coordinates
from agez.report.style import RoomyLocator, extend_of, inch_axes, roomy_ticks, wrapped
from agez.types import Bools, Floats

#: Panels are no longer and no narrower than this, height over width; a longer galaxy's have grey beside it.
LONGEST = 5.0
#: Height of a colour bar [inch].
_BAR_HEIGHT = 0.12
_UNUSED = "0.85"
_EDGE = (withStroke(linewidth=3, foreground="black"),)


@dataclass(frozen=True, eq=False)
class SkyWindow:
    """The pixels that panels show, and what their axes are.

    Attributes
    ----------
    rows, columns : slice
        Of the images.
    extent : (4,) float
        Left, right, bottom, top edge of these pixels on the axes: offsets to the east and to the north [arcsec] where
        the images' axes are those, arcsec along the images' axes where they are others, pixels without offsets.
    labels : (str, str)
        Of the x and the y axis.
    from_sky : (2, 2) float or None
        Axes' coordinates are this times the offsets (east, north) [arcsec]; None if pixels are shown.
    """

    rows: slice
    columns: slice
    extent: tuple[float, float, float, float]
    labels: tuple[str, str]
    from_sky: Floats | None

    @classmethod
    def around(cls, used: Bools, offsets: Floats | None) -> SkyWindow:
        """All of ``used`` (ny, nx) and a margin; ``offsets`` (2, ny, nx) are to the west and to the north [arcsec]."""
        places = np.nonzero(used)
        lengths = [int(np.ptp(at)) + 1 for at in places]
        slices = []
        for at, length, n in zip(places, lengths, used.shape, strict=True):
            margin = max(2, round(0.08 * length), round((1.16 * max(lengths) / LONGEST - length) / 2))
            slices.append(slice(max(0, int(at.min()) - margin), min(n, int(at.max()) + margin + 1)))
        rows, columns = slices
        edges = np.array([columns.start, columns.stop, rows.start, rows.stop]) - 0.5
        step = None if offsets is None else np.array([_step(-offsets[0]), _step(offsets[1])])
        if offsets is None or step is None or not abs(np.linalg.det(step)) > 0:  # one row or column has no direction
            left, right, bottom, top = map(float, edges)
            return cls(rows, columns, (left, right, bottom, top), ("x [pixel]", "y [pixel]"), None)
        to_pixels = np.linalg.inv(step)
        y0, x0 = np.unravel_index(int(np.argmin(np.hypot(*offsets))), used.shape)
        centre = np.array([x0, y0]) - to_pixels @ [-offsets[0][y0, x0], offsets[1][y0, x0]]
        scale = float(np.hypot(*step[1]))
        across, up, labels = scale, scale, ("along x [arcsec]", "along y [arcsec]")
        if max(abs(step[0, 1]), abs(step[1, 0])) < 0.05 * scale:
            across, up = step[0, 0], step[1, 1]
            labels = "east [arcsec]", "north [arcsec]"
        left, right = (edges[:2] - centre[0]) * across
        bottom, top = (edges[2:] - centre[1]) * up
        extent = float(left), float(right), float(bottom), float(top)
        return cls(rows, columns, extent, labels, np.diag([across, up]) @ to_pixels)

    @property
    def limits(self) -> tuple[float, float, float, float]:
        """The extent, widened where one side is more than ``LONGEST`` times the other."""
        sides = np.array(self.extent).reshape(2, 2)
        length = np.abs(np.diff(sides, axis=1))[:, 0]
        more = np.maximum(length, length.max() / LONGEST) / length
        sides = sides.mean(axis=1)[:, None] + more[:, None] * (sides - sides.mean(axis=1)[:, None])
        left, right, bottom, top = map(float, sides.ravel())
        return left, right, bottom, top

    @property
    def aspect(self) -> float:
        """Height over width of a panel."""
        left, right, bottom, top = self.limits
        return abs((top - bottom) / (right - left))

    def place(self, west: Floats, north: Floats) -> tuple[Floats, Floats]:
        """Axes' coordinates of offsets from the centre [arcsec]; NaN where pixels are shown."""
        if self.from_sky is None:
            return np.full_like(west, np.nan), np.full_like(north, np.nan)
        x, y = self.from_sky @ np.stack([-west, north])
        return x, y

    def ellipse(self, re_arcsec: float, tilt_deg: tuple[float, float]) -> tuple[Floats, Floats] | None:
        """The disc's circle of ``re_arcsec`` as seen, in axes' coordinates; None where none of it is in the window."""
        angle = np.linspace(0.0, 2 * np.pi, 181)
        disc = re_arcsec * np.cos(angle), re_arcsec * np.sin(angle)
        x, y = self.place(*sky_coordinates(*disc, inclination_deg=tilt_deg[0], pa_deg=tilt_deg[1]))
        left, right, bottom, top = self.limits
        inside = ((x - left) * (x - right) < 0) & ((y - bottom) * (y - top) < 0)
        return (x, y) if inside.any() else None


def _step(offset: Floats) -> tuple[float, float]:
    """Mean change of an offset [arcsec] from one pixel to the next, along x and along y."""
    ny, nx = offset.shape
    along_x = np.mean(offset[:, -1] - offset[:, 0]) / max(nx - 1, 1)
    along_y = np.mean(offset[-1] - offset[0]) / max(ny - 1, 1)
    return float(along_x), float(along_y)


def panel_axes(page: Any, left: float, bottom: float, width: float, window: SkyWindow) -> Any:
    """The axes of a map [inches from the page's lower left], of the window's shape and with ticks that fit."""
    axes = inch_axes(page, left, bottom, width, width * window.aspect)
    x_low, x_high, y_low, y_high = window.limits
    axes.set(xlim=(x_low, x_high), ylim=(y_low, y_high), facecolor=_UNUSED)
    roomy_ticks(axes)
    return axes


def bar_room(width: float) -> float:
    """Room above a panel for its colour bar, ticks, and one line of words or, under narrow panels, three [inch]."""
    return 0.62 if width >= 2.5 else 0.82


def draw_image(axes: Any, image: Floats, window: SkyWindow, **how: Any) -> Any:
    """An image (ny, nx) or its colours (ny, nx, 3), cut to the window."""
    shown = image[window.rows, window.columns]
    limits = window.limits
    drawn = axes.imshow(shown, origin="lower", extent=window.extent, interpolation="nearest", aspect="auto", **how)
    axes.set(xlim=limits[:2], ylim=limits[2:])
    return drawn


def map_panel(
    axes: Any, image: Floats, window: SkyWindow, label: str, colours: str, *, low: float | None = None,
    high: float | None = None,
) -> None:  # fmt: skip
    """An image with its colour bar above, which has an arrow at each end beyond which values lie; grey: no value."""
    known = image[window.rows, window.columns]
    known = known[np.isfinite(known)]
    bottom, top = np.quantile(known, [0.02, 0.98]) if known.size else (0.0, 1.0)
    bottom, top = (bottom if low is None else low), (top if high is None else high)
    top = top if top > bottom else bottom + max(0.1 * abs(bottom), 1e-3)
    shown = draw_image(axes, image, window, norm=Normalize(bottom, top), cmap=colours)
    page = axes.figure
    box, (across, up) = axes.get_position(), page.get_size_inches()
    width = box.width * across
    place = inch_axes(page, box.x0 * across, box.y1 * up + 0.06, width, _BAR_HEIGHT)
    bar = page.colorbar(shown, cax=place, orientation="horizontal", extend=extend_of(known, bottom, top))
    bar.ax.xaxis.set_ticks_position("top")
    bar.ax.xaxis.set_label_position("top")
    bar.set_label(wrapped(label, width, 9.0), fontsize=9, labelpad=3)
    bar.ax.tick_params(labelsize=8)
    bar.ax.xaxis.set_major_locator(RoomyLocator(width, 8.0))


def compass(axes: Any, window: SkyWindow) -> None:
    """Arrows to the north and to the east in the upper right corner, and a bar of round length in the lower left."""
    if window.from_sky is None:
        return
    left, right, bottom, top = window.limits
    signs = np.sign([right - left, top - bottom])
    corner = Affine2D().scale(1 / 72) + axes.figure.dpi_scale_trans + ScaledTranslation(1, 1, axes.transAxes)
    words = {"color": "white", "ha": "center", "fontsize": 9, "path_effects": _EDGE}
    steps = signs * window.from_sky.T  # to the east, to the north
    steps /= np.hypot(*steps.T)[:, None]
    start = -10.0 - 26.0 * np.maximum(steps.max(axis=0), 0.0)  # points from the corner, so that all of it is inside
    for name, step in zip("EN", steps, strict=True):
        arrow = {"arrowstyle": "-|>", "color": "white", "lw": 1.5, "shrinkA": 0, "shrinkB": 0, "path_effects": _EDGE}
        axes.annotate("", start + 18 * step, start, xycoords=corner, textcoords=corner, arrowprops=arrow)
        axes.text(*(start + 25 * step), name, transform=corner, va="center", **words)
    width = abs(right - left)
    length = max(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300) if step <= max(width / 3, 0.1))
    begin, height = left + 0.06 * (right - left), bottom + 0.06 * (top - bottom)
    end = begin + signs[0] * length
    stroke = [withStroke(linewidth=5, foreground="black")]
    axes.plot([begin, end], [height, height], color="white", lw=2.5, solid_capstyle="butt", path_effects=stroke)
    middle = (begin + end) / 2, height
    axes.annotate(f'{length:g}"', middle, (0, 4), textcoords="offset points", va="bottom", **words)


def draw_psf(axes: Any, window: SkyWindow, fwhm_arcsec: float) -> None:
    """A disc as wide as the PSF's FWHM in the lower right corner."""
    left, right, bottom, top = window.limits
    inset = 0.5 * fwhm_arcsec + 0.05 * min(abs(right - left), abs(top - bottom))
    at = right - np.sign(right - left) * inset, bottom + np.sign(top - bottom) * inset
    axes.add_patch(Circle(at, 0.5 * fwhm_arcsec, facecolor="white", edgecolor="black", lw=1.0, alpha=0.8, zorder=4))
