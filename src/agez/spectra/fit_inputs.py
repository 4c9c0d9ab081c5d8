"""What every engine takes from spectra before it fits them: redshifts, good pixels, levels, the fit's grid, flags."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from scipy.ndimage import median_filter

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.spectra.fit_settings import FitSettings
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.rebin import pixel_edges
from agez.spectra.template_basis import resolution_at_rest
from agez.spectra.templates import SSPGrid
from agez.types import NORM_BAND_ANGSTROM, Bools, Floats, Ints, Medium, Spectra

#: Fewest good pixels, and least signal-to-noise ratio per pixel, for which a fit is tried.
MIN_PIXELS = 100
MIN_SNR = 1.0
#: Errors below this part of the median flux are taken as this: squares of larger ratios do not fit single precision.
_LEAST_ERROR = 1e-8
#: The fit's pixels are as wide as the data's, within these limits [km/s].
_STEP_RANGE_KMS = (50.0, 150.0)
#: Ends of the data are told apart by so much of the fit's range.
SPAN_STEP = 0.05
#: Pixels over which the flux is smoothed for the templates' error: wider than lines and spikes, narrower than the
#: continuum's shape.
_SMOOTH_PIXELS = 51


class FitGrid(TypedDict):
    """Keywords that templates are made ready with."""

    fit_range_angstrom: tuple[float, float]
    velocity_step_kms: float
    fwhm_rest_angstrom: Floats
    medium: Medium


def redshift_or_zero(spectra: Spectra) -> Floats:
    """(n,) redshifts, 0 where unknown."""
    return np.where(np.isfinite(spectra.redshift), spectra.redshift, 0.0)


def checked_redshifts(spectra: Spectra, settings: FitSettings) -> Floats:
    """(n,) redshifts, 0 where unknown.

    Raises
    ------
    AgezError
        If there is no spectrum, a redshift is not above -1, or no spectrum overlaps with the fit's range.
    """
    if not len(spectra):
        raise AgezError(f"{spectra.source}: there is no spectrum to fit")
    z = redshift_or_zero(spectra)
    if (z <= -1).any():
        row = int(np.argmax(z <= -1))
        raise AgezError(f"{spectra.source}: redshift of row {row} is {z[row]:g}; expected above -1, or NaN")
    low, high = settings.fit_range_angstrom
    first, last = spectra.wave_angstrom[[0, -1]]
    if last < low * (1 + z.min()) or first > high * (1 + z.max()):
        raise AgezError(
            f"{spectra.source}: the spectra cover {first:.0f}-{last:.0f} A, outside "
            f"the fit's range {low:.0f}-{high:.0f} A (rest frame); check the wavelength unit and the redshift"
        )
    return z


def covered_span(spectra: Spectra, redshift: Floats, settings: FitSettings) -> Floats:
    """(n, 2) between which parts of the fit's range, 0 to 1 in log wavelength, the good pixels of each row lie.

    Rounded outwards to :data:`SPAN_STEP`, so that rows share what is made for a span; 0 to 1 without good pixels.
    """
    good = good_pixels(spectra, settings)
    low, high = settings.fit_range_angstrom
    first = spectra.wave_angstrom[np.argmax(good, axis=1)]
    last = spectra.wave_angstrom[good.shape[1] - 1 - np.argmax(good[:, ::-1], axis=1)]
    ends = np.log(np.column_stack([first, last]) / (1 + redshift[:, None]) / low) / np.log(high / low)
    ends = np.clip(ends, 0.0, 1.0) / SPAN_STEP
    span = SPAN_STEP * np.column_stack([np.floor(ends[:, 0]), np.ceil(ends[:, 1])])
    empty = ~good.any(axis=1) | (span[:, 1] <= span[:, 0])
    return np.where(empty[:, None], [0.0, 1.0], span)


def good_pixels(spectra: Spectra, settings: FitSettings) -> Bools:
    """(n, p) not masked, finite, with a positive error, and outside ``settings.sky_mask_angstrom``."""
    good = ~spectra.mask & np.isfinite(spectra.flux) & _positive_errors(spectra)
    for low, high in settings.sky_mask_angstrom:
        good = good & ~((spectra.wave_angstrom >= low) & (spectra.wave_angstrom <= high))
    return np.asarray(good)


def error_with_templates(spectra: Spectra, good: Bools, fraction: float) -> Floats:
    """1-sigma errors (n, p) of the spectra, with ``fraction`` of the smoothed flux added in quadrature.

    Templates differ from galaxies by about 1 % in places, for want of stars of other abundance ratios; above S/N
    100 that is more than the noise, and a fit that trusts the noise alone follows the difference.

    Parameters
    ----------
    good : (n, p) bool
        Pixels in use; other errors are left as they are.
    fraction : float
        0 gives the spectra's own errors.
    """
    if fraction == 0:
        return spectra.flux_err
    known = np.where(good, spectra.flux, np.nan)
    known[~good.any(axis=1)] = 0.0
    level = np.nanmedian(known, axis=1, keepdims=True)
    smooth = median_filter(np.where(good, spectra.flux, level), size=(1, _SMOOTH_PIXELS), mode="nearest")
    return np.where(good, np.hypot(np.where(good, spectra.flux_err, 1.0), fraction * smooth), spectra.flux_err)


def _positive_errors(spectra: Spectra) -> Bools:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(spectra.flux_err) & (spectra.flux_err > 0))


def fit_grid(spectra: Spectra, redshift: Floats, settings: FitSettings) -> FitGrid:
    """The pixels of the fit and the data's resolution there, for rows of nearly the same redshift."""
    wave = spectra.wave_angstrom
    pixel_kms = SPEED_OF_LIGHT_KMS * float(np.median(np.diff(wave) / wave[1:]))
    return FitGrid(
        fit_range_angstrom=settings.fit_range_angstrom,
        velocity_step_kms=float(np.clip(pixel_kms, *_STEP_RANGE_KMS)),
        fwhm_rest_angstrom=resolution_at_rest(
            wave, spectra.fwhm_angstrom, redshift=float(np.median(redshift)),
            fit_range_angstrom=settings.fit_range_angstrom,
        ),
        medium=spectra.medium,
    )  # fmt: skip


