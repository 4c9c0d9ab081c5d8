"""Full spectral fitting of many spectra at once: ages, metallicities, histories, with errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial.legendre import legvander

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.spectra.dust import attenuation_curve
from agez.spectra.kinematics import fit_kinematics, nearest_sigma, velocity_stretch
from agez.spectra.lines import EMISSION_LINES, SODIUM_LINES, near_lines
from agez.spectra.nonnegative import SmoothPrior, second_differences, solve_batch
from agez.spectra.rebin import LIGHT_KMS, pixel_edges, rebin_rows
from agez.spectra.template_basis import TemplateBasis, prepare_basis
from agez.spectra.templates import SSPGrid, load_templates
from agez.spectra.weighted import cross_gram, shared_gram, solve_ridge
from agez.types import NORM_BAND_ANGSTROM, Bools, Floats, Ints, Labels, Spectra


@dataclass(frozen=True)
class FitSettings:
    """What a fit is free to do.

    Attributes
    ----------
    fit_range_angstrom : (float, float)
        Rest frame; the part of it that a spectrum covers is used.
    continuum : 'polynomial' or 'attenuation'
        A smooth factor exp(sum_l a_l P_l) of Legendre polynomials up to ``polynomial_order`` that
        takes up dust and flux calibration, or an attenuation law with free A_V.
    polynomial_order : int
    attenuation_law : str
        See :func:`agez.spectra.dust.attenuation_curve`.
    smoothness : float
        Prior on light fractions: second differences between neighbours in age and in [M/H] are
        normal with sigma 1 / sqrt(smoothness).
    line_mask_kms : float
        Half-width of the window that is left out around each emission line.
    clip_sigma : float
        Pixels further than this many sigma from the first fit are left out of the final one.
    kinematics : bool
        False: take velocity 0 and ``default_sigma_kms`` for all spectra.
    default_sigma_kms : float
        Dispersion where none could be measured.
    max_chi2 : float
        Reduced chi2 above which a row is flagged (the paper's 2).
    """

    fit_range_angstrom: tuple[float, float] = (3750.0, 7000.0)
    continuum: str = "polynomial"
    polynomial_order: int = 8
    attenuation_law: str = "calzetti"
    smoothness: float = 400.0
    line_mask_kms: float = 700.0
    clip_sigma: float = 5.0
    kinematics: bool = True
    default_sigma_kms: float = 120.0
    max_chi2: float = 2.0

    def __post_init__(self) -> None:
        if self.continuum not in ("polynomial", "attenuation"):
            raise AgezError(f"continuum {self.continuum!r} is unknown; choose 'polynomial' or 'attenuation'")
        if not self.smoothness > 0:
            raise AgezError(f"smoothness must be positive, found {self.smoothness}")
        if not 0 < self.fit_range_angstrom[0] < self.fit_range_angstrom[1]:
            raise AgezError(f"fit range {self.fit_range_angstrom} A is empty; give a lower and a higher wavelength")


#: Fewest good pixels, and least signal-to-noise ratio per pixel, for which a fit is tried.
_MIN_PIXELS = 100
_MIN_SNR = 1.0
#: Alternations of weights and continuum, and a mild pull of weights to zero in units of the smoothness prior.
_ITERATIONS = 4
_RIDGE = 0.05
#: Step of the solver, chosen for speed at the S/N of binned integral-field spectra; results do not depend on it.
_PENALTY = 1e4


def fit_labels(spectra: Spectra, templates: SSPGrid | None = None, *, settings: FitSettings | None = None) -> Labels:
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
    templates : SSPGrid, optional
        Default E-MILES.
    settings : FitSettings, optional

    Returns
    -------
    Labels
        Errors are standard deviations of the posterior's Gaussian approximation, before positivity.

    Raises
    ------
    AgezError
        If the templates do not cover the range, or the spectra have no overlap with it.
    """
    settings = settings or FitSettings()
    templates = templates if templates is not None else load_templates()
    z = np.where(np.isfinite(spectra.redshift), spectra.redshift, 0.0)
    low, high = settings.fit_range_angstrom
    if spectra.wave_angstrom[-1] < low * (1 + z.min()) or spectra.wave_angstrom[0] > high * (1 + z.max()):
        raise AgezError(
            f"{spectra.source}: the spectra cover {spectra.wave_angstrom[0]:.0f}-{spectra.wave_angstrom[-1]:.0f} A, outside "
            f"the fit's range {low:.0f}-{high:.0f} A (rest frame); check the wavelength unit and the redshift"
        )
    parts, order = [], []
    # rows at the same redshift (to a thousandth) share the templates' resolution
    key = np.round(z, 3)
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
    scale: Floats  # (n,) flux that is called 1
    edges_in: Floats = field(repr=False)

    def shifted(self, velocity_kms: Floats) -> tuple[Floats, Floats]:
        """Flux in units of ``scale`` and weight (n, q) in the basis' pixels, for each row's velocity."""
        stretch = (1.0 + self.redshift) * velocity_stretch(velocity_kms)
        flux, variance, good = rebin_rows(
            self.edges_in, self.spectra.flux, self.spectra.flux_err.astype(float) ** 2, ~self.spectra.mask,
            self.basis.edges_angstrom, stretch,
        )  # fmt: skip
        use = good & self.usable
        scale = self.scale[:, None].astype(np.float32)
        weight = np.where(use, scale**2 / variance, 0).astype(np.float32)
        return np.where(use, flux / scale, 0).astype(np.float32), weight

    def take(self, rows: np.ndarray) -> _Group:
        return _Group(self.spectra.take(rows), self.redshift[rows], self.basis, self.usable, self.scale[rows], self.edges_in)


def _fit_group(spectra: Spectra, z: Floats, templates: SSPGrid, settings: FitSettings) -> Labels:
    group = _make_group(spectra, z, templates, settings)
    n = len(spectra)
    snr_pixel, snr_angstrom, n_pixels = _signal_to_noise(group)
    flags = set_flag(spectra.flags, ~np.isfinite(spectra.redshift), Flag.REDSHIFT_UNKNOWN)
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
    meta = {
        "templates": templates.name, "template_reference": templates.reference, "solar_scale": templates.solar_scale,
        "norm_band_angstrom": list(NORM_BAND_ANGSTROM), "light_weighting": "mean log10(age), [M/H] weighted by f_lambda before dust",
        "mass_weighting": "by mass of stars formed", "continuum": settings.continuum,
        "polynomial_order": settings.polynomial_order if settings.continuum == "polynomial" else 0,
        "smoothness": settings.smoothness, "fit_range_angstrom": list(settings.fit_range_angstrom), "source": spectra.source,
    }  # fmt: skip
    return Labels(rows=spectra.rows, flags=flags, weights=weights, meta=meta, **columns)


def _make_group(spectra: Spectra, z: Floats, templates: SSPGrid, settings: FitSettings) -> _Group:
    known = spectra.fwhm_angstrom[np.isfinite(spectra.fwhm_angstrom)]
    fwhm = float(np.median(known)) if len(known) else 2.0 * float(np.median(np.diff(spectra.wave_angstrom)))
    pixel = float(np.median(np.diff(spectra.wave_angstrom)))
    pixel_kms = LIGHT_KMS * float(np.median(np.diff(spectra.wave_angstrom) / spectra.wave_angstrom[1:]))
    # rebinning takes the flux as constant over a pixel, which convolves the data with a box (variance pixel^2 / 12)
    fwhm = float(np.hypot(fwhm, np.sqrt(8.0 * np.log(2.0) / 12.0) * pixel))
    basis = prepare_basis(
        templates,
        fit_range_angstrom=settings.fit_range_angstrom,
        velocity_step_kms=float(np.clip(pixel_kms, 50.0, 150.0)),
        fwhm_rest_angstrom=fwhm / (1 + float(np.median(z))),
        medium=spectra.medium,
    )
    lines = (*EMISSION_LINES, *SODIUM_LINES)
    near = near_lines(basis.wave_angstrom, lines, medium=spectra.medium, half_width_kms=settings.line_mask_kms)
    good_flux = np.where(spectra.mask, np.nan, spectra.flux)
    empty = spectra.mask.all(axis=1)
    good_flux[empty] = 1.0
    scale = np.abs(np.nanmedian(good_flux, axis=1)).astype(float)
    return _Group(spectra, z, basis, ~near, np.where(scale > 0, scale, 1.0), pixel_edges(spectra.wave_angstrom))


def _signal_to_noise(group: _Group) -> tuple[Floats, Floats, Floats]:
    """Median S/N per fit pixel and per Angstrom, and the number of good fit pixels, of each row."""
    flux, weight = group.shifted(np.zeros(len(group.spectra)))
    used = weight > 0
    count = used.sum(axis=1)
    signal = np.where(used, flux * np.sqrt(weight), np.nan)
    signal[count == 0] = 0.0
    per_pixel = np.nanmedian(signal, axis=1).astype(float)
    width = float(np.median(np.diff(group.basis.edges_angstrom)))
    return per_pixel, per_pixel / np.sqrt(width), count


def _fit_rows(group: _Group, settings: FitSettings) -> tuple[dict[str, Floats], Floats, Bools]:
    """Columns of Labels, light fractions and the rows whose kinematics failed, for spectra that can be fitted."""
    n = len(group.spectra)
    velocity, sigma, failed = np.zeros(n), np.full(n, settings.default_sigma_kms), np.zeros(n, dtype=bool)
    if settings.kinematics:
        motion = fit_kinematics(group.shifted, group.basis, n)
        failed = ~motion.measured
        velocity = np.where(failed, 0.0, motion.velocity_kms)
        sigma = np.where(failed, settings.default_sigma_kms, motion.sigma_kms)
    grid, basis = group.basis.grid, group.basis
    root = np.sqrt(settings.smoothness)
    m = basis.coefficients.shape[1]
    prior_root = np.concatenate([root * second_differences(len(grid.log_age), len(grid.mh)), _RIDGE * root * np.eye(m)])
    prior = SmoothPrior(prior_root, basis.coefficients, penalty=_PENALTY)
    flux, weight = group.shifted(velocity)
    columns, light = _Population(basis, nearest_sigma(sigma), prior, settings).fit(flux, weight)
    columns["velocity_kms"], columns["sigma_kms"] = velocity, sigma
    return columns, light.reshape(n, len(grid.log_age), len(grid.mh)), failed


class _Population:
    """The population fit of spectra whose dispersions are ``SIGMA_GRID_KMS[sigma_index]``."""

    def __init__(self, basis: TemplateBasis, sigma_index: Ints, prior: SmoothPrior, settings: FitSettings) -> None:
        self.basis = basis
        self.sigma_index = sigma_index
        self.coefficients = basis.coefficients
        self.grid = basis.grid
        self.prior = prior
        self.settings = settings
        if settings.continuum == "polynomial":
            x = np.linspace(-1.0, 1.0, len(basis.wave_angstrom))
            self.continuum = legvander(x, settings.polynomial_order)[:, 1:].astype(np.float32)
        else:
            curve = attenuation_curve(basis.wave_angstrom, settings.attenuation_law)
            self.continuum = (-0.4 * np.log(10.0) * curve[:, None]).astype(np.float32)

    def fit(self, flux: Floats, weight: Floats) -> tuple[dict[str, Floats], Floats]:
        """Columns of Labels and light fractions (n, m) for flux and weight (n, q)."""
        weight = weight.copy()
        light, factor = self._alternate(flux, weight, None, np.zeros((len(flux), self.continuum.shape[1])), _ITERATIONS)
        deviation = np.abs(flux - self._model(light, factor)) * np.sqrt(weight)
        spread = 1.4826 * np.nanmedian(np.where(weight > 0, deviation, np.nan), axis=1, keepdims=True)
        outlier = deviation > self.settings.clip_sigma * np.maximum(spread, 1.0)
        again = np.flatnonzero(outlier.any(axis=1))
        if len(again):
            weight[outlier] = 0.0
            fewer = _Population(self.basis, self.sigma_index[again], self.prior, self.settings)
            light[again], factor[again] = fewer._alternate(flux[again], weight[again], light[again], factor[again], 2)
        chi2 = np.einsum("nq,nq->n", weight, (flux - self._model(light, factor)) ** 2)
        freedom = (weight > 0).sum(axis=1) - self.continuum.shape[1] - 2
        columns = self._means(light, self._projected_gram(flux, weight, light, factor)[0])
        columns["chi2"] = chi2 / np.maximum(freedom, 1)
        columns["av"] = factor[:, 0] if self.settings.continuum == "attenuation" else np.full(len(flux), np.nan)
        return columns, light / np.maximum(light.sum(axis=1, keepdims=True), 1e-30)

    def _by_dispersion(self) -> Iterator[tuple[Ints, Floats]]:
        """Rows that share a dispersion, and the basis spectra (q, r) broadened by it."""
        for i in np.unique(self.sigma_index):
            yield np.flatnonzero(self.sigma_index == i), self.basis.spectra[i]

    def _stellar(self, light: Floats) -> Floats:
        compressed = (light @ self.coefficients.T).astype(np.float32)
        stellar = np.empty((len(light), len(self.continuum)), dtype=np.float32)
        for rows, spectra in self._by_dispersion():
            stellar[rows] = compressed[rows] @ spectra.T
        return stellar

    def _factor(self, factor: Floats) -> Floats:
        return np.exp(np.clip(factor.astype(np.float32) @ self.continuum.T, -5.0, 5.0))

    def _model(self, light: Floats, factor: Floats) -> Floats:
        return self._stellar(light) * self._factor(factor)

    def _projected_gram(self, flux: Floats, weight: Floats, light: Floats, factor: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Normal equations of the weights with the continuum's first-order change projected out.

        Around the present solution the model is q (U c + s P da), with s the stellar part: the
        columns s P are eliminated by their Schur complement.
        """
        q = self._factor(factor)
        stellar = self._stellar(light)
        wq2 = weight * q**2
        target = flux / q
        n, rank, free = len(flux), len(self.coefficients), self.continuum.shape[1]
        gram, right, cross = np.empty((n, rank, rank)), np.empty((n, rank)), np.empty((n, free, rank))
        for rows, spectra in self._by_dispersion():
            gram[rows] = shared_gram(spectra, wq2[rows])
            right[rows] = (wq2[rows] * target[rows]) @ spectra
            cross[rows] = cross_gram(self.continuum, spectra, wq2[rows] * stellar[rows])
        own = shared_gram(self.continuum, wq2 * stellar**2)
        own_right = ((wq2 * stellar * target) @ self.continuum).astype(float)
        scale = np.einsum("nii->ni", own).max(axis=1)[:, None, None]
        own = own + 1e-6 * np.maximum(scale, 1e-30) * np.eye(own.shape[1])
        solved = np.linalg.solve(own, np.concatenate([cross, own_right[..., None]], axis=2))
        crossT = np.swapaxes(cross, 1, 2)
        return (
            gram - crossT @ solved[:, :, :-1],
            right - (crossT @ solved[:, :, -1:])[..., 0],
            own,
            own_right,
            cross,
        )

    def _alternate(
        self, flux: Floats, weight: Floats, light: Floats | None, factor: Floats, iterations: int
    ) -> tuple[Floats, Floats]:
        """Refine light fractions and continuum in turn."""
        if light is None:
            # start from equal weights of all templates, and the continuum that fits them
            light = np.full((len(flux), self.coefficients.shape[1]), 1.0 / self.coefficients.shape[1])
            factor = self._fit_factor(flux, weight, light, factor, steps=3)
        for _ in range(iterations):
            gram, right, own, own_right, cross = self._projected_gram(flux, weight, light, factor)
            light = solve_batch(gram, right, self.prior, start=light)
            c = light @ self.coefficients.T
            change = np.linalg.solve(own, (own_right - np.einsum("nij,nj->ni", cross, c))[..., None])[..., 0]
            factor = factor + np.clip(change, -0.5, 0.5)
            factor = self._fit_factor(flux, weight, light, factor, steps=1)
        return light, factor

    def _fit_factor(self, flux: Floats, weight: Floats, light: Floats, factor: Floats, *, steps: int) -> Floats:
        """Gauss-Newton steps in the continuum and a free scale at fixed stellar light."""
        stellar = self._stellar(light)
        columns = np.concatenate([np.ones((len(self.continuum), 1), np.float32), self.continuum], axis=1)
        for _ in range(steps):
            model = stellar * self._factor(factor)
            norm = np.einsum("nq,nq,nq->n", weight, model, flux) / np.maximum(
                np.einsum("nq,nq,nq->n", weight, model, model), 1e-30
            )
            model = model * np.where(norm > 0, norm, 1.0)[:, None].astype(np.float32)
            gram = shared_gram(columns, weight * model**2)
            change = solve_ridge(gram, ((weight * model * (flux - model)) @ columns).astype(float))
            factor = factor + np.clip(change[:, 1:], -0.5, 0.5)
        return factor

    def _means(self, light: Floats, gram: Floats) -> dict[str, Floats]:
        """Light- and mass-weighted means and their errors."""
        log_age = np.repeat(self.grid.log_age, len(self.grid.mh))
        mh = np.tile(self.grid.mh, len(self.grid.log_age))
        mass_per_light = 1.0 / self.grid.light.ravel()
        mass_per_light = mass_per_light / mass_per_light.mean()
        columns = {}
        for suffix, per_light in (("lw", np.ones_like(mass_per_light)), ("mw", mass_per_light)):
            amount = light * per_light
            total = amount.sum(axis=1)
            total = np.where(total > 0, total, np.nan)
            for name, quantity in (("log_age", log_age), ("mh", mh)):
                mean = amount @ quantity / total
                # derivative of the mean with respect to each weight
                slope = (quantity[None, :] - mean[:, None]) * per_light / total[:, None]
                columns[f"{name}_{suffix}"] = mean
                columns[f"{name}_{suffix}_err"] = self._standard_error(np.nan_to_num(slope), gram)
        return columns

    def _standard_error(self, slope: Floats, gram: Floats) -> Floats:
        """sqrt(g' (P + B'GB)^-1 g) for each row's derivative g (n, m), by Woodbury's identity."""
        inverse = np.linalg.inv(self.prior.precision)
        kb = inverse @ self.coefficients.T
        inner = np.linalg.solve(np.eye(len(kb.T)) + gram @ (self.coefficients @ kb), gram)
        bkg = slope @ kb
        variance = np.einsum("nm,nm->n", slope @ inverse, slope) - np.einsum("nr,nrs,ns->n", bkg, inner, bkg)
        return np.sqrt(np.maximum(variance, 0.0))
