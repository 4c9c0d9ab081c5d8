"""From fluxes to what a network is fed, learned from training rows only; and how unlike them a row is.

Steps, for one row of fluxes f_b:

1. **Scale.** The SED is divided by its least-squares amplitude against the median training SED.  An amplitude that
   is not positive leaves no SED to speak of: no prediction.
2. **Colour.** c_b = arcsinh(ratio_b / (2 s)) with softening s = 0.1 (Lupton, Gunn & Szalay 1999, AJ 118, 1406):
   a logarithm, in which dust is linear, for all usual ratios, and finite for zero and negative fluxes.  Then the
   mean of c over the reference bands is taken off: those that no training row lacks, or the
   MIN_REFERENCE_BANDS most often observed where those are fewer.  (The authors take one band as reference; many have
   less noise, and no input becomes a constant.)  For a row that lacks a reference band, what is taken off is what
   makes its observed colours most likely under the Gaussian of step 4.
3. **Standardise** each band by the mean and standard deviation of the training rows.
4. **Fill** what is missing with its conditional mean given the other bands, under a Gaussian whose mean and
   covariance come from the training rows, those with missing bands included
   (:mod:`agez.paper_network.gaussian`).
5. **Whiten in part**: x = (z - mean) V (w + e)^(-1/2) V^T with the covariance's eigenvectors V and eigenvalues w,
   and e = WHITENING_FLOOR.  Colours of galaxies lie along one or two directions; what tells age from
   metallicity lies across them and is small.  This brings both to comparable size, which makes training several
   times faster; being symmetric it leaves every input with its own band, so neighbours stay neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.paper_network.gaussian import Gaussian, conditional, fill_missing, fit_gaussian, patterns_of
from agez.types import Bools, Floats

SOFTENING = 0.1
WHITENING_FLOOR = 0.1
MIN_REFERENCE_BANDS = 5
#: Ratios are bounded here, far beyond any SED, so that junk stays finite.
LARGEST_RATIO = 1e30
#: Share of the variance that the out-of-distribution score resolves into components; the rest is one residual.
RESOLVED_VARIANCE = 0.995


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Everything that :func:`learn_normalisation` found; arrays only, so that a model file can hold it."""

    mean_sed: Floats  #: (b,) Median training SED, in units of the mean flux in the reference bands.
    reference: Floats  #: (b,) 1 for reference bands, 0 for others.
    #: center, scale: (b,) Mean and standard deviation of the colours.
    center: Floats
    scale: Floats
    #: mean, covariance: (b,), (b, b) Gaussian of the standardised colours.
    mean: Floats
    covariance: Floats
    whitening: Floats  #: (b, b)
    #: (b, b) Turns standardised colours into components of unit variance (out-of-distribution score).
    distance_matrix: Floats
    distance_median: Floats  #: (1,) Median distance of the training rows.

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Normalisation:
        """What :meth:`to_arrays` gave."""
        return cls(**{f.name: arrays[f.name] for f in fields(cls)})

    @property
    def gaussian(self) -> Gaussian:
        """Of the standardised colours."""
        return Gaussian(self.mean, self.covariance)


@dataclass(frozen=True, eq=False)
class NormalisedRows:
    """SEDs as networks are fed, and what is known of each row."""

    inputs: Floats  #: (n, b) float32: NaN in rows that are not usable.
    present: Bools  #: (n, b) Bands that were observed.
    usable: Bools  #: (n,) Enough bands and a positive amplitude.
    too_few: Bools  #: (n,) More bands missing than allowed.
    #: (n,) 0 for rows no further out than the median training row, else the excess of the distance over that median, in
    #: units of it; NaN where not usable.
    ood: Floats


