"""Cubes in which the spectrum of a bin stands in each of its spaxels: every bin is read once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from agez.errors import AgezError
from agez.types import Bools, Ints, Rows, Spectra

#: Extensions that say to which bin a spaxel belongs; of several planes (MaNGA's DAP) the first is of the spectra.
BIN_EXTENSIONS = ("BINID", "BIN_ID", "BINNUM", "BINMAP", "VORONOI", "SEGMENTATION", "SEGMAP", "SEG")


def one_row_per_bin(path: Path, hdus: fits.HDUList, spectra: Spectra) -> Spectra:
    """Spaxels as they are, or, where the file has a map of bins and repeats their spectra, a row for each bin.

    Parameters
    ----------
    spectra : Spectra
        The spaxels of the cube, with ``cube_shape``, ``pixel_y`` and ``pixel_x`` in ``meta``.

    Returns
    -------
    Spectra
        Of bins: ``spec_id`` '<galaxy>-<number in the file>', ``x``, ``y`` the middle of the bin's spaxels, and ``meta``
        as that of :func:`agez.spectra.bin_sums.bin_spectra`, with ``bins_from``, the name of the extension.

    Raises
    ------
    AgezError
        If the spectra of some bins are repeated and those of others are not.
    """
    shape, y, x = (spectra.meta[key] for key in ("cube_shape", "pixel_y", "pixel_x"))
    name, bin_map = _bin_map(hdus, shape)
    if bin_map is None:
        return spectra
    number = bin_map[y, x]
    bins, first, bin_of, count = np.unique(number, return_index=True, return_inverse=True, return_counts=True)
    same = _same_spectrum(spectra, first[bin_of])
    together = np.bincount(bin_of, weights=same, minlength=len(bins)) == count
    judged = (count > 1) & (bins >= 0)
    if not (judged & together).any():
        return spectra
    differ = judged & ~together & (bins != 0)  # 0 may be what a map of segments has outside of them
    if differ.any():
        raise AgezError(
            f"{path}: its extension {name} gathers spaxels in bins whose spectrum each of them repeats, but the "
            f"spaxels of bin {bins[differ][0]} differ; remove {name} to read spaxels, or give the unbinned cube"
        )
    use = np.flatnonzero((bins >= 0) & together)
    new = np.full(len(bins), -1)
    new[use] = np.arange(len(use))
    bin_id = np.full(shape, -1, dtype=np.int32)
    bin_id[y, x] = new[bin_of]
    galaxy = spectra.rows.galaxy_id[first[use]]
    middle = [np.bincount(bin_of, weights=axis)[use] / count[use] for axis in (spectra.rows.x, spectra.rows.y)]
    ids = np.array([f"{one}-{bin_}" for one, bin_ in zip(galaxy.tolist(), bins[use].tolist(), strict=True)])
    meta = {key: value for key, value in spectra.meta.items() if key not in ("pixel_y", "pixel_x")}
    return replace(
        spectra.take(first[use]),
        rows=Rows(ids, galaxy, *middle),
        meta={**meta, "bin_id": bin_id, "n_spaxels": count[use], "bins_from": name},
    )


def _bin_map(hdus: fits.HDUList, shape: tuple[int, int]) -> tuple[str, Ints | None]:
    """Name and (ny, nx) numbers of the file's map of bins; None if it has none of the cube's size."""
    for name in BIN_EXTENSIONS:
        data: Any = hdus[name].data if name in hdus else None
        if isinstance(data, np.ndarray) and data.dtype.names is None and data.ndim in (2, 3):
            plane = data if data.ndim == 2 else data[0]
            if plane.shape == tuple(shape):
                return name, np.where(np.isfinite(plane), plane, -1).astype(np.int64)
    return "", None


def _same_spectrum(spectra: Spectra, like: Ints) -> Bools:
    """(n,) rows whose fluxes and errors are those of another row of the same spectra."""
    same = np.empty(len(spectra), dtype=bool)
    for row, other in enumerate(like.tolist()):
        same[row] = row == other or (
            np.array_equal(spectra.flux[row], spectra.flux[other])
            and np.array_equal(spectra.flux_err[row], spectra.flux_err[other])
        )
    return same
