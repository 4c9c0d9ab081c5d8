"""A picture of two sets of values side by side: maps or values, differences over errors, profiles, numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agez.analysis.comparing import Agreement, Profile, combined_error
from agez.analysis.matching import Matched
from agez.report.map_panels import SkyWindow, bar_room, map_panel, panel_axes
from agez.report.map_pictures import with_room
from agez.report.style import (
    BLUE,
    MOST_POINTS,
    ORANGE,
    VERMILLION,
    draw_band,
    figure,
    inch_axes,
    note,
    robust_limits,
    roomy_ticks,
    value_limits,
)
from agez.targets import KNOWN_TARGETS
from agez.types import Floats

#: Rows of the picture.
MOST = 6
#: Room [inch] left of the page and of panels with numbers of their own, between maps, and below a panel.
_LEFT, _GAP, _BETWEEN, _BELOW = 0.8, 0.85, 0.36, 0.62
#: Width of panels of values; maps are no wider, no higher, and no narrower than these [inch].
_VALUES, _WIDEST, _HIGHEST, _NARROWEST = 2.4, 2.7, 4.5, 1.0
#: Maps of this height over width or less stand above each other; from ``_TALL`` on, too, the pulls above the profile.
_FLAT, _TALL, _FLAT_WIDTH = 0.5, 1.6, 4.5
_PULLS = np.linspace(-5.0, 5.0, 31)
_HEADS = ("quantity", "n", "bias", "sigma_mad", "median error", "inside 68 %", "inside 95 %")


def figure_comparison(
    path: str | os.PathLike[str],
    matched: Matched,
    names: tuple[str, str],
    numbers: Mapping[str, Agreement],
    profiles: Mapping[str, Profile],
) -> Path:
    """Draw the first ``MOST`` quantities, a row each.

    Of maps: A and B on one colour scale, and A - B; of tables: A against B, and A - B against B.  Then the
    differences over their combined errors beside a unit Gaussian, and both profiles if there are any.
    Below: the numbers of all.

    Parameters
    ----------
    names : (str, str)
        What A and B are called.
    """
    shown = list(numbers)[:MOST]
    window = None
    if matched.regions is not None:
        offsets = None if matched.corner is None else np.moveaxis(matched.corner, -1, 0)
        window = SkyWindow.around(matched.regions >= 0, offsets)
    of_radius = any(profiles.get(name) is not None for name in shown)
    maps, values, each = _places(window, (2 if window is None else 0) + 1 + of_radius)
    each += _BELOW
    table = 0.25 * len(numbers) + 1.0
    width, height = max(one[0] + one[2] for one in [*maps, *values]) + 0.25, len(shown) * each + table + 0.4
    with figure(path, width=width, height=height) as page:
        title = f"A: {names[0]}     B: {names[1]}     {len(matched)} {matched.how}"
        size = min(11.0, 72 * 0.95 * width / (0.6 * len(title)))
        page.suptitle(title, y=1 - 0.15 / height, va="top", fontsize=size, parse_math=False)
        for number, name in enumerate(shown):
            bottom = height - 0.4 - (number + 1) * each + _BELOW
            if window is not None:
                row = [panel_axes(page, left, bottom + up, across, window) for left, up, across, _ in maps]
                _map_panels(row, matched, name, window, stacked=maps[1][0] == maps[0][0])
            row = [inch_axes(page, left, bottom + up, *size) for left, up, *size in values]
            if window is None:
                _value_panels(row, matched, name)
            _pulls(row[2 if window is None else 0], matched, name)
            if of_radius:
                _profile(row[-1], profiles.get(name), matched, name)
            for axes in row:
                roomy_ticks(axes)
        _table(page, numbers, table)
    return Path(path)


Place = tuple[float, float, float, float]


def _places(window: SkyWindow | None, n_values: int) -> tuple[list[Place], list[Place], float]:
    """A row's three maps and its panels of values: left, bottom, width, height [inch]; and the height of all."""
    if window is None:
        return [], [(_LEFT + k * (_VALUES + _GAP), 0.0, _VALUES, _VALUES) for k in range(n_values)], _VALUES + 0.1
    flat = window.aspect < _FLAT
    across = _FLAT_WIDTH if flat else max(min(_WIDEST, _HIGHEST / window.aspect), _NARROWEST)
    up, room = across * window.aspect, bar_room(across)
    if flat:
        maps = [(_LEFT, k * (up + room), across, up) for k in (2, 1, 0)]
    else:
        maps = [(_LEFT + k * (across + _BETWEEN), 0.0, across, up) for k in range(3)]
    high, right = maps[0][1] + up + room, maps[-1][0] + across + _GAP
    if not flat and window.aspect < _TALL:
        return maps, [(right + k * (_VALUES + _GAP), 0.0, _VALUES, up) for k in range(n_values)], high
    size = min((high - 0.1 - (n_values - 1) * _BELOW) / n_values, _VALUES)
    return maps, [(right, k * (size + _BELOW), _VALUES, size) for k in reversed(range(n_values))], high


