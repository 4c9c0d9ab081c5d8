"""A second opinion on labels: the same spectra, templates, range and lines, fitted one by one with pPXF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from zlib import crc32

import numpy as np
from scipy.interpolate import CubicSpline

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.spectra.dust import attenuation_curve
from agez.spectra.formats_units import line_flux_unit
from agez.spectra.kinematics import velocity_stretch
from agez.spectra.lines import EMISSION_LINES, LINE_NAMES, SODIUM_LINES, SPEED_OF_LIGHT_KMS, line_waves, near_lines
from agez.spectra.populations import FitSettings
from agez.spectra.ppxf_fit import PpxfAnswer, PpxfOptions, fit_one
from agez.spectra.ppxf_templates import PpxfTemplates, prepare_ppxf_templates, without_gas
from agez.spectra.rebin import pixel_edges, rebin_rows
from agez.spectra.template_basis import resolution_at_rest
from agez.spectra.template_error import error_with_templates
from agez.spectra.templates import SSPGrid, load_templates
from agez.types import NORM_BAND_ANGSTROM, Bools, FittedSpectra, Floats, Labels, Lines, Spectra
from agez.worker_pool import each_done

#: Fewest good pixels, and least signal-to-noise ratio per pixel, for which a fit is tried: as in agez's own engine.
_MIN_PIXELS = 100
_MIN_SNR = 1.0
REFERENCE = "Cappellari 2023, MNRAS 526, 3273"


def fit_labels_ppxf(
    spectra: Spectra,
    templates: SSPGrid | str = "emiles",
    *,
    settings: FitSettings | None = None,
    regularisation: float | str = PpxfOptions.regularisation,
    regularisation_order: int = PpxfOptions.order,
    bootstraps: int = PpxfOptions.bootstraps,
    keep_fits: bool = False,
    workers: int = 1,
    seed: int = 1,
) -> Labels:
    """Ages and metallicities of ``spectra`` by pPXF (Cappellari 2023, MNRAS 526, 3273), one spectrum after another.

    It is used as its author recommends for stellar populations with gas.  Templates of unit light, broadened to
    the data's resolution, and Gaussian lines (doublets of fixed ratio as one, one velocity and dispersion
    for all) are fitted to each spectrum on the logarithmic rest-frame grid that agez's own engine uses, with a
    multiplicative polynomial or an attenuation law and without additive polynomials.  A first fit without
    regularisation finds outliers (``settings.clip_sigma``) and the factor of the noise that makes the reduced chi2
    1; the second has regularisation.

    Parameters
    ----------
    spectra : Spectra
        Rows without redshift are taken as rest-frame and flagged.
    templates : SSPGrid or str
        A name or path is that of :func:`agez.load_templates`.
    settings : FitSettings, optional
        Range, continuum (``polynomial`` or ``attenuation``; pPXF cannot hold a polynomial to an accuracy), lines,
        masks, clipping, kinematics and the limit of chi2; the prior's settings are agez's own and mean nothing here.
    regularisation : float or 'discrepancy'
        pPXF's ``regul``: inverse of the error that the weights' second derivatives may have.  0: none.
        ``discrepancy``: the largest that the data bear, at which chi2 grows by sqrt(2 N).
    regularisation_order : int
        2: second derivatives; 1: first.
    bootstraps : int
        Repetitions of the populations' fit with residuals of random sign and without regularisation, whose standard
        deviations are the errors; 0: errors are NaN.
    keep_fits : bool
        Return data and model too.
    workers : int
        Processes.
    seed : int
        Of the bootstrap; a spectrum's errors depend on it and on the ``spec_id`` alone.

    Returns
    -------
    Labels
        ``prior_strength`` is the ``regul`` that was used.  Errors of velocity and dispersion are pPXF's formal ones
        times the square root of the reduced chi2.  A spectrum that pPXF cannot fit is flagged, others go on.

    Raises
    ------
    AgezError
        If ppxf is not installed, there is no spectrum, an option has no meaning or the templates do not cover the
        range.
    """
    settings, options = _checked(settings, regularisation, regularisation_order, bootstraps, workers)
    if find_spec("ppxf") is None:
        raise AgezError("engine 'ppxf' needs the package ppxf; run: pip install 'agez[ppxf]'")
    if isinstance(templates, str):
        templates = load_templates(templates)
    z = _redshifts(spectra, settings)
    rows = np.argsort(np.round(z, 3), kind="stable")
    shared = (templates, settings, options, keep_fits, seed)
    # several chunks a worker, since some spectra take longer than others
    parts = np.array_split(rows, 1 if workers == 1 else min(4 * workers, len(rows)))
    chunks = [_Chunk(number, spectra.take(part)) for number, part in enumerate(parts)]
    done = {chunk.number: labels for chunk, labels in each_done(
        _fit_shared, chunks, workers=workers, start=_share, start_with=shared
    )}  # fmt: skip
    labels = Labels.concatenate([done[number] for number in range(len(chunks))])
    return labels.take(np.argsort(rows, kind="stable"))


def _checked(
    settings: FitSettings | None, regularisation: float | str, order: int, bootstraps: int, workers: int
) -> tuple[FitSettings, PpxfOptions]:
    settings = settings or FitSettings()
    if settings.continuum not in ("polynomial", "attenuation"):
        raise AgezError(
            f"engine 'ppxf' cannot fit the continuum {settings.continuum!r}; choose polynomial or attenuation"
        )
    if regularisation != "discrepancy" and (isinstance(regularisation, str) or not 0 <= regularisation < np.inf):
        raise AgezError(f"regularisation is {regularisation!r}; expected a number not below 0 or 'discrepancy'")
    if order not in (1, 2):
        raise AgezError(f"regularisation_order is {order}; expected 1 or 2")
    if bootstraps < 0 or bootstraps == 1:
        raise AgezError(f"bootstraps is {bootstraps}; expected 0 (no errors) or at least 2")
    if workers < 1:
        raise AgezError(f"workers is {workers}; expected at least 1")
    return settings, PpxfOptions(regularisation, order, bootstraps)


def _redshifts(spectra: Spectra, settings: FitSettings) -> Floats:
    """(n,) redshifts, 0 where unknown; AgezError where nothing can be fitted."""
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
            f"{spectra.source}: the spectra cover {first:.0f}-{last:.0f} A, outside the fit's range "
            f"{low:.0f}-{high:.0f} A (rest frame); check the wavelength unit and the redshift"
        )
    return z


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some rows for a worker."""

    number: int
    spectra: Spectra


