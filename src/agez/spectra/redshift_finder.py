"""Redshifts of spectra that come without one, from the features of their stars and gas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter1d
from threadpoolctl import threadpool_limits

from agez.arguments import takes
from agez.arrays import PerRow, check, check_shape
from agez.errors import AgezError
from agez.flags import Flag, has_flag, set_flag
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.redshift_basis import STEP_KMS, RedshiftBasis, redshift_basis
from agez.spectra.redshift_inputs import ReadySpectra, instrument_sigma_kms, ready_spectra
from agez.spectra.redshift_scan import gain_by_pixel, scan, shifts_of
from agez.spectra.redshift_stacks import stack_rows, strongest_rows
from agez.spectra.templates import SSPGrid, load_templates
from agez.spectra_specutils import as_spectra
from agez.types import Bools, Floats, Ints, Spectra
from agez.wavelength_gaps import with_missing_pixels

#: Redshifts that are tried: down to 3000 km/s towards us, which no galaxy has, and up to where few spectra show more
#: than their ultraviolet.
SEARCH_RANGE = (-0.01, 1.0)
#: Chi2 that features must take off for a redshift to be one, and by which the best must be ahead of the second to be
#: unambiguous.  The most that any of 1600 spectra of noise had is 29 (benchmarks/redshifts.py).
LEAST_SIGNIFICANCE, LEAST_MARGIN = 35.0, 12.0
#: Chi2 that must come from elsewhere than the place of the strongest line, and how far that place reaches to either
#: side [km/s]: [NII] beside Halpha is elsewhere, the doublet of [OII] is one line.
LEAST_BESIDE, _ONE_LINE_KMS = 20.0, 700.0
#: Two redshifts further apart than this are two; nearer ones are one peak [km/s].
_DISTINCT_KMS = 1000.0
#: Rows of one galaxy_id are of one galaxy if most of those that tell agree with their stack within this [km/s].
_SAME_KMS = 1500.0
#: What the wavelength scale, mismatched templates and gas that moves differently from stars are worth [km/s].
_ERROR_FLOOR_KMS = 15.0
#: By what formal errors are too small, as mock spectra of another library say (benchmarks/redshifts.py).
_ERROR_FACTOR = 1.3
_FEWEST_PIXELS = 100
_ROWS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class FoundRedshifts(PerRow):
    """Redshifts of spectra, and how sure they are; all (n,).

    Where the spectrum tells of none, ``redshift``, its error, ``second_redshift`` and ``margin`` are NaN.
    """

    redshift: Floats
    redshift_err: Floats  #: 1 sigma.
    #: Chi2 that the features at the best redshift take off that of a featureless continuum.
    significance: Floats
    #: Chi2 by which the best redshift is ahead of the second, at least 1000 km/s away.
    margin: Floats
    second_redshift: Floats
    ambiguous: Bools  #: The second fits about equally well.

    def __post_init__(self) -> None:
        self._make_plain()
        for name in self._row_fields:
            check_shape(self, name, (len(self.redshift),))
        check(
            bool(np.array_equal(np.isfinite(self.redshift), np.isfinite(self.redshift_err))),
            "FoundRedshifts: every redshift has an error, and every error a redshift",
        )

    @property
    def found(self) -> Bools:
        """(n,) rows that have a redshift."""
        return np.isfinite(self.redshift)


@takes(spectra="Spectra or specutils", templates="SSPGrid or name")
def find_redshift(
    spectra: Spectra | Any,
    templates: SSPGrid | str = "emiles",
    *,
    redshift_range: tuple[float, float] = SEARCH_RANGE,
    by_galaxy: bool | None = None,
) -> FoundRedshifts:
    """Redshifts of ``spectra`` from their absorption and emission lines, whatever ``spectra.redshift`` says.

    At every redshift of a grid of 69 km/s, a combination of features (continuum taken out) is fitted by least
    squares with inverse variances as weights: the mean of the templates' populations and four principal components,
    with a prior that holds them to what populations have, and emission lines of three kinds of gas behind little and
    much dust, with amplitudes that are not negative.  The redshift is where chi2 is least, between pixels by a
    parabola; its error is from the curvature there, times the square root of the reduced chi2 where that is above 1.
    All redshifts are tried at once by Fourier transforms (cross-correlation, Tonry & Davis 1979, AJ 84, 1511, with
    the weights and the linear models of Bolton et al. 2012, AJ 144, 144).

    Parameters
    ----------
    spectra : Spectra or specutils Spectrum
        n rows; masked pixels are left out.
    templates : SSPGrid or str
        A name or path is that of :func:`agez.load_templates`.
    redshift_range : (float, float)
        Redshifts between which the answer is sought.
    by_galaxy : bool, optional
        True: rows of one ``galaxy_id`` share the redshift of their stack, weighted by signal to noise.  False: each
        row has its own.  Not given: they share it, but for rows that are sure of another one; unless most of the sure
        rows contradict it (a table of many galaxies under one name).

    Returns
    -------
    FoundRedshifts
        Relative to the wavelengths as they are: nothing is corrected for the motion of the Earth.

    Raises
    ------
    AgezError
        If there is no spectrum, or the range is none between -0.1 and 3.

    Examples
    --------
    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> found = agez.find_redshift(mock.spectra, grid)
    >>> bool(abs(found.redshift - mock.spectra.redshift).max() < 1e-3), found.ambiguous.any().tolist()
    (True, False)
    """
    spectra = as_spectra(spectra)
    low, high = redshift_range
    if not -0.1 <= low < high <= 3.0:
        raise AgezError(f"redshift_range is {low:g} to {high:g}; expected two rising numbers between -0.1 and 3")
    if not len(spectra):
        raise AgezError(f"{spectra.source}: there is no spectrum to find a redshift of")
    grid = load_templates(templates) if isinstance(templates, str) else templates
    spectra = with_missing_pixels(spectra)
    groups = [] if by_galaxy is False else _galaxies(spectra)
    shared = np.zeros(len(spectra), dtype=bool)
    answers, places = [], []
    for rows in groups:
        own = strongest_rows(spectra, rows)
        whole = _search(stack_rows(spectra.take(own)), grid, redshift_range)
        if not by_galaxy:
            apart = _apart(_search(spectra.take(own), grid, redshift_range), whole)
            if apart is None:
                continue
            rows = np.setdiff1d(rows, own[apart])
        answers.append(whole.take(np.zeros(len(rows), dtype=int)))
        places.append(rows)
        shared[rows] = True
    alone = np.flatnonzero(~shared)
    if len(alone):
        answers.append(_search(spectra.take(alone), grid, redshift_range))
        places.append(alone)
    return FoundRedshifts.concatenate(answers).take(np.argsort(np.concatenate(places)))


def with_found_redshifts(
    spectra: Spectra,
    templates: SSPGrid | str = "emiles",
    *,
    by_galaxy: bool | None = None,
    sky_mask_angstrom: Sequence[tuple[float, float]] = (),
) -> Spectra:
    """The same spectra, with redshifts found for the rows that have none, and flags that say so.

    Rows whose redshift cannot be found keep NaN and are flagged REDSHIFT_UNKNOWN; what carries that flag is not
    searched once more.  ``sky_mask_angstrom`` are observed wavelengths that the search leaves out.
    """
    unknown = np.flatnonzero(~np.isfinite(spectra.redshift) & ~has_flag(spectra.flags, Flag.REDSHIFT_UNKNOWN))
    if not len(unknown):
        return spectra
    sought = spectra if len(unknown) == len(spectra) else spectra.take(unknown)  # a cube is not copied
    wave = spectra.wave_angstrom
    for low, high in sky_mask_angstrom:
        sought = replace(sought, mask=sought.mask | ((wave >= low) & (wave <= high)))
    answer = find_redshift(sought, templates, by_galaxy=by_galaxy)
    redshift, error = spectra.redshift.astype(float), spectra.redshift_err.astype(float)
    redshift[unknown], error[unknown] = answer.redshift, answer.redshift_err
    found, ambiguous = np.zeros((2, len(spectra)), dtype=bool)
    found[unknown], ambiguous[unknown] = answer.found, answer.ambiguous
    flags = set_flag(set_flag(spectra.flags, found, Flag.REDSHIFT_FOUND), ambiguous, Flag.REDSHIFT_AMBIGUOUS)
    flags = set_flag(flags, ~np.isfinite(redshift), Flag.REDSHIFT_UNKNOWN)
    return replace(spectra, redshift=redshift, redshift_err=error, flags=flags)


def _galaxies(spectra: Spectra) -> list[Ints]:
    """Rows of each name of a galaxy that several have."""
    names, number = np.unique(spectra.rows.galaxy_id, return_inverse=True)
    order = np.argsort(number, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(number))[:-1])
    return [rows for name, rows in zip(names, groups, strict=True) if name and len(rows) > 1]


def _apart(each: FoundRedshifts, whole: FoundRedshifts) -> Bools | None:
    """(n,) rows that are sure of another redshift than that of the stack; None if most of those that are sure are."""
    sure = each.found & ~each.ambiguous
    if not sure.any():
        return sure
    kms = SPEED_OF_LIGHT_KMS * np.abs(np.log1p(each.redshift) - np.log1p(whole.redshift[0]))
    apart = np.asarray(sure & ~(kms < _SAME_KMS))  # a stack without redshift is NaN, and so none
    return None if apart.sum() >= 0.5 * sure.sum() else apart


def _search(spectra: Spectra, grid: SSPGrid, redshift_range: tuple[float, float]) -> FoundRedshifts:
    """Each row's own redshift."""
    basis = redshift_basis(grid, instrument_sigma_kms=instrument_sigma_kms(spectra), medium=spectra.medium)
    shifts = shifts_of(*redshift_range)
    parts = []
    with threadpool_limits(1, user_api="blas"):
        for start in range(0, len(spectra), _ROWS_AT_ONCE):
            ready = ready_spectra(spectra.take(slice(start, start + _ROWS_AT_ONCE)))
            gain = scan(ready, basis, shifts)
            total = np.sum(ready.weight * ready.residual**2, axis=1)
            reduced = (total - gain.max(axis=1)) / np.maximum(ready.n_pixels, 1.0)
            gain = gain / np.maximum(reduced, 1.0)[:, None]
            answer = _best(np.where(ready.n_pixels[:, None] >= _FEWEST_PIXELS, gain, 0.0), shifts)
            alone = _one_line_alone(ready, basis, answer, np.maximum(reduced, 1.0))
            parts.append(replace(answer, ambiguous=answer.ambiguous | alone))
    return FoundRedshifts.concatenate(parts)