def _label(matched: Matched, name: str) -> str:
    known = KNOWN_TARGETS.get(name)
    return known.symbol if known is not None and known.symbol else f"{name}{_unit(matched, name)}"


def _unit(matched: Matched, name: str) -> str:
    unit = matched.units[name]
    unit = "dex" if unit.startswith("dex") else unit
    return f" [{unit}]" if unit else ""


def _map_panels(row: Sequence[Any], matched: Matched, name: str, window: SkyWindow, *, stacked: bool) -> None:
    a, b, image = matched.a[name], matched.b[name], matched.regions
    assert image is not None

    def painted(values: Floats) -> Floats:
        return np.where(image >= 0, values[image], np.nan)

    low, high = value_limits(np.concatenate([a, b]), np.concatenate([matched.a_err[name], matched.b_err[name]]))
    known = KNOWN_TARGETS.get(name)
    colours = known.colour_map if known is not None else "viridis"
    for axes, values, side in zip(row, (a, b), "AB", strict=False):
        map_panel(axes, painted(values), window, f"{side}: {_label(matched, name)}", colours, low=low, high=high)
    most = max(float(np.nanquantile(np.abs(a - b), 0.98)) if np.isfinite(a - b).any() else 0.0, 1e-3)
    map_panel(row[2], painted(a - b), window, f"A - B{_unit(matched, name)}", "RdBu_r", low=-most, high=most)
    for k, axes in enumerate(row):
        axes.tick_params(labelleft=stacked or k == 0, labelbottom=not stacked or k == 2)
        axes.set_xlabel(window.labels[0] if not stacked or k == 2 else "")
        axes.set_ylabel(window.labels[1] if stacked or k == 0 else "")


def _value_panels(row: Sequence[Any], matched: Matched, name: str) -> None:
    a, b = matched.a[name], matched.b[name]
    both = np.flatnonzero(np.isfinite(a) & np.isfinite(b))
    limits = robust_limits(a[both], b[both], keep=0.995)
    error = [_bars(err[both]) for err in (matched.a_err[name], matched.b_err[name])]
    _points(row[0], b[both], a[both], error, legend="lower right")
    row[0].plot(limits, limits, color=VERMILLION, lw=1, zorder=3)
    row[0].set_xlim(limits)
    row[0].set_ylim(limits)
    row[0].set_xlabel(f"B: {_label(matched, name)}")
    row[0].set_ylabel(f"A: {_label(matched, name)}")
    difference = (a - b)[both]
    combined = _bars(combined_error(matched.a_err[name], matched.b_err[name])[both])
    _points(row[1], b[both], difference, (combined, None), legend="upper left")
    row[1].axhline(0, color=VERMILLION, lw=1, zorder=3)
    row[1].set_xlim(limits)
    row[1].set_ylim(robust_limits(difference, keep=0.99, pad=0.3))
    row[1].set_xlabel(f"B: {_label(matched, name)}")
    row[1].set_ylabel(f"A - B{_unit(matched, name)}")


