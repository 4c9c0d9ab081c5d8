"""One band's image: a piece cut out, in microjansky per pixel, with variance and mask."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.nddata import Cutout2D, NoOverlapError

from agez.errors import AgezError
from agez.images.alignment import pixel_area_arcsec2
from agez.images.image_files import RawImage
from agez.images.pixel_units import electrons_per_unit, first_number, pixel_unit
from agez.sky_offsets import pixels_of_sky
from agez.surveys.registry import image_keywords
from agez.types import Bools, Floats

#: Keywords of the PSF's FWHM [arcsec] in any survey's images; those of the surveys' records come first.
PSF_KEYWORDS = ("PSFFWHM", "PSF_FWHM", "FWHMMEAN", "SEEING")
#: The exponent of a Moffat PSF.
BETA_KEYWORDS = ("PSFBETA", "FWHMBETA")
#: Pixels on a side below which a cut-out is none.
LEAST_SIDE = 8
#: A cut-out may be so many times the image: all beyond twice is empty, wherever its centre is.
LARGEST_CUT = 2


@dataclass(frozen=True, eq=False)
class BandImage:
    """One band in microjansky."""

    name: str
    raw: RawImage  #: Where it comes from.
    #: flux, variance: (ny, nx) [microjansky] and its square; variance is NaN where unknown; both are NaN where masked
    #: for want of data.
    flux: Floats
    variance: Floats
    mask: Bools  #: (ny, nx)
    unit: str  #: How the unit came about, in words.
    remark: str = ""  #: What its errors lack.


def cut_out(raw: RawImage, center: tuple[float, float], size_arcsec: float) -> RawImage:
    """The square of ``size_arcsec`` around ``center`` (ra, dec [degree]); NaN where the image does not reach.

    Raises
    ------
    AgezError
        If the place is not on the image, or the square is but a few pixels, or much larger than the image.
    """
    side = round(size_arcsec / np.sqrt(pixel_area_arcsec2(raw.wcs)))
    if side < LEAST_SIDE:
        raise AgezError(
            f"{raw.path}: --size {size_arcsec:g} arcsec is {side} pixel(s); at least {LEAST_SIDE} are needed"
        )
    largest = max(raw.science.shape)
    if side > LARGEST_CUT * largest:
        raise AgezError(
            f"{raw.path}: --size {size_arcsec:g} arcsec is {side} pixels, of an image of {largest}; give at most "
            f"{LARGEST_CUT * largest * size_arcsec / side:.0f} arcsec"
        )
    x, y = (float(one) for one in pixels_of_sky(raw.wcs, SkyCoord(*center, unit="deg")))
    outside = AgezError(f"{raw.path}: the place {center[0]:.5f} {center[1]:+.5f} is not on this image")
    if not np.isfinite([x, y]).all():  # the other half of the sky
        raise outside
    place = x, y
    options: dict[str, Any] = {"mode": "partial", "fill_value": np.nan}

    try:
        with warnings.catch_warnings(action="ignore"):
            science = Cutout2D(raw.science, place, side, wcs=raw.wcs, **options)
            mask = Cutout2D(raw.mask.astype(float), place, side, **options).data
            layers = {role: Cutout2D(layer, place, side, **options).data for role, layer in raw.layers.items()}
    except (NoOverlapError, ValueError) as problem:
        raise outside from problem
    return replace(raw, science=science.data, layers=layers, mask=np.nan_to_num(mask, nan=1.0) != 0, wcs=science.wcs)


def in_microjansky(
    name: str, raw: RawImage, *, zero_point: float | None, pivot_angstrom: float, source_noise: bool
) -> BandImage:
    """Flux and variance of a band [microjansky per pixel], and which pixels cannot be used.

    Raises
    ------
    AgezError
        If the unit cannot be turned into microjansky, or more than one of weight, error and variance is there and
        they do not agree.
    """
    unit = pixel_unit(
        str(raw.path), raw.headers, zero_point=zero_point, pivot_angstrom=pivot_angstrom,
        pixel_arcsec2=pixel_area_arcsec2(raw.wcs),
    )  # fmt: skip
    factor, words, remark = unit.microjansky, unit.words, ""
    mask = raw.mask | ~np.isfinite(raw.science)
    variance = np.full(raw.science.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if "error" in raw.layers:
            variance = raw.layers["error"] ** 2
        elif "variance" in raw.layers:
            variance = raw.layers["variance"]
        elif "weight" in raw.layers:
            variance = 1.0 / raw.layers["weight"]
            electrons, why = electrons_per_unit(unit, raw.headers) if source_noise else (np.nan, "")
            if electrons > 0:
                variance = variance + np.clip(np.nan_to_num(raw.science), 0, None) / electrons
                words += f", source noise with {why}"
            elif why:
                remark = f"errors of band {name} are those of the weights, without the galaxy's photons: {why}"
        bad = ~np.isfinite(variance) if raw.layers else np.zeros(mask.shape, dtype=bool)
        for role in raw.layers.keys() - ({"variance"} if "error" in raw.layers else set()):
            bad |= ~(raw.layers[role] > 0)
    mask = mask | bad
    empty = ~np.isfinite(raw.science)
    flux = np.where(empty, np.nan, raw.science * factor)
    return BandImage(name, raw, flux, np.where(bad, np.nan, variance * factor**2), mask, words, remark)


def psf_in_header(raw: RawImage) -> tuple[float, float]:
    """FWHM [arcsec] and Moffat exponent that the headers say; NaN where they do not (0 and less say nothing)."""
    fwhm = first_number(raw.headers, (*image_keywords("psf_fwhm"), *PSF_KEYWORDS))
    beta = first_number(raw.headers, (*image_keywords("psf_beta"), *BETA_KEYWORDS))
    return (fwhm if fwhm > 0 else np.nan), (beta if beta > 1 else np.nan)
