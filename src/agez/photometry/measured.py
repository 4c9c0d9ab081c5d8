"""What a table's fluxes or magnitudes of one band say: survey codes, limits and bad errors, in microjansky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.photometry.synthesis import AB_ZERO_POINT_MICROJANSKY
from agez.table_columns import is_code
from agez.types import Bools, Floats

#: Those that may also be a flux: in a flux column they count as codes only beside an error that is no error.
_POSSIBLE_FLUX = (99.0, 999.0)
#: Above all negative codes, and below all positive ones; other values between are plain measurements.
_LOWEST_CODE, _HIGHEST_MAGNITUDE = -99.0, 99.0
_LN10_OVER_2_5 = float(np.log(10.0) / 2.5)


@dataclass(frozen=True, eq=False)
class Measured:
    """Fluxes and errors [microjansky], NaN where not observed; and where something was wrong."""

    flux: Floats
    flux_err: Floats
    infinite: Bools
    bad_error: Bools


def from_fluxes(
    value: Floats, error: Floats, *, factor: Floats | float = 1.0, factor_err: Floats | float = 1.0
) -> Measured:
    """Fluxes with errors (any shape), NaN where the table has nothing; ``factor`` brings them to microjansky.

    Nearly all entries are plain ones: finite, above all codes, with another positive number as the error.  The others
    are picked out and judged by the rules.
    """
    plain = (value > _LOWEST_CODE) & (value < np.inf) & (error > 0) & (error < np.inf) & (value != error)
    measured = _plain(value * factor, error * factor_err)
    return measured if plain.all() else _judged(measured, ~plain, _odd_fluxes, value, error, factor, factor_err)


def from_magnitudes(value: Floats, error: Floats) -> Measured:
    """AB magnitudes with errors (any shape), NaN where there is nothing; 99 with a limit: flux 0 with that limit."""
    plain = (value > _LOWEST_CODE) & (value < _HIGHEST_MAGNITUDE) & (error > 0) & (error < _HIGHEST_MAGNITUDE)
    with np.errstate(invalid="ignore", over="ignore"):
        flux = flux_of_magnitude(value)
        measured = _plain(flux, flux * error * _LN10_OVER_2_5)
    return measured if plain.all() else _judged(measured, ~plain, _odd_magnitudes, value, error)


def flux_of_magnitude(magnitude: Floats) -> Floats:
    """f_nu [microjansky] of AB magnitudes; exp is ten times as fast as a power of 10, and as exact."""
    return np.exp((AB_ZERO_POINT_MICROJANSKY - magnitude) * _LN10_TIMES_0_4)


_LN10_TIMES_0_4 = 0.4 * float(np.log(10.0))


def _plain(flux: Floats, flux_err: Floats) -> Measured:
    nothing = np.zeros(flux.shape, dtype=bool)
    return Measured(flux, flux_err, nothing, nothing)


def _judged(measured: Measured, odd: Bools, rules, value: Floats, error: Floats, *factors: Floats | float) -> Measured:  # type: ignore[no-untyped-def]
    """``measured`` with the entries of ``odd`` as the rules have them."""
    other: Measured = rules(value[odd], error[odd], *(np.broadcast_to(one, value.shape)[odd] for one in factors))
    infinite, bad_error = np.zeros(value.shape, dtype=bool), np.zeros(value.shape, dtype=bool)
    measured.flux[odd], measured.flux_err[odd] = other.flux, other.flux_err
    infinite[odd], bad_error[odd] = other.infinite, other.bad_error
    return Measured(measured.flux, measured.flux_err, infinite, bad_error)


def _odd_fluxes(value: Floats, error: Floats, factor: Floats, factor_err: Floats) -> Measured:
    error_usable = (error > 0) & np.isfinite(error) & ~(is_code(error) & (error == value))
    observed = ~np.isnan(value) & ~(is_code(value) & ~(np.isin(value, _POSSIBLE_FLUX) & error_usable))
    infinite = observed & ~np.isfinite(value)
    error_given = ~np.isnan(error) & ~(is_code(error) & (error < 0))
    bad_error = observed & error_given & ~((error > 0) & np.isfinite(error))
    good = observed & ~infinite & ~bad_error
    flux = np.where(good, value * factor, np.nan)
    return Measured(flux, np.where(good & error_given, error * factor_err, np.nan), infinite, bad_error)


def _odd_magnitudes(value: Floats, error: Floats) -> Measured:
    limit_known = np.isfinite(error) & (error > 0) & ~is_code(error)
    undetected = (value == 99.0) & limit_known
    observed = ~np.isnan(value) & ~is_code(value)
    infinite = observed & ~np.isfinite(value)
    error_given = ~np.isnan(error) & ~is_code(error)
    bad_error = observed & error_given & ~((error > 0) & np.isfinite(error))
    good = observed & ~infinite & ~bad_error
    flux = flux_of_magnitude(np.where(good, value, np.nan))
    flux_err = flux * np.where(error_given, error, np.nan) * _LN10_OVER_2_5
    limit = flux_of_magnitude(np.where(undetected, error, np.nan))
    return Measured(np.where(undetected, 0.0, flux), np.where(undetected, limit, flux_err), infinite, bad_error)
