"""A flux image with its errors, masks and wavelengths beside it: cubes of MUSE, KCWI and others, rows, one spectrum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from scipy.ndimage import uniform_filter

from agez.errors import AgezError
from agez.sky_offsets import celestial_wcs, sky_positions
from agez.spectra.flux_error_layout import (
    MASKS,
    Kind,
    error_kind,
    flux_unit_in,
    is_flux_error,
    layout_of,
    resolution_of,
    shape_of,
    wavelengths_of,
    words_of,
)
from agez.spectra.formats_bins import one_row_per_bin
from agez.spectra.formats_califa import cube_rows
from agez.spectra.formats_common import (
    Format,
    Options,
    assemble,
    galaxy_name,
    header_medium,
    header_redshift,
    header_text,
    one_galaxy_rows,
)
from agez.spectra.formats_fits import has_sky_axes, object_position, sky_header
from agez.types import Bools, Floats, Ints, Spectra

#: Planes of a cube read at a time: temporary arrays stay small beside the spectra.
_PLANES = 64


@dataclass(frozen=True, eq=False)
class _Pixels:
    """The images of a file, read some pixels of the wavelength axis at a time."""

    flux: Any
    error: Any
    masks: tuple[Any, ...]
    kind: Kind
    n_axes: int

    @property
    def n_pixels(self) -> int:
        """Of the wavelength axis."""
        return int(self.flux.shape[0 if self.n_axes == 3 else -1])

    def parts(self) -> Iterator[slice]:
        """All pixels in order."""
        size = _PLANES if self.n_axes == 3 else self.n_pixels
        yield from (slice(start, min(start + size, self.n_pixels)) for start in range(0, self.n_pixels, size))

    def read(self, part: slice, keep: Ints | None = None) -> tuple[Any, Any, Bools]:
        """Flux, stored error and bad pixels, (n, pixels), of all spectra or of the spaxels ``keep``."""
        flux, error = self._rows(self.flux, part, keep), self._rows(self.error, part, keep)
        with np.errstate(invalid="ignore"):
            # what has neither a flux (NaN, or exactly 0) nor an error was not observed
            bad = ~(np.isfinite(error) & (error > 0)) & (~np.isfinite(flux) | (flux == 0))
        if self.kind == "inverse variance":
            bad |= error == 0
        for mask in self.masks:
            bad |= self._rows(mask, part, keep) != 0
        return flux, error, bad

    def _rows(self, values: Any, part: slice, keep: Ints | None) -> Any:
        if self.n_axes < 3:
            return np.atleast_2d(np.asarray(values))[:, part]
        planes = np.asarray(values[part] if values.ndim == 3 else values[None])  # a mask may be one of the sky
        flat = planes.reshape(len(planes), -1)
        return (flat if keep is None else flat[:, keep]).T

    def lit_spaxels(self) -> tuple[Ints, Floats]:
        """Numbers of the spaxels that hold data, and the light of all (ny, nx)."""
        some, light = np.zeros(self.flux[0].size, dtype=bool), np.zeros(self.flux[0].size)
        for part in self.parts():
            flux, _, bad = self.read(part)
            good = ~bad & np.isfinite(flux) & (flux != 0)
            some |= good.any(axis=1)
            light += np.where(good, flux, 0.0).sum(axis=1, dtype=float)
        return np.flatnonzero(some), light.reshape(self.flux.shape[1:])

    def whole(self, keep: Ints | None, factor: float) -> tuple[Floats, Floats, Bools]:
        """Flux, 1-sigma error times ``factor``, and bad pixels of all spectra, or of the spaxels ``keep``."""
        single = all(values.dtype.kind == "f" and values.dtype.itemsize <= 4 for values in (self.flux, self.error))
        n = int(np.prod(self.flux.shape[:-1])) if keep is None else len(keep)
        flux = np.empty((n, self.n_pixels), np.float32 if single else np.float64)
        error, bad = np.empty_like(flux), np.empty(flux.shape, dtype=bool)
        for part in self.parts():
            flux[:, part], sigma, bad[:, part] = self.read(part, keep)
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                if self.kind != "error":  # squares may be below the least number of single precision
                    sigma = np.sqrt(sigma.astype(float))
                sigma = 1.0 / sigma if self.kind == "inverse variance" else sigma
                error[:, part] = sigma if factor == 1.0 else sigma * factor
        return flux, error, bad


def _brightest(light: Floats, header: fits.Header, options: Options) -> tuple[float, float]:
    """RA and Dec [degree] of the brightest place: the reference pixel of these cubes is that of a pointing.

    The middle, by light, of the 5 x 5 spaxels around the brightest square of 3 x 3.
    """
    y, x = np.unravel_index(int(np.argmax(uniform_filter(light, 3, mode="constant"))), light.shape)
    rows, columns = (slice(max(at - 2, 0), at + 3) for at in (int(y), int(x)))
    near = np.clip(light[rows, columns], 0.0, None)
    down, across = (
        np.average(axis, weights=near) for axis in np.mgrid[rows, columns][:, : near.shape[0], : near.shape[1]]
    )
    sky = sky_positions(celestial_wcs(sky_header(header), options.path), float(across), float(down))
    return float(sky.ra.deg), float(sky.dec.deg)


def read_flux_error(hdus: fits.HDUList, options: Options) -> Spectra:
    """Spectra of a flux image with errors beside it; of a cube, the spaxels that hold data.

    Pixels are masked where any of the masks is not 0, and where neither flux nor error is a number: that is how these
    files say that nothing was observed.  A cube is read in planes, so that beside the spectra themselves (9 bytes a
    pixel in single precision) little memory is needed.
    """
    path, layout = options.path, layout_of(hdus)
    if layout is None:
        raise AgezError(f"{path}: holds no flux image with errors of its shape")
    for hdu in hdus:
        if hdu.name.upper() in MASKS and len(shape_of(hdu)) == layout.n_axes and shape_of(hdu) != shape_of(layout.flux):
            raise AgezError(
                f"{path}: extension {hdu.name} has {shape_of(hdu)} pixels, but the flux {shape_of(layout.flux)}"
            )
    header, sky = words_of(hdus, layout.flux), layout.flux.header
    kind, factor = error_kind(layout, options)
    pixels = _Pixels(layout.flux.data, layout.error.data, tuple(hdu.data for hdu in layout.masks), kind, layout.n_axes)
    wave, own_medium = wavelengths_of(layout, options, pixels.n_pixels)
    medium = options.medium or own_medium or header_medium(header, layout.axis)
    unit = flux_unit_in(header, options)
    fwhm, assumed = resolution_of(header, wave)
    assumed += [] if medium else ["medium"]
    galaxy = galaxy_name(path, {"OBJECT": re.sub(r"\s*\((DATA|SCI|FLUX)\)$", "", str(header.get("OBJECT", "")))})
    meta: dict[str, Any] = {"format": "flux-error", "survey": header_text(header, "SURVEY", "INSTRUME") or ""}
    keep = None
    if layout.n_axes == 3:
        keep, light = pixels.lit_spaxels()
        if len(keep) == 0:
            raise AgezError(f"{path}: no spaxel holds data (all masked, zero or NaN); check that it is the right cube")
        centre = object_position(header)
        if centre is None and has_sky_axes(sky):
            centre = _brightest(light, sky, options)
            assumed.append("centre")
        rows, of_cube = cube_rows(path, sky, keep, (light.shape[0], light.shape[1]), galaxy, centre)
        meta |= of_cube
    flux, error, bad = pixels.whole(keep, factor)
    if keep is None:
        rows = one_galaxy_rows([str(i) for i in range(len(flux))], galaxy)
    spectra = assemble(
        options, wave_angstrom=wave, flux=flux, error=error, bad=bad, rows=rows, medium=medium or "air", unit=unit,
        redshift=header_redshift(header), fwhm_angstrom=fwhm, assumed=assumed, meta=meta, in_place=True,
    )  # fmt: skip
    return spectra if keep is None else one_row_per_bin(path, hdus, spectra)


FLUX_ERROR = Format(
    "flux-error", "a flux with its errors beside it, a cube, rows or one spectrum: MUSE (DATA, STAT), KCWI (PRIMARY, "
    "UNCERT), SCI and ERR, FLUX and IVAR, ...",
    is_flux_error, read_flux_error, also_reads=lambda hdus: layout_of(hdus) is not None,
)  # fmt: skip
