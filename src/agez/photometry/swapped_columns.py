"""Magnitudes in columns of fluxes, and fluxes in columns of magnitudes, where no unit tells: seen in their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agez.errors import AgezError
from agez.photometry.band_columns import BandColumn
from agez.photometry.measured import FAINTEST_MAGNITUDE
from agez.tables.table_columns import PlainTable, is_code, is_nines, number_column
from agez.types import Floats

#: AB magnitudes of galaxies in surveys; nearly all of a column's must be among them.
_USUAL = (10.0, 28.0)
_NEARLY_ALL = 0.95
#: Half the 16-84 % range of ln(value) over rows of a band: of magnitudes 0.04 (S-PLUS), of galaxies' fluxes 0.7.
_LARGEST_SPREAD = 0.15
#: ln(error) against ln(value).  An error in magnitudes rises tenfold in 2.5 to 5 of them: exponents of 8 to 17, with
#: ranks correlated by 0.8 (S-PLUS).  An error of a flux rises at most as the flux does: an exponent of 0 to 1.
_LEAST_EXPONENT, _LEAST_CORRELATION = 3.0, 0.6
#: Rows from which on that is certain enough for an error.
_LEAST_ROWS = 10


def check_swapped(head: PlainTable, columns: Sequence[BandColumn], *, source: str, silent: Sequence[str]) -> list[str]:
    """Remarks on columns ``flux_<band>`` that may hold magnitudes.

    Parameters
    ----------
    head : PlainTable
        First rows of the table, with the columns of its photometry.
    columns : sequence of BandColumn
    silent : sequence of str
        Columns that say no unit; others are not judged.

    Raises
    ------
    AgezError
        If they certainly do: they are within the magnitudes of galaxies, hardly differ from row to row, and their
        errors rise with them as those of magnitudes do.  If most magnitudes are beyond 40.
    """
    judged = [one for one in columns if one.value in silent and one.element is None]
    for magnitude in (True, False):
        group = [one for one in judged if one.magnitude is magnitude]
        if group:
            values = np.stack([_numbers(head, one.value, source) for one in group], axis=1)
            if magnitude:
                _check_magnitudes(values, group, source)
            else:
                errors = np.stack([_numbers(head, one.error, source) for one in group], axis=1)
                return _check_fluxes(values, errors, group, source)
    return []


def _numbers(table: PlainTable, name: str | None, source: str) -> Floats:
    """Values of a column, NaN where there is none, or a code."""
    if name is None:
        return np.full(len(table), np.nan)
    values = number_column(table, name, source=source)
    return np.where(is_code(values) | is_nines(values) | ~np.isfinite(values), np.nan, values)


def _check_magnitudes(values: Floats, columns: Sequence[BandColumn], source: str) -> None:
    known = values[np.isfinite(values)]
    if len(known) and (np.abs(known) > FAINTEST_MAGNITUDE).mean() > 0.5:
        first = columns[0].value
        raise AgezError(
            f"{source}: columns {first}, ... have a median of {np.median(known):.4g}, and no AB magnitude is beyond "
            f"{FAINTEST_MAGNITUDE:g}; if they are fluxes, name them flux_{first.partition('_')[2]}, ..., or give their "
            "unit: --unit uJy"
        )


def _check_fluxes(values: Floats, errors: Floats, columns: Sequence[BandColumn], source: str) -> list[str]:
    known = np.isfinite(values)
    if not known.any():
        return []
    inside = (values > _USUAL[0]) & (values < _USUAL[1])
    if inside[known].mean() < _NEARLY_ALL:
        return []
    logs = np.log(np.where(inside, values, np.nan))
    seen = known.any(axis=0)
    low, high = np.nanpercentile(logs[:, seen], (16, 84), axis=0) if (inside.any(axis=0) == seen).all() else (0.0, 1.0)
    both = inside & (errors > 0)
    if np.median(high - low) / 2 > _LARGEST_SPREAD or (both.any() and np.median(errors[both]) >= 1):
        return []
    # of each band alone: the depth of bands rises with their wavelength, and so does the flux of galaxies
    log_errors = np.log(np.where(both, errors, np.nan))
    pooled = [(one - _band_medians(one))[both] for one in (np.where(both, logs, np.nan), log_errors)]
    correlation, exponent = _rise(pooled[0], pooled[1])
    rises = correlation > _LEAST_CORRELATION and exponent > _LEAST_EXPONENT
    rows = int(both.any(axis=1).sum())
    if not rises and (np.isfinite(correlation) or len(values) < _LEAST_ROWS):
        return []
    first = columns[0].value
    medians = np.nanmedian(values[:, seen], axis=0)
    of_errors = f", errors of {np.median(errors[both]):.2g}" if both.any() else ""
    words = (
        f"columns {first}, ..., without a unit, have medians of {medians.min():.3g} to {medians.max():.3g}{of_errors}"
    )
    how = f"name them mag_{first.partition('_')[2]}, ..., or give --unit mag"
    if rises and rows >= _LEAST_ROWS:
        raise AgezError(
            f"{source}: {words} which rise with the values as those of magnitudes do: these look like AB magnitudes; "
            f"{how} (--unit uJy, if they are fluxes)"
        )
    return [f"{words}: taken as fluxes in microjansky; if they are AB magnitudes, {how}"]


def _band_medians(values: Floats) -> Floats:
    """(1, b) median of each band's known values; 0 where there is none."""
    return np.array([[np.median(one[np.isfinite(one)]) if np.isfinite(one).any() else 0.0 for one in values.T]])


def _rise(value: Floats, error: Floats) -> tuple[float, float]:
    """Correlation of the ranks of two logarithms, and the exponent by which one rises with the other; or NaN."""
    if len(value) < 3 or np.ptp(value) < 1e-6 or np.ptp(error) < 1e-6:
        return np.nan, np.nan
    ranks = [np.argsort(np.argsort(one)) for one in (value, error)]
    correlation = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    return correlation, correlation * float(np.std(error) / np.std(value))
