"""One PSF for all bands: each image is convolved to that of the worst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from agez.errors import AgezError
from agez.images.alignment import pixel_size_arcsec
from agez.images.detection import DeepImage
from agez.images.image_set import ImageSet
from agez.images.kernels import gaussian_kernel, matching_kernel, moffat_psf
from agez.images.light_shape import light_shape
from agez.images.noise_correlation import after_convolution
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.types import Bools, Floats

Complexes = NDArray[np.complexfloating[Any]]

#: Part of a kernel that may lie on masked pixels.
MAX_MASKED = 0.2
#: Smaller differences of width (in sigma, pixels) are left as they are: they change the peak of a PSF by below 0.1 %.
_SAME_SIGMA = 0.03
#: A PSF wider than this part of the image's shorter side leaves no more than a few resolution elements.
_MAX_OF_IMAGE = 1 / 3
#: Half side of the images of model PSFs, in FWHM of the widest.
_REACH_FWHM = 5.0


def match_psf(images: ImageSet, *, to: float | None = None, deep: DeepImage | None = None) -> ImageSet:
    """Convolve all bands to the PSF of the worst.

    - From their FWHM alone, PSFs are taken as Gaussians: the kernel is a Gaussian of variance
      (FWHM_to**2 - FWHM**2) / 8 ln 2 (:func:`agez.images.kernels.gaussian_kernel`).
    - Where all bands have a Moffat exponent (``meta["psf_beta"]``, from the pipelines' headers or from stars), kernels
      are made from images of these profiles (:func:`agez.images.kernels.matching_kernel`).

    Variances and correlations of noise are carried through (:func:`convolve`): ``flux_err`` is
    the error of a pixel by itself, ``noise`` how it goes with those of its neighbours.

    Parameters
    ----------
    to : float, optional
        FWHM [arcsec] of the common PSF, no less than that of the worst band.  None: the worst band's.
    deep : DeepImage, optional
        :func:`agez.images.detection.deep_image` of the images, if it is there already.

    Returns
    -------
    ImageSet
        ``meta["psf"]``: ``fwhm_arcsec`` of the result, ``before`` (of each band) and ``shape``.

    Raises
    ------
    AgezError
        If a band's PSF is unknown, wider than ``to``, or not small against the image; always names its file.
    """
    kernels, target, shape = _kernels(images, to, pixel_size_arcsec(images.wcs))
    flux, error, mask = images.flux.copy(), images.flux_err.copy(), images.mask.copy()
    noise = list(images.noise)
    frame = _Frame(images.shape, max(kernel.shape[0] // 2 for kernel in kernels))
    shape_of_light = light_shape(images, deep=deep) if frame.reach else np.ones(images.shape)
    light = shape_of_light, frame.beyond_the_edges(shape_of_light)
    for b, kernel in enumerate(kernels):
        if kernel.size == 1:
            continue
        done = _convolve(
            images.flux[b].astype(float), images.flux_err[b].astype(float) ** 2, images.mask[b], noise[b], kernel,
            frame, light, max_masked=MAX_MASKED,
        )  # fmt: skip
        if done.mask.all():
            raise AgezError(
                f"{images.sources[b]}: no pixel of band {images.bands.names[b]} is left after its PSF was matched to "
                f"{target:.2f} arcsec: too many are masked; use larger images, or leave out the band with the worst PSF"
            )
        flux[b], error[b], mask[b], noise[b] = done.flux, np.sqrt(done.variance), done.mask, done.noise
    before = dict(zip(images.bands.names, map(float, images.psf_fwhm_arcsec), strict=True))
    meta = {**images.meta, "psf": {"fwhm_arcsec": target, "before": before, "shape": shape}, "psf_beta": {}}
    return replace(
        images, flux=flux, flux_err=error, mask=mask, noise=tuple(noise), meta=meta,
        psf_fwhm_arcsec=np.full(len(images.bands), target),
    )  # fmt: skip


def check_psf(images: ImageSet) -> None:
    """AgezError that names the file if a band's PSF is unknown, or not small against the image."""
    side = min(images.shape) * pixel_size_arcsec(images.wcs)
    for name, source, fwhm in zip(images.bands.names, images.sources, images.psf_fwhm_arcsec, strict=True):
        if not np.isfinite(fwhm):
            raise AgezError(
                f"{source}: the PSF of band {name} is unknown (no keyword such as PSFFWHM, and not measured); give "
                "--psf, in arcsec, or --no-psf-match"
            )
        if not fwhm > 0:
            raise AgezError(f"{source}: the PSF of band {name} has a FWHM of {fwhm} arcsec; expected a positive number")
        if fwhm > _MAX_OF_IMAGE * side:
            raise AgezError(
                f"{source}: the PSF of band {name} has a FWHM of {fwhm:.2f} arcsec, but the image is only {side:.1f} "
                "arcsec across; leave this band out, or give larger images"
            )


def _kernels(images: ImageSet, to: float | None, size: float) -> tuple[list[Floats], float, str]:
    """Kernels from the bands' FWHM, for Gaussians, or for Moffat profiles where all exponents are known."""
    check_psf(images)
    worst = int(np.argmax(images.psf_fwhm_arcsec))
    widest = float(images.psf_fwhm_arcsec[worst])
    target = widest if to is None else float(to)
    if not np.isfinite(target) or target < widest * (1 - 1e-6):
        raise AgezError(
            f"{images.sources[worst]}: the PSF of band {images.bands.names[worst]} has a FWHM of {widest:.3f} arcsec, "
            f"wider than the {target:g} arcsec asked for; ask for {widest:.3f} or more, or leave this band out"
        )
    known: Mapping[str, Any] = images.meta.get("psf_beta") or {}
    betas = [known.get(name) for name in images.bands.names]
    if any(one is None for one in betas):
        sigma = np.sqrt(np.clip(target**2 - images.psf_fwhm_arcsec**2, 0, None)) / FWHM_PER_SIGMA / size
        return [gaussian_kernel(s) if s > _SAME_SIGMA else np.ones((1, 1)) for s in sigma], target, "gaussian"
    side = 2 * int(np.ceil(_REACH_FWHM * target / size)) + 1
    goal = moffat_psf(target / size, float(betas[worst] or 0), side)
    kernels = []
    for source, fwhm, one in zip(images.sources, images.psf_fwhm_arcsec, betas, strict=True):
        mine = moffat_psf(float(fwhm) / size, float(one or 0), side)
        same = np.abs(mine - goal).max() < 1e-3 * goal.max()
        kernels.append(np.ones((1, 1)) if same else matching_kernel(mine, goal, source=source))
    return kernels, target, "moffat"


@dataclass(frozen=True, eq=False)
class Convolved:
    """An image after convolution: flux, variance (NaN where unknown), mask, and correlation of noise."""

    flux: Floats
    variance: Floats
    mask: Bools
    noise: Floats


@dataclass(frozen=True, eq=False)
class _Frame:
    """Fourier transforms of images of one shape, zero outside, for kernels that reach so many pixels at most."""

    shape: tuple[int, int]
    reach: int

    @cached_property
    def size(self) -> tuple[int, int]:
        ny, nx = (fft.next_fast_len(n + 2 * self.reach, real=True) for n in self.shape)
        return ny, nx

    def transform(self, image: Floats) -> Complexes:
        return np.asarray(fft.rfft2(image, self.size))

    def beyond_the_edges(self, image: Floats) -> Complexes:
        """Of an image that goes on outside as it is at its edge."""
        return self.transform(np.pad(image, self.reach, mode="edge"))

    def image(self, product: Complexes, kernel: Floats, *, begin: int = 0) -> Floats:
        """The image of a product of transforms: of a convolution by ``kernel``, of an image that starts there."""
        y, x = (begin + n // 2 for n in kernel.shape)
        whole = fft.irfft2(product, self.size)
        return np.asarray(whole[..., y : y + self.shape[0], x : x + self.shape[1]])


def convolve(
    flux: Floats, variance: Floats, mask: Bools, noise: Floats, kernel: Floats, *, max_masked: float,
    shape: Floats | None = None,
) -> Convolved:  # fmt: skip
    """Convolve the good pixels of an image with a kernel that sums to 1.

    Holes and what lies outside the image are left out, and the sum over what remains is divided by the share S of the
    light that it has: f'(x) = sum k(d) f(x-d) / S(x), with S(x) = sum k(d) m(x-d) over good x-d / the same over all
    x-d, for light of the ``shape`` m, which goes on outside the image as it is at its edge.  So what is beside a hole
    on a steep slope comes out right as far as m is right (flat, where there is none).  The variance is that of this
    sum, sum k(d)**2 var(x-d) / S**2, times what the correlation that was there before makes of it: exact where the
    variance is the same over the kernel.  A pixel is masked if it was before, or if more than ``max_masked`` of the
    kernel (of its absolute value) lies on masked pixels.
    """
    frame = _Frame(mask.shape, max(kernel.shape) // 2)
    light = None if shape is None else (shape, frame.beyond_the_edges(shape))
    return _convolve(flux, variance, mask, noise, kernel, frame, light, max_masked=max_masked)


def _convolve(
    flux: Floats, variance: Floats, mask: Bools, noise: Floats, kernel: Floats, frame: _Frame,
    light: tuple[Floats, Complexes] | None, *, max_masked: float,
) -> Convolved:  # fmt: skip
    """The same; ``light`` is the shape and its transform with what is beyond the edges."""
    good = ~mask
    known = np.isfinite(variance) & good
    shape = good if light is None else light[0]
    by_size, by_weights, by_squares = frame.transform(np.stack([np.abs(kernel), kernel, kernel**2]))
    parts = [good, np.where(good, shape, 0.0), np.where(good & np.isfinite(flux), flux, 0.0)]
    sums = frame.transform(np.stack([*parts, np.where(known, variance, 0.0)]))
    for one, by in zip(sums, (by_size, by_weights, by_weights, by_squares), strict=True):
        one *= by
    covered, share, new, square = frame.image(sums, kernel)
    lost = 1.0 - covered / np.abs(kernel).sum()
    empty = lost > max(0.5, max_masked)
    with np.errstate(divide="ignore", invalid="ignore"):
        if light is not None:
            share = share / frame.image(light[1] * by_weights, kernel, begin=frame.reach)
        new, square = new / share, square / share**2
    correlation, factor = after_convolution(noise, kernel)
    square = np.clip(square, 0.0, None) * (factor / float((kernel**2).sum()))
    unknown, lacking = empty, good & ~known
    if lacking.any():
        unknown = empty | (frame.image(frame.transform(lacking.astype(float)) * by_squares, kernel) > 1e-9)
    bad = mask | (lost > max_masked) | empty
    return Convolved(np.where(empty, np.nan, new), np.where(unknown, np.nan, square), bad, correlation)
