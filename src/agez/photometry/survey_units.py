"""What numbers of photometry without a unit are: said by an option, seen in the numbers, refused if implausible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from agez.errors import AgezError
from agez.photometry.band_columns import BandColumn, band_names
from agez.photometry.flux_units import scale_of
from agez.photometry.names import find_band
from agez.photometry.survey_names import SurveyColumn, photometric_columns
from agez.photometry.synthesis import AB_ZERO_POINT_MICROJANSKY
from agez.photometry.vector_columns import find_vector_photometry
from agez.surveys.registry import all_bands, surveys
from agez.tables.table_columns import PlainTable, is_code, is_nines, number_column
from agez.types import Floats, Photometry

#: Median AB magnitudes that photometry of galaxies may have: the brightest galaxies on the sky, the deepest surveys.
PLAUSIBLE = (5.0, 30.0)
#: Of the units that are proposed in place of an implausible one, and of columns that are taken for magnitudes.
_USUAL = (10.0, 28.0)
#: Rows by which columns are judged.
HEAD_ROWS = 200
#: What surveys and their users have fluxes in.
_UNITS = (
    "mag", "uJy", "mJy", "Jy", "nanomaggy", "maggy", "erg / (s cm2 Hz)", "1e-30 erg / (s cm2 Hz)",
    "erg / (s cm2 Angstrom)", "1e-17 erg / (s cm2 Angstrom)", "1e-19 erg / (s cm2 Angstrom)",
)  # fmt: skip


def without_unit(names: Sequence[str], units: Mapping[str, str], *, vectors: Sequence[str] = ()) -> list[str]:
    """Columns of photometry that say no unit: of a band, agez's own or a survey's, and ``vectors`` of all bands."""
    own = [column for column, spelled in band_names(names).items() if find_band(spelled, all_bands())]
    of_surveys = [one.name for one in photometric_columns(names) if not _says_magnitude(one.name)]
    vectors = [name for name in vectors if not _says_magnitude(name)]
    every = dict.fromkeys(
        [*own, *of_surveys, *(one.value for one in find_vector_photometry(dict.fromkeys(vectors, 2)))]
    )
    return [name for name in every if not units.get(name)]


def _says_magnitude(name: str) -> bool:
    return "mag" in name.lower()


def with_said_unit(
    names: Sequence[str], units: Mapping[str, str], unit: str, *, source: str, vectors: Sequence[str] = ()
) -> dict[str, str]:
    """The units of columns, that of ``--unit`` where photometry says none; AgezError if all of it does."""
    silent = without_unit(names, units, vectors=vectors)
    if not silent:
        raise AgezError(f"{source}: --unit is {unit!r}, but no column of photometry is without a unit; drop the option")
    scale_of(unit, magnitude=False, source=source, column=silent[0], pivot_angstrom=5000.0)  # AgezError if it is none
    return {**units, **dict.fromkeys(silent, unit)}


def unclear_columns(names: Sequence[str], units: Mapping[str, str]) -> list[SurveyColumn]:
    """Columns of a survey that may be magnitudes or fluxes by their names, and say no unit."""
    return [one for one in photometric_columns(names) if one.form.quantity == "either" and not units.get(one.name)]


def seen_units(table: PlainTable, unclear: Sequence[SurveyColumn], *, source: str) -> tuple[dict[str, str], list[str]]:
    """Units of :func:`unclear_columns` by the first rows of a table, and what is said of them.

    They are magnitudes if 95 % of the values are of 10 to 28 and half of the errors are below 1; in fluxes of J-PAS,
    whose errors are some 1e-19 erg / (s cm2 Angstrom), that is not so.  Else they are fluxes in the unit of the
    survey's record, if a twentieth of the values is of no magnitude.  Groups that are neither have no unit here.
    """
    units: dict[str, str] = {}
    remarks = []
    record = {one.form: survey for survey in surveys() for one in unclear if one.form in survey.tables.forms}
    groups: dict[tuple[str, str], list[SurveyColumn]] = {}
    for one in unclear:
        groups.setdefault((one.aperture, one.suffix), []).append(one)
    for columns in groups.values():
        values = np.concatenate([_measured(table, one.name, source) for one in columns])
        errors = [_measured(table, one.error, source) for one in columns if one.error is not None]
        if not len(values):
            continue
        share = float(((values > _USUAL[0]) & (values < _USUAL[1])).mean())
        error = np.median(np.concatenate(errors)) if errors and sum(map(len, errors)) else np.nan
        unit = record[columns[0].form].tables.either_unit
        if share >= 0.95 and (error < 1 or (np.isnan(error) and len(values) >= HEAD_ROWS)):
            unit, words = "mag(AB)", "AB magnitudes"
        elif share < 0.95 and unit:
            words = f"fluxes in {unit}"
        else:
            continue
        units |= dict.fromkeys((one.name for one in columns), unit)
        remarks.append(f"{columns[0].name}, ...: taken for {words}, by their numbers; --unit says what they are")
    return units, remarks


def _measured(table: PlainTable, name: str, source: str) -> Floats:
    """Values of a column that are no codes."""
    values = number_column(table, name, source=source)[:HEAD_ROWS]
    return np.asarray(values[np.isfinite(values) & ~is_code(values) & ~is_nines(values)])


def check_plausible(
    photometry: Photometry, columns: Sequence[BandColumn], *, source: str, silent: Sequence[str] | None = None
) -> None:
    """AgezError if the median magnitude of some rows is none of a galaxy: then the unit is another than was taken.

    Parameters
    ----------
    columns : sequence of BandColumn
        Of the bands of ``photometry``.
    silent : sequence of str, optional
        Columns that are judged, those without a unit; all, unless given.
    """
    judged = [k for k, one in enumerate(columns) if silent is None or one.value in silent]
    flux = photometry.flux[:, judged]
    positive = np.isfinite(flux) & (flux > 0)
    if not positive.any():
        return
    median = round(AB_ZERO_POINT_MICROJANSKY - 2.5 * float(np.log10(np.median(flux[positive]))), 1) + 0.0  # no -0.0
    if PLAUSIBLE[0] <= median <= PLAUSIBLE[1]:
        return
    first = columns[judged[0]]
    words = "as AB magnitudes" if first.magnitude else "in microjansky"
    words = f"without a unit, taken {words}," if silent is not None else "by the unit that was taken"
    proposed = _proposed(photometry, [(k, columns[k]) for k in judged])
    how = f"by their size they may be {' or '.join(proposed)}" if proposed else "say their unit with --unit"
    if silent is not None and not first.magnitude:
        how += "; --unit uJy, if they are right as they are"
    raise AgezError(
        f"{source}: columns {first.value}, ..., {words} have a median magnitude of {median:.1f} AB; expected "
        f"{PLAUSIBLE[0]:g} to {PLAUSIBLE[1]:g}; {how}"
    )


def _proposed(photometry: Photometry, judged: Sequence[tuple[int, BandColumn]]) -> list[str]:
    """Units in which the numbers would be magnitudes of galaxies, as options."""
    found = []
    for unit in _UNITS:
        magnitudes: list[float] = []
        for k, one in judged:
            flux = photometry.flux[:, k]
            usual = float(np.median(flux[flux > 0])) if (flux > 0).any() else np.nan
            size = (
                AB_ZERO_POINT_MICROJANSKY - 2.5 * np.log10(usual) - one.offset if one.magnitude else usual / one.factor
            )
            if unit == "mag":
                magnitudes.append(size)
            elif size > 0:
                pivot = photometry.bands.pivot_angstrom[k]
                factor = scale_of(unit, magnitude=False, source="", column="", pivot_angstrom=pivot).factor
                magnitudes.append(AB_ZERO_POINT_MICROJANSKY - 2.5 * float(np.log10(size * factor)))
        with np.errstate(invalid="ignore"):
            if magnitudes and _USUAL[0] < np.nanmedian(magnitudes) < _USUAL[1] - 2:
                found.append(f"--unit '{unit}'")
    return found