def learn_normalisation(flux: Floats, present: Bools) -> Normalisation:
    """Learn from training rows; of ``flux`` (n, b) values where ``present`` (n, b) is false are never looked at."""
    present = present & np.isfinite(flux)
    counts = present.sum(axis=0)
    if len(flux) < 2 or counts.min() < 2:
        empty = np.flatnonzero(counts < 2)
        raise AgezError(
            f"{len(flux)} training rows, and {len(empty)} bands that hardly any of them has: too few to learn from"
        )
    reference = counts == len(flux)
    if reference.sum() < min(MIN_REFERENCE_BANDS, flux.shape[1]):
        reference = np.zeros(flux.shape[1], bool)
        reference[np.argsort(-counts, kind="stable")[:MIN_REFERENCE_BANDS]] = True
    anchored = present[:, reference].all(axis=1)  # the others have no scale before the Gaussian is known
    level = np.mean(flux[anchored][:, reference], axis=1)
    flux, has = flux[anchored][level > 0], present[anchored][level > 0]
    if len(flux) < 2 or has.sum(axis=0).min() < 2:
        raise AgezError(
            f"only {len(flux)} training rows have positive fluxes in the reference bands: too few to learn from"
        )
    seds = np.where(has, flux, np.nan) / level[level > 0][:, None]
    mean_sed = np.nanmedian(seds, axis=0)
    colours, scaled = _colours(flux, has, mean_sed)
    colours, has = colours[scaled], has[scaled]
    colours = colours - colours[:, reference].mean(axis=1, keepdims=True)
    seen = np.where(has, colours, np.nan)
    center = np.nanmean(seen, axis=0)
    scale = np.maximum(np.nanstd(seen, axis=0), 1e-6)  # a band that never varies stays 0
    z = np.where(has, (colours - center) / scale, 0.0)
    gaussian = fit_gaussian(z, has)
    values_w, vectors = np.linalg.eigh(gaussian.covariance)
    values_w = np.maximum(values_w, 0.0)
    whitening = (vectors / np.sqrt(values_w + WHITENING_FLOOR)) @ vectors.T
    whitening /= np.sqrt(np.mean(values_w / (values_w + WHITENING_FLOOR)))  # inputs of unit variance on average
    distance_matrix = vectors / np.sqrt(_component_variances(values_w))
    z = fill_missing(z, has, gaussian)
    distance = _distance(z - gaussian.mean, has, distance_matrix)
    return Normalisation(
        mean_sed, reference.astype(float), center, scale, gaussian.mean, gaussian.covariance,
        whitening, distance_matrix, np.array([np.median(distance)]),
    )  # fmt: skip


def normalise(normalisation: Normalisation, flux: Floats, present: Bools, *, max_missing: int) -> NormalisedRows:
    """Apply to any rows, each by itself; those with more than ``max_missing`` missing bands are not usable."""
    present = present & np.isfinite(flux)
    colours, scaled = _anchored_colours(normalisation, flux, present)
    too_few = (~present).sum(axis=1) > max_missing
    usable = scaled & ~too_few
    n, b = flux.shape
    inputs, ood = np.full((n, b), np.nan, np.float32), np.full(n, np.nan)
    has = present[usable]
    z = np.where(has, (colours[usable] - normalisation.center) / normalisation.scale, 0.0)
    z = fill_missing(z, has, normalisation.gaussian) - normalisation.mean
    inputs[usable] = z @ normalisation.whitening
    distance = _distance(z, has, normalisation.distance_matrix)
    ood[usable] = np.maximum(distance / normalisation.distance_median[0] - 1.0, 0.0)
    return NormalisedRows(inputs, present, usable, too_few, ood)


