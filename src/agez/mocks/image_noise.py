"""What spoils a mock image: sky and photon noise, noise that neighbours share, bad pixels, foreground stars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve

from agez.arrays import PerRow
from agez.images.kernels import gaussian_kernel
from agez.images.noise_correlation import WHITE, autocorrelation, trimmed
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.types import Bands, Bools, Floats

#: Part of the noise variance at 1 Re, in the reference band, that is the sky's and the detector's.
SKY_SHARE = 0.6
#: What bad pixels read: hot ones, in units of their noise, or nothing at all.
_HOT = (30.0, 3000.0)


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """Noise of each band: variance = sky**2 + flux / gain."""

    sky: Floats  #: (b,) 1 sigma of a pixel without light [microjansky].
    gain: Floats  #: (b,) Photons a microjansky.

    def variance(self, flux: Floats) -> Floats:
        """(b, ny, nx) of pixels with that light [microjansky**2]."""
        return np.asarray(self.sky[:, None, None] ** 2 + np.clip(flux, 0, None) / self.gain[:, None, None])


def noise_model(level: float, snr: float, reference: int, bands: Bands, *, sky_share: float) -> NoiseModel:
    """Noise for which a pixel of ``level`` [microjansky] in band number ``reference`` has the wanted ``snr``.

    All bands are exposed as long: photons, of the source and of the sky, grow as the width of a band, so that its
    1 sigma in f_nu falls as width**-0.5.
    """
    variance = (level / snr) ** 2
    width = np.asarray(bands.fwhm_angstrom) / bands.fwhm_angstrom[reference]
    return NoiseModel(np.sqrt(sky_share * variance / width), level / ((1 - sky_share) * variance) * width)


def shared_noise(shape: tuple[int, ...], sigma_pixels: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Noise of unit variance (b, ny, nx) that neighbours share as after resampling, and its correlation.

    White noise through a Gaussian kernel of that width; 0 leaves it white.
    """
    if sigma_pixels == 0:
        return rng.standard_normal(shape), WHITE
    kernel = gaussian_kernel(sigma_pixels)
    edge = kernel.shape[0] // 2
    wide = rng.standard_normal((shape[0], shape[1] + 2 * edge, shape[2] + 2 * edge))
    smooth = np.stack([convolve(one, kernel, mode="constant") for one in wide])
    correlation = autocorrelation(kernel)
    middle = correlation[kernel.shape[0] - 1, kernel.shape[0] - 1]
    inside = smooth[:, edge : edge + shape[1], edge : edge + shape[2]]
    return np.asarray(inside / np.sqrt(middle)), trimmed(correlation / middle)


def spoil(flux: Floats, sigma: Floats, share: float, rng: np.random.Generator) -> Bools:
    """Make a share of all pixels, and with it one column of one band, bad, in place; the mask of these."""
    bad = rng.uniform(size=flux.shape) < share
    if share > 0:
        bad[rng.integers(flux.shape[0]), :, rng.integers(flux.shape[2])] = True
    hot = bad & (rng.uniform(size=flux.shape) < 0.5)
    flux[bad] = 0.0
    flux[hot] = sigma[hot] * rng.uniform(*_HOT, int(hot.sum()))
    return np.asarray(bad)


@dataclass(frozen=True, eq=False)
class FieldStars(PerRow):
    """Foreground stars, ``n`` of them."""

    #: x_pixel, y_pixel: (n,) From 0 at the centre of the first pixel.
    x_pixel: Floats
    y_pixel: Floats
    flux: Floats  #: (n, b) [microjansky].


def draw_stars(
    n: int,
    seds: Floats,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    peak: float,
    fwhm_pixels: float,
    reference: int,
) -> FieldStars:
    """Stars anywhere on the image; peaks are 0.05 to 5 times ``peak`` in the reference band, evenly in the logarithm.

    ``seds`` (k, b) is what they may look like: each star is one of them, scaled.
    """
    y, x = rng.uniform(0, shape[0] - 1, n), rng.uniform(0, shape[1] - 1, n)
    height = peak * 10 ** rng.uniform(np.log10(0.05), np.log10(5.0), n)
    total = height * 2 * np.pi * (fwhm_pixels / FWHM_PER_SIGMA) ** 2
    sed = seds[rng.integers(len(seds), size=n)]
    return FieldStars(x, y, total[:, None] * sed / sed[:, [reference]])


def star_images(stars: FieldStars, shape: tuple[int, int], fwhm_pixels: Floats, beta: float | None) -> Floats:
    """(b, ny, nx) the stars through each band's PSF; their centres need not be those of pixels.

    Profiles are sampled at pixels' centres and normalised over the plane.
    """
    image = np.zeros((len(fwhm_pixels), *shape))
    y, x = np.mgrid[: shape[0], : shape[1]]
    for fwhm in np.unique(fwhm_pixels):
        bands = np.flatnonzero(fwhm_pixels == fwhm)
        for k in range(len(stars)):
            r2 = (x - stars.x_pixel[k]) ** 2 + (y - stars.y_pixel[k]) ** 2
            image[bands] += stars.flux[k, bands, None, None] * _profile(r2, float(fwhm), beta)
    return image


def _profile(r2: Floats, fwhm: float, beta: float | None) -> Floats:
    """A PSF at squared distances from its centre, whose integral is 1."""
    if beta is None:
        sigma2 = (fwhm / FWHM_PER_SIGMA) ** 2
        return np.asarray(np.exp(-0.5 * r2 / sigma2) / (2 * np.pi * sigma2))
    alpha2 = fwhm**2 / 4 / (2 ** (1 / beta) - 1)
    return np.asarray((beta - 1) / (np.pi * alpha2) * (1 + r2 / alpha2) ** -beta)
