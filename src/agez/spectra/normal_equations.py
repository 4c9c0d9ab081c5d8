"""Joint normal equations of stars and of what is eliminated from them: the continuum and the emission lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.types import Floats


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Blocks for n rows: stars (r unknowns), and the others, continuum and lines (e unknowns)."""

    gram: Floats  # (n, r, r)
    right: Floats  # (n, r)
    cross: Floats  # (n, e, r)
    own: Floats  # (n, e, e)
    own_right: Floats  # (n, e)

    def of_stars(self) -> tuple[Floats, Floats]:
        """Equations of the stars alone, the others eliminated by their Schur complement."""
        solved = np.linalg.solve(self.own, np.concatenate([self.cross, self.own_right[..., None]], axis=2))
        projected = np.swapaxes(self.cross, 1, 2) @ solved
        return self.gram - projected[:, :, :-1], self.right - projected[:, :, -1]

    def others_step(self, star_step: Floats) -> Floats:
        """The best change (n, e) of the others once the stars have moved by ``star_step`` (n, r)."""
        right = self.own_right - (self.cross @ star_step[..., None])[..., 0]
        return np.asarray(np.linalg.solve(self.own, right[..., None])[..., 0])

    def gain(self) -> Floats:
        """By how much the others alone can lower chi2 (n,)."""
        return np.einsum("ne,ne->n", self.own_right, self.others_step(np.zeros(self.right.shape)))
