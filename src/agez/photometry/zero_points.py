"""Zero points: by what factor each band's fluxes differ from what a model expects, and fluxes without it.

What can be known: a model says what a band should show given the other bands, with an amplitude of its own for each
SED.  So a factor common to all bands cannot be seen, and the mean offset over the bands is zero by construction.  Nor
can any pattern over the bands that looks like another galaxy: a slope that looks like dust, or a smooth change that
looks like an older or richer population, is taken for one by the model, and stays.  What is found is the part of the
errors that no galaxy can imitate: jumps of single bands or of groups of them; and only that part's errors are given.
Of one band off by 20 % among 16, four fifths are found where neighbours stand on both sides, three fifths at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from agez.arrays import Summarised
from agez.errors import AgezError
from agez.photometry.names import find_band
from agez.photometry.robust_location import biweight_location
from agez.surveys.registry import filter_sets
from agez.types import Bands, Bools, Floats, Ints, Photometry, Strings

#: Fluxes that a model expects of each row and band, and their 1-sigma errors, both (n, b) [microjansky].
Expect = Callable[[Photometry], tuple[Floats, Floats]]

MIN_ROWS = 30
#: Residuals beyond so many of their robust standard deviations count for nothing; those nearer count less and less
#: (Tukey's biweight: 95 % efficient for Gaussian residuals).
CLIP = 4.685
#: Iterations end when no band changes by more than this fraction.
TOLERANCE = 1e-3
MAX_ITERATIONS = 10


@dataclass(frozen=True, eq=False)
class ZeroPoints(Summarised):
    """Factors that fluxes are to be multiplied by."""

    bands: Bands  #: Pivots and widths are NaN where a user's file does not say them.
    #: factor, factor_err: (b,) 1 where a band had too few rows to tell; the error is NaN where unknown.
    factor: Floats
    factor_err: Floats
    n: Ints  #: (b,) Rows that each rests on.
    #: How they were made: ``too_few`` (bands with factor 1 for want of rows), ``n_galaxies``, and of iterations
    #: ``iterations``, ``converged``.
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("factor", "factor_err", "n"):
            if np.shape(getattr(self, name)) != (len(self.bands),):
                raise AgezError(f"ZeroPoints.{name} has shape {np.shape(getattr(self, name))} for {len(self)} bands")
        for name, value in zip(self.bands.names, self.factor, strict=True):
            if not (np.isfinite(value) and value > 0):
                raise AgezError(f"zero points: the factor of band {name} is {value}; expected a number above 0")

    def __len__(self) -> int:
        return len(self.bands)

    @property
    def magnitude_offset(self) -> Floats:
        """What is to be added to magnitudes (b,): -2.5 log10(factor)."""
        return np.asarray(-2.5 * np.log10(self.factor))

    @property
    def magnitude_offset_err(self) -> Floats:
        """Its error (b,) [mag], to first order."""
        return np.asarray(2.5 / np.log(10) * self.factor_err / self.factor)


def apply_zero_points(photometry: Photometry, zero_points: ZeroPoints) -> Photometry:
    """Fluxes and errors times the factors, found by the bands' names; their errors are not added.

    Raises
    ------
    AgezError
        If a band of the photometry has no factor, or the zero points are those of another filter set.
    """
    ours, theirs = photometry.bands, zero_points.bands
    if theirs.filter_set != ours.filter_set and {theirs.filter_set, ours.filter_set} <= set(filter_sets()):
        raise AgezError(f"the zero points are of {theirs.filter_set!r}, but the photometry is of {ours.filter_set!r}")
    at: dict[str, int] = {}
    for number, name in enumerate(theirs.names):
        band = find_band(name, ours.names)
        if band is None:
            continue
        if band in at:
            raise AgezError(f"zero points {theirs.names[at[band]]} and {name} are both of band {band}; keep one")
        at[band] = number
    missing = [name for name in ours.names if name not in at]
    if missing:
        raise AgezError(f"no zero point for band(s) {', '.join(missing)}; add a factor, 1 to leave a band as it is")
    return _scaled(photometry, zero_points.factor[[at[name] for name in ours.names]])


def _scaled(photometry: Photometry, factor: Floats) -> Photometry:
    return replace(photometry, flux=photometry.flux * factor, flux_err=photometry.flux_err * factor)


def estimate_zero_points(photometry: Photometry, expected: Floats, expected_err: Floats) -> ZeroPoints:
    """Zero points from what a model expects of each row and band, in one step.

    Each band's location of ``flux / expected`` is a biweight M-estimate that starts at the weighted median, with the
    rows' errors sqrt(flux_err**2 + expected_err**2) / expected, but none below their median: few bright rows shall not
    decide.  The factor is its inverse, over the geometric mean of all bands.  Errors follow from the scatter of whole
    galaxies (rows without a ``galaxy_id`` stand for themselves): spaxels of a galaxy share what is odd about it.

    Parameters
    ----------
    expected, expected_err : (n, b) float
        What the model expects of each band, best without having seen that band (leave-one-out), in the unit of
        ``photometry``; NaN where it expects nothing, or does not say how sure it is.

    Returns
    -------
    ZeroPoints
        Bands with fewer than ``MIN_ROWS`` usable rows have the factor 1.

    Raises
    ------
    AgezError
        For arrays of a wrong shape, or fewer than two bands with enough rows.
    """
    shape = photometry.flux.shape
    for name, values in (("expected", expected), ("expected_err", expected_err)):
        if np.shape(values) != shape:
            raise AgezError(f"zero points: {name} has shape {np.shape(values)}; the photometry has {shape}")
    galaxy = _numbers_of(photometry.rows.galaxy_id)
    with np.errstate(invalid="ignore"):
        usable = photometry.covered & (expected > 0) & np.isfinite(expected)
    n = usable.sum(axis=0)
    b = len(photometry.bands)
    centre = np.full(b, np.nan)
    influence = np.zeros((int(galaxy.max(initial=-1)) + 1, b))
    for k in np.flatnonzero(n >= MIN_ROWS):
        rows = usable[:, k]
        ratio = photometry.flux[rows, k] / expected[rows, k]
        sigma = _sigma(photometry.flux_err[rows, k], expected_err[rows, k], expected[rows, k])
        centre[k], of_rows = biweight_location(ratio, sigma, clip=CLIP)
        np.add.at(influence[:, k], galaxy[rows], of_rows)
    measured = centre > 0  # false for NaN, too
    if measured.sum() < 2:
        raise AgezError(
            f"zero points: {int(measured.sum())} of {b} bands have {MIN_ROWS} rows that can be compared with what the "
            "model expects; at least two are needed, since only ratios of bands can be known"
        )
    log_factor, error = _without_grey(centre, influence, measured, galaxy, usable)
    return ZeroPoints(
        photometry.bands,
        np.exp(log_factor),
        np.exp(log_factor) * error,
        n,
        {
            "too_few": [name for name, known in zip(photometry.bands.names, measured, strict=True) if not known],
            "n_galaxies": len(np.unique(galaxy[usable.any(axis=1)])),
            "min_rows": MIN_ROWS,
            "clip": CLIP,
        },
    )


def _without_grey(
    centre: Floats, influence: Floats, measured: Bools, galaxy: Ints, usable: Bools
) -> tuple[Floats, Floats]:
    """ln(factor) with zero mean over the measured bands, and its error: 0 and NaN in the others."""
    log_factor, error = np.zeros(len(centre)), np.full(len(centre), np.nan)
    log_factor[measured] = -np.log(centre[measured]) + np.log(centre[measured]).mean()
    # What a galaxy does to ln(factor) of each band; the grey part that it does to all of them is taken out, too.
    of_galaxies = influence[:, measured] / centre[measured]
    of_galaxies -= of_galaxies.mean(axis=1, keepdims=True)
    count = np.array([len(np.unique(galaxy[usable[:, k]])) for k in np.flatnonzero(measured)])
    with np.errstate(divide="ignore", invalid="ignore"):
        correction = np.where(count > 1, count / (count - 1), np.nan)
    error[measured] = np.sqrt(correction * (of_galaxies**2).sum(axis=0))
    return log_factor, error


def _numbers_of(galaxy_id: Strings) -> Ints:
    """A number for each galaxy, and one for each row that names none."""
    named = galaxy_id != ""
    numbers = np.zeros(len(galaxy_id), dtype=int)
    _, numbers[named] = np.unique(galaxy_id[named], return_inverse=True)
    numbers[~named] = numbers[named].max(initial=-1) + 1 + np.arange((~named).sum())
    return numbers


def _sigma(flux_err: Floats, expected_err: Floats, expected: Floats) -> Floats:
    """Relative errors of flux / expected, those below their median raised to it; 1 where none is known."""
    square = np.nan_to_num(flux_err) ** 2 + np.nan_to_num(expected_err) ** 2
    known = np.isfinite(flux_err) | np.isfinite(expected_err)
    sigma = np.sqrt(square) / expected
    typical = float(np.median(sigma[known])) if known.any() else 1.0
    return np.maximum(np.where(known, sigma, typical), typical if typical > 0 else 1.0)


def iterate_zero_points(photometry: Photometry, expect: Expect) -> ZeroPoints:
    """Zero points, estimated and applied again until nothing significant is left.

    What a model expects of a band comes from the other bands, with their own errors of calibration: so it takes some
    rounds.  The residual of a band against what the others say of it is larger than against a fit of all of them, by
    (flux_err**2 + expected_err**2) / flux_err**2; each step is smaller by that (over all bands' least), without which
    steps swing, and leave behind patterns that galaxies can imitate.  A band's steps become longer (up to the whole
    residual) while their sign stays, and shorter when it changes.

    The rounds end when the mean square of the changes is that of their errors, or all are within ``TOLERANCE``: more
    of them would only turn the difference of these galaxies from the model's into offsets.

    Parameters
    ----------
    photometry : Photometry
        As observed.
    expect : callable
        Of a Photometry, the fluxes (n, b) that the model expects and their errors.

    Returns
    -------
    ZeroPoints
        Of ``photometry`` as given; ``meta`` says ``iterations``, ``converged`` and ``last_change`` (a fraction).
    """
    log_factor = np.zeros(len(photometry.bands))
    before = np.zeros(len(photometry.bands))
    gain: Floats = np.ones(len(photometry.bands))
    last, iterations = np.inf, 0
    while True:
        corrected = _scaled(photometry, np.exp(log_factor))
        expected, expected_err = expect(corrected)
        found = estimate_zero_points(corrected, expected, expected_err)
        change = np.log(found.factor)
        last = float(np.abs(change).max())
        significant = _chi2_per_band(found) > 1
        if last <= TOLERANCE or not significant or iterations == MAX_ITERATIONS:
            break
        if iterations == 0:
            gain = _own_share(corrected, expected_err)
        else:
            gain = np.clip(np.where(change * before < 0, gain / 2, gain * 2), 1 / 8, 1)
        log_factor = log_factor + gain * change
        before, iterations = change, iterations + 1
    measured = ~np.isin(found.bands.names, found.meta["too_few"])
    factor = np.where(measured, np.exp(log_factor - log_factor[measured].mean()), 1.0)
    return replace(
        found,
        factor=factor,
        factor_err=factor * found.factor_err / found.factor,
        meta={
            **found.meta,
            "iterations": iterations,
            "converged": last <= TOLERANCE or not significant,
            "last_change": last,
        },
    )


def _own_share(photometry: Photometry, expected_err: Floats) -> Floats:
    """Each band's own part of the variance of its residuals (b,), over the largest; 1 where errors are unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = photometry.flux_err**2 / (photometry.flux_err**2 + expected_err**2)
    typical = np.ones(len(photometry.bands))
    for k in range(len(typical)):
        known = share[np.isfinite(share[:, k]), k]
        if len(known):
            typical[k] = np.median(known)
    return typical / typical.max() if typical.max() > 0 else np.ones(len(typical))


def _chi2_per_band(found: ZeroPoints) -> float:
    """Mean square of ln(factor) in units of its error; infinite where no error is known."""
    with np.errstate(divide="ignore", invalid="ignore"):  # an error of 0: half of the rows say the very same
        square = (np.log(found.factor) * found.factor / found.factor_err) ** 2
    known = ~np.isnan(square)
    return float(square[known].mean()) if known.any() else np.inf
