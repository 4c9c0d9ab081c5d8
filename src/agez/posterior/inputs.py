"""What a network is shown of an SED: fluxes, errors and a mask for each band, and the redshift with its error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from agez.types import Bools, Floats

#: Errors below this part of a row's typical flux count as this much in the weights of its scale: no band rules alone.
SCALE_FLOOR = 0.1
#: Smallest number that is divided by.
TINY = np.float32(1e-30)
#: Unknown errors are taken as this part of the row's typical flux.
ASSUMED_ERROR = 0.05
#: Redshift errors below this are exact for bands of 100 A and more.
EXACT_REDSHIFT = 1e-4
#: Widths [in log10] of the compressed errors, and how far standardised fluxes are let to go linearly.
LINEAR_UP_TO = 4.0
#: Widths [bands] of the Gaussians against whose local mean each band's flux is set: absorption features are changes of
#: a few per cent between neighbours, on top of colours that differ by factors.
CONTRAST_WIDTHS = (1.5, 4.0)
#: Error that is added in quadrature in those means, in units of the row's scale.
CONTRAST_FLOOR = 0.03
#: log10(1 + z) over which the sines and cosines of redshift turn once: one to four bands of 100 A.
TURNS = (0.16, 0.08, 0.04, 0.02)


class Scaled(NamedTuple):
    """SEDs in units of their own scale.

    ``flux``, ``flux_err`` (n, b), 0 and 1 where not covered; ``scale`` (n,); ``covered`` (n, b);
    ``assumed`` (n,): some of the row's errors were unknown.
    """

    flux: Floats
    flux_err: Floats
    scale: Floats
    covered: Bools
    assumed: Bools


def scaled(flux: Floats, flux_err: Floats, covered: Bools) -> Scaled:
    """Bring every SED to its own scale: the mean of its observed bands, weighted by their errors.

    Parameters
    ----------
    flux, flux_err : (n, b) float
        Any common unit; NaN errors are unknown and taken as :data:`ASSUMED_ERROR` of the row's median flux.
    covered : (n, b) bool

    Returns
    -------
    Scaled
        ``scale`` is positive: it is at least its own error, so that SEDs of pure noise stay finite.
        ``assumed`` (n,) says which rows had unknown errors.
    """
    f = np.where(covered, flux, 0.0)
    count = np.maximum(covered.sum(axis=1, keepdims=True), 1)
    unit = np.abs(f).sum(axis=1, keepdims=True) / count
    unit[~(unit > 0)] = 1.0
    f = (f / unit).astype(np.float32)
    unknown = covered & ~np.isfinite(flux_err)
    typical = np.abs(f.mean(axis=1, keepdims=True)) * (f.shape[1] / count).astype(np.float32)
    e = np.where(covered & ~unknown, flux_err / unit, 1.0).astype(np.float32)
    e = np.where(unknown, ASSUMED_ERROR * typical, e)
    weight = np.where(covered, 1.0 / np.maximum(e**2 + (SCALE_FLOOR * typical) ** 2, TINY), 0.0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), TINY)
    least = np.sqrt(((weight * e) ** 2).sum(axis=1, keepdims=True))
    mean = np.maximum((weight * f).sum(axis=1, keepdims=True), np.maximum(least, TINY))
    return Scaled(
        f / mean, np.where(covered, e / mean, np.float32(1)), (mean * unit)[:, 0], covered,
        np.asarray(unknown.any(axis=1)),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Standard:
    """Means and widths that bring inputs and labels to order one.

    Attributes
    ----------
    flux_mean, flux_std : (b,) float32
        Of scaled fluxes.
    contrast_mean, contrast_std : (len(CONTRAST_WIDTHS), b) float32
        Of :func:`contrasts`.
    error_mean, error_std : float
        Of log10 of scaled errors.
    redshift_range : (low, high)
    label_mean, label_std : (2,) float
    """

    flux_mean: Floats
    flux_std: Floats
    contrast_mean: Floats
    contrast_std: Floats
    error_mean: float
    error_std: float
    redshift_range: tuple[float, float]
    label_mean: Floats
    label_std: Floats

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        return {
            "flux_mean": self.flux_mean.astype(np.float32),
            "flux_std": self.flux_std.astype(np.float32),
            "contrast_mean": self.contrast_mean.astype(np.float32),
            "contrast_std": self.contrast_std.astype(np.float32),
            "error_standard": np.array([self.error_mean, self.error_std]),
            "redshift_range": np.array(self.redshift_range),
            "label_mean": self.label_mean,
            "label_std": self.label_std,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Standard:
        """What :meth:`to_arrays` gave."""
        low, high = (float(z) for z in arrays["redshift_range"])
        mean, std = (float(x) for x in arrays["error_standard"])
        return cls(
            arrays["flux_mean"], arrays["flux_std"], arrays["contrast_mean"], arrays["contrast_std"], mean, std,
            (low, high), arrays["label_mean"], arrays["label_std"],
        )  # fmt: skip


def contrasts(seds: Scaled) -> Floats:
    """Each band's flux over the mean of the observed bands around it, minus one; 0 if absent.

    Neighbours count by their inverse variance and by a Gaussian of their distance, in bands of the set's order.
    The ratio is bounded to +-1, which only noise exceeds.

    Returns
    -------
    (n, len(CONTRAST_WIDTHS), b) float32
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


