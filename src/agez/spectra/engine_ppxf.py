"""A second opinion on labels: the same spectra, templates, range and lines, fitted one by one with pPXF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.label_types import Labels
from agez.runtime.optional_packages import check_installed
from agez.runtime.worker_pool import each_done
from agez.spectra.fit_inputs import (
    MIN_PIXELS,
    checked_redshifts,
    describe_fit,
    fit_grid,
    good_pixels,
    in_units_of,
    input_flags,
    median_flux,
    redshift_or_zero,
    signal_to_noise,
)
from agez.spectra.fit_settings import FitSettings
from agez.spectra.grid_edges import leans_on_an_edge
from agez.spectra.lines import EMISSION_LINES, SODIUM_LINES, near_lines
from agez.spectra.ppxf_fit import REGULARISATION_ORDER, PpxfAnswer, PpxfOptions, fit_one
from agez.spectra.ppxf_labels import columns_of, fitted_of, lines_of
from agez.spectra.ppxf_templates import prepare_ppxf_templates, without_gas
from agez.spectra.rebin import pixel_edges, rebin_rows
from agez.spectra.redshift_finder import with_found_redshifts
from agez.spectra.templates import SSPGrid, load_templates
from agez.types import Floats, Spectra
from agez.wavelength_gaps import with_missing_pixels

REFERENCE = "Cappellari 2023, MNRAS 526, 3273"


def fit_labels_ppxf(
    spectra: Spectra,
    templates: SSPGrid | str = "emiles",
    *,
    settings: FitSettings | None = None,
    regularisation: float | str = PpxfOptions.regularisation,
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
        Rows without redshift get that which :func:`agez.find_redshift` finds, and are flagged; where it finds none
        they are taken as rest-frame, and flagged as well.
    templates : SSPGrid or str
        A name or path is that of :func:`agez.load_templates`.
    settings : FitSettings, optional
        Range, continuum (``polynomial`` or ``attenuation``; pPXF cannot hold a polynomial to an accuracy), lines,
        masks, clipping, kinematics and the limit of chi2; the prior's settings are agez's own and mean nothing here.
    regularisation : float or 'discrepancy'
        pPXF's ``regul``: inverse of the error that the weights' second derivatives may have.  0: none.
        ``discrepancy``: the largest that the data bear, at which chi2 grows by sqrt(2 N).
    bootstraps : int
        Repetitions of the populations' fit with residuals of random sign and without regularisation, whose standard
        deviations are the errors; 0: errors are NaN.
    keep_fits : bool
        Return data and model too.
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
    settings, options = _checked(settings, regularisation, bootstraps, workers)
    check_installed("ppxf", extra="ppxf", purpose="engine 'ppxf'")
    if isinstance(templates, str):
        templates = load_templates(templates)
    spectra = with_found_redshifts(spectra, templates, sky_mask_angstrom=settings.sky_mask_angstrom)
    spectra = with_missing_pixels(spectra)
    z = checked_redshifts(spectra, settings)
    rows = np.argsort(np.round(z, 3), kind="stable")
    shared = (templates, settings, options, keep_fits, seed)
    # several chunks a worker, since some spectra take longer than others
    parts = np.array_split(rows, 1 if workers == 1 else min(4 * workers, len(rows)))
    chunks = [_Chunk(number, spectra.take(part)) for number, part in enumerate(parts)]
    done = {chunk.number: labels for chunk, labels in each_done(
        _fit_chunk, chunks, workers=workers, start=_share, start_with=shared
    )}  # fmt: skip
    labels = Labels.concatenate([done[number] for number in range(len(chunks))])
    return labels.take(np.argsort(rows, kind="stable"))


def _checked(
    settings: FitSettings | None, regularisation: float | str, bootstraps: int, workers: int
) -> tuple[FitSettings, PpxfOptions]:
    settings = settings or FitSettings()
    if settings.continuum not in ("polynomial", "attenuation"):
        raise AgezError(
            f"engine 'ppxf' cannot fit the continuum {settings.continuum!r}; choose polynomial or attenuation"
        )
    if regularisation != "discrepancy" and (isinstance(regularisation, str) or not 0 <= regularisation < np.inf):
        raise AgezError(f"regularisation is {regularisation!r}; expected a number not below 0 or 'discrepancy'")
    if bootstraps < 0 or bootstraps == 1:
        raise AgezError(f"bootstraps is {bootstraps}; expected 0 (no errors) or at least 2")
    if workers < 1:
        raise AgezError(f"workers is {workers}; expected at least 1")
    return settings, PpxfOptions(regularisation, bootstraps)


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some rows for a worker."""

    number: int
    spectra: Spectra


