"""Means and widths that bring a network's inputs and labels to order one, redshift by redshift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agez.types import Floats


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
