"""Command compare: two maps or two tables of the same objects side by side, difference over error."""

from __future__ import annotations

import math
from argparse import Namespace
from pathlib import Path
from typing import Any

from agez.commands.answers import Answer
from agez.errors import AgezError, some_of
from agez.runtime.files import check_input, check_png
from agez.runtime.optional_packages import check_installed

#: Part of a normal distribution within one standard deviation.
NORMAL_68 = 0.6827


def compare(options: Namespace) -> Answer:
    """``agez compare``."""
    from agez.analysis.comparing import agreement, profile
    from agez.analysis.matching import match

    for path in options.input:
        if Path(path).is_dir():
            files = sorted(one.name for one in Path(path).iterdir() if one.suffix in (".fits", ".gz", ".csv", ".ecsv"))
            raise AgezError(f"{path} is a folder; give one file of it: {some_of(files) or 'it holds no table or maps'}")
        check_input(path)
    if options.out is not None:
        check_installed("matplotlib", extra="report", purpose="a picture")
        check_png(options.out, option="-o/--out")
    a, b = _sides(options)
    matched = match(a, b, tolerance_arcsec=options.tolerance)
    names = list(matched.a)
    numbers = {
        name: agreement(matched.a[name], matched.a_err[name], matched.b[name], matched.b_err[name]) for name in names
    }
    numbers = {name: one for name, one in numbers.items() if one.n}
    if not numbers:
        raise AgezError(
            f"{a.path} and {b.path}: {len(matched)} are matched, but in none both have a value without a fault"
        )
    profiles = {}
    if matched.radius is not None:
        profiles = {
            name: profile(
                matched.radius, matched.a[name], matched.a_err[name], matched.b[name], matched.b_err[name], name=name,
                kinds=(a.kind, b.kind), in_re=matched.radius_unit == "Re",
            )
            for name in numbers
        }  # fmt: skip
    if options.out is not None:
        from agez.report.compare_figure import figure_comparison

        figure_comparison(options.out, matched, (a.path.name, b.path.name), numbers, profiles)
    remarks = [*a.remarks, *b.remarks, *_wide_errors(numbers)]
    content: dict[str, Any] = {
        "a": str(a.path), "b": str(b.path), "matched": matched.how, "n_matched": len(matched), "n_a": matched.n_a,
        "n_b": matched.n_b, "n_faults_left_out": [a.n_faults, b.n_faults], "radius_unit": matched.radius_unit,
        "quantities": {
            name: {
                "unit": matched.units[name], **one.to_json(),
                "profile": profiles[name].to_json() if name in profiles else None,
            }
            for name, one in numbers.items()
        },
        "picture": options.out, "remarks": remarks,
    }  # fmt: skip
    return content, [*remarks, *_lines(content, options.out)]


def _wide_errors(numbers: dict[str, Any]) -> list[str]:
    """A remark on quantities whose combined errors are certainly wider than the differences."""
    wide = [
        name
        for name, one in numbers.items()
        if one.n_with_error and one.inside_68 - NORMAL_68 > 3 * math.sqrt(0.25 / one.n_with_error)
    ]
    if not wide:
        return []
    return [
        f"errors of {', '.join(wide)} are wider than the differences (more than 68 % within one): the errors of A and "
        "of B are added in quadrature, so that what both share, or what A's already include of B's, counts twice"
    ]


def _sides(options: Namespace) -> tuple[Any, Any]:
    """Both files; of maps beside a table, the maps' own table where its identifiers are those of the other."""
    from agez.analysis.compared_file import QUANTITIES, of_galaxy, own_quantities, read_side
    from agez.analysis.matching import ids_in_common

    columns = (
        None if options.columns is None else tuple(one.strip() for one in options.columns.split(",") if one.strip())
    )
    if columns is None:
        columns = own_quantities(options.input) or None
        columns = columns and (*QUANTITIES, *columns)
    sides = [of_galaxy(read_side(path, columns=columns), options.galaxy) for path in options.input]
    maps = [number for number, side in enumerate(sides) if side.shape is not None]
    if len(maps) == 1:
        try:
            own = of_galaxy(read_side(options.input[maps[0]], columns=columns, as_table=True), options.galaxy)
        except AgezError:
            return sides[0], sides[1]  # maps without a table of their own
        if ids_in_common(own, sides[1 - maps[0]]):
            sides[maps[0]] = own
    return sides[0], sides[1]


def _lines(content: dict[str, Any], picture: str | None) -> list[str]:
    left_out = sum(content["n_faults_left_out"])
    words = f"A: {content['a']} ({content['n_a']}); B: {content['b']} ({content['n_b']})"
    lines = [words, f"matched: {content['n_matched']} {content['matched']}"]
    if left_out:
        lines.append(
            f"left out for a fault: {content['n_faults_left_out'][0]} of A, {content['n_faults_left_out'][1]} of B"
        )
    lines.append(f"{'A - B':14} {'n':>6} {'bias':>8} {'sigma_mad':>9} {'error':>7} {'in 68 %':>7} {'in 95 %':>7}")

    def cell(value: float | None, form: str, width: int) -> str:
        return f"{'-' if value is None else format(value, form):>{width}}"

    for name, one in content["quantities"].items():
        shares = [None if one[key] is None else 100 * one[key] for key in ("inside_68", "inside_95")]
        lines.append(
            f"{name:14} {one['n']:6d} {cell(one['bias'], '+.3f', 8)} {cell(one['sigma_mad'], '.3f', 9)} "
            f"{cell(one['median_error'], '.3f', 7)} {cell(shares[0], '.0f', 7)} {cell(shares[1], '.0f', 7)}"
        )
    return lines if picture is None else [*lines, f"{picture}: the picture"]