def median_flux(spectra: Spectra, good: Bools) -> Floats:
    """(n,) absolute value of the median flux over good pixels (n, p): the unit of a fit; 1 where it is 0."""
    flux = np.where(good, spectra.flux, np.nan).astype(float)
    flux[~good.any(axis=1)] = 1.0
    scale = np.abs(np.nanmedian(flux, axis=1))
    return np.where(scale > 0, scale, 1.0)


def in_units_of(scale: Floats, spectra: Spectra, good: Bools, settings: FitSettings) -> tuple[Floats, Floats]:
    """Flux and variance (n, p) in units of ``scale`` (n,), what the templates are wrong by included.

    Bad pixels have flux 0: what is masked may hold anything, and a weight of zero times NaN is NaN.
    """
    unit = np.where(good, scale[:, None], 1.0)
    flux = np.where(good, spectra.flux, 0.0) / unit
    error = np.where(good, error_with_templates(spectra, good, settings.template_error), 1.0) / unit
    return flux, np.maximum(error, _LEAST_ERROR) ** 2


def signal_to_noise(
    spectra: Spectra, good: Bools, redshift: Floats, edges_angstrom: Floats
) -> tuple[Floats, Floats, Ints]:
    """Median S/N per pixel and per Angstrom of the spectra as observed, and the number of good pixels, of each row.

    Only the pixels between the outermost of the fit's ``edges_angstrom`` (rest frame) count, whether a line is near or
    not.
    """
    rest = spectra.wave_angstrom / (1.0 + redshift[:, None])
    used = (rest >= edges_angstrom[0]) & (rest <= edges_angstrom[-1]) & good
    count = used.sum(axis=1)
    signal = np.where(used, spectra.flux / np.where(used, spectra.flux_err.astype(float), 1.0), np.nan)
    signal[count == 0] = 0.0
    per_angstrom = signal / np.sqrt(np.diff(pixel_edges(spectra.wave_angstrom)))
    return np.nanmedian(signal, axis=1), np.nanmedian(per_angstrom, axis=1), count


def input_flags(spectra: Spectra, n_pixels: Ints, snr_pixel: Floats) -> tuple[Ints, Bools]:
    """Flags (n,) of what is wrong with the spectra themselves, and the rows (n,) for which a fit is to be tried."""
    finite = np.isfinite(spectra.flux)
    enough = n_pixels >= MIN_PIXELS
    strong = snr_pixel > MIN_SNR
    flags = set_flag(spectra.flags, ~np.isfinite(spectra.redshift), Flag.REDSHIFT_UNKNOWN)
    flags = set_flag(flags, np.any(~spectra.mask & ~finite, axis=1), Flag.NON_FINITE)
    flags = set_flag(flags, np.any(~spectra.mask & finite & ~_positive_errors(spectra), axis=1), Flag.BAD_ERROR)
    flags = set_flag(flags, ~enough, Flag.NO_DATA)
    return set_flag(flags, enough & ~strong, Flag.LOW_SNR), enough & strong


def describe_fit(spectra: Spectra, templates: SSPGrid, settings: FitSettings) -> dict[str, Any]:
    """What a reader of labels must know of how they were made, whatever the engine."""
    return {
        "source": spectra.source,
        "templates": templates.name,
        "template_reference": templates.reference,
        "solar_scale": templates.solar_scale,
        "template_fwhm_angstrom": templates.fwhm_angstrom,
        "norm_band_angstrom": list(NORM_BAND_ANGSTROM),
        "light_weighting": "mean of log10(age) and [M/H], weighted by f_lambda in the normalisation band before dust",
        "mass_weighting": "the same, weighted by the mass of stars formed",
        "continuum": settings.continuum,
        "polynomial_order": settings.polynomial_order if settings.continuum != "attenuation" else 0,
        "attenuation_law": settings.attenuation_law,
        "emission_lines": settings.emission_lines,
        "sky_mask_angstrom": [list(window) for window in settings.sky_mask_angstrom],
        "clip_sigma": settings.clip_sigma,
        "template_error": settings.template_error,
        "fit_range_angstrom": list(settings.fit_range_angstrom),
    }
