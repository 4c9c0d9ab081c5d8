"""Spectra of bins: the sums of their spaxels, with the noise that neighbours share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.spectra.covariance import SpatialCovariance
from agez.spectra.spaxels import signal_and_noise, snr_window, spaxel_pixels
from agez.types import Bools, Floats, Ints, Rows, Spectra

#: A pixel of a bin is bad where less than this part of the bin's light was observed well.
MIN_LIGHT_FRACTION = 0.5
#: Wavelength pixels added up at a time, in double precision, so that temporary arrays stay small.
_CHUNK = 128


def bins_of_map(spectra: Spectra, bin_id: NDArray[Any]) -> Ints:
    """Bin number of each spaxel of a cube, from an image of bin numbers (-1: not in a bin).

    Raises
    ------
    AgezError
        Not a cube, or an image of another shape or of no whole numbers.
    """
    y, x, shape = spaxel_pixels(spectra)
    image = np.asarray(bin_id)
    if image.shape != shape:
        raise AgezError(
            f"the image of bins has shape {image.shape}; {spectra.source} has {shape[0]} x {shape[1]} spaxels: "
            "give the cube that was binned"
        )
    if not np.all(np.isfinite(image)) or np.any(image != np.round(image)):
        raise AgezError("the image of bins holds values that are no whole numbers; expected bin numbers, -1 for none")
    return image[y, x].astype(np.int32)


def bin_spectra(spectra: Spectra, bin_number: NDArray[np.integer[Any]], covariance: SpatialCovariance) -> Spectra:
    """Sums of the spaxels of each bin.

    A masked pixel of one spaxel must not make a notch in the sum: the sum of the good spaxels is scaled by the bin's
    light over the light of the good ones, light being the spaxel's signal (median flux in the window of
    :func:`agez.spectra.spaxels.snr_window`)::

        flux(bin, wave) = sum_good(flux) * sum_all(signal) / sum_good(signal)
        error(bin, wave) = sqrt(sum_good(error^2)) * beta(n_good) * sum_all(signal) / sum_good(signal)

    so that without masked pixels the flux is the plain sum.  The pixel is masked where less than half of the light is
    good.  beta is the covariance's ratio.

    Parameters
    ----------
    spectra : Spectra
        Spaxels of one cube (or any spectra that belong together).
    bin_number : (n,) int
        Bin of each row, from 0; negative where it is in none.  Every number up to the highest must occur.

    Returns
    -------
    Spectra
        A row a bin: ``spec_id`` '<galaxy>-<bin>'; ``x``, ``y``, ``redshift`` light-weighted; ``flags`` those of any
        member, NO_DATA where all is masked.  ``meta`` as the cube's, with ``n_spaxels`` (n,), ``spatial_covariance``
        and, for a cube, ``bin_id`` (ny, nx), in place of ``pixel_y`` and ``pixel_x``.

    Raises
    ------
    AgezError
        ``bin_number`` of another length, not integer, with gaps, or all negative; rows of several galaxies in a bin.
    """
    number = _checked_numbers(spectra, bin_number)
    members = np.flatnonzero(number >= 0)
    bins = number[members]
    n_bins = int(bins.max()) + 1
    add = sparse.csr_array((np.ones(len(members)), (bins, members)), shape=(n_bins, len(spectra)))
    n_spaxels = np.bincount(bins, minlength=n_bins)
    light = _light(spectra, number, n_bins)
    flux, error, mask = _sums(spectra, add, light, covariance)
    flags = np.zeros(n_bins, dtype=np.int32)
    np.bitwise_or.at(flags, bins, spectra.flags[members].astype(np.int32) & ~np.int32(int(Flag.NO_DATA)))
    meta = {key: value for key, value in spectra.meta.items() if key not in ("pixel_y", "pixel_x")}
    if "cube_shape" in meta:
        y, x, shape = spaxel_pixels(spectra)
        bin_id = np.full(shape, -1, dtype=np.int32)
        bin_id[y, x] = np.maximum(number, -1)
        meta["bin_id"] = bin_id
    return replace(
        spectra,
        flux=flux,
        flux_err=error,
        mask=mask,
        rows=_rows(spectra, bins, members, light, n_bins),
        redshift=_mean(spectra.redshift[members], light[members], bins, n_bins),
        # members share the error of a redshift that they share
        redshift_err=_mean(spectra.redshift_err[members], light[members], bins, n_bins),
        flags=set_flag(flags, np.asarray(mask.all(axis=1)), Flag.NO_DATA),
        meta={**meta, "n_spaxels": n_spaxels, "spatial_covariance": covariance.as_meta()},
    )


def _checked_numbers(spectra: Spectra, bin_number: NDArray[np.integer[Any]]) -> Ints:
    number = np.asarray(bin_number)
    if number.shape != (len(spectra),) or number.dtype.kind not in "iu":
        raise AgezError(
            f"bin numbers have shape {number.shape} and type {number.dtype}; expected an integer for each of the "
            f"{len(spectra)} spectra of {spectra.source}"
        )
    number = number.astype(np.int64)
    used = np.unique(number[number >= 0])
    if len(used) == 0:
        raise AgezError(f"{spectra.source}: no spectrum is in a bin (all bin numbers are negative)")
    if used[-1] != len(used) - 1:
        gap = int(np.flatnonzero(used != np.arange(len(used)))[0])
        raise AgezError(
            f"{spectra.source}: bin {gap} has no spectrum, but bin {used[-1]} has: is this the cube that was binned?"
        )
    return number


def _light(spectra: Spectra, number: Ints, n_bins: int) -> Floats:
    """(n,) weight of each spectrum: its signal; 1 in bins where a member's signal is unknown or not positive."""
    signal, _, _ = signal_and_noise(spectra, snr_window(spectra))
    with np.errstate(invalid="ignore"):
        odd = (number >= 0) & ~(np.isfinite(signal) & (signal > 0))
    unweighted = np.zeros(n_bins, dtype=bool)
    unweighted[number[odd]] = True
    return np.where((number >= 0) & ~unweighted[np.maximum(number, 0)], signal, 1.0)