def standard_of(seds: Scaled, labels: Floats, redshift_range: tuple[float, float]) -> Standard:
    """Means and widths of a training set."""
    count = np.maximum(seds.covered.sum(axis=0), 1)
    mean = np.where(seds.covered, seds.flux, 0).sum(axis=0) / count
    variance = np.where(seds.covered, (seds.flux - mean) ** 2, 0).sum(axis=0) / count
    log_error = np.log10(seds.flux_err[seds.covered])
    contrast = contrasts(seds)
    contrast_mean = contrast.sum(axis=0) / count
    off = np.where(seds.covered[:, None], np.abs(contrast - contrast_mean), 0).sum(axis=0) / count
    return Standard(
        mean.astype(np.float32), np.sqrt(np.maximum(variance, 1e-6)).astype(np.float32),
        contrast_mean.astype(np.float32), np.maximum(1.25 * off, 1e-3).astype(np.float32), float(log_error.mean()),
        float(max(log_error.std(), 0.1)), redshift_range, labels.mean(axis=0), labels.std(axis=0),
    )  # fmt: skip


def n_features(n_bands: int) -> int:
    """Length of :func:`features`."""
    return (3 + len(CONTRAST_WIDTHS)) * n_bands + 3 + 2 * len(TURNS)


def features(seds: Scaled, redshift: Floats, redshift_err: Floats, standard: Standard) -> Floats:
    """The numbers that a network sees.

    Parameters
    ----------
    redshift, redshift_err : (n,) float
        NaN redshift: unknown, anywhere in the range.  NaN error: none, the redshift is exact.

    Returns
    -------
    (n, 5 b + 11) float32
        Standardised fluxes, compressed beyond ``LINEAR_UP_TO`` so that noise has no leverage; log errors;
        the mask; contrasts; the redshift, its error, whether it has one, and sines and cosines of log(1 + z), which
        turn once in one to a few bands.  Bands that are not covered are 0 in all five.
    """
    n, b = seds.flux.shape
    out = np.zeros((n, n_features(b)), np.float32)
    blocks = out[:, : (3 + len(CONTRAST_WIDTHS)) * b].reshape(n, -1, b)
    blocks[:, 0] = _bent((seds.flux - standard.flux_mean) / standard.flux_std)
    blocks[:, 1] = np.clip((np.log10(seds.flux_err) - standard.error_mean) / standard.error_std, -4, 4)
    blocks[:, 2] = 1.0
    blocks[:, 3:] = _bent((contrasts(seds) - standard.contrast_mean) / standard.contrast_std)
    blocks *= seds.covered[:, None]
    low, high = standard.redshift_range
    known = np.isfinite(redshift)
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-3)
    z = np.where(known, redshift, middle)
    error = np.where(known, np.nan_to_num(redshift_err, nan=0.0), half)
    rest = out[:, blocks.shape[1] * b :]
    rest[:, 0] = (z - middle) / half
    rest[:, 1] = np.log10(np.maximum(error, EXACT_REDSHIFT)) + 3
    rest[:, 2] = error > EXACT_REDSHIFT
    phase = np.log10(1 + z)[:, None] / np.array(TURNS) * 2 * np.pi
    rest[:, 3:] = np.concatenate([np.sin(phase), np.cos(phase)], axis=1)
    return out


def _bent(x: Floats) -> Floats:
    """Linear up to ``LINEAR_UP_TO``, logarithmic beyond."""
    size = np.maximum(np.abs(x), LINEAR_UP_TO)
    return np.where(np.abs(x) > LINEAR_UP_TO, np.sign(x) * LINEAR_UP_TO * (1 + np.log(size / LINEAR_UP_TO)), x)
