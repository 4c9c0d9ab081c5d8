"""Densities of a row's posterior on a grid: of one target, of two, exactly from the mixture of Gaussians."""

from __future__ import annotations

import numpy as np

from agez.arrays import check
from agez.errors import AgezError
from agez.types import Floats, Prediction

#: Probability inside the contours: 1 and 2 sigma of a Gaussian in two dimensions.
CONTOURS = (0.393, 0.865)
#: Points along an axis: of one target, of two.
_POINTS, _GRID = 400, 160
#: How far a grid reaches, in standard deviations of every component.
_REACH = 4.5


class RowPosterior:
    """The joint distribution of some targets of one row: ``k`` Gaussians, those of sums by their linear combination."""

    def __init__(self, prediction: Prediction, row: int, names: tuple[str, ...]) -> None:
        mixture = prediction.mixture
        check(mixture is not None, "this prediction has no distribution: its model gives none, or it was left out")
        assert mixture is not None
        own = [target for target in prediction.targets if not target.sum_of]
        known = {target.name: target for target in prediction.targets}
        wrong = next((name for name in names if name not in known), None)
        if wrong is not None:
            raise AgezError(f"target {wrong!r} is not in this prediction; it has {', '.join(known)}")
        d = len(own)
        places = {target.name: t for t, target in enumerate(own)}
        matrix = np.zeros((len(names), d))
        for i, name in enumerate(names):
            for part in known[name].sum_of or (name,):
                matrix[i, places[part]] += 1.0
        self.names = names
        self.is_arcsinh = [known[name].scale == "arcsinh" for name in names]
        self.weights = np.asarray(mixture.weights[row], dtype=float)
        self.mean = np.asarray(mixture.mean[row], dtype=float) @ matrix.T
        full = np.zeros((len(self.weights), d, d))
        lower = np.tril_indices(d)
        full[:, lower[0], lower[1]] = mixture.covariance[row]
        full[:, lower[1], lower[0]] = mixture.covariance[row]
        self.covariance = matrix @ full @ matrix.T

    @property
    def known(self) -> bool:
        """Whether the row was answered."""
        return bool(np.isfinite(self.mean).all() and np.isfinite(self.weights).all())

    def _grid(self, i: int, n: int) -> Floats:
        """Even points in what the network learns of a target, as far as its components reach."""
        sigma = np.sqrt(self.covariance[:, i, i])
        there = self.weights > 1e-4 * self.weights.max()
        low, high = (self.mean[:, i] - _REACH * sigma)[there].min(), (self.mean[:, i] + _REACH * sigma)[there].max()
        return np.linspace(low, high, n)

    def _values(self, i: int, grid: Floats) -> Floats:
        """A grid in the target's unit."""
        return np.asarray(np.sinh(grid)) if self.is_arcsinh[i] else grid

    def marginal(self, i: int) -> tuple[Floats, Floats]:
        """Points of one target in its unit, and the density there: of arcsinh targets that of the arcsinh."""
        grid = self._grid(i, _POINTS)
        variance = self.covariance[:, i, i]
        terms = np.exp(-0.5 * (grid[:, None] - self.mean[:, i]) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
        return self._values(i, grid), terms @ self.weights

    def joint(self, i: int, j: int) -> tuple[Floats, Floats, Floats]:
        """Points of two targets, in their units, and the probability (y, x) of each cell, which sums to 1."""
        x, y = self._grid(i, _GRID), self._grid(j, _GRID)
        density = np.zeros((_GRID, _GRID))
        for weight, mean, covariance in zip(self.weights, self.mean, self.covariance, strict=True):
            a, b, c = covariance[i, i], covariance[i, j], covariance[j, j]
            determinant = a * c - b * b
            dx, dy = x[None, :] - mean[i], y[:, None] - mean[j]
            q = (c * dx**2 - 2 * b * dx * dy + a * dy**2) / determinant
            density += weight * np.exp(-0.5 * q) / (2 * np.pi * np.sqrt(determinant))
        return self._values(i, x), self._values(j, y), density / max(float(density.sum()), 1e-300)


def levels(probability: Floats, inside: tuple[float, ...] = CONTOURS) -> list[float]:
    """The probabilities of a cell on contours that hold these parts of the whole, increasing."""
    ordered = np.sort(probability, axis=None)[::-1]
    total = np.cumsum(ordered)
    return sorted(float(ordered[min(int(np.searchsorted(total, part)), len(ordered) - 1)]) for part in inside)
