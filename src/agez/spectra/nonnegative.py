"""Many non-negative, smooth least-squares problems at once, as matrix products."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from agez.types import Floats


def second_differences(n_age: int, n_mh: int) -> Floats:
    """Operator D: second differences of a (n_age, n_mh) grid along both axes, stacked; shape (rows, n_age * n_mh)."""

    def along(n: int) -> Floats:
        return np.diff(np.eye(n), n=2, axis=0) if n > 2 else np.zeros((0, n))

    return np.concatenate([np.kron(along(n_age), np.eye(n_mh)), np.kron(np.eye(n_age), along(n_mh))])


def solve_one(design: Floats, data: Floats, prior_root: Floats) -> Floats:
    """The slow obvious solution for one spectrum: scipy's active set on the stacked system (the tests' oracle).

    minimise over w >= 0:  ||design w - data||^2 + ||prior_root w||^2
    """
    stacked = np.concatenate([design, prior_root])
    return np.asarray(nnls(stacked, np.concatenate([data, np.zeros(len(prior_root))]), maxiter=100 * design.shape[1])[0])


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
    gram: Floats, right: Floats, prior: SmoothPrior, *, start: Floats | None = None, tolerance: float = 1e-4,
    max_iterations: int = 400,
) -> Floats:  # fmt: skip
    """Weights w >= 0 (n, m) that minimise  w'(B'GB + P)w / 2 - w'B'b  for each row's G and b.

    Alternating directions (Boyd et al. 2011, section 5.2): the quadratic step inverts
    P + rho I + B'GB with Woodbury's identity, where K = (P + rho I)^-1 is shared by all rows and
    only r x r systems differ from row to row; the other step is a projection on w >= 0.

    Parameters
    ----------
    gram : (n, r, r), right : (n, r)
        G = U'WU and b = U'Wy in the basis U.
    prior : SmoothPrior
    start : (n, m) float, optional
        Where to start: weights of a similar problem.
    tolerance : float
        Stop when no weight changes by more than this times the row's largest weight in both variables.
    """
    n, r, _ = gram.shape
    m = prior.coefficients.shape[1]
    # (P + rho I + B'GB)^-1 = K - K B' (I + G B K B')^-1 G B K : stable even where G is singular
    inner = np.linalg.solve(np.eye(r) + gram @ prior.compressed, gram)
    linear = right @ prior.coefficients

    def quadratic_step(v: Floats) -> Floats:
        kv = v @ prior.inverse
        bkv = v @ prior.inverse_coefficients
        correction = np.einsum("nij,nj->ni", inner, bkv)
        return kv - correction @ prior.inverse_coefficients.T

    z = np.zeros((n, m)) if start is None else start.copy()
    dual = np.zeros((n, m))
    relax = 1.7
    for iteration in range(max_iterations):
        w = quadratic_step(linear + prior.penalty * (z - dual))
        mixed = relax * w + (1 - relax) * z
        z_new = np.maximum(mixed + dual, 0.0)
        dual += mixed - z_new
        if iteration % 10 == 9:
            scale = np.maximum(z_new.max(axis=1), 1e-30)
            change = np.maximum(np.abs(z_new - z).max(axis=1), np.abs(z_new - w).max(axis=1)) / scale
            if change.max() < tolerance:
                z = z_new
                break
        z = z_new
    return z
