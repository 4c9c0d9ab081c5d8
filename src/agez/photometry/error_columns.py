"""Which column holds the errors of a band's values, in the spellings in use; and columns that only look like it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from agez.errors import some_of
from agez.tables.table_columns import PlainTable, number_column

if TYPE_CHECKING:
    from agez.photometry.band_columns import BandColumn

#: Of ``mag_u`` (``{kind}_{band}``), in lower case, the first that is there: agez's own, VizieR's ``e_``, SExtractor's
#: ``MAGERR``, and what users of astropy and pandas write.
_SPELLINGS = (
    "{kind}_{band}_err", "e_{kind}_{band}", "err_{kind}_{band}", "{kind}err_{band}", "{kind}_err_{band}",
    "{kind}_{band}_error", "{kind}error_{band}", "{kind}_error_{band}", "d{kind}_{band}", "d_{kind}_{band}",
    "e{kind}_{band}", "sigma_{kind}_{band}", "{kind}_sigma_{band}", "{kind}_{band}_sigma", "{kind}_{band}_unc",
    "{kind}err{band}", "err_{band}", "{band}_err", "{band}err", "e_{band}",
)  # fmt: skip
#: Words of columns that may be errors, or what errors follow from.
_WORDS = re.compile(r"e|er|err|errs|error|errors|d|sig|sigma|unc|std|rms|ivar|var|(d|e|sigma)(mag|flux)|(mag|flux)err")
#: How alike a misspelt name is to the right one.
_ALIKE = 0.85


def error_column(value: str, by_lower: Mapping[str, str]) -> str | None:
    """The column of the errors of ``mag_<band>`` or ``flux_<band>``, among columns by their names in lower case.

    ``z_err`` may be of a redshift: it is of band z only where ``g_err``, ``r_err`` or ``i_err`` is there, too.  Names
    that do not say of what the error is, of magnitudes or fluxes, are taken where the band has one column alone.
    """
    kind, _, band = value.lower().partition("_")
    unclear = band in by_lower or f"{'mag' if kind == 'flux' else 'flux'}_{band}" in by_lower
    for form in _SPELLINGS:
        if unclear and "{kind}" not in form:
            continue
        alone = band == "z" and "{kind}" not in form and not any(form.format(band=one) in by_lower for one in "gri")
        name = form.format(kind=kind, band=band)
        if name in by_lower and not alone:
            return by_lower[name]
    return None


def error_remarks(names: Sequence[str], columns: Sequence[BandColumn]) -> list[str]:
    """What is to be said of the errors of bands: other names that were taken, and columns that look like errors.

    Parameters
    ----------
    names : sequence of str
        All columns of the table.
    columns : sequence of BandColumn
        Those of its photometry.
    """
    scalar = [one for one in columns if one.element is None]
    own = [one for one in scalar if one.value.lower().startswith(("mag_", "flux_"))]
    other = [one.error for one in own if one.error is not None and one.error.lower() != f"{one.value.lower()}_err"]
    remarks = [f"errors: column{'s' * (len(other) > 1)} {some_of(other, 3)}"] if other else []
    used = {name for one in columns for name in (one.value, one.error) if name is not None}
    free = [name for name in names if name not in used]
    near: dict[str, str] = {}
    for one in scalar:
        found = None if one.error is not None else _looks_like_errors(one, free, scalar)
        if found is not None:
            near[one.value] = found
            free.remove(found)
    if near:
        pairs = [f"{found} to {value}_err" for value, found in near.items()]
        remarks.append(
            f"no errors for {some_of(near, 3)} (flag ERROR_ASSUMED), but {some_of(near.values(), 3)} "
            f"look{'s' * (len(near) == 1)} like them: rename {some_of(pairs, 3)}"
        )
    return remarks


def zero_errors(head: PlainTable, columns: Sequence[BandColumn], *, source: str) -> list[str]:
    """What is to be said if no error of some rows is positive, though the values are: then no band is usable."""
    if any(one.element is not None or one.error is None for one in columns):
        return []  # bands without a column of errors are usable
    named = list(columns)
    bad = []
    for one in named:
        value, error = (number_column(head, name, source=source) for name in (one.value, str(one.error)))
        measured = (value > 0) & (error <= 0) & (error > -90)  # codes are unknown errors
        if (error > 0).any():
            return []  # that band is usable
        bad += [str(one.error)] * bool(measured.any())
    if not bad:
        return []
    return [
        f"errors {some_of(bad, 3)} are 0 or negative in all of the first rows: bands without a positive error are not "
        "used; --error-floor 0.05 takes the place of such errors, or leave these columns out"
    ]


def _looks_like_errors(band: BandColumn, free: Sequence[str], columns: Sequence[BandColumn]) -> str | None:
    """The column that is named nearly as the errors of a band, or whose words are the band and one of errors."""
    lower = {name.lower(): name for name in free}
    others = {f"{one.value.lower()}_err" for one in columns if one is not band}
    for wanted in (f"{band.value.lower()}_err", f"e_{band.value.lower()}"):
        for found in get_close_matches(wanted, [name for name in lower if name not in others], n=1, cutoff=_ALIKE):
            if re.findall(r"\d+", found) == re.findall(r"\d+", wanted) and _is_of(found, band):
                return lower[found]
    if band.value.lower() in ("mag_z", "flux_z"):
        return None  # z_sigma is of a redshift
    return next((lower[name] for name in lower if _is_of(name, band) and _says_errors(name)), None)


def _is_of(name: str, band: BandColumn) -> bool:
    """Whether a name has the words of a band's column, or of the band."""
    spelled = band.value.lower().partition("_")[2] if band.value.lower().startswith(("mag_", "flux_")) else ""
    words = re.split(r"[^a-z0-9]+", name)
    return any(word in (spelled, band.band.lower()) for word in words) or band.value.lower() in name


def _says_errors(name: str) -> bool:
    return any(_WORDS.fullmatch(word) for word in re.split(r"[^a-z0-9]+", name))
