"""Scores of a set of spectra as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agez.bench.text import WORDS, measured, number, percent, section

_THREE = ("log age", "", "", "[M/H]", "", "")


def spectra_lines(block: Mapping[str, Any]) -> list[str]:
    """All that a block of spectra says."""
    models, n = block["models"], block["n"]["rows"]
    lines = [
        f"{n} {'spectrum' if n == 1 else 'spectra'}, fitted with {block['templates']}, and seen through the bands of "
        f"{', '.join(models)}; `!`: with a fault.",
        "",
        *_row_lines(block),
        *_network_lines(block),
    ]
    surveys = [(f"{one['first']} - {one['second']}", str(one["n"]), *_both(one)) for one in block["surveys"]]
    lines += section("**Two surveys on one galaxy**: the same three numbers", ("surveys", "rows", *_THREE), surveys)
    flagged = [
        (who, *(f"{round(of['value'] * of['n'])} of {of['n']}" for of in kinds.values()))
        for who, kinds in block["flagged"].items()
    ]
    lines += section("**Spectra with a fault**", ("answers", *block["flagged"]["fit"]), flagged)
    return [*lines, *_known_lines(block), *_order_lines(block)]


def _row_lines(block: Mapping[str, Any]) -> list[str]:
    who = ("fit", *block["models"])
    rows = []
    for row in block["rows"]:
        ages = [_answer(row[one], "log_age_lw", ".2f") for one in who]
        metals = [_answer(row[one], "mh_lw", "+.2f") for one in who]
        rows.append((row["name"], row["kind"], number(row["fit"]["snr"], ".0f"), *ages, *metals))
    header = ("spectrum", "kind", "S/N", "log age, fit", *block["models"], "[M/H], fit", *block["models"])
    return section("**Results**; S/N per Angstrom", header, rows)


def _answer(of: Mapping[str, Any], name: str, form: str) -> str:
    if of[name] is None:
        return "-"
    return f"{format(of[name], form)} ± {number(of[f'{name}_err'], '.2f')}{'' if of['good'] else ' !'}"


def _network_lines(block: Mapping[str, Any]) -> list[str]:
    rows = [
        (name, kind, str(of["n"]), *_both(of))
        for name in block["models"]
        for kind, of in block["fit_network"][name].items()
        if of["n"]
    ]
    title = (
        "**Network minus fit** for each spectrum without a fault in either: median, width over the joint error, "
        "fraction within 2 sigma"
    )
    return section(title, ("model", "kind", "rows", *_THREE), rows)


def _both(of: Mapping[str, Any]) -> tuple[str, ...]:
    """Offset, width and share of both quantities."""
    out: list[str] = []
    for name in WORDS:
        within = of[name]["within"]["value"]
        out += [number(of[name]["offset"], "+.2f"), number(of[name]["pull"]["value"], ".2f")]
        out.append("-" if within is None else f"{within:.0%}")
    return tuple(out)


def _known_lines(block: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    if block["known"] is not None:
        rows = []
        for who, both in block["known"].items():
            for name, of in both.items():
                offsets = (number(of["offset"], "+.2f"), number(of["largest"], ".2f"))
                rows.append((who, WORDS[name], str(of["n"]), *offsets, percent(of["within"])))
        header = ("answers", "quantity", "rows", "offset", "largest", "within 2 sigma")
        lines += section("**Known values**", header, rows)
    if block["gas"] is not None:
        names = list(block["gas"]["fit"])
        rows = [(who, *(number(of[name], "+.2f") for name in names)) for who, of in block["gas"].items()]
        lines += section("**[M/H] of the stars minus that of the gas** [dex]", ("answers", *names), rows)
    return lines


def _order_lines(block: Mapping[str, Any]) -> list[str]:
    if block["order"] is None:
        return []
    rows = [(who, measured(of["age"], ".2f"), measured(of["dust"], ".2f")) for who, of in block["order"].items()]
    title = "**Order of types**: fraction of pairs with ages, and dust, in the expected order (error: by chance)"
    return section(title, ("answers", "age", "dust"), rows)
