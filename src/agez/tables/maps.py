"""Maps of one galaxy: a value for every bin, where the bins lie on the sky, and what bits of their masks mean."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agez.arrays import Summarised
from agez.errors import AgezError
from agez.types import Bools, Floats, Ints


class MapBit(enum.IntFlag):
    """Bits of the ``_MASK`` images: those of MaNGA's maps that have a meaning here, with their values there."""

    NO_COVERAGE = 1 << 0
    FOREGROUND_STAR = 1 << 3
    NO_VALUE = 1 << 4
    UNRELIABLE = 1 << 5
    DO_NOT_USE = 1 << 30


@dataclass(frozen=True, eq=False)
class BinMap(Summarised):
    """One property of every bin.

    Attributes
    ----------
    name : str
        Of the extension, upper case.
    values : (n,) or (n, c) float or int
        One number a bin, or one for each of ``channels``; NaN where there is none.  Integers are written as such.
    errors : like ``values``, or None
        1 sigma; where it is NaN or not positive the inverse variance is 0.
    unit : str
        As astropy spells it; '' if it has none.
    unreliable : (n,) or (n, c) bool, or None
        Values to be used with care.
    channels : tuple of str
        What each column of ``values`` is (a line), if it has two dimensions.
    comment : str
        What it is, for the header.
    fill : int
        Of integers: what spaxels in no bin have.
    """

    name: str
    values: Floats | Ints | Bools
    errors: Floats | None = None
    unit: str = ""
    unreliable: Bools | None = None
    channels: tuple[str, ...] = ()
    comment: str = ""
    fill: int = 0

    def __post_init__(self) -> None:
        shape = np.shape(self.values)
        if len(shape) != (2 if self.channels else 1) or (self.channels and shape[1] != len(self.channels)):
            raise AgezError(f"map {self.name}: values have shape {shape} for {len(self.channels)} channels")
        for name in ("errors", "unreliable"):
            part = getattr(self, name)
            if part is not None and np.shape(part) not in (shape, shape[:1]):
                raise AgezError(f"map {self.name}: {name} have shape {np.shape(part)}; expected {shape}")


@dataclass(frozen=True, eq=False)
class MapFrame(Summarised):
    """Where the bins of a galaxy lie on the sky.

    Attributes
    ----------
    bin_id : (ny, nx) int
        Number of the bin (row of its table, from 0) that each spaxel belongs to; -1 where unused.
    wcs : mapping
        The WCS keywords of the two sky axes.
    offsets : (2, ny, nx) float or None
        x (to the west) and y (to the north) from the galaxy's centre, or from the reference pixel [arcsec].
    ellcoo : (3, ny, nx) float or None
        Radius in the plane of the disc [arcsec], the same over Re, and azimuth from the major axis [degree].
    snr : (ny, nx) float or None
        Signal-to-noise ratio of each spaxel, ``snr_of``.
    mean_flux : (ny, nx) float or None
        Typical (median) flux density of each spaxel in the normalisation band, in ``flux_unit``.
    flux_unit : str
    stars : (ny, nx) bool or None
        Spaxels left out because of a foreground star.
    snr_of : str
        What ``snr`` is of: an Angstrom (its median), or a band.
    colour : (3, ny, nx) uint8 or None
        Red, green, blue of a colour picture, in the bands ``colour_of``.
    """

    bin_id: Ints
    wcs: Mapping[str, Any] = field(default_factory=dict)
    offsets: Floats | None = None
    ellcoo: Floats | None = None
    snr: Floats | None = None
    mean_flux: Floats | None = None
    flux_unit: str = ""
    stars: Bools | None = None
    snr_of: str = "per Angstrom"
    colour: Ints | None = None
    colour_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = np.shape(self.bin_id)
        if len(shape) != 2:
            raise AgezError(f"bin_id has shape {shape}; expected an image")
        for name, planes in (("offsets", 2), ("ellcoo", 3), ("snr", 0), ("mean_flux", 0), ("stars", 0), ("colour", 3)):
            part = getattr(self, name)
            expected = (planes, *shape) if planes else shape
            if part is not None and np.shape(part) != expected:
                raise AgezError(f"maps: {name} has shape {np.shape(part)}; expected {expected}")

    def spaxels_in_bins(self, n_bins: int) -> Ints:
        """(n_bins,) number of spaxels in each bin."""
        return np.bincount(self.bin_id[self.bin_id >= 0], minlength=n_bins).astype(np.int32)

    def painted(self, values: Floats | Ints | Bools) -> Floats:
        """(ny, nx), or (c, ny, nx) for values (n, c): each spaxel with the value of its bin; NaN where unused."""
        inside = self.bin_id >= 0
        image = np.full((*np.shape(values)[1:], *inside.shape), np.nan)
        image[..., inside] = np.moveaxis(np.asarray(values, dtype=float)[self.bin_id[inside]], 0, -1)
        return image


@dataclass(frozen=True, eq=False)
class MapImage(Summarised):
    """One property as it stands in a file: images (ny, nx), or (c, ny, nx) where it has ``channels``.

    ``values`` are NaN where ``mask`` says DO_NOT_USE, unless they are integers; ``errors`` are NaN where unknown.
    """

    name: str
    values: Floats | Ints
    errors: Floats
    mask: Ints
    unit: str
    channels: tuple[str, ...]
    comment: str
