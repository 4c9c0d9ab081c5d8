"""Many non-negative, smooth least-squares problems at once, as matrix products."""

from __future__ import annotations

import numpy as np

from agez.types import Floats

#: Over-relaxation of the alternating directions (Boyd et al. 2011, section 3.4.3: 1.5 to 1.8).
_RELAXATION = 1.7


def second_differences(n_age: int, n_mh: int) -> tuple[Floats, Floats]:
    """Second differences of a (n_age, n_mh) grid, flattened, along age and along [M/H]; each (rows, n_age * n_mh)."""

    def along(n: int) -> Floats:
        return np.diff(np.eye(n), n=2, axis=0) if n > 2 else np.zeros((0, n))

    return np.kron(along(n_age), np.eye(n_mh)), np.kron(np.eye(n_age), along(n_mh))


class SmoothPrior:
    """The shared part of all problems: ||prior_root w||^2, and its factorisation for the solver.

    Parameters
    ----------
    prior_root : (rows, m) float
        Square root of the prior's precision.
    coefficients : (r, m) float
        Coefficients B of the m templates in a basis of r spectra.
    penalty : float
        Step of the augmented Lagrangian (rho); only speed depends on it.
    """

    def __init__(self, prior_root: Floats, coefficients: Floats, *, penalty: float) -> None:
        self.coefficients = coefficients
        self.precision = prior_root.T @ prior_root
        self.penalty = penalty
        self.inverse = np.linalg.inv(self.precision + penalty * np.eye(len(self.precision)))
        self.inverse_coefficients = self.inverse @ coefficients.T  # K B^T, (m, r)
        self.compressed = coefficients @ self.inverse_coefficients  # B K B^T, (r, r)


def solve_batch(
    gram: Floats,
    right: Floats,
    prior: SmoothPrior,
    *,
    cost: Floats | None = None,
    start: Floats | None = None,
    tolerance: float = 1e-3,
    max_iterations: int = 600,
) -> Floats:
    """Weights w >= 0 (n, m) that minimise  w'(B'GB + P)w / 2 - w'B'b + w'c  for each row's G, b and c.

    Alternating directions (Boyd et al. 2011, section 5.2): the quadratic step inverts
    P + rho I + B'GB with Woodbury's identity, where K = (P + rho I)^-1 is shared by all rows and
    only r x r systems differ from row to row; the other step is a projection on w >= 0.  A row
    leaves the batch when it has converged, so its answer does not depend on its neighbours.

    Parameters
    ----------
    gram : (n, r, r), right : (n, r)
        G = U'WU and b = U'Wy in the basis U.
    cost : (n, m) float, optional
        c, what a unit of each weight costs; nothing by default.
    start : (n, m) float, optional
        Where to start: weights of a similar problem.
    tolerance : float
        A row has converged when ten iterations change no weight, and the two variables differ,
        by less than this times its largest weight.
    """
    n, r, _ = gram.shape
    # (P + rho I + B'GB)^-1 = K - K B' (I + G B K B')^-1 G B K : stable even where G is singular
    inner = np.linalg.solve(np.eye(r) + gram @ prior.compressed, gram)
    linear = right @ prior.coefficients
    if cost is not None:
        linear = linear - cost
    answer = np.zeros((n, prior.coefficients.shape[1])) if start is None else start.copy()
    active = np.arange(n)
    z, dual, before = answer.copy(), np.zeros_like(answer), answer
    for iteration in range(max_iterations):
        v = linear + prior.penalty * (z - dual)
        bkv = v @ prior.inverse_coefficients
        w = v @ prior.inverse - (inner @ bkv[..., None])[..., 0] @ prior.inverse_coefficients.T
        mixed = _RELAXATION * w + (1 - _RELAXATION) * z
        dual = dual + mixed
        z = np.maximum(dual, 0.0)
        dual = dual - z
        if iteration % 10 == 9:
            scale = tolerance * np.maximum(z.max(axis=1), 1e-30)
            go_on = (np.abs(z - before).max(axis=1) > scale) | (np.abs(z - w).max(axis=1) > scale)
            answer[active] = z
            if not go_on.any():
                break
            active, z, dual = active[go_on], z[go_on], dual[go_on]
            linear, inner, before = linear[go_on], inner[go_on], z
    answer[active] = z
    return answer
