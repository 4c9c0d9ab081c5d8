"""How every figure looks: colours that colour-blind readers can tell apart, sizes, and how it is saved."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from agez.runtime.files import whole_file
from agez.targets import KNOWN_TARGETS, PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats

DPI = 150
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
