"""Means and widths that bring a network's inputs and labels to order one, redshift by redshift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agez.types import Bools, Floats

#: Steps of redshift between which means and widths are interpolated: a third of a narrow band.
NODE_STEP = 0.01
#: Rows that a node needs for means and widths of its own; with fewer it takes those of all.
LEAST_ROWS = 50
#: Least width, in units of a row's scale.
LEAST_WIDTH = 2e-3


@dataclass(frozen=True, eq=False)
class FeatureScaling:
    """What is usual.

    An absorption feature wanders through the bands with redshift: seen over all redshifts it is a scatter of ten
    per cent, under which the differences between galaxies of one redshift, of one per cent, would drown.
    """

    #: center, width: (nodes + 1, signals, b) float32. Median and robust standard deviation of each signal (scaled
    #: fluxes, contrasts) in each band, at redshifts evenly over the range; the last, for rows of unknown redshift: that
    #: of all redshifts together in networks that were trained on such rows, and of the middle of the range in others.
    center: Floats
    width: Floats
    #: error_mean, error_std: Of log10 of scaled errors.
    error_mean: float
    error_std: float
    redshift_range: tuple[float, float]  #: (low, high)
    #: label_mean, label_std: (d,)
    label_mean: Floats
    label_std: Floats

    def at(self, redshift: Floats) -> tuple[Floats, Floats]:
        """(n, signals, b) means and widths at each redshift; beyond the range those at its end; NaN: unknown."""
        nodes = len(self.center) - 1
        low, high = self.redshift_range
        unknown = ~np.isfinite(redshift)
        known = np.where(unknown, low, redshift)
        place = np.clip((known - low) / max(high - low, 1e-9), 0, 1) * (nodes - 1)
        left = np.minimum(place.astype(int), max(nodes - 2, 0))
        part = np.where(unknown, 0, place - left).astype(np.float32)[:, None, None]
        left, right = (np.where(unknown, nodes, at) for at in (left, np.minimum(left + 1, nodes - 1)))

        def between(table: Floats) -> Floats:
            start = table[left]
            return np.asarray(start + part * (table[right] - start))

        return between(self.center), between(self.width)

    def of_unknown(self) -> FeatureScaling:
        """The same for rows of unknown redshift alone, without those of redshifts."""
        return replace(self, center=self.center[-1:], width=self.width[-1:])

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        return {
            "center": self.center,
            "width": self.width,
            "error": np.array([self.error_mean, self.error_std]),
            "redshift_range": np.array(self.redshift_range),
            "label_mean": self.label_mean,
            "label_std": self.label_std,
            "unknown_redshift": np.ones(1),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> FeatureScaling:
        """What :meth:`to_arrays` gave."""
        low, high = (float(z) for z in arrays["redshift_range"])
        mean, std = (float(x) for x in arrays["error"])
        found = cls(
            arrays["center"], arrays["width"], mean, std, (low, high), arrays["label_mean"], arrays["label_std"]
        )
        return found if "unknown_redshift" in arrays else found.with_middle()

    def with_middle(self) -> FeatureScaling:
        """The same for a network that saw no row of unknown redshift: they are shown as the middle of the range."""
        center, width = self.at(np.array([sum(self.redshift_range) / 2]))
        return replace(
            self, center=np.concatenate([self.center[:-1], center]), width=np.concatenate([self.width[:-1], width])
        )


def feature_scaling_of(
    signals: Floats, covered: Bools, log_error: tuple[float, float], redshift: Floats, labels: Floats,
    redshift_range: tuple[float, float],
) -> FeatureScaling:  # fmt: skip
    """What is usual among rows of high signal-to-noise ratio.

    Parameters
    ----------
    signals : (n, signals, b) float
    covered : (n, b) bool
    log_error : (mean, standard deviation)
        Of log10 of the scaled errors that are to be expected.
    redshift : (n,) float
    labels : (n, d) float
    """
    low, high = redshift_range
    nodes = np.linspace(low, high, 1 + max(round((high - low) / NODE_STEP), 1))
    values = np.where(covered[:, None], signals, np.nan)
    everywhere = _robust(values)
    centers, widths = [], []
    for node in nodes:
        near = np.abs(redshift - node) <= 0.75 * NODE_STEP
        center, width = _robust(values[near]) if near.sum() >= LEAST_ROWS else everywhere
        centers.append(np.where(np.isfinite(center), center, everywhere[0]))
        widths.append(np.where(np.isfinite(width), width, everywhere[1]))
    center, width = (
        np.nan_to_num(np.array([*rows, whole])) for rows, whole in zip((centers, widths), everywhere, strict=True)
    )
    return FeatureScaling(
        center.astype(np.float32), np.maximum(width, LEAST_WIDTH).astype(np.float32), *log_error, redshift_range,
        labels.mean(axis=0), labels.std(axis=0),
    )  # fmt: skip


def _robust(values: Floats) -> tuple[Floats, Floats]:
    """Median and 1.4826 times the median absolute deviation of each column; NaN in columns of fewer than 2 numbers."""
    enough = np.isfinite(values).sum(axis=0) >= 2
    filled = np.where(enough, values, 0.0)
    center = np.nanmedian(filled, axis=0)
    width = 1.4826 * np.nanmedian(np.abs(filled - center), axis=0)
    return np.where(enough, center, np.nan), np.where(enough, width, np.nan)
