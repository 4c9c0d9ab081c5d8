"""SEDs beside stars that no model of nearby galaxies should answer for: quasars, distant galaxies, spoilt tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from quasar_spectra import quasar_spectra

from agez.errors import AgezError
from agez.photometry.air import to_medium
from agez.photometry.filters import FilterSet
from agez.spectra.rebin import log_grid, pixel_edges, rebin_rows
from agez.spectra.templates import SSPGrid, load_templates
from agez.training_seds.dust import draw_dust
from agez.training_seds.histories import draw_weights
from agez.training_seds.outliers import STEP_KMS, observed_wave, plain_spectra, seen_as_galaxies, seen_range
from agez.types import Floats, Photometry

#: Draws of a pair of bands before a row is said to have none.
_MAX_TRIES = 2000


def quasars(
    filters: FilterSet,
    n: int,
    rng: np.random.Generator,
    snr: ArrayLike,
    *,
    redshift_range: tuple[float, float] = (0.0, 4.0),
) -> Photometry:
    """Quasars, uniform in redshift, of :mod:`quasar_spectra`; the rest as :func:`stars`."""
    wave = observed_wave(filters)
    redshift = rng.uniform(*_checked_range(redshift_range), n)
    return seen_as_galaxies(plain_spectra(wave, quasar_spectra(wave, redshift, rng)), filters, rng, snr, "quasar")


def distant_galaxies(
    filters: FilterSet,
    n: int,
    rng: np.random.Generator,
    snr: ArrayLike,
    *,
    redshift_range: tuple[float, float] = (0.3, 0.7),
    templates: SSPGrid | str = "emiles",
) -> Photometry:
    """Galaxies of any history and dust, seen at redshifts beyond the models'; the rest as :func:`stars`.

    A half are simple populations, one of the grid each; a half have histories of
    :func:`agez.training_seds.histories.draw_weights`.  Redshifts are uniform; no emission lines.

    Parameters
    ----------
    templates : SSPGrid or str
        Bands that see bluer light than it has are missing.
    """
    low, high = _checked_range(redshift_range)
    grid = load_templates(templates) if isinstance(templates, str) else templates
    wave, library = _coarse(grid, seen_range(filters), low, high)
    single = np.zeros((n - n // 2, *library.shape[:2]))
    shape = library.shape[:2]
    ages, metals = rng.integers(shape[0], size=len(single)), rng.integers(shape[1], size=len(single))
    single[np.arange(len(single)), ages, metals] = 1.0
    mixed = draw_weights(n // 2, grid.log_age, grid.mh, rng)[0] if n > 1 else single[:0]
    weights = np.concatenate([single, mixed]).reshape(n, -1)
    flux = weights @ library.reshape(-1, len(wave)).astype(float) * draw_dust(n, wave, rng).transmission
    redshift = rng.uniform(low, high, n)
    observed, missing = observed_wave(filters), np.inf
    stretched = np.array(
        [
            np.interp(observed, wave * (1 + z), row, left=missing, right=missing)
            for z, row in zip(redshift, flux, strict=True)
        ]
    ).reshape(n, len(observed))
    return seen_as_galaxies(plain_spectra(observed, stretched), filters, rng, snr, "distant-galaxy")


def swap_bands(photometry: Photometry, rng: np.random.Generator, *, n_pairs: int = 1, apart: int = 3) -> Photometry:
    """Exchange the values and errors of pairs of bands, drawn anew for each row.

    Parameters
    ----------
    n_pairs : int
        Pairs a row, which have no band in common; only bands that are covered take part.
    apart : int
        Least distance of the two, counted in bands by pivot wavelength.

    Raises
    ------
    AgezError
        If a row has no such pairs.
    """
    if n_pairs < 1 or apart < 1:
        raise AgezError(f"n_pairs is {n_pairs} and apart {apart}; expected at least 1 of each")
    n, b = photometry.flux.shape
    rank = np.argsort(np.argsort(photometry.bands.pivot_angstrom))
    free = np.array(photometry.covered)
    source = np.tile(np.arange(b), (n, 1))  # which band each column's value comes from
    for _ in range(n_pairs):
        left = np.arange(n)
        for _ in range(_MAX_TRIES):
            if not len(left):
                break
            first, second = rng.integers(b, size=(2, len(left)))
            good = free[left, first] & free[left, second] & (np.abs(rank[first] - rank[second]) >= apart)
            row, i, j = left[good], first[good], second[good]
            source[row, i], source[row, j] = j, i
            free[row, i] = free[row, j] = False
            left = left[~good]
        if len(left):
            raise AgezError(
                f"row {left[0]}: no {n_pairs} pairs of covered bands at least {apart} apart were found; swap fewer"
            )
    flux, flux_err = (np.take_along_axis(values, source, axis=1) for values in (photometry.flux, photometry.flux_err))
    return replace(photometry, flux=flux, flux_err=flux_err)


def zero_point_error(
    photometry: Photometry, rng: np.random.Generator, *, n_bands: int = 5, size: float = 0.2
) -> Photometry:
    """Multiply the fluxes and errors of some bands of each row by 1 + size or 1 - size, at random.

    Parameters
    ----------
    n_bands : int
        Bands a row, of those that are covered.
    size : float
        In (0, 1).

    Raises
    ------
    AgezError
        If a row has fewer bands, or ``size`` is out of range.
    """
    if not 0 < size < 1 or n_bands < 1:
        raise AgezError(f"zero-point error of {size} in {n_bands} bands; expected a size in (0, 1) and at least 1 band")
    few = np.flatnonzero(photometry.covered.sum(axis=1) < n_bands)
    if len(few):
        raise AgezError(f"row {few[0]} has fewer than {n_bands} covered bands; choose a smaller n_bands")
    draw = np.where(photometry.covered, rng.uniform(size=photometry.flux.shape), np.inf)
    hit = np.argsort(np.argsort(draw, axis=1), axis=1) < n_bands
    factor = np.where(hit, 1 + size * rng.choice([-1.0, 1.0], hit.shape), 1.0)
    return replace(photometry, flux=photometry.flux * factor, flux_err=photometry.flux_err * factor)


def _checked_range(span: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= span[0] <= span[1] < np.inf:
        raise AgezError(f"redshift_range is {span}; expected (low, high) with 0 <= low <= high")
    return span


def _coarse(grid: SSPGrid, seen: tuple[float, float], low: float, high: float) -> tuple[Floats, Floats]:
    """The grid's rest wavelengths (vacuum) and spectra that are seen between the two redshifts, on coarse pixels."""
    wave = to_medium(grid.wave_angstrom, grid.medium, "vacuum")
    first, last = max(seen[0] / (1 + high), wave[0]), min(seen[1] / (1 + low), wave[-1])
    if not first < last:
        raise AgezError(f"template grid {grid.name!r} has nothing that the bands see at redshifts {low} to {high}")
    out, edges = log_grid(float(first), float(last), STEP_KMS)
    rows = np.maximum(grid.flux.reshape(-1, len(wave)), 0.0)  # some templates are below zero in the ultraviolet
    flux, _, _ = rebin_rows(
        pixel_edges(wave), rows, np.ones_like(rows), np.ones(rows.shape, bool), edges, np.ones(len(rows))
    )
    return out, np.asarray(flux).reshape(*grid.flux.shape[:2], len(out))