def _one_line_alone(ready: ReadySpectra, basis: RedshiftBasis, answer: FoundRedshifts, reduced: Floats) -> Bools:
    """(n,) rows of which one place says all: a single line is that of any element at some redshift.

    The place that chi2 gains most from is masked, and the rest fitted anew at the same redshift.
    """
    shift = np.round(np.log1p(np.nan_to_num(answer.redshift)) * SPEED_OF_LIGHT_KMS / STEP_KMS).astype(int)
    _, by_pixel = gain_by_pixel(ready, basis, shift)
    centre = uniform_filter1d(by_pixel, 5, axis=1, mode="constant").argmax(axis=1)[:, None]
    there = np.abs(np.arange(by_pixel.shape[1]) - centre) * STEP_KMS < _ONE_LINE_KMS
    beside, _ = gain_by_pixel(replace(ready, weight=np.where(there, 0.0, ready.weight)), basis, shift)
    return np.asarray(answer.found & (beside / reduced < LEAST_BESIDE))


def _best(gain: Floats, shifts: Ints) -> FoundRedshifts:
    """The highest peak of each row of (n, m), and the highest that is distinct from it."""
    n, m = gain.shape
    row = np.arange(n)
    inner = gain[:, 1:-1]
    peaks = (inner >= gain[:, :-2]) & (inner > gain[:, 2:])
    heights = np.where(peaks, inner, -np.inf)
    best = heights.argmax(axis=1)
    significance = heights[row, best]
    near = np.abs(np.arange(m - 2) - best[:, None]) * STEP_KMS < _DISTINCT_KMS
    others = np.where(near, -np.inf, heights)
    second = others.argmax(axis=1)
    margin = significance - np.maximum(others[row, second], 0.0)
    below, top, above = (gain[row, best + 1 + k] for k in (-1, 0, 1))
    curvature = np.maximum(2.0 * top - below - above, 1e-30)
    velocity = (shifts[best + 1] + np.clip(0.5 * (above - below) / curvature, -0.5, 0.5)) * STEP_KMS
    error_kms = np.hypot(_ERROR_FACTOR * STEP_KMS * np.sqrt(2.0 / curvature), _ERROR_FLOOR_KMS)
    redshift = np.expm1(velocity / SPEED_OF_LIGHT_KMS)
    found = significance >= LEAST_SIGNIFICANCE
    known = np.where(found, 1.0, np.nan)
    return FoundRedshifts(
        redshift * known,
        (1.0 + redshift) * error_kms / SPEED_OF_LIGHT_KMS * known,
        np.maximum(significance, 0.0),
        margin * known,
        np.where(np.isfinite(others[row, second]), np.expm1(shifts[second + 1] * STEP_KMS / SPEED_OF_LIGHT_KMS), np.nan)
        * known,
        found & (margin < LEAST_MARGIN),
    )
