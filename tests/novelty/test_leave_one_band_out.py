"""What other bands say of each, and the kinds of galaxies, against dense covariances and made-up galaxies."""

import numpy as np
import pytest

from agez.novelty.leave_one_band_out import AMPLITUDE_WIDTH, COEFFICIENT_WIDTH, N_WORST, worst_bands
from agez.novelty.sed_subspace import Weighed, fit_chi2, log_variance, normal_matrix, subspace_products
from agez.training.sed_clusters import SHARES, fit_clusters


def made_up_rows(rng, n=6, b=9, q=3):
    basis = np.concatenate([0.2 * rng.standard_normal((q, b)), 1 + 0.1 * rng.standard_normal((1, b))])
    variance = rng.uniform(0.01, 0.04, (b, n))
    weight = np.where(rng.uniform(size=(b, n)) < 0.2, 0.0, 1 / variance)
    residual = np.where(weight > 0, 0.3 * rng.standard_normal((b, n)), 0)
    return subspace_products(basis), Weighed(residual, weight, rng.uniform(0.8, 1.2, n))


@pytest.mark.parametrize("most", [0.0, 0.3])
def test_the_worst_bands_are_those_of_the_dense_covariance(rng, most):
    products, rows = made_up_rows(rng)
    widths = np.append(np.full(3, COEFFICIENT_WIDTH), AMPLITUDE_WIDTH)
    scatter = rng.uniform(0, most, 9)
    fast = worst_bands(products, rows, scatter)
    for i in range(rows.weight.shape[1]):
        use = rows.weight[:, i] > 0
        basis = products.basis[:, use] * widths[:, None]
        inverse = np.linalg.inv(basis.T @ basis + np.diag(1 / rows.weight[use, i]))
        from_others, variance = inverse @ rows.residual[use, i] / np.diag(inverse), 1 / np.diag(inverse)
        left_out = from_others / np.sqrt(variance + scatter[use] ** 2)
        assert fast.chi2[i] == pytest.approx(np.sort(left_out**2)[-N_WORST:].sum())
        worst = np.argmax(np.abs(left_out))
        assert fast.band[i] == np.flatnonzero(use)[worst]
        assert fast.sigma[i] == pytest.approx(left_out[worst])


def test_the_determinant_is_that_of_the_dense_covariance(rng):
    products, rows = made_up_rows(rng)
    looseness = 1.7
    fast = fit_chi2(normal_matrix(products, rows), looseness).log_det + log_variance(rows)
    for i in range(rows.weight.shape[1]):
        use = rows.weight[:, i] > 0
        components = looseness * products.basis[:-1, use]
        covariance = components.T @ components + np.diag(1 / rows.weight[use, i])
        slow = np.linalg.slogdet(rows.amplitude[i] ** 2 * covariance)[1]
        assert fast[i] == pytest.approx(slow, rel=1e-4, abs=1e-4)


def test_strong_lines_do_not_widen_the_plane_of_usual_galaxies(rng):
    n, b = 1000, 20
    pivot = np.linspace(4000, 8000, b)
    flux = 1 + 0.02 * rng.standard_normal((n, 1)) * np.linspace(-1, 1, b) + 0.002 * rng.standard_normal((n, b))
    lined = rng.uniform(size=n) < 0.15
    flux[lined, 7] += rng.exponential(2.0, lined.sum())
    flux[lined, 12] += rng.exponential(2.0, lined.sum())
    usual, rest = fit_clusters(flux, np.ones(flux.shape, bool), pivot, rng)
    spread = [np.sqrt((kind.basis[:-1] ** 2).sum(axis=0) + kind.left) for kind in (usual, rest)]
    assert spread[0][7] < 0.1
    assert spread[1][7] > 0.5
    assert sum(SHARES) == pytest.approx(1)


def test_few_galaxies_are_of_one_kind(rng):
    flux = 1 + 0.1 * rng.standard_normal((50, 8))
    one, other = fit_clusters(flux, np.ones(flux.shape, bool), np.linspace(4000, 8000, 8), rng)
    np.testing.assert_array_equal(one.basis, other.basis)
    np.testing.assert_array_equal(one.left, other.left)