def _points(axes: Any, x: Floats, y: Floats, error: Sequence[Floats | None], *, legend: str) -> None:
    """Values with errors (of y, of x); of many, their median and scatter."""
    if len(x) > MOST_POINTS:
        draw_band(axes, x, y, things="rows", colour=BLUE)
        axes.legend(loc=legend)
    else:
        how = {"fmt": "o", "ms": 3, "color": BLUE, "ecolor": "0.75", "elinewidth": 0.6, "zorder": 2}
        axes.errorbar(x, y, yerr=error[0], xerr=error[1], **how)


def _bars(error: Floats) -> Floats | None:
    return error if np.isfinite(error).any() else None


def _pulls(axes: Any, matched: Matched, name: str) -> None:
    error = combined_error(matched.a_err[name], matched.b_err[name])
    pull = (matched.a[name] - matched.b[name]) / error
    pull = pull[np.isfinite(pull)]
    axes.set_xlabel("(A - B) / combined error")
    axes.set_ylabel("density")
    axes.set_xlim(_PULLS[0], _PULLS[-1])
    if not pull.size:
        note(axes, "neither has errors")
        return
    width = _PULLS[1] - _PULLS[0]
    counts = np.histogram(pull, _PULLS)[0]
    axes.stairs(counts / (pull.size * width), _PULLS, fill=True, color=BLUE, alpha=0.4)
    x = np.linspace(_PULLS[0], _PULLS[-1], 201)
    axes.plot(x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color=VERMILLION, lw=1.4, label="unit Gaussian")
    beyond = int((np.abs(pull) > _PULLS[-1]).sum())
    if beyond:
        axes.plot([], [], " ", label=f"{beyond} beyond {_PULLS[-1]:g}")
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
    axes.legend(loc="upper left")


def _profile(axes: Any, found: Profile | None, matched: Matched, name: str) -> None:
    if found is None:
        note(axes, "no radii")
        axes.set_axis_off()
        return
    # the two are set apart by a little, so that their bars do not lie on each other
    apart = 0.008 * float(np.ptp(found.radius))
    for side, colour, marker, shift in (("a", BLUE, "o", -apart), ("b", ORANGE, "s", apart)):
        value, error = getattr(found, side), _bars(getattr(found, f"{side}_err"))
        axes.errorbar(
            found.radius + shift, value, error, color=colour, marker=marker, ms=4, lw=1.2, capsize=2, label=side.upper()
        )  # fmt: skip
    axes.set_xlabel("radius [$R_e$]" if matched.radius_unit == "Re" else f"radius [{matched.radius_unit}]")
    axes.set_ylabel(_label(matched, name))
    with_room(axes, value_limits(np.concatenate([found.a, found.b]), 0.05, keep=1.0))
    axes.legend(loc="upper right", ncols=2)


def _table(page: Any, numbers: Mapping[str, Agreement], height: float) -> None:
    total = page.get_figheight()
    axes = page.add_axes((0.05, 0.15 / total, 0.9, (height - 0.55) / total))
    axes.axis("off")

    def cell(value: float, form: str) -> str:
        return f"{value:{form}}" if np.isfinite(value) else "-"

    rows = [
        [name, str(one.n), cell(one.bias, "+.3f"), cell(one.sigma_mad, ".3f"), cell(one.median_error, ".3f"),
         cell(100 * one.inside_68, ".0f"), cell(100 * one.inside_95, ".0f")]
        for name, one in numbers.items()
    ]  # fmt: skip
    table = axes.table(
        cellText=rows, colLabels=_HEADS, loc="center", cellLoc="center", bbox=(0, 0, 1, 1), edges="horizontal"
    )
    table.auto_set_font_size(False)
    table.set_fontsize(9)
