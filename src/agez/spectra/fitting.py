"""Full spectral fitting of many spectra at once: ages, metallicities, histories, with errors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from agez.arguments import takes
from agez.arrays import PerRow
from agez.flags import Flag, set_flag
from agez.label_types import FittedSpectra, HistoryErrors, Labels, Lines
from agez.spectra.fit_inputs import (
    checked_redshifts,
    covered_span,
    describe_fit,
    fit_grid,
    good_pixels,
    in_units_of,
    input_flags,
    median_flux,
    signal_to_noise,
)
from agez.spectra.fit_settings import FitSettings
from agez.spectra.gas_columns import GasFit
from agez.spectra.grid_edges import at_an_end, leans_on_an_edge
from agez.spectra.history_errors import calibrated
from agez.spectra.kinematics import Kinematics, fit_kinematics, to_nearest_node, velocity_stretch
from agez.spectra.label_means import widened, with_young_errors
from agez.spectra.lines import EMISSION_LINES, LINE_NAMES, SODIUM_LINES, near_lines
from agez.spectra.populations import Population
from agez.spectra.rebin import PixelSums, noise_correlation, pixel_edges
from agez.spectra.redshift_finder import with_found_redshifts
from agez.spectra.template_basis import SIGMA_GRID_KMS, TemplateBasis, prepare_basis
from agez.spectra.templates import SSPGrid, load_templates
from agez.spectra_specutils import as_spectra
from agez.spectral_units import line_flux_unit
from agez.types import LABEL_NAMES, Bools, Floats, Ints, Spectra
from agez.wavelength_gaps import with_missing_pixels

_ROWS_AT_ONCE = 256
#: Labels of spectra below this S/N per Angstrom are flagged.
_LOW_SNR = 5.0
#: So are those of spectra with less than this part of the range, or of what lies between their ends: 68 % intervals
#: hold on mock spectra that end at 5200 Angstrom.
_LEAST_COVERED, _LEAST_OF_REACHED = 0.4, 0.6
#: What a fit that has an answer has.
_ANSWERS = ("chi2", *(f"{name}{end}" for name in (*LABEL_NAMES, "av") for end in ("", "_err")))


@takes(spectra="Spectra or specutils", templates="SSPGrid or name")
def fit_labels(
    spectra: Spectra | Any,
    templates: SSPGrid | str = "emiles",
    *,
    settings: FitSettings | None = None,
    keep_fits: bool = False,
) -> Labels:
    """Ages, metallicities, kinematics and emission lines of ``spectra`` by full spectral fitting.

    Each spectrum is modelled in its rest frame as q(l) sum_j w_j T_j(l) + sum_k F_k G_k(l), where T_j are SSPs of
    unit light broadened by the fitted dispersion, w_j >= 0 are light fractions, q is a smooth continuum factor
    and G_k are emission lines with the gas' own motion.  The prior on the weights is one of
    smoothness (second differences over the age and [M/H] grid, as in STECKMAP, Ocvirk et al. 2006, MNRAS 365, 46,
    and pPXF, Cappellari 2017, MNRAS 466, 798) and of a small spread in [M/H]; its strength is chosen by generalised
    cross-validation.  Velocity and dispersion come first, with the lines masked; then weights and everything else are
    found in turn, each a linear problem with the other's first-order change projected out.

    Parameters
    ----------
    spectra : Spectra or specutils Spectrum
        Rows without redshift get that which :func:`agez.find_redshift` finds, and are flagged; where it finds none
        they are taken as rest-frame, and flagged as well.
    templates : SSPGrid or str
        A name or path is that of :func:`agez.load_templates`.
    settings : FitSettings, optional
    keep_fits : bool
        Keep data and model of each spectrum as ``fitted``.

    Returns
    -------
    Labels
        Errors are from the posterior's curvature over the weights in use, calibrated on mock spectra.

    Raises
    ------
    AgezError
        If there is no spectrum, a redshift is not above -1, the templates do not cover the range, or the
        spectra have no overlap with it.

    Examples
    --------
    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> labels = agez.fit_labels(mock.spectra, grid)
    >>> bool(abs(labels.log_age_lw - mock.truth.log_age_lw).max() < 0.2), labels.good.tolist()
    (True, [True, True, True, True, True])
    """
    spectra = as_spectra(spectra)
    settings = settings or FitSettings()
    if isinstance(templates, str):
        templates = load_templates(templates)
    spectra = with_found_redshifts(spectra, templates, sky_mask_angstrom=settings.sky_mask_angstrom)
    spectra = with_missing_pixels(spectra)
    z = checked_redshifts(spectra, settings)
    parts, order = [], []
    # rows at the same redshift (to a thousandth) share the templates' resolution, and of the same ends the continuum
    key, kind = np.unique(
        np.column_stack([np.round(z, 3), covered_span(spectra, z, settings)]), axis=0, return_inverse=True
    )
    # the matrices of one galaxy are small: a second thread gains a tenth, and on a busy machine costs a factor of seven
    with threadpool_limits(1, user_api="blas"):
        for number, (_, *span) in enumerate(key):
            together = np.flatnonzero(kind == number)
            # matrices of more rows than this no longer stay in the processor's cache
            for rows in np.array_split(together, -(-len(together) // _ROWS_AT_ONCE)):
                group = _make_group(spectra.take(rows), z[rows], (span[0], span[1]), templates, settings)
                parts.append(_fit_group(group, templates, settings, keep_fits=keep_fits))
                order.append(rows)
    return Labels.concatenate(parts).take(np.argsort(np.concatenate(order)))


@dataclass(frozen=True, eq=False)
class _Group(PerRow):
    """Spectra that share a template basis, and how to see them shifted by a velocity."""

    _row_fields = ("spectra", "redshift", "scale", "flux", "variance", "good")

    spectra: Spectra
    redshift: Floats
    basis: TemplateBasis
    usable: Bools  # (q,) pixels away from interstellar sodium
    away: Bools  # (q,) pixels away from emission lines too
    scale: Floats  # (n,) median flux of each row
    flux: Floats  # (n, p) in units of ``scale``, so that single precision holds whatever the unit is
    variance: Floats  # (n, p) in the square of that unit
    good: Bools  # (n, p)
    edges_in: Floats = field(repr=False)
    span: tuple[float, float]  # what the rows cover of the fit's range, 0 to 1

    @cached_property
    def sums(self) -> PixelSums:
        return PixelSums.of(self.edges_in, self.flux, self.variance, self.good)

    @property
    def correlation(self) -> Floats:
        """(q,) what rebinning does to the errors of sums over neighbouring pixels."""
        return noise_correlation(self.edges_in, self.basis.edges_angstrom, float(np.median(1.0 + self.redshift)))

    @property
    def reached(self) -> Bools:
        """(q,) pixels between the ends of the data."""
        place = np.linspace(0.0, 1.0, len(self.basis.wave_angstrom))
        return np.asarray((place >= self.span[0]) & (place <= self.span[1]))

    def shifted(self, velocity_kms: Floats) -> tuple[Floats, Floats]:
        """Flux in units of ``scale`` and weight (n, q) in the basis' pixels, for each row's velocity."""
        stretch = (1.0 + self.redshift) * velocity_stretch(velocity_kms)
        flux, variance, good = self.sums.rebin(self.basis.edges_angstrom, stretch)
        use = good & self.usable
        return np.where(use, flux, 0).astype(np.float32), np.where(use, 1.0 / variance, 0).astype(np.float32)


def _fit_group(group: _Group, templates: SSPGrid, settings: FitSettings, *, keep_fits: bool) -> Labels:
    spectra, z = group.spectra, group.redshift
    snr_pixel, snr_angstrom, n_pixels = signal_to_noise(spectra, group.good, z, group.basis.edges_angstrom)
    flags, tried = input_flags(spectra, n_pixels, snr_pixel)
    at = np.flatnonzero(tried)
    parts = _nothing_fitted(group, templates, settings, keep_fits=keep_fits)
    parts.columns.update(snr=snr_angstrom, redshift=spectra.redshift, redshift_err=spectra.redshift_err)
    if len(at):
        fitted, failed, partly = _fit_rows(group.take(at), settings, keep_fits=keep_fits)
        columns = with_young_errors(widened(fitted.columns, snr_angstrom[at]), fitted.weights, templates)
        of_history = calibrated(fitted.of_history, fitted.weights, templates, columns["chi2"])
        fitted = replace(fitted, columns=columns, of_history=of_history)
        answered = np.all([np.isfinite(fitted.columns[name]) for name in _ANSWERS], axis=0)
        parts.put(at, fitted, np.flatnonzero(answered))
        flags[at] = set_flag(flags[at], failed, Flag.KINEMATICS_FAILED)
        flags[at] = set_flag(flags[at], ~answered, Flag.FIT_FAILED)
        flags[at] = set_flag(flags[at], answered & (snr_angstrom[at] < _LOW_SNR), Flag.LOW_SNR)
        widest = fitted.columns["sigma_kms"] >= SIGMA_GRID_KMS[-1]
        flags[at] = set_flag(flags[at], answered & (at_an_end(fitted.weights) | widest), Flag.OUT_OF_RANGE)
        flags[at] = set_flag(flags[at], answered & leans_on_an_edge(fitted.weights, templates), Flag.ON_GRID_EDGE)
        flags[at] = set_flag(flags[at], answered & partly, Flag.PARTLY_COVERED)
    flags = set_flag(flags, parts.columns["chi2"] > settings.max_chi2, Flag.BAD_CHI2)
    return Labels(
        rows=spectra.rows,
        flags=flags,
        weights=parts.weights,
        lines=parts.lines,
        fitted=parts.fitted,
        history_errors=parts.of_history,
        meta=_describe(spectra, templates, settings, group.basis),
        **parts.columns,  # type: ignore[arg-type]
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """What Labels are made of, for some rows."""

    columns: dict[str, Floats]
    weights: Floats
    of_history: HistoryErrors
    lines: Lines | None
    fitted: FittedSpectra | None

    def put(self, rows: Ints, other: _Parts, chosen: Ints) -> None:
        """Write the parts of ``rows`` from ``other``, where only the ``chosen`` ones of those rows have an answer."""
        rows = rows[chosen]
        for name, values in other.columns.items():
            self.columns[name][rows] = values[chosen]
        self.weights[rows] = other.weights[chosen]
        pairs: list[tuple[Any, Any]] = [
            (getattr(self, name), getattr(other, name)) for name in ("of_history", "lines", "fitted")
        ]
        for mine, theirs in pairs:
            if mine is not None and theirs is not None:
                for name in mine._row_fields:
                    getattr(mine, name)[rows] = getattr(theirs, name)[chosen]


def _nothing_fitted(group: _Group, templates: SSPGrid, settings: FitSettings, *, keep_fits: bool) -> _Parts:
    """NaN everywhere: the answer of rows that no fit is tried for."""
    n, names, q = len(group.spectra), LINE_NAMES, len(group.basis.wave_angstrom)

    def nan(*shape: int) -> Floats:
        return np.full((n, *shape), np.nan)

    unit = line_flux_unit(group.spectra.flux_unit)
    lines = Lines(
        names, nan(len(names)), nan(len(names)), nan(len(names)), nan(), nan(), nan(), nan(), unit
    )  # fmt: skip
    nothing = np.full((n, q), np.nan, dtype=np.float32)
    fitted = FittedSpectra(
        group.basis.wave_angstrom, nothing, nothing.copy(), nothing.copy(), nothing.copy(), np.zeros((n, q), dtype=bool)
    )
    return _Parts(
        {name: nan() for name in Labels.column_names() if name != "flags"},
        np.full((n, len(templates.log_age), len(templates.mh)), np.nan, dtype=np.float32),
        HistoryErrors(*(nan(len(templates.log_age)) for _ in HistoryErrors._row_fields)),
        lines if settings.emission_lines else None,
        fitted if keep_fits else None,
    )


def _describe(spectra: Spectra, templates: SSPGrid, settings: FitSettings, basis: TemplateBasis) -> dict[str, Any]:
    """What a reader of the labels must know of how they were made."""
    return {
        **describe_fit(spectra, templates, settings),
        "sigma_floor_kms": round(basis.sigma_floor_kms, 1),
        "calibration_rms": settings.calibration_rms if settings.continuum == "calibrated" else None,
        "smoothness_age": settings.smoothness_age,
        "smoothness_mh": settings.smoothness_mh,
        "spread_mh": settings.spread_mh,
        "prior_strength": settings.prior_strength,
    }


def _make_group(
    spectra: Spectra, z: Floats, span: tuple[float, float], templates: SSPGrid, settings: FitSettings
) -> _Group:
    basis = prepare_basis(templates, **fit_grid(spectra, z, settings))
    width, wave = settings.line_mask_kms, basis.wave_angstrom
    sodium = near_lines(wave, SODIUM_LINES, medium=spectra.medium, half_width_kms=width)
    gas = near_lines(wave, EMISSION_LINES, medium=spectra.medium, half_width_kms=width)
    good = good_pixels(spectra, settings)
    scale = median_flux(spectra, good)
    flux, variance = in_units_of(scale, spectra, good, settings)
    edges = pixel_edges(spectra.wave_angstrom)
    return _Group(spectra, z, basis, ~sodium, ~gas, scale, flux, variance, good, edges, span)


def _fit_rows(group: _Group, settings: FitSettings, *, keep_fits: bool) -> tuple[_Parts, Bools, Bools]:
    """The answer, the rows whose kinematics failed, and those with too few pixels, of spectra that can be fitted."""
    n = len(group.spectra)
    motion = Kinematics(
        np.zeros(n), np.full(n, np.nan), np.full(n, settings.default_sigma_kms), np.full(n, np.nan), np.zeros(n, bool)
    )
    if settings.kinematics:
        found = fit_kinematics(group.shifted, group.basis, n, usable=group.away, correlation=group.correlation)
        motion = motion.replaced(found.measured, found)
    flux, weight = group.shifted(motion.velocity_kms)
    # the basis is kept for some dispersions only: the spectra are brought to the nearest one
    node, difference = to_nearest_node(flux, weight, group.basis, motion.sigma_kms, usable=group.away)
    population = Population(
        group.basis, node, group.away, settings, correlation=group.correlation, reached=group.reached
    )
    # a row whose fit runs off becomes infinite, then NaN, and is flagged as failed
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        fit = population.fit(np.where(weight > 0, flux - difference, 0), weight)
    columns = dict(fit.columns)
    for name in ("velocity_kms", "velocity_kms_err", "sigma_kms", "sigma_kms_err"):
        columns[name] = getattr(motion, name.replace("kms_err", "err_kms"))
    fitted = None
    if keep_fits:
        error = np.where(weight > 0, 1.0 / np.sqrt(np.where(weight > 0, weight, 1.0)), np.nan)
        stars = fit.stars_model + difference
        fitted = FittedSpectra(
            group.basis.wave_angstrom, flux, error.astype(np.float32), stars, fit.gas_model, fit.used
        )
    weights = fit.light.reshape(n, len(group.basis.grid.log_age), len(group.basis.grid.mh))
    failed = ~motion.measured if settings.kinematics else np.zeros(n, dtype=bool)
    there = weight > 0
    reached = there[:, group.usable & group.reached].mean(axis=1) if (group.usable & group.reached).any() else 0.0
    partly = (there[:, group.usable].mean(axis=1) < _LEAST_COVERED) | (reached < _LEAST_OF_REACHED)
    lines = _lines(group, fit.gas, motion.velocity_kms)
    return _Parts(columns, weights, fit.of_history, lines, fitted), failed, partly


def _lines(group: _Group, gas: GasFit | None, velocity_kms: Floats) -> Lines | None:
    """Lines in the spectra's own unit and frame."""
    if gas is None:
        return None
    n = len(velocity_kms)
    # the fit's pixels are in the rest frame, where a line is narrower than in the observed one
    to_observed = group.scale * (1.0 + group.redshift) * velocity_stretch(velocity_kms)
    at = [LINE_NAMES.index(name) for name in gas.windows.names]
    flux, flux_err, ew = (np.full((n, len(LINE_NAMES)), np.nan) for _ in range(3))
    flux[:, at] = gas.flux * to_observed[:, None]
    flux_err[:, at] = gas.flux_err * to_observed[:, None]
    ew[:, at] = gas.ew_angstrom
    motion = gas.motion
    measured = np.where(motion.measured, 1.0, np.nan)
    return Lines(
        LINE_NAMES, flux, flux_err, ew,
        (velocity_kms + motion.velocity_kms) * measured, motion.velocity_err_kms * measured,
        motion.sigma_kms * measured, motion.sigma_err_kms * measured,
        line_flux_unit(group.spectra.flux_unit),
    )  # fmt: skip
