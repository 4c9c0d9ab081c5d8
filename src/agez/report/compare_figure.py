"""A picture of two sets of values side by side: maps or values, differences over errors, profiles, numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agez.analysis.comparing import Agreement, Profile, combined_error
from agez.analysis.matching import Matched
from agez.report.map_pictures import axes_of, map_panel, window_of, with_room
from agez.report.style import BLUE, ORANGE, VERMILLION, figure, margins, note, robust_limits, value_limits
from agez.targets import KNOWN_TARGETS
from agez.types import Floats

#: Rows of the picture.
MOST = 6
#: Rows of tables that are drawn one by one; of more, so many evenly spread ones.
MOST_POINTS = 3000
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
    differences over their combined errors beside a unit Gaussian, and both profiles.  Below: the numbers of all.

    Parameters
    ----------
    names : (str, str)
        What A and B are called.
    """
    shown = list(numbers)[:MOST]
    of_maps = matched.regions is not None
    columns = 5 if of_maps else 4
    with figure(path, width=3.1 * columns + 0.5, height=3.0 * len(shown) + 0.25 * len(numbers) + 1.5) as page:
        below = 0.25 * len(numbers) + 1.0
        grid = margins(page, left=0.75, right=0.2, bottom=below + 0.1, top=0.65, wspace=0.38, hspace=0.48)
        panels = page.subplots(len(shown), columns, gridspec_kw=grid, squeeze=False)
        title = f"A: {names[0]}     B: {names[1]}     {len(matched)} {matched.how}"
        page.suptitle(title, y=1 - 0.15 / page.get_figheight(), va="top", fontsize=11, parse_math=False)
        for row, name in zip(panels, shown, strict=True):
            (_map_panels if of_maps else _value_panels)(page, row, matched, name)
            _pulls(row[-2], matched, name)
            _profile(row[-1], profiles.get(name), matched, name)
        _table(page, numbers, below)
    return Path(path)


def _label(matched: Matched, name: str) -> str:
    known = KNOWN_TARGETS.get(name)
    return known.symbol if known is not None and known.symbol else f"{name}{_unit(matched, name)}"


def _unit(matched: Matched, name: str) -> str:
    unit = matched.units[name]
    unit = "dex" if unit.startswith("dex") else unit
    return f" [{unit}]" if unit else ""


def _map_panels(page: Any, row: Sequence[Any], matched: Matched, name: str) -> None:
    assert matched.regions is not None
    a, b = matched.a[name], matched.b[name]
    image = matched.regions
    window = window_of(image >= 0)
    offsets = None if matched.corner is None else np.moveaxis(matched.corner, -1, 0)
    extent, (x_words, y_words) = axes_of(offsets, window)

    def painted(values: Floats) -> Floats:
        return np.where(image >= 0, values[image], np.nan)[window]

    low, high = value_limits(np.concatenate([a, b]), np.concatenate([matched.a_err[name], matched.b_err[name]]))
    known = KNOWN_TARGETS.get(name)
    colours = known.colour_map if known is not None else "viridis"
    for axes, values, side in zip(row, (a, b), "AB", strict=False):
        map_panel(page, axes, painted(values), extent, f"{side}: {_label(matched, name)}", colours, low=low, high=high)
    most = max(float(np.nanquantile(np.abs(a - b), 0.98)) if np.isfinite(a - b).any() else 0.0, 1e-3)
    map_panel(page, row[2], painted(a - b), extent, f"A - B{_unit(matched, name)}", "RdBu_r", low=-most, high=most)
    row[0].set_ylabel(y_words)
    for axes in row[:3]:
        axes.set_xlabel(x_words)


def _value_panels(page: Any, row: Sequence[Any], matched: Matched, name: str) -> None:
    a, b = matched.a[name], matched.b[name]
    both = np.flatnonzero(np.isfinite(a) & np.isfinite(b))
    step = max(-(-len(both) // MOST_POINTS), 1)
    both = both[::step]
    if step > 1:
        note(row[0], f"1 of {step} rows drawn")
    few = {"fmt": "o", "ms": 3, "color": BLUE, "ecolor": "0.75", "elinewidth": 0.6, "zorder": 2, "rasterized": True}
    limits = robust_limits(a[both], b[both], keep=0.995)
    error = [_bars(err[both]) for err in (matched.a_err[name], matched.b_err[name])]
    row[0].errorbar(b[both], a[both], yerr=error[0], xerr=error[1], **few)
    row[0].plot(limits, limits, color=VERMILLION, lw=1, zorder=3)
    row[0].set_xlim(limits)
    row[0].set_ylim(limits)
    row[0].set_xlabel(f"B: {_label(matched, name)}")
    row[0].set_ylabel(f"A: {_label(matched, name)}")
    difference = (a - b)[both]
    row[1].errorbar(
        b[both], difference, yerr=_bars(combined_error(matched.a_err[name], matched.b_err[name])[both]), **few
    )
    row[1].axhline(0, color=VERMILLION, lw=1, zorder=3)
    row[1].set_xlim(limits)
    row[1].set_ylim(robust_limits(difference, keep=0.99, pad=0.3))
    row[1].set_xlabel(f"B: {_label(matched, name)}")
    row[1].set_ylabel(f"A - B{_unit(matched, name)}")


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
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.legend(loc="upper left")
    beyond = int((np.abs(pull) > _PULLS[-1]).sum())
    if beyond:
        note(axes, f"{beyond} beyond 5", where="upper right")


def _profile(axes: Any, found: Profile | None, matched: Matched, name: str) -> None:
    if found is None:
        note(axes, "no radii")
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
