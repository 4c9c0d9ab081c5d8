"""SEDs of stars, which a model of galaxies should flag.

Each has a redshift of :data:`CLAIMED_REDSHIFT`, as a star mistaken for a galaxy would.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from agez.errors import AgezError
from agez.photometry.filters import FilterSet
from agez.photometry.synthesis import synthesize
from agez.spectra.rebin import log_grid
from agez.training_seds.star_spectra import made_up_stars, miles_stars
from agez.types import Bools, Floats, Ints, Photometry, Rows, Spectra

#: Range of the assigned redshifts.
CLAIMED_REDSHIFT = (0.0, 0.1)
#: Step of the spectra [km/s], and the mean flux of every SED [microjansky].
STEP_KMS, _MEAN_MICROJANSKY = 150.0, 100.0


def stars(filters: FilterSet, n: int, rng: np.random.Generator, snr: ArrayLike) -> Photometry:
    """``n`` made-up stars of 3000 to 30 000 K (:func:`agez.training_seds.star_spectra.made_up_stars`), with noise.

    ``snr``, one or (n,), is the mean flux of a row over the error of its bands, which is the same in all;
    ``redshift`` of the result (n, b) is what is claimed, with ``redshift_err`` 0.
    """
    wave = observed_wave(filters)
    flux, _ = made_up_stars(wave, n, rng)
    return seen_as_galaxies(plain_spectra(wave, flux), filters, rng, snr, "star")


def real_stars(
    filters: FilterSet,
    n: int,
    rng: np.random.Generator,
    snr: ArrayLike,
    *,
    folder: Path | None = None,
    some: slice = slice(None),
) -> Photometry:
    """Stars of the MILES library; bands outside 3576-7402 A are missing.  Arguments and result as of :func:`stars`.

    No star comes twice unless there are fewer than ``n``.  AgezError where sdss-mangadap is not installed.  ``folder``
    is that of :func:`agez.training_seds.star_spectra.miles_stars`; ``some`` says which of the library's stars are drawn
    from, in the order of their numbers.
    """  # fmt: skip
    wave, flux = miles_stars(folder)
    flux = flux[some]
    chosen = flux[rng.choice(len(flux), n, replace=n > len(flux))]
    return seen_as_galaxies(plain_spectra(wave, np.where(chosen > 0, chosen, np.nan)), filters, rng, snr, "miles-star")


def seen_range(filters: FilterSet) -> tuple[float, float]:
    """Shortest and longest wavelength [Angstrom] that any band sees, with a margin."""
    low = min(wave[0] for wave, _ in filters.curves)
    high = max(wave[-1] for wave, _ in filters.curves)
    return 0.99 * float(low), 1.01 * float(high)


def observed_wave(filters: FilterSet) -> Floats:
    return log_grid(*seen_range(filters), STEP_KMS)[0]


def plain_spectra(wave: Floats, flux: Floats) -> Spectra:
    """Observed-frame, vacuum spectra without errors; pixels that are not finite are masked."""
    good: Bools = np.isfinite(flux)
    flux = np.where(good, flux, 0.0)
    flags: Ints = np.zeros(len(flux), dtype=np.int32)
    return Spectra(
        wave, flux, np.ones(flux.shape), ~good, "vacuum", Rows.numbered(len(flux)), np.zeros(len(flux)),
        np.full(len(wave), np.nan), "erg / (s cm2 Angstrom)", flags,
    )  # fmt: skip


def seen_as_galaxies(
    spectra: Spectra, filters: FilterSet, rng: np.random.Generator, snr: ArrayLike, kind: str
) -> Photometry:
    """Photometry of spectra where they stand, scaled, with noise, and with the redshift that is claimed."""
    n = len(spectra)
    ratio = np.broadcast_to(np.asarray(snr, dtype=float), (n,))[:, None]
    if not (ratio > 0).all():
        raise AgezError("snr must be above 0 in all rows")
    clean = synthesize(spectra, filters, redshift=None)
    bands = np.maximum(clean.covered.sum(axis=1, keepdims=True), 1)
    mean = np.where(clean.covered, clean.flux, 0.0).sum(axis=1, keepdims=True) / bands
    scaled = clean.flux * (_MEAN_MICROJANSKY / np.where(mean > 0, mean, np.nan))
    flux_err = np.where(clean.covered, _MEAN_MICROJANSKY / ratio, np.nan)
    ids = np.array([f"{kind}-{i}" for i in range(n)], dtype=str)
    return replace(
        clean,
        flux=scaled + flux_err * rng.standard_normal(scaled.shape),
        flux_err=flux_err,
        rows=replace(clean.rows, spec_id=ids, galaxy_id=ids),
        redshift=rng.uniform(*CLAIMED_REDSHIFT, n),
        redshift_err=np.zeros(n),
        meta={**clean.meta, "kind": kind},
    )
