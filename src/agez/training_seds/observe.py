"""Simulated observations of SEDs: noise by band, missing bands, calibration errors, redshift errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from agez.errors import AgezError
from agez.mixture_network.given_redshift import OUTLIER_WIDTH
from agez.types import Bools, Floats

#: Smooth functions of wavelength whose sums make calibration errors and noise levels.
N_WAVES = 6
#: Bands bluer than this have zero points of a scatter of their own: standard stars differ most there.
BLUE_ANGSTROM = 4050.0


@dataclass(frozen=True)
class Survey:
    """Distributions of the observing conditions; each pair is the (low, high) of a range."""

    #: Signal-to-noise ratio of the SED's mean flux in a band of typical noise, log-uniform.
    snr: tuple[float, float] = (2.0, 600.0)
    #: noise_tilt, noise_scatter: Smooth change of the noise with wavelength, and from band to band [dex rms].
    noise_tilt: float = 0.25
    noise_scatter: float = 0.1
    #: Rms of unknown multiplicative errors that are smooth in wavelength (flux calibration, dust, wrong templates),
    #: log-uniform.
    calibration: tuple[float, float] = (0.002, 0.05)
    zero_points: tuple[float, float] = (0.001, 0.03)  #: The same for errors that differ from band to band.
    blue_zero_points: float = 1.0  #: By how much larger those are below :data:`BLUE_ANGSTROM`.
    #: Share of SEDs of which one band, drawn at random, is off: an artefact, a neighbour, another aperture.
    bad_band: float = 0.0
    bad_band_size: float = 0.2  #: By how much, rms [ln].
    #: Rms zero-point error of each band [mag], where it was measured, and the range of the factor, log-uniform from
    #: SED to SED, that it is multiplied by; beside the above.  Empty: none.
    band_zero_points: tuple[float, ...] = ()
    band_zero_points_factor: tuple[float, float] = (0.15, 1.5)
    #: By how much the noise is larger than the errors say, uniform [ln]: noise that neighbouring pixels share is often
    #: not in them.
    errors_understated: tuple[float, float] = (0.0, 0.0)
    error_scatter: float = 0.1  #: Rms error of the reported flux errors [ln].
    #: Share of SEDs with all bands; of the others a half lose bands at random, a quarter all beyond a range of
    #: wavelengths, a quarter both.
    complete: float = 0.3
    most_missing: float = 0.75  #: The largest probability for a band to be missing.
    least_bands: int = 6
    #: Share of SEDs with an exact redshift; others have an error, log-uniform in ``redshift_err``.
    redshift_known: float = 0.5
    redshift_err: tuple[float, float] = (1e-4, 0.03)
    redshift_unknown: float = 0.0  #: Share of SEDs without a redshift.
    #: Share of redshifts with errors whose departures are :data:`OUTLIER_WIDTH` times larger.
    redshift_tail: float = 0.0

    def even(self, snr: float | None = None) -> Survey:
        """The same with all bands, and noise that is the same in each; ``snr``: of all SEDs; default: as it is."""
        same = replace(self, complete=1.0, noise_tilt=0.0, noise_scatter=0.0)
        return same if snr is None else replace(same, snr=(snr, snr * 1.001))


class Observed(NamedTuple):
    """Fluxes (n, b), errors (n, b), which bands were observed (n, b); values where they were not have no meaning."""

    flux: Floats
    flux_err: Floats
    covered: Bools


def smooth_waves(pivot_angstrom: Floats) -> Floats:
    """(N_WAVES, b) cosines of log wavelength of unit rms and falling weight; their weighted sums are smooth."""
    log_wave = np.log(pivot_angstrom)
    x = (log_wave - log_wave.min()) / max(np.ptp(log_wave), 1e-9)
    k = np.arange(N_WAVES)[:, None]
    waves = np.cos(np.pi * k * x) / (1 + k)
    return (waves / np.sqrt((waves**2).sum(axis=0).mean())).astype(np.float32)


def observe(
    flux: Floats, present: Bools, pivot_angstrom: Floats, rng: np.random.Generator, *, survey: Survey | None = None
) -> Observed:
    """Observe noise-free SEDs as a survey would; every call draws new noise.

    Parameters
    ----------
    flux : (n, b) float
        In units of about the mean of each row.
    present : (n, b) bool
        Bands in which the SED is defined.
    pivot_angstrom : (b,) float
    """
    survey = survey or Survey()
    n, b = flux.shape
    waves = smooth_waves(pivot_angstrom)

    def normal(*shape: int) -> Floats:
        return rng.standard_normal(shape, dtype=np.float32)

    smooth = _log_uniform(survey.calibration, n, rng)[:, None] * (normal(n, N_WAVES) @ waves)
    own = np.where(pivot_angstrom < BLUE_ANGSTROM, survey.blue_zero_points, 1.0).astype(np.float32)
    factor = 1 + smooth + _log_uniform(survey.zero_points, n, rng)[:, None] * own * normal(n, b)
    if survey.bad_band:
        bad = (rng.uniform(size=(n, 1)) < survey.bad_band) & (np.arange(b) == rng.integers(b, size=(n, 1)))
        factor = factor * np.where(bad, np.exp(survey.bad_band_size * normal(n, 1)), np.float32(1))
    if survey.band_zero_points:
        if len(survey.band_zero_points) != b:
            raise AgezError(f"band_zero_points has {len(survey.band_zero_points)} values for {b} bands")
        size = _log_uniform(survey.band_zero_points_factor, n, rng)[:, None]
        factor = factor * np.exp(0.4 * np.log(10) * size * np.array(survey.band_zero_points, np.float32) * normal(n, b))
    seen = flux * factor
    level = 1 / _log_uniform(survey.snr, n, rng)[:, None]
    tilt = survey.noise_tilt * (normal(n, N_WAVES) @ waves) + survey.noise_scatter * normal(n, b)
    error = level * np.exp(np.float32(np.log(10)) * tilt)
    seen = seen + error * normal(n, b)
    told = error * np.exp(survey.error_scatter * normal(n, 1))
    if survey.errors_understated != (0.0, 0.0):
        told = told / np.exp(rng.uniform(*survey.errors_understated, (n, 1)).astype(np.float32))
    return Observed(seen, told, present & _kept(n, b, pivot_angstrom, rng, survey))


def _log_uniform(span: tuple[float, float], n: int, rng: np.random.Generator) -> Floats:
    """(n,) float32, uniform in log between the ends of ``span``."""
    return np.exp(rng.uniform(np.log(span[0]), np.log(span[1]), n)).astype(np.float32)


def _kept(n: int, b: int, pivot: Floats, rng: np.random.Generator, survey: Survey) -> Bools:
    """(n, b) False for removed bands; at least ``least_bands`` remain."""
    draw = rng.uniform(size=(n, b)).astype(np.float32)
    kind = rng.uniform(size=(n, 1))
    part = (kind - survey.complete) / max(1 - survey.complete, 1e-9)  # < 0: complete
    at_random = (part >= 0) & ((part < 0.5) | (part >= 0.75))
    in_range = part >= 0.5
    kept = ~at_random | (draw >= survey.most_missing * rng.uniform(size=(n, 1)))
    ends = np.sort(rng.uniform(pivot.min() - 200, pivot.max() + 200, (n, 2)), axis=1)
    kept &= ~in_range | ((pivot >= ends[:, :1]) & (pivot <= ends[:, 1:])) | (np.ptp(ends, axis=1) < 1500)[:, None]
    few = kept.sum(axis=1) < survey.least_bands
    order = np.argsort(draw[few], axis=1)
    kept[few] |= np.argsort(order, axis=1) < survey.least_bands
    return np.asarray(kept)


def observe_redshift(
    redshift: Floats, redshift_range: tuple[float, float], rng: np.random.Generator, *, survey: Survey | None = None
) -> tuple[Floats, Floats]:
    """Redshifts as a survey gives them, with their errors (0: exact); those outside the range are clipped.

    Both are NaN where the redshift is unknown.
    """
    survey = survey or Survey()
    n = len(redshift)
    error = _log_uniform(survey.redshift_err, n, rng).astype(float)
    draw = rng.uniform(size=n)
    error[draw < survey.redshift_known] = 0.0
    departure = error * rng.standard_normal(n)
    if survey.redshift_tail:
        departure[rng.uniform(size=n) < survey.redshift_tail] *= OUTLIER_WIDTH
    seen = np.clip(redshift + departure, *redshift_range)
    unknown = draw >= 1 - survey.redshift_unknown
    return np.where(unknown, np.nan, seen), np.where(unknown, np.nan, error)
