"""Full spectral fitting of many spectra at once: ages, metallicities, histories, with errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.spectra.kinematics import fit_kinematics, nearest_sigma, velocity_stretch
from agez.spectra.lines import EMISSION_LINES, SODIUM_LINES, SPEED_OF_LIGHT_KMS, near_lines
from agez.spectra.populations import FitSettings, fit_populations
from agez.spectra.rebin import PixelSums, noise_correlation, pixel_edges
from agez.spectra.template_basis import TemplateBasis, prepare_basis, resolution_at_rest
from agez.spectra.templates import SSPGrid, load_templates
from agez.types import NORM_BAND_ANGSTROM, Bools, Floats, Ints, Labels, Spectra

#: Fewest good pixels, and least signal-to-noise ratio per pixel, for which a fit is tried.
_MIN_PIXELS = 100
_MIN_SNR = 1.0


def fit_labels(spectra: Spectra, templates: SSPGrid | str = "emiles", *, settings: FitSettings | None = None) -> Labels:
    """Ages and metallicities of ``spectra`` by full spectral fitting.

    Each spectrum y with weights W = 1/variance is modelled in its rest frame as q(l) sum_j w_j T_j(l),
    where T_j are SSPs of unit light broadened by the fitted dispersion, w_j >= 0 are light fractions
    with a smoothness prior (second differences over the age and [M/H] grid, as in STECKMAP, Ocvirk et
    al. 2006, MNRAS 365, 46, and pPXF, Cappellari 2017, MNRAS 466, 798), and q is a smooth
    continuum factor.  Weights and factor are found in turn, each a linear problem with the other's
    first-order change projected out.  Regions of emission lines are masked.

    Parameters
    ----------
    spectra : Spectra
        Rows without redshift are taken as rest-frame and flagged.
    templates : SSPGrid or str
        A name or path is that of :func:`agez.load_templates`.
    settings : FitSettings, optional

    Returns
    -------
    Labels
        Errors are standard deviations of the posterior's Gaussian approximation, before positivity.

    Raises
    ------
    AgezError
        If there is no spectrum, a redshift is not above -1, the templates do not cover the range, or the
        spectra have no overlap with it.
    """
    settings = settings or FitSettings()
    if isinstance(templates, str):
        templates = load_templates(templates)
    if not len(spectra):
        raise AgezError(f"{spectra.source}: there is no spectrum to fit")
    z = np.where(np.isfinite(spectra.redshift), spectra.redshift, 0.0)
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
    parts, order = [], []
    # rows at the same redshift (to a thousandth) share the templates' resolution
    key = np.round(z, 3)
    # the matrices of one galaxy are small: a second thread gains a tenth, and on a busy machine costs a factor of seven
    with threadpool_limits(1, user_api="blas"):
        for value in np.unique(key):
            rows = np.flatnonzero(key == value)
            parts.append(_fit_group(spectra.take(rows), z[rows], templates, settings))
            order.append(rows)
    return Labels.concatenate(parts).take(np.argsort(np.concatenate(order)))


@dataclass(frozen=True, eq=False)
class _Group:
    """Spectra that share a template basis, and how to see them shifted by a velocity."""

    spectra: Spectra
    redshift: Floats
    basis: TemplateBasis
    usable: Bools  # (q,) pixels away from emission lines
    flux: Floats  # (n, p) in units of each row's median, so that single precision holds whatever the unit is
    variance: Floats  # (n, p) in the square of that unit
    good: Bools  # (n, p)
    edges_in: Floats = field(repr=False)

    @cached_property
    def _sums(self) -> PixelSums:
        return PixelSums.of(self.edges_in, self.flux, self.variance, self.good)

    def seen(self, velocity_kms: Floats) -> tuple[Floats, Floats]:
        """Flux in units of each row's median and weight (n, q) in the basis' pixels, for each row's velocity."""
        stretch = (1.0 + self.redshift) * velocity_stretch(velocity_kms)
        flux, variance, good = self._sums.rebin(self.basis.edges_angstrom, stretch)
        return flux, np.where(good, 1.0 / variance, 0).astype(np.float32)

    def shifted(self, velocity_kms: Floats) -> tuple[Floats, Floats]:
        """The same with nothing near emission lines."""
        flux, weight = self.seen(velocity_kms)
        return np.where(self.usable, flux, 0).astype(np.float32), np.where(self.usable, weight, 0).astype(np.float32)

    @property
    def correlation(self) -> Floats:
        """(q,) see :func:`agez.spectra.rebin.noise_correlation`."""
        return noise_correlation(self.edges_in, self.basis.edges_angstrom, 1.0 + float(np.median(self.redshift)))

    def take(self, rows: np.ndarray) -> _Group:
        return _Group(
            self.spectra.take(rows), self.redshift[rows], self.basis, self.usable,
            self.flux[rows], self.variance[rows], self.good[rows], self.edges_in,
        )  # fmt: skip


