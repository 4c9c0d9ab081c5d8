"""How every figure looks: colours that colour-blind readers can tell apart, sizes, and how it is saved."""

from __future__ import annotations

import io
import os
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from agez.runtime.files import whole_file
from agez.targets import KNOWN_TARGETS, PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats

DPI = 150
#: Panels draw no more points than these one by one; of more, :func:`draw_band`.
MOST_POINTS = 500
# The palette of Okabe & Ito (2008, Color Universal Design).
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
FOLD_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE)
DENSITY = "viridis"
#: Axis labels of the two targets.
QUANTITY = {target: KNOWN_TARGETS[target].symbol for target in PAPER_TARGETS}
GRADIENT = {"log_age_lw": "log age gradient [dex / $R_e$]", "mh_lw": "[M/H] gradient [dex / $R_e$]"}
RESIDUAL = {"log_age_lw": "$\\Delta$ log age [dex]", "mh_lw": "$\\Delta$ [M/H] [dex]"}
SET_NAMES = {"set_a": "Set A", "set_b": "Set B"}
TITLES = {target: TARGET_WORDS[target].capitalize() for target in PAPER_TARGETS}

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "legend.framealpha": 0.9,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
}
_NOTE_BOX = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "0.7", "alpha": 0.9}


class Page(Figure):  # type: ignore[misc]
    """A figure without pyplot, which notebooks show as it is."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        with matplotlib.rc_context(_RC):
            self.savefig(content, dpi=DPI, format="png")
        return content.getvalue()


#: Width of characters, in units of the font's size: a digit, a letter, and others of numbers.
_DIGIT, _LETTER, _OTHERS = 0.64, 0.53, {".": 0.32, "\N{MINUS SIGN}": 0.84}
#: Labels of ticks stand out over the ends of an axis by no more [points].
_OVERHANG = 9.0


class RoomyLocator(MaxNLocator):  # type: ignore[misc]
    """Round numbers whose labels fit along an axis of so many inches: none touches another, or stands out far.

    Parameters
    ----------
    inches : float
        Length of the axis.
    font_size : float
        Of the labels [points].
    vertical : bool
        Labels stand above each other.
    """

    def __init__(self, inches: float, font_size: float, *, vertical: bool = False) -> None:
        super().__init__(nbins=1, steps=[1, 2, 2.5, 5, 10], min_n_ticks=1)
        self._points, self._size, self._vertical = 72 * inches, font_size, vertical

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """The most ticks, up to 8, that have room."""
        low, high = min(vmin, vmax), max(vmin, vmax)
        shown = np.zeros(0)
        for most in range(8, 0, -1):
            self.set_params(nbins=most)
            ticks = np.asarray(super().tick_values(low, high))
            slack = 1e-9 * (high - low)
            shown = np.asarray(ticks[(ticks >= low - slack) & (ticks <= high + slack)])
            at = (shown - low) / max(high - low, 1e-300) * self._points
            half = self._half_widths(shown)
            margin = half - _OVERHANG
            inside = (at >= margin) & (at <= self._points - margin)
            shown, at, half = shown[inside], at[inside], half[inside]
            if (np.diff(at) > half[1:] + half[:-1] + 0.6 * self._size).all() and shown.size:
                break
        return list(map(float, shown))

    def _half_widths(self, values: Floats) -> Floats:
        """Half of each label's length along the axis [points]."""
        if self._vertical:
            return np.full(len(values), 0.6 * self._size)
        axis: Any = self.axis
        labels = axis.get_major_formatter().format_ticks(values)
        return np.array([0.5 * self._size * sum(_OTHERS.get(one, _DIGIT) for one in label) for label in labels])


def roomy_ticks(axes: Any) -> None:
    """Ticks of both axes whose labels have room: side by side, above each other, and where the axes meet."""
    box = axes.get_position()
    width, height = np.array([box.width, box.height]) * axes.figure.get_size_inches()
    axes.xaxis.set_major_locator(RoomyLocator(width, _RC["font.size"]))
    axes.yaxis.set_major_locator(RoomyLocator(height, _RC["font.size"], vertical=True))
    axes.tick_params(axis="x", pad=0.65 * _RC["font.size"])


