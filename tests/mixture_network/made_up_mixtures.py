"""Random mixtures, and broken ones, for the tests of the posterior room."""

import numpy as np

from agez.distributions.mixture import Mixture

#: Log age and [M/H] near which everything is made up.
CENTRE = np.array([9.5, 0.0])


def made_up(rng, n=6, k=4, spread=0.3):
    """Random mixtures near log age 9.5, [M/H] 0."""
    sigma, rho = np.exp(rng.normal(np.log(0.15), 0.4, (n, k, 2))), rng.uniform(-0.95, 0.95, (n, k))
    covariance = np.stack([sigma[..., 0] ** 2, rho * sigma.prod(axis=-1), sigma[..., 1] ** 2], axis=-1)
    return Mixture(rng.dirichlet(np.ones(k), n), rng.normal(0, spread, (n, k, 2)) + CENTRE, covariance)


def one_gaussian(mean, sigma, rho):
    s1, s2 = sigma
    return Mixture(np.ones((1, 1)), np.array([[mean]], dtype=float), np.array([[[s1**2, rho * s1 * s2, s2**2]]]))


def spoilt(m):
    """The same with rows 1-6 that are no distribution, each for another reason."""
    w, mu, cov = m.weights.copy(), m.mean.copy(), m.covariance.copy()
    w[1, 0] = np.nan
    mu[2, 1, 0] = np.inf
    cov[3, 0, 2] = -0.1
    cov[4, 1] = [0.1, 0.11, 0.1]  # a correlation above one
    w[5] = 0.0
    w[6, :2] = [-0.1, 1.1]
    return Mixture(w, mu, cov)
