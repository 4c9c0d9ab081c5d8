"""The images of one galaxy in all bands, on one grid of pixels: what passes between the steps from files to regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from agez.arrays import Summarised, check, check_shape
from agez.types import Bands, Bools, Floats

if TYPE_CHECKING:
    from astropy.wcs import WCS


@dataclass(frozen=True, eq=False)
class ImageSet(Summarised):
    """Images [y, x] of the same piece of sky, ``b`` bands of ``ny`` by ``nx`` pixels.

    Attributes
    ----------
    bands : Bands
    flux : (b, ny, nx) float32
        f_nu of a pixel [microjansky]; NaN where not observed.  Negative fluxes are measurements.
    flux_err : (b, ny, nx) float32
        1-sigma error of a pixel by itself [microjansky]; NaN where unknown.
    mask : (b, ny, nx) bool
        True where a pixel must not be used: not observed, bad, saturated, a star.  Where False, flux is finite.
    wcs : astropy.wcs.WCS
        Of the two sky axes, shared by all bands; pixel (0, 0) is the centre of the first.
    psf_fwhm_arcsec : (b,) float
        NaN where unknown.
    noise : tuple of (k, k) float
        For each band the correlation of a pixel's noise with that of its neighbours: 1 in the middle, k odd,
        symmetric.  ``[[1.]]`` is white noise.
    sources : tuple of str
        For each band the file that it came from, for messages.
    meta : mapping
        What else is known: ``object``, ``survey``, ``redshift``, and what was done (``background``, ``psf``, ...).
    """

    bands: Bands
    flux: Floats
    flux_err: Floats
    mask: Bools
    wcs: WCS
    psf_fwhm_arcsec: Floats
    noise: tuple[Floats, ...]
    sources: tuple[str, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        b = len(self.bands)
        check(np.ndim(self.flux) == 3, f"ImageSet.flux has shape {np.shape(self.flux)}; expected (b, ny, nx)")
        shape = (b, *np.shape(self.flux)[1:])
        for name in ("flux", "flux_err", "mask"):
            check_shape(self, name, shape)
        check_shape(self, "psf_fwhm_arcsec", (b,))
        check(len(self.noise) == b and len(self.sources) == b, "ImageSet: noise and sources need one entry a band")
        for name, one in zip(self.bands.names, self.noise, strict=True):
            square = np.ndim(one) == 2 and one.shape[0] == one.shape[1] and one.shape[0] % 2 == 1
            check(square, f"ImageSet.noise of {name} has shape {np.shape(one)}; expected (k, k), k odd")
        check(bool((np.isfinite(self.flux) | self.mask).all()), "ImageSet: flux must be finite where mask is False")

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.flux.shape[1], self.flux.shape[2]
