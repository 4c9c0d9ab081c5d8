"""Scores of a set of photometry as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agez.bench.published import ECALIFA, ECALIFA_OLDER, GALLAZZI_WORDS
from agez.bench.text import WORDS, kind_words, measured, number, percent, section

_BINS = (("redshift", "by_redshift"), ("magnitude (r)", "by_magnitude"), ("colour (g - r)", "by_colour"))


def table_lines(block: Mapping[str, Any]) -> list[str]:
    """All that a block of photometry says."""
    lines = [_opening(block), "", *_kind_lines(block), *_older_line(block), *_mass_lines(block)]
    lines += [*_reference_lines(block), *_steady_lines(block)]
    lines += _flag_lines(block["flagged"])
    if "bands" in block:
        lines += [*_band_lines(block["bands"]), *_half_lines(block["halves"]), *_fainter_lines(block["fainter"])]
        lines += _dust_lines(block["dust"])
    return [*lines, *_label_lines(block)]


def _opening(block: Mapping[str, Any]) -> str:
    n, (low, high) = block["n"], block["redshift_range"]
    ebv = "" if block["ebv"] is None else f"  Dereddened for E(B-V) {block['ebv']:g} of the Milky Way."
    return (
        f"Results of `{block['answers']}`: {n['rows']} rows, {n['chosen']} of them at {low:g} < z < {high:g}, "
        f"{n['good']} of these without a fault.{ebv}"
    )


def _kind_lines(block: Mapping[str, Any]) -> list[str]:
    rows = []
    for kind, of in block["kinds"].items():
        shares, chi2 = percent(block["flagged"]["by_kind"][kind]), number(block["chi2"][kind], ".2f")
        age, mh = _span(of["log_age_lw"], ".2f"), _span(of["mh_lw"], "+.2f")
        errors = (number(of["log_age_lw_err"], ".2f"), number(of["mh_lw_err"], ".2f"))
        rows.append((kind_words(kind), str(of["n"]), shares, chi2, age, errors[0], mh, errors[1]))
    header = ("kind", "rows", "with a fault", "chi2", "log age", "its error", "[M/H]", "its error")
    return section("**Kinds**: medians of rows without a fault, with 16 and 84 %", header, rows)


def _older_line(block: Mapping[str, Any]) -> list[str]:
    older = block["older"]
    if older is None:
        return []
    first, second = (kind_words(older[key]) for key in ("first", "second"))
    return [
        f"P({first} older than {second}) = {measured(older['age'])}; redder in {older['colour_name']}: "
        f"{measured(older['colour'])} ({older['n_first']} and {older['n_second']} rows).",
        "",
    ]


def _reference_lines(block: Mapping[str, Any]) -> list[str]:
    """What spectra of whole galaxies say of the same kinds, where the set has them."""
    if not set(ECALIFA) <= set(block["kinds"]):
        return []
    rows = []
    for kind, of in ECALIFA.items():
        age, mh = _span(of.log_age_lw, ".2f"), _span(of.mh_lw, "+.2f")
        rows.append((kind_words(kind), str(of.n), age, mh, f"{of.slope[0]:.3f} ± {of.slope[1]:.3f}"))
    title = f"**The same from eCALIFA**, spectra of whole galaxies; P(older) = {ECALIFA_OLDER[0]} ± {ECALIFA_OLDER[1]}"
    return section(title, ("kind", "galaxies", "log age", "[M/H]", "[M/H]-mass slope"), rows)


def _mass_lines(block: Mapping[str, Any]) -> list[str]:
    rows = []
    for kind, of in block["mass_metallicity"].items():
        mass = of["log_mass"]
        sigma = number(mass["value"] / mass["err"], ".1f") if mass["value"] is not None and mass["err"] else "-"
        published = number(mass["published"], ".2f")
        rows.append((kind_words(kind), measured(mass), sigma, published, measured(of["absmag_r"], "+.3f")))
    title = f"**[M/H] against stellar mass and luminosity**; compared with {GALLAZZI_WORDS}, over the same masses"
    return section(title, ("kind", "slope [dex/dex]", "over its error", "Gallazzi", "slope with M_r [dex/mag]"), rows)


def _steady_lines(block: Mapping[str, Any]) -> list[str]:
    rows = [
        (kind_words(kind), *(
            measured(_tenth(block[table][kind][name]), "+.3f") for table in ("trend", "steady") for name in WORDS
        ))
        for kind in block["steady"]
    ]  # fmt: skip
    title = "**Steadiness**: trend with redshift, and the same at fixed M_r [dex per 0.1 in z]"
    fixed = (f"{words}, fixed M_r" for words in WORDS.values())
    return section(title, ("kind", *WORDS.values(), *fixed), rows)


def _tenth(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: None if content[key] is None else 0.1 * content[key] for key in ("value", "err")}


def _span(values: Sequence[float | None], form: str) -> str:
    low, middle, high = (number(value, form) for value in values)
    return f"{middle} ({low}, {high})"


def _flag_lines(flagged: Mapping[str, Any]) -> list[str]:
    rows = [
        (word, f"{one['low']:g} to {one['high']:g}", str(one["n"]), percent(one))
        for word, key in _BINS
        for one in flagged[key]
    ]
    lines = section("**Rows with a fault**", ("by", "bin", "rows", "with a fault"), rows)
    if flagged["flags"]:
        lines += [f"Flags, all rows: {', '.join(f'{name} {n}' for name, n in flagged['flags'].items())}.", ""]
    return lines


def _band_lines(bands: Sequence[Mapping[str, Any]]) -> list[str]:
    kinds = list(bands[0]["offset_mag_by_kind"]) if bands else []
    rows = []
    for one in bands:
        zero_point = measured({"value": one["zero_point_mag"], "err": one["zero_point_mag_err"]}, "+.3f")
        offsets = [number(value, "+.3f") for value in (one["offset_mag"], *one["offset_mag_by_kind"].values())]
        widths = (number(one["scatter_mag"]), number(one["pull"], ".2f"))
        rows.append((one["band"], str(one["n"]), *offsets, *widths, zero_point, percent(one["flagged_without"])))
    title = (
        "**Bands**: observed minus expected from the other bands [mag] (above 0: fainter), its scatter, the zero point "
        "to be added, and rows with a fault without the band"
    )
    header = ("band", "rows", "offset", *map(kind_words, kinds), "scatter", "pull", "zero point", "fault without it")
    return section(title, header, rows)


def _half_lines(halves: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, word in WORDS.items():
        if name in halves:
            of = halves[name]
            widths = (measured(of["real"]), measured(of["mock"]), measured(of["ratio"], ".2f"))
            rows.append((word, *widths, measured(of["gain"], ".2f")))
    title = (
        f"**Half of the bands against the other half** ({halves['n']} rows with all bands): width of the difference "
        "over its error"
    )
    lines = section(title, ("quantity", "real", "matched mocks", "real / mocks", "gain"), rows)
    if halves["missing"]:
        return [*lines, f"No mocks: {halves['missing']}.", ""]
    gain = "Gain: the fraction of a true difference that results recover (mocks)."
    return [*lines, f"{gain}  Mocks with a fault: {percent(halves['mock_flagged'])}.", ""]


def _fainter_lines(fainter: Mapping[str, Any]) -> list[str]:
    rows = [
        (word, measured(fainter[name]["shift"], "+.3f"), measured(fainter[name]["pull"], ".2f"))
        for name, word in WORDS.items()
        if name in fainter
    ]
    title = f"**The same galaxies with more noise** ({fainter.get('noise', 0):g} times the errors)"
    return section(title, ("quantity", "shift [dex]", "change over its error"), rows)


def _dust_lines(dust: Mapping[str, Any]) -> list[str]:
    rows = []
    for ebv, of in dust.items():
        medians = (number(of["log_age_lw"], ".2f"), number(of["mh_lw"], "+.2f"))
        rows.append((ebv, percent(of["flagged"]), measured(of["older"]), *medians, number(of["mh_slope"])))
    header = ("E(B-V)", "with a fault", "P(older)", "log age", "[M/H]", "[M/H]-mass slope, younger kind")
    return section("**Milky Way dust**", header, rows)


def _label_lines(block: Mapping[str, Any]) -> list[str]:
    """What only some sets know: inclinations, repeats, values, orders."""
    tilt, repeats, known, order = (block[key] for key in ("tilt", "repeats", "known", "order"))
    lines: list[str] = []
    if tilt is not None:
        rows = [(kind_words(kind), *(measured(of[name], "+.3f") for name in WORDS)) for kind, of in tilt.items()]
        title = "**Tilt**: trend with inclination [dex from face-on to edge-on]"
        lines += section(title, ("kind", *WORDS.values()), rows)
    if repeats is not None:
        widths = ", ".join(f"{word} {measured(repeats[name], '.2f')}" for name, word in WORDS.items())
        lines += [f"**Repeats**: width of differences over their errors: {widths}.", ""]
    if known is not None:
        rows = [
            (
                WORDS[name],
                str(of["n"]),
                number(of["bias"], "+.3f"),
                number(of["sigma_mad"]),
                measured(of["pull"], ".2f"),
            )
            for name, of in known.items()
        ]
        header = ("quantity", "rows", "offset", "scatter", "difference over its error")
        lines += section("**Known values**", header, rows)
    if order is not None:
        ages = ", ".join(f"{kind} {number(age, '.2f')}" for kind, age in order["log_age_lw"].items())
        lines += [f"Median ages in the expected order: {ages}; {measured(order['kept'], '.2f')} of the pairs fall.", ""]
    return lines
