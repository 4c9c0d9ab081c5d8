"""What ``repr`` and notebooks show of agez's types: how many rows, which bands, which range; never all numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any

import numpy as np

from agez.arrays import Summarised, plain_array
from agez.errors import counted
from agez.flags import count_flags, is_good

#: Letters of a repr, of one fact in it, and of a fact in a notebook.
MOST_LETTERS, _FACT, _FACT_HTML = 900, 150, 600
#: Rows that a notebook shows of a table, and its width in letters.
_HEAD, _WIDTH = 5, 180
#: Quantities of predictions that are among them.
_TARGETS = 3
Facts = dict[str, str]


def one_line(thing: Any) -> str:
    """``<Photometry: 1000 rows; bands: 12 of splus, uJAVA to zSDSS (3533 to 8941 A); ...>``."""
    told = [clipped(f"{name}: {words}" if name else words, _FACT) for name, words in facts_of(thing).items()]
    return clipped(f"<{type(thing).__name__}: {'; '.join(told)}", MOST_LETTERS - 1) + ">"


def as_html(thing: Any) -> str:
    """The same as a small table, with the first rows of predictions and of photometry."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name or 'size')}</th>"
        f"<td style='text-align:left'>{escape(clipped(words, _FACT_HTML))}</td></tr>"
        for name, words in facts_of(thing).items()
    )
    html = f"<div><b>{type(thing).__name__}</b><table>{rows}</table>"
    table = _first_rows(thing)
    if table is not None and len(table):
        html += "".join(table.pformat(html=True, max_width=_WIDTH, show_unit=True))
    return html + "</div>"


def facts_of(thing: Any) -> Facts:
    """What is to be said of an object, by name: of agez's types what a reader wants, of others their fields."""
    for kind in type(thing).__mro__:
        if kind.__name__ in _FACTS:
            return {name: words for name, words in _FACTS[kind.__name__](thing).items() if words}
    found: Facts = {"": _size(thing)} if hasattr(thing, "__len__") else {}
    if is_dataclass(thing):
        found |= {one.name: value_words(getattr(thing, one.name)) for one in fields(thing) if one.repr}
    return {name: words for name, words in found.items() if words}


def clipped(text: str, letters: int) -> str:
    """A text of at most so many letters."""
    return text if len(text) <= letters else text[: letters - 3] + "..."


def value_words(value: Any) -> str:
    """A value in a few words: ranges of arrays, sizes of mappings."""
    if value is None or (isinstance(value, str | tuple | list | Mapping) and not len(value)):
        return ""
    if isinstance(value, np.ndarray):
        return array_words(value)
    if isinstance(value, Summarised):
        size = _size(value) if hasattr(value, "__len__") else ""
        return f"{type(value).__name__}{f' of {size}' if size else ''}"
    if is_dataclass(value) or callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, Mapping):
        return f"{len(value)} entries: {', '.join(map(str, list(value)[:6]))}{', ...' if len(value) > 6 else ''}"
    if isinstance(value, tuple | list) and len(value) > 6:
        return f"{len(value)}, {clipped(str(value[0]), 40)} to {clipped(str(value[-1]), 40)}"
    if isinstance(value, tuple | list):
        return ", ".join(value_words(one) or repr(one) for one in value)
    return " ".join(clipped(str(value), _FACT_HTML).split())


def array_words(values: Any) -> str:
    """The range of an array's numbers, how many are missing, or its size."""
    array = np.asarray(plain_array(values))
    shape = " x ".join(map(str, array.shape))
    if array.dtype.kind in "iuf":
        return f"{shape}, {range_words(array)}"
    if array.dtype.kind == "b":
        return f"{shape}, {int(array.sum())} true"
    few = np.unique(array.astype(str)) if array.size <= 100_000 else np.array([])
    return f"{shape}" + (f", {', '.join(few.tolist())}" if 0 < len(few) <= 4 else "")


def range_words(values: Any, form: str = ".4g") -> str:
    """``8.2 to 10.1``, with the number of missing ones; ``none`` where all are missing."""
    known = np.asarray(values, dtype=float)
    missing = int((~np.isfinite(known)).sum())
    known = known[np.isfinite(known)]
    if not known.size:
        return "none"
    low, high = f"{known.min():{form}}", f"{known.max():{form}}"
    return (low if low == high else f"{low} to {high}") + (f" ({missing} missing)" if missing else "")


def _size(thing: Any) -> str:
    return counted(len(thing), "row")


def _rows(thing: Any) -> Facts:
    galaxies = [one for one in np.unique(thing.rows.galaxy_id).tolist() if one] if len(thing) <= 100_000 else []
    return {"": _size(thing) + (f" of {len(galaxies)} galaxies" if len(galaxies) > 1 else "")}


def _flag_words(flags: Any) -> str:
    counts = count_flags(np.asarray(flags))
    return f"{int(is_good(np.asarray(flags)).sum())} good" + "".join(f", {name} {n}" for name, n in counts.items())


def band_words(bands: Any) -> str:
    """``12 of splus, uJAVA to zSDSS (3533 to 8941 A)``."""
    if not len(bands):
        return f"none of {bands.filter_set}"
    first, last = bands.names[0], bands.names[-1]
    of_set = f" of {bands.filter_set}" if bands.filter_set else ""
    names = f"{first} to {last}" if len(bands) > 1 else first
    return f"{len(bands)}{of_set}, {names} ({range_words(bands.pivot_angstrom, '.0f')} A)"


