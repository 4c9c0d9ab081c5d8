"""Cubes in CALIFA's format that can be fitted with the invented templates, for the tests of labelling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from cube_factory import write_califa
from spectra_factory import light_fractions, observe

from agez.spectra.formats_califa import pixel_ids
from agez.spectra.templates import made_up_grid
from agez.types import Rows, Spectra


def fitted_cube(*, seed: int = 1, ny: int = 6, nx: int = 7, snr: float = 60.0, redshift: float = 0.01) -> Spectra:
    """A cube (ny, nx) of a galaxy of two populations, brightest in the middle, fainter by 8 at its edge."""
    rng, grid = np.random.default_rng(seed), made_up_grid()
    y, x = np.divmod(np.arange(ny * nx), nx)
    radius = np.hypot(y - ny // 2, x - nx // 2)
    light = np.exp(-radius / 2.0)
    two = light_fractions(grid, 2, rng)
    part = np.clip(radius / radius.max(), 0, 1)[:, None, None]
    n = len(y)
    spectra = observe(
        grid,
        (1 - part) * two[0] + part * two[1],
        velocity_kms=30.0 * (x - nx // 2),
        sigma_kms=np.full(n, 100.0),
        snr=1e9,
        rng=rng,
        redshift=redshift,
    )
    flux = spectra.flux / np.median(spectra.flux, axis=1, keepdims=True) * light[:, None]
    error = np.full(flux.shape, 1.0 / (snr * np.sqrt(2.0)))
    return replace(
        spectra,
        flux=(flux + error * rng.normal(size=flux.shape)).astype(np.float32),
        flux_err=error.astype(np.float32),
        rows=Rows(np.array(pixel_ids(y, x)), np.full(n, f"NGC{seed:04d}"), x - float(nx // 2), y - float(ny // 2)),
        meta={**spectra.meta, "cube_shape": (ny, nx), "format": "califa-cube", "survey": "CALIFA"},
    )


def cube_file(folder: Path, **options: float) -> Path:
    """One such cube as a file of the survey's name."""
    spectra = fitted_cube(**options)  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    return write_califa(folder / f"{spectra.rows.galaxy_id[0]}.V500.rscube.fits", spectra)
