"""What a table's fluxes or magnitudes say: survey codes, placeholders, limits and bad errors, in microjansky."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from agez.photometry.synthesis import AB_ZERO_POINT_MICROJANSKY
from agez.tables.table_columns import is_code, is_nines
from agez.types import Bools, Floats

#: Those that may also be a flux: in a flux column they count as codes only beside an error that is no error.
_POSSIBLE_FLUX = (99.0, 999.0)
#: All negative codes are at most this; other values above are plain measurements.
_LOWEST_CODE = -99.0
#: No galaxy is fainter, or brighter: numbers beyond are placeholders.  As a flux, 3.6e25 microjansky.
FAINTEST_MAGNITUDE = 40.0
_BRIGHTEST_FLUX = 10 ** (0.4 * (AB_ZERO_POINT_MICROJANSKY + FAINTEST_MAGNITUDE))
#: Limits of surveys are fainter: 99 with a smaller number beside it is 99 with an error, and says nothing.
_BRIGHTEST_LIMIT = 10.0
#: An error of a magnitude from here on (a signal-to-noise ratio of 0.1) says that nothing was measured.
LARGEST_MAGNITUDE_ERR = 10.0
#: A flux that is so much above the row's other bands is a placeholder: no SED spans that.
_LARGEST_RATIO = 1e6
#: Fluxes or errors above this [microjansky] are compared with the row's others.
_LARGE_FLUX = 1e6
_LN10_OVER_2_5 = float(np.log(10.0) / 2.5)
_LN10_TIMES_0_4 = 0.4 * float(np.log(10.0))


@dataclass(frozen=True, eq=False)
class Measured:
    """Fluxes and errors [microjansky], NaN where not observed; and where something was wrong."""

    flux: Floats
    flux_err: Floats
    infinite: Bools
    bad_error: Bools
    placeholder: Bools


def from_fluxes(
    value: Floats, error: Floats, *, factor: Floats | float = 1.0, factor_err: Floats | float = 1.0
) -> Measured:
    """Fluxes with errors (bands, rows), NaN where the table has nothing; ``factor`` brings them to microjansky.

    Nearly all entries are plain ones: finite, above all codes, with another positive number as the error.  The others
    are picked out and judged by the rules.
    """
    plain = (value > _LOWEST_CODE) & (value < np.inf) & (error > 0) & (error < np.inf) & (value != error)
    with np.errstate(over="ignore", invalid="ignore"):
        measured = _plain(value * factor, error * factor_err)
        if not plain.all():
            measured = _judged(measured, ~plain, _odd_fluxes, value, error, factor, factor_err)
    return _without_impossible(measured)


def from_magnitudes(
    value: Floats, error: Floats, *, offset: Floats | float = 0.0, factor_err: Floats | float = 1.0
) -> Measured:
    """Magnitudes with errors (bands, rows), NaN where there is nothing; 99 with a limit: flux 0 with that limit.

    ``offset`` makes them AB magnitudes, ``factor_err`` makes errors magnitudes.
    """
    error = np.where(is_code(error), error, error * factor_err) if np.any(np.not_equal(factor_err, 1.0)) else error
    plain = (np.abs(value) <= FAINTEST_MAGNITUDE) & (error > 0) & (error < LARGEST_MAGNITUDE_ERR)
    with np.errstate(invalid="ignore", over="ignore"):
        flux = flux_of_magnitude(value + offset)
        measured = _plain(flux, flux * error * _LN10_OVER_2_5)
    return measured if plain.all() else _judged(measured, ~plain, _odd_magnitudes, value, error, offset)


def flux_of_magnitude(magnitude: Floats) -> Floats:
    """f_nu [microjansky] of AB magnitudes; exp is ten times as fast as a power of 10, and as exact."""
    return np.exp((AB_ZERO_POINT_MICROJANSKY - magnitude) * _LN10_TIMES_0_4)


def _plain(flux: Floats, flux_err: Floats) -> Measured:
    nothing = np.zeros(flux.shape, dtype=bool)
    return Measured(flux, flux_err, nothing, nothing, nothing)


def _judged(
    measured: Measured, odd: Bools, rules: Callable[..., Measured], value: Floats, error: Floats, *more: Floats | float
) -> Measured:
    """``measured`` with the entries of ``odd`` as the rules have them."""
    other = rules(value[odd], error[odd], *(np.broadcast_to(one, value.shape)[odd] for one in more))
    measured.flux[odd], measured.flux_err[odd] = other.flux, other.flux_err
    marks = {}
    for name in ("infinite", "bad_error", "placeholder"):
        marks[name] = np.zeros(value.shape, dtype=bool)
        marks[name][odd] = getattr(other, name)
    return replace(measured, **marks)


def _odd_fluxes(value: Floats, error: Floats, factor: Floats, factor_err: Floats) -> Measured:
    error_usable = (error > 0) & np.isfinite(error) & ~(is_code(error) & (error == value))
    code = is_code(value) & ~(np.isin(value, _POSSIBLE_FLUX) & error_usable)
    # a positive number of nines may be a flux, and a negative one with an error of its own hardly is
    nines = is_nines(value) & ((value < 0) | is_code(error) | is_nines(error))
    observed = ~np.isnan(value) & ~code & ~nines
    infinite = observed & ~np.isfinite(value)
    error_given = ~np.isnan(error) & ~((is_code(error) | is_nines(error)) & (error < 0))
    bad_error = observed & error_given & ~((error > 0) & np.isfinite(error))
    good = observed & ~infinite & ~bad_error
    flux = np.where(good, value * factor, np.nan)
    return Measured(flux, np.where(good & error_given, error * factor_err, np.nan), infinite, bad_error, nines)


def _without_impossible(measured: Measured) -> Measured:
    """Without fluxes, and errors of fluxes, that no object has: 1e30, 9.9e99, the largest numbers of a computer."""
    size = np.fmax(np.abs(measured.flux), measured.flux_err)
    large = size > _LARGE_FLUX
    if not large.any():
        return measured
    usual = np.where(large, np.nan, size)
    n_usual = np.isfinite(usual).sum(axis=0)
    typical = np.full(size.shape[1], np.nan)
    compared = n_usual >= np.maximum(large.sum(axis=0), 1)  # else the others may be the odd ones
    if compared.any():
        typical[compared] = np.nanmedian(usual[:, compared], axis=0)
    limit = np.fmin(np.fmax(typical * _LARGEST_RATIO, _LARGE_FLUX), _BRIGHTEST_FLUX)
    impossible = size > np.where(np.isnan(typical), _BRIGHTEST_FLUX, limit)
    return replace(
        measured, flux=np.where(impossible, np.nan, measured.flux),
        flux_err=np.where(impossible, np.nan, measured.flux_err),
        placeholder=measured.placeholder | impossible,
    )  # fmt: skip


def _odd_magnitudes(value: Floats, error: Floats, offset: Floats) -> Measured:
    limit_known = (error > _BRIGHTEST_LIMIT) & (error <= FAINTEST_MAGNITUDE)
    undetected = (value == 99.0) & limit_known
    infinite = np.isinf(value)
    possible = np.abs(value) <= FAINTEST_MAGNITUDE
    placeholder = np.isfinite(value) & ~possible & ~is_code(value)
    error_given = ~np.isnan(error) & ~((is_code(error) | is_nines(error)) & (error < 0))
    absurd = possible & error_given & (error >= LARGEST_MAGNITUDE_ERR) & np.isfinite(error)
    usable = error_given & (error > 0) & np.isfinite(error)
    placeholder |= absurd | ((value == 0) & ~usable)  # 0 +- 0 is what is left of an empty entry
    bad_error = possible & ~placeholder & error_given & ~usable
    good = possible & ~placeholder & ~bad_error
    flux = flux_of_magnitude(np.where(good, value + offset, np.nan))
    flux_err = flux * np.where(error_given, error, np.nan) * _LN10_OVER_2_5
    limit = flux_of_magnitude(np.where(undetected, error + offset, np.nan))
    return Measured(
        np.where(undetected, 0.0, flux), np.where(undetected, limit, flux_err), infinite, bad_error, placeholder
    )