def _sums(
    spectra: Spectra, add: sparse.csr_array, light: Floats, covariance: SpatialCovariance
) -> tuple[Floats, Floats, Bools]:
    """Flux, error and mask of the sums, (n_bins, p) each, in the precision of the spectra."""
    shape = (add.shape[0], len(spectra.wave_angstrom))
    flux, error = np.zeros(shape, spectra.flux.dtype), np.ones(shape, spectra.flux_err.dtype)
    mask = np.ones(shape, dtype=bool)
    whole = add @ light
    for start in range(0, shape[1], _CHUNK):
        part = np.s_[:, start : start + _CHUNK]
        with np.errstate(invalid="ignore"):
            good = ~spectra.mask[part] & np.isfinite(spectra.flux[part]) & (spectra.flux_err[part] > 0)
            good &= np.isfinite(spectra.flux_err[part])
        count = add @ good.astype(float)
        seen = add @ (good * light[:, None]) / whole[:, None]
        total = add @ np.where(good, spectra.flux[part], 0.0).astype(float)
        variance = add @ np.where(good, spectra.flux_err[part], 0.0).astype(float) ** 2
        fine = (count > 0) & (seen >= MIN_LIGHT_FRACTION)
        scale = np.divide(1.0, seen, out=np.ones_like(seen), where=fine & (seen < 1.0 - 1e-12))
        flux[part] = np.where(fine, total * scale, 0.0)
        error[part] = np.where(fine, np.sqrt(variance) * covariance.ratio(count) * scale, 1.0)
        mask[part] = ~fine
    return flux, error, mask


def _rows(spectra: Spectra, bins: Ints, members: Ints, light: Floats, n_bins: int) -> Rows:
    galaxies = spectra.rows.galaxy_id[members]
    first = np.full(n_bins, "", dtype=galaxies.dtype)
    first[bins[::-1]] = galaxies[::-1]
    if np.any(first[bins] != galaxies):
        at = int(np.argmax(first[bins] != galaxies))
        raise AgezError(
            f"{spectra.source}: bin {bins[at]} has spectra of galaxies {first[bins[at]]} and {galaxies[at]}"
        )
    x, y = (_mean(values[members], light[members], bins, n_bins) for values in (spectra.rows.x, spectra.rows.y))
    spec_id = np.array([f"{galaxy}-{i}".lstrip("-") for i, galaxy in enumerate(first.tolist())], dtype=str)
    return Rows(spec_id, first, x, y)


def _mean(values: Floats, weights: Floats, bins: Ints, n_bins: int) -> Floats:
    """Weighted mean of what is finite in each bin; NaN where nothing is."""
    known = np.isfinite(values)
    total = np.bincount(bins, np.where(known, weights * np.where(known, values, 0.0), 0.0), minlength=n_bins)
    weight = np.bincount(bins, np.where(known, weights, 0.0), minlength=n_bins)
    return np.divide(total, weight, out=np.full(n_bins, np.nan), where=weight > 0)
