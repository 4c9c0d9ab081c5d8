"""Redshift distributions as Gaussians: what they keep of quantiles, grids and mixtures, row by row."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import lognorm, norm

from agez.distributions.redshift_mixture import ONE_SIGMA, RedshiftMixture
from agez.distributions.redshift_reduction import TOLERANCE, Gaussians
from agez.errors import AgezError

PROBABILITIES = (ONE_SIGMA[0], 0.5, ONE_SIGMA[1])
Z = np.linspace(0.0, 1.5, 301)


def cdf(m, points):
    points = np.broadcast_to(points, (len(m.weights), np.shape(points)[-1]))
    return Gaussians(m.weights, m.means, m.stds**2).cdf(points)


def cdf_of_grid(density):
    steps = np.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1)
    return np.pad(steps, ((0, 0), (1, 0))) / steps[:, -1:]


def peaks(rng, n, k):
    return rng.dirichlet(np.ones(k), n), rng.uniform(0.1, 0.9, (n, k)), 10 ** rng.uniform(-2, -0.9, (n, k))


def same(a, b):
    for name in ("weights", "means", "stds"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize(
    ("weights", "means", "stds", "words"),
    [
        ([[0.5, 0.4]], [[0, 0]], [[1, 1]], "sum to 1"),
        ([[1.5, -0.5]], [[0, 0]], [[1, 1]], "weights: expected numbers of 0 or more"),
        ([[1.0]], [[np.nan]], [[1.0]], "means: expected finite"),
        ([[1.0]], [[0.1]], [[-1.0]], "stds: expected numbers of 0 or more"),
        ([[1.0]], [[0.1, 0.2]], [[1.0]], "means has shape"),
        ([1.0], [0.1], [1.0], "weights has shape"),
        (np.full((1, 7), 1 / 7), np.zeros((1, 7)), np.ones((1, 7)), "k from 1 to 6"),
    ],
)
def test_what_is_no_distribution_is_refused(weights, means, stds, words):
    with pytest.raises(AgezError, match=words):
        RedshiftMixture(*(np.array(one, float) for one in (weights, means, stds)))


def test_a_gaussian_stays_what_it_is():
    z, err = np.array([0.1, 0.2, np.nan, 0.3, 1 / 3]), np.array([0.01, np.nan, 0.1, np.inf, 0.1])
    for m in (RedshiftMixture.gaussian(z, err), RedshiftMixture.mixture(7 * np.ones((5, 1)), z[:, None], err[:, None])):
        assert m.n_components[[0, 4]].tolist() == [1, 1]
        assert (m.mean[[0, 4]] == z[[0, 4]]).all()
        assert (m.std[[0, 4]] == err[[0, 4]]).all()
        assert np.isnan(m.mean[[2, 3]]).all()
    assert RedshiftMixture.gaussian(z, err).std[1] == 0


@pytest.mark.parametrize("ratio", [1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0])
def test_the_quantiles_of_asymmetric_bounds_are_kept(ratio):
    high = 0.3 + 0.02 * ratio
    m = RedshiftMixture.asymmetric([0.3], [0.28], [high])
    np.testing.assert_allclose(cdf(m, [[0.28, 0.3, high]]), [PROBABILITIES], atol=TOLERANCE)
    assert m.n_components[0] == 1 if ratio == 1 else 1 < m.n_components[0] <= 4
    mirrored = RedshiftMixture.asymmetric([0.3], [0.3 - 0.02 * ratio], [0.32])
    np.testing.assert_allclose(0.6 - mirrored.mean, m.mean, atol=0.02 * m.std[0])


def test_quantiles_of_a_gaussian_are_the_gaussian():
    p = np.array([0.05, 0.16, 0.5, 0.6, 0.975])
    m = RedshiftMixture.quantiles(p, norm.ppf(p, [[0.4], [0.1]], [[0.03], [0.001]]))
    assert m.weights.tolist() == [[1.0], [1.0]]
    np.testing.assert_allclose(m.means[:, 0], [0.4, 0.1], rtol=1e-12)
    np.testing.assert_allclose(m.stds[:, 0], [0.03, 0.001], rtol=1e-9)
    exact = RedshiftMixture.quantiles(p, np.full((1, 5), 0.25))
    assert (exact.mean[0], exact.std[0]) == (pytest.approx(0.25, abs=1e-12), pytest.approx(0, abs=1e-12))


def test_quantiles_of_two_peaks_are_kept(rng):
    p = np.array([0.025, 0.16, 0.3, 0.5, 0.7, 0.84, 0.975])
    grid = np.linspace(-0.5, 2, 20001)
    whole = 0.4 * norm.cdf(grid, 0.2, 0.03) + 0.6 * norm.cdf(grid, 0.7, 0.05)
    values = np.interp(p, whole, grid)[None]
    m = RedshiftMixture.quantiles(p, values)
    assert 2 <= m.n_components[0] <= 6
    assert np.abs(cdf(m, values) - p).max() <= TOLERANCE


@pytest.mark.parametrize("p", [[0.5], [0.0, 0.5], [0.5, 1.0], [0.8, 0.2], [0.2, np.nan], [[0.2, 0.8]]])
def test_probabilities_that_are_none(p):
    with pytest.raises(AgezError, match="probabilities of redshift quantiles"):
        RedshiftMixture.quantiles(p, np.zeros((1, np.shape(p)[-1])))


def test_a_narrow_peak_on_a_grid_is_one_gaussian():
    m = RedshiftMixture.grid(Z, norm.pdf(Z, [[0.3], [0.4], [0.9]], [[0.02], [0.1], [0.003]]))
    assert m.n_components.tolist() == [1, 1, 1]
    np.testing.assert_allclose(m.mean, [0.3, 0.4, 0.9], atol=1e-4)
    np.testing.assert_allclose(m.std, np.hypot([0.02, 0.1, 0.003], 0.005 / np.sqrt(6)), rtol=0.01)


@pytest.mark.parametrize("k", [2, 3])
def test_the_cumulative_distribution_of_a_grid_is_kept(rng, k):
    w, mu, s = peaks(rng, 200, k)
    density = (w[..., None] * norm.pdf(Z, mu[..., None], s[..., None])).sum(axis=1)
    m = RedshiftMixture.grid(Z, density)
    error = np.abs(cdf(m, Z) - cdf_of_grid(density)).max(axis=1)
    assert np.mean(error <= TOLERANCE) > 0.95
    assert error.max() < 0.06
    assert (m.n_components < 6).mean() > 0.8
    skewed = lognorm.pdf(Z, np.linspace(0.1, 0.8, 50)[:, None], scale=0.3)
    assert np.abs(cdf(RedshiftMixture.grid(Z, skewed), Z) - cdf_of_grid(skewed)).max() <= TOLERANCE


def test_mean_and_variance_of_a_grid_are_kept(rng):
    w, mu, s = peaks(rng, 20, 3)
    fine = np.linspace(-1, 2, 6001)
    density = (w[..., None] * norm.pdf(fine, mu[..., None], s[..., None])).sum(axis=1)
    m = RedshiftMixture.grid(fine, density)
    several = m.n_components > 1
    mean = (w * mu).sum(axis=1)
    np.testing.assert_allclose(m.mean, mean, atol=1e-6)
    variance = (w * (s**2 + (mu - mean[:, None]) ** 2)).sum(axis=1)
    np.testing.assert_allclose(m.std[several], np.sqrt(variance)[several], rtol=1e-4)


def test_grids_of_their_own_for_each_row_and_any_spacing(rng):
    uneven = np.sort(rng.uniform(0, 1, (3, 200)), axis=1)
    density = norm.pdf(uneven, 0.5, 0.1)
    each = RedshiftMixture.grid(uneven, density)
    np.testing.assert_allclose(each.mean, 0.5, atol=0.01)
    same(RedshiftMixture.grid(uneven[1], density[1:2]), each.take([1]))
    for z, f in ((Z[::-1], density), (Z, density), ([0.1], [[1.0]]), (0.1, [[1.0]]), (uneven[:2], density)):
        with pytest.raises(AgezError):
            RedshiftMixture.grid(z, f)


def test_a_few_gaussians_are_kept_and_many_become_six(rng):
    w, mu, s = [[0.25, 0.0, 0.75]], [[0.6, np.nan, 0.1]], [[0.02, -1.0, 0.04]]
    m = RedshiftMixture.mixture(w, mu, s)
    assert (m.weights.tolist(), m.means.tolist(), m.stds.tolist()) == ([[0.75, 0.25]], [[0.1, 0.6]], [[0.04, 0.02]])
    many = peaks(rng, 100, 12)
    m = RedshiftMixture.mixture(*many)
    assert m.n_components.max() == 6
    wide = SimpleNamespace(weights=many[0], means=many[1], stds=many[2])
    assert np.abs(cdf(m, Z) - cdf(wide, Z)).max() < 0.08
    np.testing.assert_allclose(m.mean, (many[0] * many[1]).sum(axis=1))


def test_gaussians_that_are_nearly_one_become_one():
    w, mu, s = [[0.3, 0.3, 0.4]], [[0.3, 0.301, 0.302]], [[0.02, 0.021, 0.02]]
    assert RedshiftMixture.mixture(w, mu, s).n_components.tolist() == [1]
    assert RedshiftMixture.mixture(w, mu, s, exact=True).n_components.tolist() == [3]


BAD = [
    ([np.nan, 0.5], [0.1, 0.2], [0.1, 0.1]),  # a weight that is missing, of a component that is not
    ([0.5, 0.5], [0.1, 0.2], [0.1, -0.1]),
    ([0.0, 0.0], [0.1, 0.2], [0.1, 0.1]),
    ([0.5, 0.5], [0.1, np.nan], [0.1, 0.1]),
    ([1.5, -0.5], [0.1, 0.2], [0.1, 0.1]),
    ([np.inf, 0.5], [0.1, 0.2], [0.1, 0.1]),
]


@pytest.mark.parametrize("bad", BAD)
def test_a_malformed_row_is_unknown_and_its_neighbours_are_not_changed(bad):
    good = ([0.5, 0.5], [0.1, 0.6], [0.1, 0.1])
    m = RedshiftMixture.mixture(*(np.array([a, b, a]) for a, b in zip(good, bad, strict=True)))
    assert m.n_components.tolist() == [2, 0, 2]
    same(m.take([0]), RedshiftMixture.mixture(*(np.array([a]) for a in good)))
    density = norm.pdf(Z, [[0.2], [0.4], [0.6]], 0.1) + norm.pdf(Z, 0.9, 0.1)
    density[1, 8] = min(-1, bad[0][1])
    m = RedshiftMixture.grid(Z, density)
    assert m.n_components[1] == 0
    same(m.take([2]), RedshiftMixture.grid(Z, density[2:]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_row_does_not_depend_on_the_others(seed):
    rng = np.random.default_rng(seed)
    q = np.sort(rng.uniform(0, 1, (5, 3)), axis=1)
    rough = rng.gamma(0.3, 1.0, (5, 60))
    components = peaks(rng, 5, 8)
    for whole, alone in (
        (RedshiftMixture.quantiles(PROBABILITIES, q), RedshiftMixture.quantiles(PROBABILITIES, q[3:4])),
        (RedshiftMixture.grid(Z[:60], rough), RedshiftMixture.grid(Z[:60], rough[3:4])),
        (RedshiftMixture.mixture(*components), RedshiftMixture.mixture(*(one[3:4] for one in components))),
    ):
        k = alone.weights.shape[1]
        one = whole.take([3])
        assert not one.weights[:, k:].any()
        same(RedshiftMixture(one.weights[:, :k], one.means[:, :k], one.stds[:, :k]), alone)


def test_rows_are_taken_and_joined():
    one, two = RedshiftMixture.gaussian([0.1], [0.01]), RedshiftMixture.mixture([[1, 1]], [[0.1, 0.5]], [[0.1, 0.1]])
    joined = RedshiftMixture.concatenate([one, two])
    assert joined.n_components.tolist() == [1, 2]
    np.testing.assert_array_equal(joined.take([1]).means, two.means)
    assert joined.mean.tolist() == [0.1, 0.3]


def test_an_ensemble_is_asked_for_its_densities():
    density = norm.pdf(Z, [[0.2], [0.5]], [[0.02], [0.1]])
    m = RedshiftMixture.ensemble(SimpleNamespace(pdf=lambda z: density), Z)
    np.testing.assert_allclose(m.mean, [0.2, 0.5], atol=1e-4)
    with pytest.raises(AgezError, match="a list has no method pdf"):
        RedshiftMixture.ensemble([], Z)