#: What a worker process was started with: templates, settings, options, keep_fits and seed.
_SHARED: list[Any] = []


def _share(*shared: Any) -> None:
    _SHARED[:] = shared


def _fit_shared(chunk: _Chunk) -> Labels:
    return _fit_chunk(chunk.spectra, *_SHARED)


def _fit_chunk(
    spectra: Spectra, templates: SSPGrid, settings: FitSettings, options: PpxfOptions, keep_fits: bool, seed: int
) -> Labels:
    """Labels of spectra, those of like redshift after one another."""
    z = np.where(np.isfinite(spectra.redshift), spectra.redshift, 0.0)
    key = np.round(z, 3)
    parts, order = [], []
    for value in np.unique(key):
        rows = np.flatnonzero(key == value)
        parts.append(_fit_group(spectra.take(rows), z[rows], templates, settings, options, keep_fits, seed))
        order.append(rows)
    return Labels.concatenate(parts).take(np.argsort(np.concatenate(order), kind="stable"))


def _templates_for(spectra: Spectra, z: float, grid: SSPGrid, settings: FitSettings) -> PpxfTemplates:
    """Templates on agez's own fit grid, at the spectra's resolution by wavelength."""
    wave, fit_range = spectra.wave_angstrom, settings.fit_range_angstrom
    fwhm = resolution_at_rest(wave, spectra.fwhm_angstrom, redshift=z, fit_range_angstrom=fit_range)
    pixel_kms = SPEED_OF_LIGHT_KMS * float(np.median(np.diff(wave) / wave[1:]))
    templates = prepare_ppxf_templates(
        grid, fit_range_angstrom=fit_range, velocity_step_kms=float(np.clip(pixel_kms, 50.0, 150.0)),
        fwhm_rest_angstrom=fwhm, medium=spectra.medium,
    )  # fmt: skip
    return templates if settings.emission_lines else without_gas(templates)