#: What a worker process was started with: templates, settings, options, keep_fits and seed.
_SHARED: list[Any] = []


def _share(*shared: Any) -> None:
    _SHARED[:] = shared


def _fit_chunk(chunk: _Chunk) -> Labels:
    """Labels of spectra in the order of their rounded redshifts, those of the same one together."""
    spectra, z = chunk.spectra, redshift_or_zero(chunk.spectra)
    groups = np.split(np.arange(len(z)), np.flatnonzero(np.diff(np.round(z, 3))) + 1)
    return Labels.concatenate([_fit_group(spectra.take(rows), z[rows], *_SHARED) for rows in groups])


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
    templates = prepare_ppxf_templates(grid, **fit_grid(spectra, z, settings))
    if not settings.emission_lines:
        templates = without_gas(templates)
    good = good_pixels(spectra, settings)
    snr_pixel, snr_angstrom, n_pixels = signal_to_noise(spectra, good, z, templates.edges_angstrom)
    scale = median_flux(spectra, good)
    flux, variance_in = in_units_of(scale, spectra, good, settings)
    edges_in = pixel_edges(spectra.wave_angstrom)
    rebinned, variance, usable = rebin_rows(edges_in, flux, variance_in, good, templates.edges_angstrom, 1.0 + z)
    masked = SODIUM_LINES if settings.emission_lines else (*EMISSION_LINES, *SODIUM_LINES)
    usable &= ~near_lines(templates.wave_angstrom, masked, medium=spectra.medium, half_width_kms=settings.line_mask_kms)
    flags, tried = input_flags(spectra, np.where(usable.sum(axis=1) < MIN_PIXELS, 0, n_pixels), snr_pixel)
    answers: list[PpxfAnswer | None] = []
    for i in range(len(spectra)):
        answer = None
        if tried[i]:
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
    flags = set_flag(flags, failed & tried, Flag.FIT_FAILED)
    flags = set_flag(flags, np.array([a is not None and a.kinematics_failed for a in answers]), Flag.KINEMATICS_FAILED)
    columns, weights = columns_of(answers, templates, settings)
    columns.update(redshift=spectra.redshift, redshift_err=spectra.redshift_err)
    flags = set_flag(flags, leans_on_an_edge(weights, grid), Flag.ON_GRID_EDGE)
    flags = set_flag(flags, np.nan_to_num(columns["chi2"]) > settings.max_chi2, Flag.BAD_CHI2)
    fitted = fitted_of(answers, templates, edges_in, flux, variance_in, good, z) if keep_fits else None
    return Labels(
        rows=spectra.rows, flags=flags, weights=weights, snr=snr_angstrom,
        lines=lines_of(answers, templates, scale, z, spectra) if settings.emission_lines else None, fitted=fitted,
        meta=_describe(spectra, grid, settings, options), libraries=None, history_errors=None, **columns,
    )  # fmt: skip


def _describe(spectra: Spectra, templates: SSPGrid, settings: FitSettings, options: PpxfOptions) -> dict[str, object]:
    return {
        **describe_fit(spectra, templates, settings),
        "engine": "ppxf",
        "engine_reference": REFERENCE,
        "regularisation": options.regularisation,
        "regularisation_order": REGULARISATION_ORDER,
        "bootstraps": options.bootstraps,
    }
