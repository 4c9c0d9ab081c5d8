"""Signal and noise of a cube's spaxels, and which of them can be used."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.spectra.formats_califa import cube_pixels
from agez.types import NORM_BAND_ANGSTROM, Bools, Floats, Ints, Spectra

#: Fewer good pixels in the window than this tell neither signal nor noise.
_MIN_WINDOW_PIXELS = 5
#: Spaxels with a smaller part of their pixels good are left out.
_MIN_GOOD_FRACTION = 0.5
#: Where the usual window is not covered, the middle part of the range that is this wide [Angstrom, observed].
_OTHER_WINDOW_ANGSTROM = 100.0
#: A spaxel this many times brighter than its brightest neighbour is an artefact: the seeing spreads a point source
#: over several spaxels (PSF of 2.5 arcsec FWHM on spaxels of 1 arcsec in CALIFA and of 0.5 arcsec in MaNGA).
_SPIKE_RATIO = 5.0
_SPIKE_SIGMA = 5.0
_MIN_NEIGHBOURS = 3
#: A spectrum with more than this part of its good pixels at one highest value is cut off there.
_FLAT_TOP_FRACTION = 0.05
#: Rows of spectra looked at together, so that temporary arrays stay small.
_CHUNK = 512
#: Why a spaxel is left out, in the order in which it is asked.
REASONS = ("star mask", "too few good pixels", "negative or zero flux", "saturated", "spike", "low S/N")


@dataclass(frozen=True, eq=False)
class Spaxels:
    """What is known of each spaxel of a cube.

    Attributes
    ----------
    y, x : (n,) int
        Pixel numbers, from 0.
    shape : (ny, nx)
    signal, noise : (n,) float
        Medians of flux and error in the window, per pixel in the unit of the flux; NaN where too few pixels are good.
    snr : (n,) float
        Per Angstrom: signal / noise / sqrt(median pixel width [Angstrom]).
    left_out : (n,) int
        0 where the spaxel is used, otherwise 1 + its place in :data:`REASONS`.
    window_angstrom : tuple of float
        Observed frame.
    pixel_angstrom : float
        Median width of the window's pixels.
    """

    y: Ints
    x: Ints
    shape: tuple[int, int]
    signal: Floats
    noise: Floats
    snr: Floats
    left_out: Ints
    window_angstrom: tuple[float, float]
    pixel_angstrom: float

    @property
    def usable(self) -> Bools:
        """Spaxels that nothing speaks against."""
        return np.asarray(self.left_out == 0)

    @property
    def starred(self) -> Bools:
        """Spaxels that the star mask leaves out."""
        return np.asarray(self.left_out == 1 + REASONS.index("star mask"))

    def image(self, values: Any, *, empty: float = np.nan) -> Any:
        """The (ny, nx) image of a value per spaxel; ``empty`` where the cube has no spaxel."""
        values = np.asarray(values)
        picture = np.full(self.shape, empty, dtype=values.dtype)
        picture[self.y, self.x] = values
        return picture

    def counts(self) -> dict[str, int]:
        """Number of spaxels used, and left out by reason; reasons that hold for none are not in it."""
        number = np.bincount(self.left_out, minlength=len(REASONS) + 1).tolist()
        return {word: n for word, n in zip(("used", *REASONS), number, strict=True) if n or word == "used"}


def cube_shape(spectra: Spectra) -> tuple[int, int]:
    """(ny, nx) of the cube that the rows are spaxels of; AgezError if they are not of a cube."""
    shape = spectra.meta.get("cube_shape")
    if shape is None:
        raise AgezError(
            f"{spectra.source} is no cube (format {spectra.meta.get('format', 'unknown')}): its spectra have no "
            "neighbours to be binned with; leave binning out"
        )
    if "bin_id" in spectra.meta:
        raise AgezError(f"{spectra.source}: these spectra are bins already; bin the spaxels of the cube instead")
    return int(shape[0]), int(shape[1])


def spaxel_pixels(spectra: Spectra) -> tuple[Ints, Ints, tuple[int, int]]:
    """(y, x, shape) of the rows of a cube; AgezError if they lie outside it or one of them is there twice."""
    shape = cube_shape(spectra)
    y, x = cube_pixels(spectra.rows)
    outside = (y < 0) | (x < 0) | (y >= shape[0]) | (x >= shape[1])
    if len(y) != len(spectra) or outside.any():
        raise AgezError(
            f"{spectra.source}: spec_id of some rows is no pixel of a cube of {shape[0]} x {shape[1]} spaxels"
        )
    if len(np.unique(y * shape[1] + x)) != len(y):
        raise AgezError(f"{spectra.source}: a spaxel is there twice; read the cube again")
    return y, x, shape


# ---------------------------------------------------------------- signal and noise


def snr_window(spectra: Spectra) -> tuple[float, float]:
    """The window in which signal and noise are measured [Angstrom, observed frame].

    5450-5550 Angstrom in the rest frame (the observed frame where the redshift is unknown), or, if the spectra do not
    cover it (CALIFA's V1200 does not), the middle 100 Angstrom of their range.  The medians taken in it do not mind the
    residual of a narrow sky line.
    """
    finite = spectra.redshift[np.isfinite(spectra.redshift)]
    stretch = 1.0 + (float(np.median(finite)) if len(finite) else 0.0)
    wave = spectra.wave_angstrom
    low, high = (edge * stretch for edge in NORM_BAND_ANGSTROM)
    inside = int(np.count_nonzero((wave >= low) & (wave <= high)))
    if inside >= _MIN_WINDOW_PIXELS and wave[0] <= low and wave[-1] >= high:
        return low, high
    middle, half = 0.5 * (wave[0] + wave[-1]), 0.5 * _OTHER_WINDOW_ANGSTROM
    low, high = max(wave[0], middle - half), min(wave[-1], middle + half)
    if np.count_nonzero((wave >= low) & (wave <= high)) < _MIN_WINDOW_PIXELS:
        return float(wave[0]), float(wave[-1])
    return float(low), float(high)


def signal_and_noise(spectra: Spectra, window: tuple[float, float]) -> tuple[Floats, Floats, float]:
    """Median flux and median error of each row's pixels in a window of the observed frame, and the pixels' width.

    NaN where fewer than half of the window's pixels, or fewer than 5, are good.  The width [Angstrom] is a median.
    """
    wave = spectra.wave_angstrom
    at = np.flatnonzero((wave >= window[0]) & (wave <= window[1]))
    part = slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0)
    flux, error = spectra.flux[:, part].astype(float), spectra.flux_err[:, part].astype(float)
    with np.errstate(invalid="ignore"):
        good = ~spectra.mask[:, part] & np.isfinite(flux) & np.isfinite(error) & (error > 0)
    enough = good.sum(axis=1) >= max(min(_MIN_WINDOW_PIXELS, len(wave)), 0.5 * len(at))
    # a row without a good pixel is NaN, as it should be
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        signal = np.where(enough, np.nanmedian(np.where(good, flux, np.nan), axis=1), np.nan)
        noise = np.where(enough, np.nanmedian(np.where(good, error, np.nan), axis=1), np.nan)
    return signal, noise, float(np.median(np.gradient(wave)[part])) if len(at) else np.nan


# ---------------------------------------------------------------- which can be used


def measure_spaxels(spectra: Spectra, *, min_snr: float, star_mask: Bools | None = None) -> Spaxels:
    """Signal, noise and S/N of each spaxel of a cube, and why those that cannot be used cannot.

    Left out are, in this order: spaxels of ``star_mask``; those with less than half of their pixels
    good, or of the window's; those with a flux of zero or less in the window; spectra cut off at one
    highest value (saturated); spaxels over 5 times brighter than each of their 8 neighbours, which no
    point source is after the seeing; and those with a S/N per Angstrom below ``min_snr``, most of them empty sky.

    Foreground stars are not looked for: at 6 Angstrom resolution a star on a galaxy's disc is not told from a
    cluster or a nucleus with the certainty that a mask needs.  MaNGA's own mask of them is honoured by the reader.

    Parameters
    ----------
    spectra : Spectra
        Spaxels of one cube.
    min_snr : float
        Least S/N per Angstrom.
    star_mask : (n,) bool, optional
        True for spaxels not to be used.
    """
    y, x, shape = spaxel_pixels(spectra)
    window = snr_window(spectra)
    signal, noise, pixel_angstrom = signal_and_noise(spectra, window)
    snr = signal / noise / np.sqrt(pixel_angstrom)
    good_fraction, flat_top = _good_fraction_and_flat_top(spectra)
    stars = np.zeros(len(spectra), dtype=bool) if star_mask is None else np.asarray(star_mask, dtype=bool)
    with np.errstate(invalid="ignore"):
        tests = (
            stars,
            ~np.isfinite(snr) | (good_fraction < _MIN_GOOD_FRACTION),
            ~(signal > 0),
            flat_top,
            _spikes(y, x, shape, np.where(stars, np.nan, signal), noise),
            ~(snr >= min_snr),
        )
    left_out = np.select(tests, range(1, len(tests) + 1), default=0)
    return Spaxels(y, x, shape, signal, noise, snr, left_out.astype(np.int32), window, pixel_angstrom)


def _good_fraction_and_flat_top(spectra: Spectra) -> tuple[Floats, Bools]:
    """Part of each row's pixels that is good, and rows that are cut off at one highest value."""
    fraction, flat = np.empty(len(spectra)), np.zeros(len(spectra), dtype=bool)
    for start in range(0, len(spectra), _CHUNK):
        rows = slice(start, start + _CHUNK)
        good = ~spectra.mask[rows] & np.isfinite(spectra.flux[rows])
        number = good.sum(axis=1)
        fraction[rows] = number / good.shape[1]
        flux = np.where(good, spectra.flux[rows], -np.inf)
        top = flux.max(axis=1, keepdims=True)
        at_top = ((flux == top) & good).sum(axis=1)
        flat[rows] = (at_top > np.maximum(_FLAT_TOP_FRACTION * number, 2)) & (at_top < number)
    return fraction, flat


def _spikes(y: Ints, x: Ints, shape: tuple[int, int], signal: Floats, noise: Floats) -> Bools:
    """Spaxels much brighter than the brightest of their (3 or more) neighbours."""
    padded = np.full((shape[0] + 2, shape[1] + 2), np.nan)
    padded[y + 1, x + 1] = signal
    around = np.stack([padded[y + 1 + dy, x + 1 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)])
    known = np.isfinite(around)
    brightest = np.max(np.where(known, around, 0.0), axis=0)
    return np.asarray(
        (known.sum(axis=0) >= _MIN_NEIGHBOURS) & (signal > _SPIKE_RATIO * brightest + _SPIKE_SIGMA * noise)
    )