def _fit_group(
    spectra: Spectra,
    z: Floats,
    grid: SSPGrid,
    settings: FitSettings,
    options: PpxfOptions,
    keep_fits: bool,
    seed: int,
) -> Labels:
    """Labels of spectra whose redshifts are nearly the same."""
    templates = _templates_for(spectra, float(np.median(z)), grid, settings)
    n = len(spectra)
    with np.errstate(invalid="ignore"):
        positive = np.isfinite(spectra.flux_err) & (spectra.flux_err > 0)
    finite = np.isfinite(spectra.flux)
    good = ~spectra.mask & finite & positive
    for low, high in settings.sky_mask_angstrom:
        good &= ~((spectra.wave_angstrom >= low) & (spectra.wave_angstrom <= high))
    rest = spectra.wave_angstrom / (1.0 + z[:, None])
    inside = (rest >= templates.edges_angstrom[0]) & (rest <= templates.edges_angstrom[-1]) & good
    scale, snr_pixel, snr_angstrom = _levels(spectra, inside)
    flux = np.where(good, spectra.flux, 0.0) / scale[:, None]
    error = np.where(good, error_with_templates(spectra, good, settings.template_error), 1.0) / scale[:, None]
    edges_in = pixel_edges(spectra.wave_angstrom)
    rebinned, variance, usable = rebin_rows(edges_in, flux, error**2, good, templates.edges_angstrom, 1.0 + z)
    masked = SODIUM_LINES if settings.emission_lines else (*EMISSION_LINES, *SODIUM_LINES)
    usable &= ~near_lines(templates.wave_angstrom, masked, medium=spectra.medium, half_width_kms=settings.line_mask_kms)
    enough, strong = inside.sum(axis=1) >= _MIN_PIXELS, snr_pixel > _MIN_SNR
    enough &= usable.sum(axis=1) >= _MIN_PIXELS
    flags = set_flag(spectra.flags, ~np.isfinite(spectra.redshift), Flag.REDSHIFT_UNKNOWN)
    flags = set_flag(flags, np.any(~spectra.mask & ~finite, axis=1), Flag.NON_FINITE)
    flags = set_flag(flags, np.any(~spectra.mask & finite & ~positive, axis=1), Flag.BAD_ERROR)
    flags = set_flag(flags, ~enough, Flag.NO_DATA)
    flags = set_flag(flags, enough & ~strong, Flag.LOW_SNR)
    answers: list[PpxfAnswer | None] = []
    for i in range(n):
        answer = None
        if enough[i] and strong[i]:
            rng = np.random.default_rng([seed, crc32(str(spectra.rows.spec_id[i]).encode())])
            noise = np.sqrt(variance[i].astype(float))
            try:
                answer = fit_one(rebinned[i].astype(float), noise, usable[i], templates, settings, options, rng)
            except Exception:  # pPXF raises what its solvers raise; one spectrum must not end the others
                answer = None
            if answer is not None and not np.isfinite(answer.weights).all():
                answer = None
        answers.append(answer)
    failed = np.array([answer is None for answer in answers])
    flags = set_flag(flags, failed & enough & strong, Flag.FIT_FAILED)
    flags = set_flag(flags, np.array([a is not None and a.kinematics_failed for a in answers]), Flag.KINEMATICS_FAILED)
    columns, weights = _columns(answers, templates, settings)
    flags = set_flag(flags, np.nan_to_num(columns["chi2"]) > settings.max_chi2, Flag.BAD_CHI2)
    fitted = None
    if keep_fits:
        fitted = _fitted(answers, templates, edges_in, flux, error, good, z)
    return Labels(
        rows=spectra.rows, flags=flags, weights=weights, snr=snr_angstrom,
        lines=_lines(answers, templates, scale, z, spectra) if settings.emission_lines else None, fitted=fitted,
        meta=_describe(spectra, grid, settings, options), **columns,
    )  # fmt: skip


def _levels(spectra: Spectra, inside: Bools) -> tuple[Floats, Floats, Floats]:
    """Median flux (1 where not positive), median S/N per pixel and per Angstrom, of the pixels ``inside`` (n, p)."""
    scale, snr, per_angstrom = np.ones(len(spectra)), np.zeros(len(spectra)), np.zeros(len(spectra))
    width = np.sqrt(np.diff(pixel_edges(spectra.wave_angstrom)))
    for i, use in enumerate(inside):
        if use.any():
            ratio = spectra.flux[i, use].astype(float) / spectra.flux_err[i, use]
            level = abs(float(np.median(spectra.flux[i, use])))
            scale[i] = level if level > 0 else 1.0
            snr[i], per_angstrom[i] = np.median(ratio), np.median(ratio / width[use])
    return scale, snr, per_angstrom


def _means(weights: Floats, grid: SSPGrid) -> dict[str, Floats]:
    """Means of light fractions (..., m), by light and by mass."""
    log_age, mh = np.repeat(grid.log_age, len(grid.mh)), np.tile(grid.mh, len(grid.log_age))
    means = {}
    for suffix, amount in (("lw", weights), ("mw", weights / grid.light.ravel())):
        total = amount.sum(axis=-1)
        means[f"log_age_{suffix}"], means[f"mh_{suffix}"] = amount @ log_age / total, amount @ mh / total
    return means


