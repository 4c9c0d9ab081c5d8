"""The noise of the images, measured on the sky: how large, and how neighbours go together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from scipy import fft

from agez.errors import AgezError
from agez.images.background import constant_level
from agez.images.detection import robust_sigma, source_mask
from agez.images.image_set import ImageSet
from agez.images.noise_correlation import WHITE, power_of, trimmed, variance_of_sum
from agez.types import Bools, Floats

Noise = Literal["auto", "given", "measure"]
NOISES: tuple[Noise, ...] = get_args(Noise)
#: Fewer pixels of sky tell nothing about correlations, or about noise at all.
MIN_SKY_PIXELS = 1500
MIN_FOR_SIGMA = 100
#: Correlations are looked for out to this many pixels.
MAX_LAG = 8
#: Pixels beyond so many sigma are faint sources, or bad.
_CLIP = 4.0
#: Errors in the files that differ from the measured ones by more than this factor are remarked upon.
_SUSPECT = 1.3


def empirical_noise(images: ImageSet, *, how: Noise = "measure", sources: Bools | None = None) -> ImageSet:
    """Measure each band's noise on pixels without sources.

    The correlation of neighbours is the mean product of pixels d apart, in units of their errors, over that at d = 0,
    out to the ring of d in which nothing significant is left.  Bands with too little sky for that share the correlation
    of all such bands together: surveys resample all bands alike.  Bands without errors get the measured one, the same
    for all pixels: it knows nothing of the photon noise of the galaxy itself.  Bands with errors keep them, times the
    factor by which the sky's noise differs, if ``measure`` is asked for.

    As a check, sums over empty squares of 8 by 8 pixels are compared with what the correlation says of them.

    Parameters
    ----------
    how : 'auto', 'given' or 'measure'
        ``given``: nothing is measured.  ``auto``: errors only where the files have none, correlations only where
        nothing is known of them (white so far).  ``measure``: both, everywhere.
    sources : (ny, nx) bool, optional
        Pixels with sources, instead of looking for them.

    Returns
    -------
    ImageSet
        ``meta["noise"]``: for each measured band ``sigma`` [microjansky], ``over_given`` (over the median error that
        the file says of the same pixels; NaN if none) and ``squares`` (measured over expected scatter).

    Raises
    ------
    AgezError
        If ``measure`` is asked for and there are too few pixels of sky, or for a bad option.
    """
    if how not in NOISES:
        raise AgezError(f"noise {how!r} is unknown; choose one of {', '.join(NOISES)}")
    if how == "given":
        return images
    if sources is None:
        sources = source_mask(images)
    error = images.flux_err.copy()
    noise = list(images.noise)
    found: dict[str, dict[str, float]] = {}
    remarks = list(images.meta.get("remarks", []))
    few: dict[int, tuple[Floats, Bools]] = {}
    for b, name in enumerate(images.bands.names):
        use = ~sources & ~images.mask[b]
        known = np.isfinite(images.flux_err[b])
        has_errors = bool((known & ~images.mask[b]).any())
        use &= known if has_errors else True
        n_sky = int(use.sum())
        if n_sky < MIN_SKY_PIXELS and how == "measure":
            raise AgezError(
                f"{images.sources[b]}: only {n_sky} pixels without sources to measure the noise of band "
                f"{name} on; expected {MIN_SKY_PIXELS}; give larger images, or --noise given"
            )
        if n_sky < MIN_FOR_SIGMA:
            remarks.append(f"noise of band {name} not measured: {n_sky} pixels without sources")
            continue
        flux = images.flux[b].astype(float)
        level, _ = constant_level(flux, use)
        unit = images.flux_err[b].astype(float) if has_errors else np.ones(images.shape)
        scaled = np.where(use, (flux - level) / np.where(use, unit, 1.0), 0.0)
        sigma = robust_sigma(scaled[use])
        if not sigma > 0:
            raise AgezError(
                f"{images.sources[b]}: half of the sky's pixels of band {name} have the very same value; leave this "
                "file out, or --noise given"
            )
        use &= np.abs(scaled) < _CLIP * sigma
        if n_sky >= MIN_SKY_PIXELS and (how == "measure" or images.noise[b].size == 1):
            noise[b] = sky_correlation(scaled, use)
        elif images.noise[b].size == 1:
            few[b] = np.where(use, scaled / sigma, 0.0), use.copy()
        factor = float(np.sqrt(np.mean(scaled[use] ** 2)))
        squares = _squares(scaled / factor, use, noise[b])
        typical = float(np.median(unit[use]))
        found[name] = {"sigma": factor * typical, "over_given": factor if has_errors else np.nan, "squares": squares}
        if not has_errors:
            error[b] = np.where(images.mask[b], np.nan, factor)
            remarks.append(f"band {name} without weights or errors: its error is the scatter of the sky")
        elif how == "measure":
            error[b] = images.flux_err[b] * factor
        elif not 1 / _SUSPECT < factor < _SUSPECT:
            remarks.append(
                f"the sky of band {name} scatters {factor:.2f} times as much as the errors in {images.sources[b]} say; "
                "--noise measure scales them"
            )
    if few and sum(int(use.sum()) for _, use in few.values()) >= MIN_SKY_PIXELS:
        shared = sky_correlation(*(np.stack(part) for part in zip(*few.values(), strict=True)))
        for b in few:
            noise[b] = shared
        remarks.append(f"little sky is visible: one noise correlation is used for all of these {len(few)} bands")
    meta: dict[str, Any] = {**images.meta, "noise": found, "remarks": remarks}
    return replace(images, flux_err=error, noise=tuple(noise), meta=meta)


def sky_correlation(values: Floats, use: Bools) -> Floats:
    """Correlation of pixels d apart, of mean-free ``values`` where ``use``: 1 in the middle; white if nothing is seen.

    (ny, nx), or (b, ny, nx) for one correlation of several bands together.
    Rings (of the same largest of |dx| and |dy|) are kept from the inside until one is compatible with nothing.
    """
    reach = MAX_LAG
    shape = [fft.next_fast_len(n + reach, real=True) for n in values.shape[-2:]]
    at = np.arange(-reach, reach + 1)

    def summed(images: Floats) -> Floats:
        """Sums of the products of pixels d apart."""
        power = np.zeros((shape[0], shape[1] // 2 + 1))
        for image in images.reshape(-1, *images.shape[-2:]):
            power += power_of(fft.rfft2(image, shape))
        return np.asarray(fft.irfft2(power, shape)[np.ix_(at, at)])

    products = summed(np.where(use, values, 0.0))
    pairs = np.clip(summed(use.astype(float)), 0.5, None)
    correlation = products / pairs
    correlation = correlation / correlation[reach, reach]
    ring = np.maximum(np.abs(at)[:, None], np.abs(at)[None, :])
    kept = 0
    for radius in range(1, reach + 1):
        inner = np.where(ring < radius, correlation, 0.0)
        half = (ring == radius) & ((at[:, None] > 0) | ((at[:, None] == 0) & (at[None, :] > 0)))
        # the variance of a correlation that is not there is sum r**2 / number of pairs (Bartlett 1946)
        chi2 = float((correlation[half] ** 2 * pairs[half]).sum() / (inner**2).sum())
        n = int(half.sum())
        if chi2 < n + 4 * np.sqrt(2 * n):
            break
        kept = radius
    if kept == 0:
        return WHITE
    inner = correlation[reach - kept : reach + kept + 1, reach - kept : reach + kept + 1]
    inner = 0.5 * (inner + inner[::-1, ::-1])
    if inner.sum() < 0.05:  # sums over many pixels would have no noise: the estimate's own errors
        inner = inner * (0.95 / (1 - inner.sum() + 1e-12))
        inner[kept, kept] = 1.0
    return trimmed(inner)


def _squares(values: Floats, use: Bools, noise: Floats, *, side: int = 8) -> float:
    """Scatter of sums over empty squares, over what the correlation of neighbours says; NaN if there are too few."""
    rows, columns = (n // side for n in values.shape)
    if not rows or not columns:
        return np.nan

    def summed(image: Floats) -> Floats:
        cut = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
        return np.asarray(cut.sum(axis=(1, 3)))

    count = summed(use.astype(float))
    full = count >= 0.9 * side**2
    if full.sum() < 20:
        return np.nan
    sums = summed(np.where(use, values, 0.0))[full] * np.sqrt(side**2 / count[full])
    return float(robust_sigma(sums) / np.sqrt(max(variance_of_sum(noise, side, side), 1e-12)))
