"""The PSF of each band, measured on stars where there are some."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agez.images.alignment import pixel_size_arcsec
from agez.images.image_set import ImageSet
from agez.images.point_sources import PointSources, find_point_sources
from agez.types import Bools, Floats

#: Fewer stars that agree say nothing: one could be a clump, two could agree by chance.
MIN_STARS = 3
#: Least peak over the noise of a pixel.
THRESHOLD_SIGMA = 20.0
#: Widths of stars agree within this part of each other.
_AGREE = 0.12
#: Width that is tried first [pixel]: DAOFind wants to know about how wide stars are.
_FIRST_FWHM = 3.0
#: So many of the brightest sources are looked at.
_MOST = 40


def measure_psf(images: ImageSet) -> ImageSet:
    """Fill in the FWHM (and Moffat exponent) of PSFs that are not known, from stars.

    In each band, Moffat profiles are fitted to round sources; the stars are the most numerous group of nearly one
    width, and their median is taken.  Bands without at least three of them stay as they are.

    Returns
    -------
    ImageSet
        ``meta["psf_stars"]``: for each measured band ``n``, ``fwhm_arcsec`` and ``scatter`` (of single stars).
    """
    wanted = [n for n, f in zip(images.bands.names, images.psf_fwhm_arcsec, strict=True) if not np.isfinite(f)]
    fwhm = images.psf_fwhm_arcsec.astype(float).copy()
    betas = dict(images.meta.get("psf_beta") or {})
    found: dict[str, dict[str, float]] = {}
    size = pixel_size_arcsec(images.wcs)
    for name in wanted:
        b = images.bands.names.index(name)
        stars = psf_stars(images.flux[b].astype(float), images.mask[b])
        if len(stars) < MIN_STARS:
            continue
        fwhm[b] = float(np.median(stars.fwhm)) * size
        betas[name] = float(np.median(stars.beta))
        scatter = float(1.4826 * np.median(np.abs(stars.fwhm - np.median(stars.fwhm)))) * size
        found[name] = {"n": len(stars), "fwhm_arcsec": float(fwhm[b]), "scatter": scatter}
    if not found:
        return images
    return replace(images, psf_fwhm_arcsec=fwhm, meta={**images.meta, "psf_beta": betas, "psf_stars": found})


def psf_stars(image: Floats, mask: Bools) -> PointSources:
    """Stars of one image, alike in width: the largest group within a few per cent; none if there is no such group."""
    stars = _one_width(find_point_sources(image, mask, _FIRST_FWHM, threshold_sigma=THRESHOLD_SIGMA, most=_MOST))
    width = float(np.median(stars.fwhm)) if len(stars) else 2 * _FIRST_FWHM
    if abs(width / _FIRST_FWHM - 1) < 0.25:
        return stars
    again = _one_width(find_point_sources(image, mask, width, threshold_sigma=THRESHOLD_SIGMA, most=_MOST))
    return again if len(again) >= len(stars) else stars


def _one_width(found: PointSources) -> PointSources:
    found = found.take(np.isfinite(found.fwhm) & (found.fwhm > 1.2) & (found.snr > THRESHOLD_SIGMA))
    if not len(found):
        return found
    alike = np.abs(found.fwhm[:, None] / found.fwhm[None, :] - 1) < _AGREE
    return found.take(alike[int(np.argmax(alike.sum(axis=1)))])