def _columns(
    answers: Sequence[PpxfAnswer | None], templates: PpxfTemplates, settings: FitSettings
) -> tuple[dict[str, Floats], Floats]:
    """Columns of Labels without ``snr`` and ``flags``, and light fractions; NaN where there is no answer."""
    n, grid = len(answers), templates.grid
    columns = {name: np.full(n, np.nan) for name in Labels.column_names() if name not in ("flags", "snr")}
    weights = np.full((n, *grid.light.shape), np.nan, dtype=np.float32)
    curve = -0.4 * np.log(10.0) * attenuation_curve(templates.wave_angstrom, settings.attenuation_law)
    curve = curve - curve.mean()
    for i, answer in enumerate(answers):
        if answer is None:
            continue
        weights[i] = answer.weights.reshape(grid.light.shape)
        spread = _means(answer.bootstrap, grid)
        for name, value in _means(answer.weights, grid).items():
            columns[name][i] = value
            if len(answer.bootstrap):
                columns[f"{name}_err"][i] = np.std(spread[name], ddof=1)
        for name in ("velocity_kms", "velocity_kms_err", "sigma_kms", "sigma_kms_err", "chi2"):
            columns[name][i] = getattr(answer, name)
        columns["prior_strength"][i] = answer.regularisation
        # the law nearest to a free continuum, in the least-squares sense
        free = settings.continuum == "polynomial"
        columns["av"][i] = answer.continuum @ curve / np.sum(curve**2) if free else answer.av
    return columns, weights


def _lines(
    answers: Sequence[PpxfAnswer | None], templates: PpxfTemplates, scale: Floats, z: Floats, spectra: Spectra
) -> Lines:
    """Fluxes of all lines as observed, and their widths against the fitted stars."""
    n, count = len(answers), len(EMISSION_LINES)
    flux, error, width = (np.full((n, count), np.nan) for _ in range(3))
    motion = {name: np.full(n, np.nan) for name in ("velocity_kms", "sigma_kms", "velocity_kms_err", "sigma_kms_err")}
    centres = line_waves(LINE_NAMES, medium=spectra.medium)
    for i, answer in enumerate(answers):
        if answer is None or not len(answer.gas_flux):
            continue
        for name, values in motion.items():
            values[i] = getattr(answer, f"gas_{name}")
        stretch = float(velocity_stretch(np.array(answer.gas_velocity_kms)))
        stars = np.interp(centres * stretch, templates.wave_angstrom, answer.stars)
        for k, (column, ratio) in enumerate(templates.lines):
            if column >= 0:
                value = answer.gas_flux[column] * ratio * stretch
                # rebinning keeps the flux density, and wavelengths as observed are longer
                flux[i, k] = value * (1 + z[i]) * scale[i]
                error[i, k] = answer.gas_flux_err[column] * ratio * stretch * (1 + z[i]) * scale[i]
                width[i, k] = value / stars[k] if stars[k] > 0 else np.nan
    return Lines(
        names=LINE_NAMES, flux=flux, flux_err=error, ew_angstrom=width, flux_unit=line_flux_unit(spectra.flux_unit),
        **motion,
    )  # fmt: skip


def _fitted(
    answers: Sequence[PpxfAnswer | None],
    templates: PpxfTemplates,
    edges_in: Floats,
    flux: Floats,
    error: Floats,
    good: Bools,
    z: Floats,
) -> FittedSpectra:
    """Data and model in the rest frame of the fitted velocity."""
    velocity = np.array([0.0 if a is None else a.velocity_kms for a in answers])
    shift = velocity_stretch(velocity)
    data, variance, usable = rebin_rows(edges_in, flux, error**2, good, templates.edges_angstrom, (1.0 + z) * shift)
    wave, n, q = templates.wave_angstrom, len(answers), len(templates.wave_angstrom)
    stars, gas, used = np.zeros((n, q), np.float32), np.zeros((n, q), np.float32), np.zeros((n, q), dtype=bool)
    for i, answer in enumerate(answers):
        if answer is not None:
            stars[i], gas[i] = CubicSpline(wave, np.stack([answer.stars, answer.gas]), axis=1)(wave * shift[i])
            used[i] = usable[i] & (np.interp(wave * shift[i], wave, answer.used.astype(float)) > 0.5)
    return FittedSpectra(wave, data, np.sqrt(variance), stars, gas, used)


def _describe(spectra: Spectra, templates: SSPGrid, settings: FitSettings, options: PpxfOptions) -> dict[str, object]:
    """What a reader of the labels must know of how they were made."""
    polynomial = settings.continuum == "polynomial"
    return {
        "source": spectra.source,
        "engine": "ppxf",
        "engine_reference": REFERENCE,
        "templates": templates.name,
        "template_reference": templates.reference,
        "solar_scale": templates.solar_scale,
        "norm_band_angstrom": list(NORM_BAND_ANGSTROM),
        "light_weighting": "mean of log10(age) and [M/H], weighted by f_lambda in the normalisation band before dust",
        "mass_weighting": "the same, weighted by the mass of stars formed",
        "continuum": settings.continuum,
        "polynomial_order": settings.polynomial_order if polynomial else 0,
        "attenuation_law": settings.attenuation_law,
        "emission_lines": settings.emission_lines,
        "regularisation": options.regularisation,
        "regularisation_order": options.order,
        "bootstraps": options.bootstraps,
        "fit_range_angstrom": list(settings.fit_range_angstrom),
    }
