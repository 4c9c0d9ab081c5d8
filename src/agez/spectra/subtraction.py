"""Spectra without their emission lines: what was observed, minus the Gaussians of the fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from agez.arguments import takes
from agez.errors import AgezError
from agez.label_types import Labels
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.spectra.gas import DEFAULT_SIGMA_KMS
from agez.spectra.lines import SPEED_OF_LIGHT_KMS, line_waves
from agez.spectra.rebin import pixel_edges
from agez.spectra.template_basis import known_fwhm
from agez.types import Floats, Spectra
from agez.wavelength_gaps import with_missing_pixels

#: A line is subtracted out to so many standard deviations.
_REACH = 7.0
#: Least width of the instrument without its pixel, in units of that pixel's own.
_NARROWEST = 0.5


def line_spectra(spectra: Spectra, labels: Labels) -> Floats:
    """The fitted emission lines alone, as mean flux densities of the pixels of ``spectra``.

    A line of flux F at wavelength c = l0 (1 + z) exp(v/c0) has in the pixel (a, b) the mean flux density
    F [Phi((b - c)/s) - Phi((a - c)/s)] / (b - a), where Phi is the normal distribution's integral and
    s^2 = (c sigma/c0)^2 + (FWHM(c)/2.355)^2 - pixel^2/12 with the instrument's FWHM there: the pixel, which
    the integral counts, is in that FWHM already.  Where the gas' motion is NaN, its velocity is that of the stars and
    its dispersion the fit's default.

    Parameters
    ----------
    spectra : Spectra
        Those that were fitted.
    labels : Labels
        Their labels, row by row, with ``lines``.

    Returns
    -------
    (n, p) float64
        In the flux unit of ``spectra``; 0 where a line was not fitted.

    Raises
    ------
    AgezError
        If labels have no lines, or belong to other spectra.
    """
    lines = labels.lines
    if lines is None:
        raise AgezError(f"{spectra.source}: the labels hold no emission lines; make them again with 'agez label'")
    if len(labels) != len(spectra) or not np.array_equal(labels.rows.spec_id, spectra.rows.spec_id):
        raise AgezError(f"{spectra.source}: the labels are of other spectra; give those of the same file and bins")
    velocity = np.where(np.isfinite(lines.velocity_kms), lines.velocity_kms, labels.velocity_kms)
    velocity = np.where(np.isfinite(velocity), velocity, 0.0)
    sigma = np.where(np.isfinite(lines.sigma_kms), lines.sigma_kms, DEFAULT_SIGMA_KMS)
    z = np.where(np.isfinite(spectra.redshift), spectra.redshift, 0.0)
    stretch = (1.0 + z) * np.exp(velocity / SPEED_OF_LIGHT_KMS)
    whole = with_missing_pixels(spectra)  # a pixel beside missing rows does not reach across them
    wave, edges = whole.wave_angstrom, pixel_edges(whole.wave_angstrom)
    fwhm = known_fwhm(wave, whole.fwhm_angstrom)
    model = np.zeros(whole.flux.shape)
    for k, rest in enumerate(line_waves(lines.names, medium=spectra.medium)):
        flux = np.nan_to_num(lines.flux[:, k], nan=0.0, posinf=0.0, neginf=0.0)
        if not flux.any():
            continue
        centre = rest * stretch
        instrument = np.interp(centre, wave, fwhm) / FWHM_PER_SIGMA
        box = np.interp(centre, wave, np.diff(edges)) / np.sqrt(12.0)
        without_pixel = np.sqrt(np.maximum(instrument**2 - box**2, _NARROWEST**2 * box**2))
        width = np.hypot(centre * sigma / SPEED_OF_LIGHT_KMS, without_pixel)
        first, last = np.searchsorted(edges, [np.min(centre - _REACH * width), np.max(centre + _REACH * width)])
        first, last = max(int(first) - 1, 0), min(int(last), len(wave))
        if first >= last:
            continue
        below = ndtr((edges[None, first : last + 1] - centre[:, None]) / width[:, None])
        model[:, first:last] += flux[:, None] * np.diff(below, axis=1) / np.diff(edges[first : last + 1])
    return model[:, np.isin(wave, spectra.wave_angstrom)]


@takes(spectra="Spectra", labels="Labels")
def subtract_lines(spectra: Spectra, labels: Labels) -> Spectra:
    """``spectra`` minus the emission lines that the fit found; parameters and errors as in :func:`line_spectra`.

    Errors and masks stay as they are; masked pixels are left alone.

    Examples
    --------
    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> stars = agez.subtract_lines(mock.spectra, agez.fit_labels(mock.spectra, grid))
    >>> lines = (mock.spectra.flux - stars.flux).sum(axis=0)
    >>> rest = mock.spectra.wave_angstrom / (1 + mock.spectra.redshift[0])
    >>> round(float(rest[lines.argmax()]))  # H-alpha [Angstrom]
    6562
    """
    lines = line_spectra(spectra, labels)
    flux = np.where(spectra.mask, spectra.flux, spectra.flux - lines).astype(spectra.flux.dtype)
    return replace(spectra, flux=flux, meta={**spectra.meta, "emission_lines": "subtracted"})