def _fit_group(spectra: Spectra, z: Floats, templates: SSPGrid, settings: FitSettings) -> Labels:
    group = _make_group(spectra, z, templates, settings)
    n = len(spectra)
    snr_pixel, snr_angstrom, n_pixels = _signal_to_noise(group)
    flags = set_flag(spectra.flags, ~np.isfinite(spectra.redshift), Flag.REDSHIFT_UNKNOWN)
    finite = np.isfinite(spectra.flux)
    flags = set_flag(flags, np.any(~spectra.mask & ~finite, axis=1), Flag.NON_FINITE)
    flags = set_flag(flags, np.any(~spectra.mask & finite & ~group.good, axis=1), Flag.BAD_ERROR)
    flags = set_flag(flags, n_pixels < _MIN_PIXELS, Flag.NO_DATA)
    flags = set_flag(flags, (n_pixels >= _MIN_PIXELS) & ~(snr_pixel > _MIN_SNR), Flag.LOW_SNR)
    fit = np.flatnonzero((n_pixels >= _MIN_PIXELS) & (snr_pixel > _MIN_SNR))
    columns = {name: np.full(n, np.nan) for name in Labels.column_names() if name != "flags"}
    columns["snr"] = snr_angstrom
    weights = np.full((n, len(templates.log_age), len(templates.mh)), np.nan, dtype=np.float32)
    if len(fit):
        result, light, failed_kinematics = _fit_rows(group.take(fit), settings)
        for name, values in result.items():
            columns[name][fit] = values
        weights[fit] = light
        at = np.zeros(n, dtype=bool)
        at[fit] = failed_kinematics
        flags = set_flag(flags, at, Flag.KINEMATICS_FAILED)
        at[fit] = ~np.isfinite(result["log_age_lw"])
        flags = set_flag(flags, at, Flag.FIT_FAILED)
    flags = set_flag(flags, columns["chi2"] > settings.max_chi2, Flag.BAD_CHI2)
    return Labels(
        rows=spectra.rows, flags=flags, weights=weights, meta=_describe(spectra, templates, settings), **columns
    )


def _describe(spectra: Spectra, templates: SSPGrid, settings: FitSettings) -> dict[str, Any]:
    """What a reader of the labels must know of how they were made."""
    return {
        "source": spectra.source,
        "templates": templates.name,
        "template_reference": templates.reference,
        "solar_scale": templates.solar_scale,
        "norm_band_angstrom": list(NORM_BAND_ANGSTROM),
        "light_weighting": "mean of log10(age) and [M/H], weighted by f_lambda in the normalisation band before dust",
        "mass_weighting": "the same, weighted by the mass of stars formed",
        "continuum": settings.continuum,
        "polynomial_order": settings.polynomial_order if settings.continuum != "attenuation" else 0,
        "calibration_rms": settings.calibration_rms if settings.continuum == "calibrated" else None,
        "attenuation_law": settings.attenuation_law,
        "smoothness_age": settings.smoothness_age,
        "smoothness_mh": settings.smoothness_mh,
        "fit_range_angstrom": list(settings.fit_range_angstrom),
    }


