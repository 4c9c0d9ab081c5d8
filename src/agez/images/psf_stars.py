"""The PSF of each band, measured on stars where there are some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agez.images.alignment import pixel_size_arcsec
from agez.images.image_set import ImageSet
from agez.images.point_sources import PointSources, find_point_sources
from agez.types import Floats

#: Fewer stars that agree say nothing: one could be a clump, two could agree by chance.
MIN_STARS = 3
#: Least peak over the noise of a pixel.
THRESHOLD_SIGMA = 20.0
#: Widths of stars agree within this part of each other.
_AGREE = 0.12
#: Widths [pixel] that are tried first: DAOFind wants to know about how wide stars are.
_FIRST_FWHM = (2.5, 4.5)


def measure_psf(images: ImageSet, *, bands: Sequence[str] | None = None) -> ImageSet:
    """Fill in the FWHM (and Moffat exponent) of PSFs that are not known, from stars.

    In each band, Moffat profiles are fitted to round sources; the stars are the most numerous group of nearly one
    width, and their median is taken.  Bands without at least three of them stay as they are.

    Parameters
    ----------
    images : ImageSet
    bands : sequence of str, optional
        Bands to be measured, even if their PSFs are known; None: those whose PSFs are not.

    Returns
    -------
    ImageSet
        ``meta["psf_stars"]``: for each measured band ``n``, ``fwhm_arcsec`` and ``scatter`` (of single stars).
    """
    wanted = [n for n, f in zip(images.bands.names, images.psf_fwhm_arcsec, strict=True) if not np.isfinite(f)]
    if bands is not None:
        images.bands.index(bands)
        wanted = list(bands)
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


def psf_stars(image: Floats, mask: np.ndarray) -> PointSources:  # type: ignore[type-arg]
    """Stars of one image, alike in width: the largest group within a few per cent; none if there is no such group."""
    best: PointSources | None = None
    for first in _FIRST_FWHM:
        stars = _one_width(find_point_sources(image, mask, first, threshold_sigma=THRESHOLD_SIGMA))
        if len(stars):  # once more, with their own width
            again = _one_width(
                find_point_sources(image, mask, float(np.median(stars.fwhm)), threshold_sigma=THRESHOLD_SIGMA)
            )
            stars = again if len(again) >= len(stars) - 1 else stars
        if best is None or len(stars) > len(best):
            best = stars
    assert best is not None
    return best


def _one_width(found: PointSources) -> PointSources:
    found = found.take(np.isfinite(found.fwhm) & (found.fwhm > 1.2) & (found.snr > THRESHOLD_SIGMA))
    if not len(found):
        return found
    alike = np.abs(found.fwhm[:, None] / found.fwhm[None, :] - 1) < _AGREE
    return found.take(alike[int(np.argmax(alike.sum(axis=1)))])
