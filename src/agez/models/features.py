"""What a network is shown of an SED: fluxes, contrasts, errors and a mask for each band, and the redshift."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from agez.models.feature_scaling import FeatureScaling
from agez.types import Bools, Floats, Ints

#: Errors below this part of a row's typical flux count as this much in the weights of its scale: no band rules alone.
SCALE_FLOOR = 0.1
#: Smallest number that is divided by.
TINY = np.float32(1e-30)
#: Unknown errors are taken as this part of the row's typical flux.
ASSUMED_ERROR = 0.05
#: Errors are put into this range, in units of the row's mean absolute flux.
ERROR_RANGE = (1e-7, 1e7)
#: Error of redshifts as targets, times 1 + z, beside that of the given redshift.
REDSHIFT_FLOOR = 0.001
#: Redshift errors below this are exact for bands of 100 A and more.
EXACT_REDSHIFT = 1e-4
#: Widths [bands] of the Gaussians against whose local mean each band's flux is set: absorption features are changes of
#: a few per cent between neighbours, on top of colours that differ by factors.
CONTRAST_WIDTHS = (1.5, 4.0)
#: Error that is added in quadrature in those means, in units of the row's scale.
CONTRAST_FLOOR = 0.03
#: Standardised signals are linear up to about this, and logarithmic beyond.
LINEAR_UP_TO = np.float32(2.0)
#: log10(1 + z) over which the sines and cosines of redshift turn once: one to four bands of 100 A.
TURNS = (0.16, 0.08, 0.04, 0.02)


class NormalisedPhotometry(NamedTuple):
    """SEDs in units of their own scale.

    ``flux``, ``flux_err`` (n, b), 0 and 1 where not covered; ``scale`` (n,); ``covered`` (n, b);
    ``assumed`` (n,): some of the row's errors were unknown.
    """

    flux: Floats
    flux_err: Floats
    scale: Floats
    covered: Bools
    assumed: Bools

    def take(self, rows: Ints) -> NormalisedPhotometry:
        """Some of the rows."""
        columns: list[Any] = [column[rows] for column in self]
        return NormalisedPhotometry(*columns)


def normalised(flux: Floats, flux_err: Floats, covered: Bools) -> NormalisedPhotometry:
    """Bring every SED to its own scale: the mean of its observed bands, weighted by their errors.

    Parameters
    ----------
    flux, flux_err : (n, b) float
        Any common unit; errors that are NaN, zero or negative are unknown and taken as :data:`ASSUMED_ERROR` of the
        row's typical flux.
    covered : (n, b) bool

    Returns
    -------
    NormalisedPhotometry
        ``scale`` is positive: it is at least its own error, so that SEDs of pure noise stay finite.
        ``assumed`` (n,) says which rows had unknown errors.
    """
    f = np.where(covered, flux, 0.0)
    count = np.maximum(covered.sum(axis=1, keepdims=True), 1)
    unit = np.abs(f).sum(axis=1, keepdims=True) / count
    unit[~(unit > 0)] = 1.0
    f = (f / unit).astype(np.float32)
    unknown = covered & ~(flux_err > 0)
    typical = np.abs(f.mean(axis=1, keepdims=True)) * (f.shape[1] / count).astype(np.float32)
    # surveys write 1e30 or infinity for a band that says nothing: its square must stay a number
    known = np.where(covered & ~unknown, flux_err, unit) / unit
    e = np.clip(known, *ERROR_RANGE).astype(np.float32)
    e = np.where(unknown, ASSUMED_ERROR * typical, e)
    weight = np.where(covered, 1.0 / np.maximum(e**2 + (SCALE_FLOOR * typical) ** 2, TINY), 0.0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), TINY)
    least = np.sqrt(((weight * e) ** 2).sum(axis=1, keepdims=True))
    mean = np.maximum((weight * f).sum(axis=1, keepdims=True), np.maximum(least, TINY))
    return NormalisedPhotometry(
        f / mean, np.where(covered, e / mean, np.float32(1)), (mean * unit)[:, 0], covered,
        np.asarray(unknown.any(axis=1)),
    )  # fmt: skip


def contrasts(seds: NormalisedPhotometry) -> Floats:
    """Each band's flux over the mean of the observed bands around it, minus one; 0 if absent.

    (n, len(CONTRAST_WIDTHS), b) float32.  Neighbours count by their inverse variance and by a Gaussian of their
    distance, in bands of the set's order.  The ratio is bounded to +-1, which only noise exceeds.
    """
    n, b = seds.flux.shape
    weight = np.where(seds.covered, 1.0 / (seds.flux_err**2 + CONTRAST_FLOOR**2), 0.0).astype(np.float32)
    flux = np.where(seds.covered, seds.flux, 0.0).astype(np.float32)
    out = np.zeros((n, len(CONTRAST_WIDTHS), b), np.float32)
    distance = np.arange(b)[:, None] - np.arange(b)
    for k, width in enumerate(CONTRAST_WIDTHS):
        kernel = np.exp(-0.5 * (distance / width) ** 2).astype(np.float32)
        around = (weight * flux) @ kernel / np.maximum(weight @ kernel, 1e-20)
        ratio = (flux - around) / np.maximum(np.abs(around), 1e-3)
        out[:, k] = np.where(seds.covered, np.clip(ratio, -1, 1), 0)
    return out


def redshift_unit(
    redshift: Floats, redshift_err: Floats, redshift_range: tuple[float, float]
) -> tuple[Floats, Floats]:  # fmt: skip
    """Origin and unit (n,) in which networks learn redshifts: the given one, and its error with a floor.

    Of an unknown one (NaN, or of infinite error) the middle of the range and half of its width.  Where the redshift is
    exactly known there is nothing to learn, and in these units nothing that networks could spend their weights on.
    """
    low, high = redshift_range
    known = np.isfinite(redshift) & ~np.isposinf(redshift_err)
    z = np.where(known, redshift, (low + high) / 2)
    unit = np.hypot(np.nan_to_num(redshift_err, nan=0.0), REDSHIFT_FLOOR * (1 + z))
    return z, np.where(known, unit, max((high - low) / 2, 1e-3))


def signals(seds: NormalisedPhotometry) -> Floats:
    """(n, 1 + len(CONTRAST_WIDTHS), b) float32: scaled fluxes and contrasts."""
    return np.concatenate([seds.flux[:, None], contrasts(seds)], axis=1)


def n_features(n_bands: int) -> int:
    """Length of :func:`features`."""
    return (3 + len(CONTRAST_WIDTHS)) * n_bands + 3 + 2 * len(TURNS)


def features(seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats, scaling: FeatureScaling) -> Floats:
    """The numbers that a network sees.

    Parameters
    ----------
    redshift, redshift_err : (n,) float
        NaN redshift: unknown, shown as the middle of the range with half its width as the error.  NaN error: none, the
        redshift is exact.

    Returns
    -------
    (n, 5 b + 11) float32
        Fluxes and contrasts, standardised by what is usual at their redshift and compressed beyond
        ``LINEAR_UP_TO`` so that neither noise nor strong lines rule; log errors; the mask; then the redshift,
        its error, whether it has one, and sines and cosines of log(1 + z), which turn once in one to a few
        bands.  Bands that are not covered are 0 in all five.
    """
    n, b = seds.flux.shape
    out = np.zeros((n, n_features(b)), np.float32)
    blocks = out[:, : (3 + len(CONTRAST_WIDTHS)) * b].reshape(n, 3 + len(CONTRAST_WIDTHS), b)
    low, high = scaling.redshift_range
    known = np.isfinite(redshift)
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-3)
    z = np.where(known, redshift, middle)
    error = np.where(known, np.nan_to_num(redshift_err, nan=0.0), half)
    center, width = scaling.at(redshift)
    blocks[:, :-2] = LINEAR_UP_TO * np.arcsinh((signals(seds) - center) / (LINEAR_UP_TO * width))
    blocks[:, -2] = np.clip((np.log10(seds.flux_err) - scaling.error_mean) / scaling.error_std, -4, 4)
    blocks[:, -1] = 1.0
    blocks *= seds.covered[:, None]
    rest = out[:, blocks.shape[1] * b :]
    rest[:, 0] = (z - middle) / half
    rest[:, 1] = np.log10(np.maximum(error, EXACT_REDSHIFT)) + 3
    rest[:, 2] = error > EXACT_REDSHIFT
    phase = np.log10(1 + z)[:, None] / np.array(TURNS) * 2 * np.pi
    rest[:, 3:] = np.concatenate([np.sin(phase), np.cos(phase)], axis=1)
    return out