def _make_group(spectra: Spectra, z: Floats, templates: SSPGrid, settings: FitSettings) -> _Group:
    pixel_kms = SPEED_OF_LIGHT_KMS * float(np.median(np.diff(spectra.wave_angstrom) / spectra.wave_angstrom[1:]))
    basis = prepare_basis(
        templates,
        fit_range_angstrom=settings.fit_range_angstrom,
        velocity_step_kms=float(np.clip(pixel_kms, 50.0, 150.0)),
        fwhm_rest_angstrom=resolution_at_rest(
            spectra.wave_angstrom,
            spectra.fwhm_angstrom,
            redshift=float(np.median(z)),
            fit_range_angstrom=settings.fit_range_angstrom,
        ),
        medium=spectra.medium,
    )
    lines = (*EMISSION_LINES, *SODIUM_LINES)
    near = near_lines(basis.wave_angstrom, lines, medium=spectra.medium, half_width_kms=settings.line_mask_kms)
    good = _good_pixels(spectra)
    flux = np.where(good, spectra.flux, np.nan).astype(float)
    flux[~good.any(axis=1)] = 1.0
    scale = np.abs(np.nanmedian(flux, axis=1))[:, None]
    scale = np.where(scale > 0, scale, 1.0)
    # what is masked may hold anything, and a weight of zero times NaN is NaN
    flux = np.where(good, flux / scale, 0.0)
    variance = (np.where(good, spectra.flux_err, 1.0) / np.where(good, scale, 1.0)) ** 2
    return _Group(spectra, z, basis, ~near, flux, variance, good, pixel_edges(spectra.wave_angstrom))


def _good_pixels(spectra: Spectra) -> Bools:
    """(n, p) not masked, and fit to be used: finite, with a positive error."""
    with np.errstate(invalid="ignore"):
        positive = np.isfinite(spectra.flux_err) & (spectra.flux_err > 0)
    return np.asarray(~spectra.mask & np.isfinite(spectra.flux) & positive)


def _signal_to_noise(group: _Group) -> tuple[Floats, Floats, Ints]:
    """Median S/N per pixel and per Angstrom of the spectra as observed, and the number of good pixels, of each row.

    Only the pixels of the fit's range count, whether a line is near or not.
    """
    spectra, edges = group.spectra, group.basis.edges_angstrom
    rest = spectra.wave_angstrom / (1.0 + group.redshift[:, None])
    used = (rest >= edges[0]) & (rest <= edges[-1]) & group.good
    count = used.sum(axis=1)
    signal = np.where(used, group.flux / np.sqrt(group.variance), np.nan)
    signal[count == 0] = 0.0
    per_root_angstrom = np.where(used, signal / np.sqrt(np.diff(group.edges_in)), np.nan)
    per_root_angstrom[count == 0] = 0.0
    return np.nanmedian(signal, axis=1), np.nanmedian(per_root_angstrom, axis=1), count


def _fit_rows(group: _Group, settings: FitSettings) -> tuple[dict[str, Floats], Floats, Bools]:
    """Columns of Labels, light fractions and the rows whose kinematics failed, for spectra that can be fitted."""
    n = len(group.spectra)
    velocity, sigma, failed = np.zeros(n), np.full(n, settings.default_sigma_kms), np.zeros(n, dtype=bool)
    if settings.kinematics:
        motion = fit_kinematics(group.seen, group.basis, n, usable=group.usable, correlation=group.correlation)
        failed = ~motion.measured
        velocity = np.where(failed, 0.0, motion.velocity_kms)
        sigma = np.where(failed, settings.default_sigma_kms, motion.sigma_kms)
    grid = group.basis.grid
    flux, weight = group.shifted(velocity)
    columns, light = fit_populations(flux, weight, group.basis, nearest_sigma(sigma), settings)
    columns["velocity_kms"], columns["sigma_kms"] = velocity, sigma
    return columns, light.reshape(n, len(grid.log_age), len(grid.mh)), failed