def wrapped(text: str, inches: float, font_size: float) -> str:
    """Words in lines that are no wider than so many inches; a unit in brackets is not broken."""
    most = max(int(72 * inches / (_LETTER * font_size)), 12)
    if len(text) <= most:
        return text
    whole = re.sub(r"\[.*?\]", lambda unit: unit[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
    return textwrap.fill(whole, most, break_long_words=False)


def draw_band(axes: Any, x: Floats, y: Floats, *, things: str, colour: str = "0.4", n_bins: int = 20) -> None:
    """Median and 16-84 % of ``y`` in bins along ``x``, in place of more than ``MOST_POINTS`` points."""
    centre, low, middle, high = running_quantiles(x, y, n_bins)
    axes.fill_between(centre, low, high, color=colour, alpha=0.3, lw=0, zorder=1)
    label = f"{len(x)} {things} in {n_bins} bins:\nmedian, 16-84 %"
    axes.plot(centre, middle, color=colour, lw=1.5, zorder=2, label=label)


@contextmanager
def figure(path: str | os.PathLike[str] | None, *, width: float, height: float) -> Iterator[Page]:
    """An empty figure of ``width`` by ``height`` inches, written to ``path`` (PNG), if any, when the block ends well.

    No pyplot: nothing global is changed and no window system is needed.  Margins are set by :func:`margins`
    in inches: matplotlib's automatic layouts would take longer than the drawing.
    """
    with matplotlib.rc_context(_RC):
        page = Page(figsize=(width, height))
        FigureCanvasAgg(page)
        yield page
        if path is None:
            return
        with whole_file(Path(path)) as part:
            page.savefig(part, dpi=DPI, format="png", metadata={"Software": "agez"})


def margins(
    page: Figure, *, left: float, right: float, bottom: float, top: float, wspace: float = 0.05, hspace: float = 0.05
) -> dict[str, float]:
    """Room around the panels [inches] as the ``gridspec_kw`` of ``page.subplots``; gaps are parts of a panel."""
    width, height = page.get_size_inches()
    return {
        "left": left / width, "right": 1 - right / width, "bottom": bottom / height, "top": 1 - top / height,
        "wspace": wspace, "hspace": hspace,
    }  # fmt: skip


def colour_bar(page: Figure, mesh: Any, label: str, *, right: float) -> None:
    """A colour bar in the right margin of ``right`` inches."""
    width, _ = page.get_size_inches()
    axes = page.add_axes((1 - (right - 0.15) / width, 0.2, 0.18 / width, 0.55))
    bar = page.colorbar(mesh, cax=axes, label=label)
    if isinstance(mesh.norm, LogNorm):  # plain numbers: powers of ten with a factor are too wide for the margin
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())


def inch_axes(page: Any, left: float, bottom: float, width: float, height: float) -> Any:
    """Axes at a place in inches from the page's lower left."""
    across, up = page.get_size_inches()
    return page.add_axes((left / across, bottom / up, width / across, height / up))


def extend_of(values: Floats, low: float, high: float) -> str:
    """At which ends a colour bar from ``low`` to ``high`` has arrows: those beyond which values lie."""
    ends = {(True, True): "both", (True, False): "min", (False, True): "max"}
    return ends.get((bool((values < low).any()), bool((values > high).any())), "neither")


def note(axes: Any, text: str, *, where: str = "upper left") -> None:
    """A small boxed note in a corner of ``axes``."""
    vertical, horizontal = where.split()
    x, y = (0.03 if horizontal == "left" else 0.97), (0.97 if vertical == "upper" else 0.03)
    va = "top" if vertical == "upper" else "bottom"
    axes.text(x, y, text, transform=axes.transAxes, va=va, ha=horizontal, fontsize=9, bbox=_NOTE_BOX, zorder=10)


def log_y(axes: Any) -> None:
    """A logarithmic y axis, where anything positive is drawn; in plain numbers if it spans less than a decade."""
    if not np.isfinite(axes.dataLim.minposy):
        return
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    if high < 10 * low:  # powers of ten would leave it bare
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def robust_limits(*values: Floats, keep: float = 0.999, pad: float = 0.06) -> tuple[float, float]:
    """Limits that hold the central ``keep`` of all finite ``values`` with a margin; (-1, 1) if there are none."""
    joined = np.concatenate([np.ravel(v) for v in values])
    joined = joined[np.isfinite(joined)]
    if not joined.size:
        return -1.0, 1.0
    low, high = np.quantile(joined, [(1 - keep) / 2, (1 + keep) / 2])
    margin = max(pad * (high - low), 1e-3)
    return float(low - margin), float(high + margin)


def running_quantiles(x: Floats, y: Floats, n_bins: int) -> Floats:
    """(4, n_bins) median of ``x``, and 16, 50 and 84 % of ``y``, in bins of equal numbers along ``x``."""
    groups = np.array_split(np.argsort(x, kind="stable"), n_bins)
    return np.array([(np.median(x[one]), *np.quantile(y[one], (0.16, 0.5, 0.84))) for one in groups]).T


def value_limits(values: Floats, errors: Floats | float, *, keep: float = 0.96) -> tuple[float, float]:
    """Limits for values with errors: their central ``keep``, and at least 2 median errors either side of the median.

    So noise fills no more of a colour bar or an axis than it is worth.  NaNs do not count; without any error, a range
    of no width becomes +- 0.1; without any value it is (0, 1).
    """
    values, errors = np.broadcast_arrays(np.asarray(values, float), np.asarray(errors, float))
    known = np.isfinite(values)
    if not known.any():
        return 0.0, 1.0
    errors = errors[known & np.isfinite(errors) & (errors > 0)]
    middle, half = float(np.median(values[known])), 2 * float(np.median(errors)) if errors.size else 0.0
    low, high = (float(one) for one in np.quantile(values[known], [(1 - keep) / 2, (1 + keep) / 2]))
    low, high = min(low, middle - half), max(high, middle + half)
    return (low, high) if high > low else (middle - 0.1, middle + 0.1)


def counts_on_grid(
    x: Floats, y: Floats, x_limits: tuple[float, float], y_limits: tuple[float, float], n: int | tuple[int, int]
) -> Any:
    """Edges and counts of pairs on a grid of n (or nx, ny) cells, empty cells masked: (x_edges, y_edges, (ny, nx))."""
    good = np.isfinite(x) & np.isfinite(y)
    counts, x_edges, y_edges = np.histogram2d(x[good], y[good], bins=n, range=(x_limits, y_limits))
    return x_edges, y_edges, np.ma.masked_equal(counts.T, 0)


def count_norm(*grids: Any) -> LogNorm:
    """One logarithmic colour scale for several grids of counts."""
    return LogNorm(vmin=1, vmax=max(2.0, *(float(g[2].max()) if g[2].count() else 2.0 for g in grids)))


def beyond(x: Floats, y: Floats, x_limits: tuple[float, float], y_limits: tuple[float, float]) -> int:
    """How many finite pairs lie outside the limits."""
    good = np.isfinite(x) & np.isfinite(y)
    inside = (x >= x_limits[0]) & (x <= x_limits[1]) & (y >= y_limits[0]) & (y <= y_limits[1])
    return int((good & ~inside).sum())