def _of_bands(thing: Any) -> Facts:
    return {"": band_words(thing), "names": ", ".join(thing.names)}


def _of_photometry(thing: Any) -> Facts:
    share = float(thing.covered.mean()) if thing.covered.size else 0.0
    error = "unknown"
    known = thing.covered & np.isfinite(thing.flux_err) & (thing.flux != 0)
    if known.any():
        error = f"{float(np.median(thing.flux_err[known] / np.abs(thing.flux[known]))):.2g} of the flux, median"
    return {
        **_rows(thing), "bands": band_words(thing.bands), "flux [uJy]": range_words(thing.flux[thing.covered]),
        "errors": error, "observed": f"{share:.0%} of the bands", "redshift": range_words(thing.redshift),
        "flags": _flag_words(thing.flags), "source": value_words(thing.meta.get("source")),
    }  # fmt: skip


def _of_prediction(thing: Any) -> Facts:
    answered = int(thing.answered.sum())
    facts = {**_rows(thing), "answered": f"{answered}", "model": value_words(thing.meta.get("model"))}
    for target in thing.targets[:2]:
        error = getattr(thing, f"{target.name}_err")
        typical = f", error {float(np.nanmedian(error)):.2g} (median)" if np.isfinite(error).any() else ""
        facts[target.name] = range_words(getattr(thing, target.name)) + typical
    facts["also"] = ", ".join(target.name for target in thing.targets[2:])
    facts["flags"] = _flag_words(thing.flags)
    facts["remarks"] = value_words(len(thing.meta.get("remarks", ())) or None)
    return facts


def _of_model(thing: Any) -> Facts:
    header = thing.header
    low, high = header.get("redshift_range", (np.nan, np.nan))
    return {
        "": thing.name or "a model without a name", "bands": band_words(thing.bands),
        "targets": ", ".join(target.name for target in thing.targets), "redshifts": f"{low:g} to {high:g}",
        "libraries": ", ".join(header.get("libraries", ())), "schema": str(header.get("schema", "")),
        "version": str(header.get("version", "")), "numbers": f"{sum(one.size for one in thing.arrays.values()):,}",
    }  # fmt: skip


def _of_spectra(thing: Any) -> Facts:
    usable = ~thing.mask
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = np.where(usable, thing.flux / thing.flux_err, np.nan)
    typical = f"{float(np.nanmedian(snr)):.3g} a pixel, median" if np.isfinite(snr).any() else "unknown"
    return {
        **_rows(thing), "wavelengths": f"{len(thing.wave_angstrom)} pixels, {range_words(thing.wave_angstrom)} A "
        f"({thing.medium})", "flux unit": thing.flux_unit, "S/N": typical, "masked": f"{float(thing.mask.mean()):.1%}"
        if thing.mask.size else "", "redshift": range_words(thing.redshift), "flags": _flag_words(thing.flags),
        "source": value_words(thing.meta.get("source")),
    }  # fmt: skip


def _of_labels(thing: Any) -> Facts:
    names = ("log_age_lw", "mh_lw", "velocity_kms", "sigma_kms", "av", "snr", "chi2")
    parts = {"lines": "emission lines", "weights": "histories", "fitted": "fitted spectra", "libraries": "libraries"}
    return {
        **_rows(thing), **{name: range_words(getattr(thing, name)) for name in names},
        "templates": value_words(thing.meta.get("templates")), "flags": _flag_words(thing.flags),
        "with": ", ".join(words for name, words in parts.items() if getattr(thing, name) is not None),
    }  # fmt: skip


def _of_sample(thing: Any) -> Facts:
    return {
        "": f"{_size(thing)}, galaxies: {len(thing.galaxies)}", "bands": band_words(thing.photometry.bands),
        "log_age_lw": range_words(thing.labels.log_age_lw), "mh_lw": range_words(thing.labels.mh_lw),
        "truth": "" if thing.truth is None else "of a mock survey",
        "source": value_words(thing.photometry.meta.get("source")),
    }  # fmt: skip


#: By the name of a type, so that none of them is imported here.
_FACTS: dict[str, Callable[[Any], Facts]] = {
    "Bands": _of_bands, "Photometry": _of_photometry, "Prediction": _of_prediction, "Model": _of_model,
    "Spectra": _of_spectra, "Labels": _of_labels, "Sample": _of_sample,
    "FilterSet": lambda thing: {**_of_bands(thing.bands), "source": value_words(thing.source)},
}  # fmt: skip


def _first_rows(thing: Any) -> Any:
    """The first rows as a table, of what has one: of predictions the main columns."""
    kind = type(thing).__name__
    if kind == "Prediction":
        table = thing[:_HEAD].to_table()
        wanted = [name for one in thing.targets[:_TARGETS] for name in (one.name, f"{one.name}_err")]
        answers = {*thing.column_names(), "good"}
        table = table[[name for name in table.colnames if name not in answers] + [*wanted, "ood", "flags", "good"]]
    elif kind == "Photometry":
        from agez.photometry.tables import photometry_to_table

        table = photometry_to_table(thing.take(slice(0, _HEAD)))
    else:
        return None
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".4g"
    return table
