"""Template grids made of two libraries: younger ages from another one, or fine detail from another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from agez.errors import AgezError
from agez.photometry.air import to_medium
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.spectra.templates import SSPGrid
from agez.types import Floats

#: log10(age/yr) of the young populations that a grid is continued by, where they are younger than it.
YOUNG_LOG_AGES = (6.0, 6.5, 6.8, 7.0, 7.2, 7.4, 7.6)
#: A young population nearer than this to the grid's youngest one adds nothing [dex].
NEAREST_DEX = 0.1


def continued_to_young_ages(grid: SSPGrid, young: SSPGrid, *, log_ages: Sequence[float] = YOUNG_LOG_AGES) -> SSPGrid:
    """``grid`` with populations younger than its own, which follow another library.

    A young population is the grid's youngest one times the ratio of the other library's spectra at the two ages, at
    equal [M/H]: light per mass and shape follow ``young``, and detail finer than its resolution stays that of
    ``grid``.

    Parameters
    ----------
    grid, young : SSPGrid
        ``young`` must reach younger ages, and over the wavelengths of ``grid``.
    log_ages : sequence of float
        log10(age/yr) to add.

    Returns
    -------
    SSPGrid
        With those of ``log_ages`` that both allow in front of its own.

    Raises
    ------
    AgezError
        If ``young`` begins no earlier than ``grid``, or does not reach over its wavelengths.
    """
    first = float(grid.log_age[0])
    ages = np.array([age for age in log_ages if young.log_age[0] <= age <= first - NEAREST_DEX])
    if not ages.size:
        raise AgezError(
            f"template grid {young.name!r} begins at log age {young.log_age[0]:.2f}, {grid.name!r} at {first:.2f}: "
            "it has no younger populations to add"
        )
    log_flux = _log_flux_at(young, np.append(ages, first), grid.mh, grid)
    flux = grid.flux[:1] * np.exp(log_flux[:-1] - log_flux[-1])
    return replace(
        grid, name=f"{grid.name}; younger than {10 ** (first - 6):.0f} Myr: {young.name}",
        flux=np.concatenate([flux.astype(np.float32), grid.flux]), log_age=np.append(ages, grid.log_age),
        reference=f"{grid.reference}; {young.reference}",
    )  # fmt: skip


def with_fine_detail(coarse: SSPGrid, fine: SSPGrid) -> SSPGrid:
    """``coarse`` on the wavelengths of ``fine``, with what ``fine`` shows below the resolution of ``coarse``.

    The detail is log flux minus the same smoothed to the resolution of ``coarse``, at equal age and [M/H]; beyond the
    ages and metallicities of ``fine``, that of its ends.

    Parameters
    ----------
    coarse, fine : SSPGrid
        ``coarse`` must reach over the wavelengths of ``fine``, which are evenly spaced.
    """
    step = float(np.median(np.diff(fine.wave_angstrom)))
    sigma = np.sqrt(max(coarse.fwhm_angstrom**2 - fine.fwhm_angstrom**2, 0.0)) / FWHM_PER_SIGMA / step
    log_fine = _log_flux_at(fine, coarse.log_age, coarse.mh, fine)
    detail = log_fine - gaussian_filter1d(log_fine, sigma, axis=-1, mode="nearest")
    log_flux = _log_flux_at(coarse, coarse.log_age, coarse.mh, fine) + detail
    return replace(
        fine, name=f"{coarse.name}; detail: {fine.name}", flux=np.exp(log_flux).astype(np.float32),
        log_age=coarse.log_age, mh=coarse.mh, solar_scale=coarse.solar_scale,
        reference=f"{coarse.reference}; {fine.reference}",
    )  # fmt: skip


def _log_flux_at(grid: SSPGrid, log_age: Floats, mh: Floats, like: SSPGrid) -> Floats:
    """(ages, n_mh, p) log flux of ``grid`` at other ages and metallicities, on the wavelengths of ``like``.

    Linear in log age, in [M/H] and in wavelength, held at the ends of ages and metallicities.
    """
    wave, wanted = to_medium(grid.wave_angstrom, grid.medium, like.medium), like.wave_angstrom
    if wave[0] > wanted[0] or wave[-1] < wanted[-1]:
        raise AgezError(
            f"template grid {grid.name!r} covers {wave[0]:.0f}-{wave[-1]:.0f} A, and {like.name!r} "
            f"{wanted[0]:.0f}-{wanted[-1]:.0f} A: cut the second to the first"
        )
    values = np.log(np.maximum(grid.flux, np.finfo(np.float32).tiny), dtype=float)
    for axis, (nodes, at) in enumerate(((grid.log_age, log_age), (grid.mh, mh), (wave, wanted))):
        values = interpolated_along(values, nodes, at, axis)
    return values


def interpolated_along(values: Floats, nodes: Floats, at: Floats, axis: int) -> Floats:
    """``values`` at other places of one axis, in their own precision: linear, held at the ends."""
    place = np.interp(at, nodes, np.arange(len(nodes)))
    left = place.astype(int)
    right = np.minimum(left + 1, len(nodes) - 1)
    shape = [1] * values.ndim
    shape[axis] = -1
    part = (place - left).reshape(shape).astype(values.dtype)
    return np.asarray(values.take(left, axis) * (1 - part) + values.take(right, axis) * part)