def filling_spread(normalisation: Normalisation, rows: NormalisedRows) -> list[tuple[NDArray[Any], Floats]]:
    """How far the filled values may be off: for each pattern of missing bands (row numbers, spread).

    ``spread`` (k, b) are steps in input space whose outer products add up to the covariance of the
    filled values given the present ones, and of the zero point where a reference band is missing.
    """
    out = []
    incomplete = np.flatnonzero(rows.usable & ~rows.present.all(axis=1))
    for has, members in patterns_of(rows.present[incomplete]):
        slope, left_over = conditional(normalisation.covariance, has)
        variances, vectors = np.linalg.eigh(left_over)
        steps = np.zeros((len(variances), len(has)))
        steps[:, ~has] = (vectors * np.sqrt(np.maximum(variances, 0.0))).T
        if (normalisation.reference[~has] > 0).any():
            change, weight = _scale_weights(normalisation, has)
            common = np.zeros(len(has))
            common[has], common[~has] = change, slope @ change
            steps = np.vstack([steps, common / np.sqrt(change @ weight)])
        out.append((incomplete[members], (steps @ normalisation.whitening).astype(np.float32)))
    return out


def _anchored_colours(normalisation: Normalisation, flux: Floats, present: Bools) -> tuple[Floats, Bools]:
    """Colours with the zero point of each row found as the module's step 2 says; and which rows have any."""
    colours, scaled = _colours(flux, present, normalisation.mean_sed)
    reference = normalisation.reference > 0
    anchored = present[:, reference].all(axis=1)
    zero = np.where(anchored, colours[:, reference].mean(axis=1), 0.0)
    lacking = np.flatnonzero(~anchored & scaled)
    for has, members in patterns_of(present[lacking]):
        rows = lacking[members]
        change, weight = _scale_weights(normalisation, has)
        excess = (colours[np.ix_(rows, has)] - normalisation.center[has]) / normalisation.scale[has]
        zero[rows] = (excess - normalisation.mean[has]) @ weight / (change @ weight)
    return colours - zero[:, None], scaled


def _scale_weights(normalisation: Normalisation, has: Bools) -> tuple[Floats, Floats]:
    """How the standardised colours of the bands ``has`` change with the zero point, and that times the precision.

    The most likely zero point of a row is (excess . weight) / (change . weight), with variance
    1 / (change . weight): generalised least squares.
    """
    change = 1.0 / normalisation.scale[has]
    return change, np.linalg.solve(normalisation.covariance[np.ix_(has, has)], change)


def _colours(flux: Floats, present: Bools, shape: Floats) -> tuple[Floats, Bools]:
    """Softened logarithms of the SED (n, b), 0 where missing, and which rows have a positive amplitude."""
    weight = np.where(present, shape, 0.0)
    norm = np.sum(weight**2, axis=1)
    known = np.where(present, flux, 0.0).astype(float)
    with np.errstate(over="ignore", invalid="ignore"):
        reference = np.sum(known * weight, axis=1) / np.where(norm > 0, norm, 1.0)
    scaled = (norm > 0) & (reference > 0) & np.isfinite(reference)
    with np.errstate(over="ignore"):  # a wild ratio overflows to infinity, which arcsinh would keep: bounded below
        ratio = known / np.where(scaled, reference, 1.0)[:, None]
    ratio = np.clip(ratio / (2 * SOFTENING), -LARGEST_RATIO, LARGEST_RATIO)
    return np.arcsinh(ratio), scaled


def _component_variances(eigenvalues: Floats) -> Floats:
    """Variances of the components: resolved ones their own, the rest their mean (Tipping & Bishop 1999)."""
    descending = eigenvalues[::-1]
    n_resolved = int(np.searchsorted(np.cumsum(descending) / descending.sum(), RESOLVED_VARIANCE)) + 1
    variances = descending.copy()
    if n_resolved < len(variances):
        variances[n_resolved:] = np.mean(variances[n_resolved:])
    return np.maximum(variances[::-1], 1e-12)


def _distance(z: Floats, present: Bools, distance_matrix: Floats) -> Floats:
    """Root mean square of the components, over as many as there are observed bands."""
    return np.asarray(np.sqrt(np.sum((z @ distance_matrix) ** 2, axis=1) / np.maximum(present.sum(axis=1), 1)))
