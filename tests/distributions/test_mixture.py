"""Mixtures of Gaussians: shapes, moments, densities, draws, ensembles, stretching, and what is stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_mixtures import CENTRE, made_up, one_gaussian, spoilt
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import dblquad
from scipy.stats import multivariate_normal

from agez.distributions.marginals import marginal_cdf
from agez.distributions.mixture import (
    Mixture,
    clean,
    combine,
    log_density,
    moments,
    pack,
    packed_names,
    rescale,
    sample,
    unpack,
    usable,
)
from agez.errors import AgezError

NAMES = ("log_age_lw", "mh_lw")


def matrices(m, row):
    """Full covariance matrices of a row's components."""
    return [np.array([[a, c], [c, b]]) for a, c, b in m.covariance[row]]


def test_shapes_are_checked(rng):
    m = made_up(rng)
    with pytest.raises(AgezError, match=r"Mixture.weights has shape \(6,\)"):
        Mixture(m.weights[:, 0], m.mean, m.covariance)
    with pytest.raises(AgezError, match="k > 0"):
        Mixture(np.zeros((3, 0)), np.zeros((3, 0, 2)), np.zeros((3, 0, 3)))
    with pytest.raises(AgezError, match=r"Mixture.mean has shape \(5, 4, 2\); expected \(6, 4, 2\)"):
        Mixture(m.weights, m.mean[:5], m.covariance)
    with pytest.raises(AgezError, match=r"Mixture.covariance has shape \(6, 4, 2\); expected \(6, 4, 3\)"):
        Mixture(m.weights, m.mean, m.covariance[..., :2])


def test_rows_are_taken_and_joined(rng):
    m = made_up(rng)
    assert (len(m), m.n_components) == (6, 4)
    joined = Mixture.concatenate([m.take(slice(0, 2)), m.take(np.arange(6) >= 2)])
    for name in ("weights", "mean", "covariance"):
        assert_array_equal(getattr(joined, name), getattr(m, name))


@pytest.mark.parametrize("n", [0, 1])
def test_no_rows_and_one(rng, n):
    m = made_up(rng, n=n)
    mean, sigma, correlation = moments(m)
    assert (mean.shape, sigma.shape, correlation.shape) == ((n, 2), (n, 2), (n,))
    assert log_density(m, np.zeros((n, 2))).shape == (n,)
    assert sample(m, 3, rng).shape == (n, 3, 2)
    assert len(combine([m, m])) == len(rescale(m, shift=(0, 0), factor=(1, 1))) == n
    assert pack(m).shape == (n, 24)
    assert len(unpack(pack(m), 4, 2)) == n


def test_moments_are_those_of_the_definition(rng):
    m = made_up(rng)
    mean, sigma, correlation = moments(m)
    for row in range(len(m)):
        w, mu = m.weights[row], m.mean[row]
        second = sum(wi * (c + np.outer(x, x)) for wi, c, x in zip(w, matrices(m, row), mu, strict=True))
        covariance = second - np.outer(w @ mu, w @ mu)
        assert_allclose(mean[row], w @ mu)
        assert_allclose(sigma[row], np.sqrt(np.diag(covariance)))
        assert_allclose(correlation[row], covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def test_moments_of_one_gaussian():
    mean, sigma, correlation = moments(one_gaussian((9.0, -0.3), (0.2, 0.4), -0.7))
    assert_allclose(mean, [[9.0, -0.3]])
    assert_allclose(sigma, [[0.2, 0.4]])
    assert_allclose(correlation, [-0.7])


def test_density_agrees_with_scipy(rng):
    m = made_up(rng)
    points = rng.normal(0, 0.5, (len(m), 2)) + CENTRE
    for row, found in enumerate(log_density(m, points)):
        parts = zip(m.weights[row], m.mean[row], matrices(m, row), strict=True)
        assert_allclose(np.exp(found), sum(w * multivariate_normal(mu, c).pdf(points[row]) for w, mu, c in parts))


def test_density_integrates_to_one(rng):
    m = made_up(rng, n=1, k=2, spread=0.1)

    def density(mh, age):
        return float(np.exp(log_density(m, [[age, mh]]))[0])

    total, _ = dblquad(density, 8.0, 11.0, -1.5, 1.5, epsabs=1e-4, epsrel=1e-4)
    assert total == pytest.approx(1, abs=1e-3)


def test_density_far_away_is_small_and_never_nan(rng):
    m = made_up(rng, n=3)
    found = log_density(m, [[1e4, -1e4], [9.5, np.inf], [np.nan, 0.0]])
    assert np.isfinite(found[0])
    assert found[0] < -1e6
    assert found[1] == -np.inf
    assert np.isnan(found[2])


def test_a_component_without_weight_changes_nothing(rng):
    m = made_up(rng, k=2)
    w = np.concatenate([m.weights, np.zeros((6, 1))], axis=1)
    more = Mixture(w, np.concatenate([m.mean, m.mean[:, :1] + 3], axis=1), m.covariance[:, [0, 1, 0]])
    points = rng.normal(0, 0.5, (6, 2)) + CENTRE
    assert_allclose(log_density(more, points), log_density(m, points))
    assert_allclose(moments(more)[1], moments(m)[1])
    assert np.isfinite(moments(combine([more, more]))[0]).all()


def test_draws_have_the_moments_and_the_density(rng):
    m = made_up(rng, n=3, spread=0.5)
    size = 60_000
    draws = sample(m, size, rng)
    mean, sigma, correlation = moments(m)
    assert_allclose((draws.mean(axis=1) - mean) / sigma, 0, atol=5 / np.sqrt(size))
    assert_allclose(draws.std(axis=1) / sigma, 1, atol=0.02)
    assert_allclose([np.corrcoef(d.T)[0, 1] for d in draws], correlation, atol=0.02)
    below = (draws[..., 0] < m.mean[:, :1, 0]).mean(axis=1)
    assert_allclose(below, marginal_cdf(m, m.mean[:, 0, 0], 0), atol=0.012)


def test_draws_are_repeatable_and_rows_independent(rng):
    m = made_up(rng, n=8)
    first = sample(m, 5, np.random.default_rng(1))
    assert_array_equal(first, sample(m, 5, np.random.default_rng(1)))
    second = sample(spoilt(m), 5, np.random.default_rng(1))
    assert np.isnan(second[1:7]).all()
    assert_array_equal(second[[0, 7]], first[[0, 7]])
    assert sample(m, 0, rng).shape == (8, 0, 2)
    with pytest.raises(AgezError, match="size is -1"):
        sample(m, -1, rng)


def test_rows_that_are_no_distribution_are_nan_and_spoil_nothing(rng):
    good = made_up(rng, n=8)
    bad = spoilt(good)
    points = rng.normal(0, 0.3, (8, 2)) + CENTRE
    assert_array_equal(usable(bad), [True, *[False] * 6, True])
    assert_array_equal(np.isnan(clean(bad).covariance).all(axis=(1, 2)), ~usable(bad))
    for function in (
        lambda m: moments(m)[0],
        lambda m: moments(m)[2],
        lambda m: log_density(m, points),
        lambda m: combine([m, good]).mean,
        lambda m: combine([good, m]).covariance,
        lambda m: rescale(m, shift=(0.1, 0.2), factor=(2, 3)).covariance,
    ):
        found = function(bad).reshape(8, -1)
        assert np.isnan(found[1:7]).all()
        assert_array_equal(found[[0, 7]], function(good).reshape(8, -1)[[0, 7]])


def everything(members):
    """The mixture of all components of all members."""
    parts = [[getattr(m, name) for m in members] for name in ("weights", "mean", "covariance")]
    w, mu, cov = (np.concatenate(one, axis=1) for one in parts)
    return Mixture(w / len(members), mu, cov)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 5), st.floats(0, 2))
def test_combined_members_keep_mean_and_covariance(seed, n_members, k, spread):
    rng = np.random.default_rng(seed)
    members = [made_up(rng, n=3, k=k, spread=spread) for _ in range(n_members)]
    found = combine(members)
    assert found.weights.shape == (3, k)
    assert usable(found).all()
    assert_allclose(found.weights.sum(axis=1), 1)
    for one, full in zip(moments(found), moments(everything(members)), strict=True):
        assert_allclose(one, full, rtol=1e-9, atol=1e-9)


def test_combining_does_not_mind_the_order_of_components(rng):
    m, other = made_up(rng), made_up(rng)
    turned = Mixture(m.weights[:, ::-1], m.mean[:, ::-1], m.covariance[:, ::-1])
    for name in ("weights", "mean", "covariance"):
        assert_allclose(getattr(combine([m, other]), name), getattr(combine([turned, other]), name), atol=1e-14)
        assert_allclose(getattr(combine([m, turned]), name), getattr(combine([m]), name), atol=1e-14)
    assert (np.diff(combine([m]).mean[..., 0], axis=1) >= 0).all()


def test_members_that_disagree_make_it_wider():
    low, high = (one_gaussian((age, 0.0), (0.1, 0.1), 0.0) for age in (9.0, 9.4))
    mean, sigma, _ = moments(combine([low, high]))
    assert_allclose(mean, [[9.2, 0.0]])
    assert_allclose(sigma, [[np.sqrt(0.01 + 0.04), 0.1]])


def test_merging_loses_little_of_the_shape(rng):
    """Members that differ by half their widths: far better than one Gaussian, a little worse than all components."""
    base = made_up(rng, n=4000)
    members = []
    for _ in range(3):
        order = rng.permuted(np.tile(np.arange(4), (4000, 1)), axis=1)
        moved = base.mean + rng.normal(0, 0.05, base.mean.shape)
        parts = [base.weights, moved, base.covariance]
        members.append(Mixture(*(np.take_along_axis(a, order.reshape(4000, 4, *[1] * (a.ndim - 2)), 1) for a in parts)))
    full = everything(members)
    mean, sigma, rho = moments(full)
    covariance = np.stack([sigma[:, 0] ** 2, rho * sigma.prod(axis=1), sigma[:, 1] ** 2], axis=-1)
    single = Mixture(np.ones((4000, 1)), mean[:, None], covariance[:, None])
    truth = sample(full, 1, rng)[:, 0]
    best, merged, worst = (log_density(m, truth).mean() for m in (full, combine(members), single))
    assert best - 0.1 < merged < best
    assert worst < best - 3 * (best - merged)


def test_mixtures_that_do_not_go_together_are_refused(rng):
    with pytest.raises(AgezError, match="no mixtures"):
        combine([])
    with pytest.raises(AgezError, match=r"\(6, 4, 2\), \(6, 3, 2\)"):
        combine([made_up(rng), made_up(rng, k=3)])
    with pytest.raises(AgezError, match="same rows"):
        combine([made_up(rng), made_up(rng, n=5)])


def test_stretching_about_the_mean(rng):
    m = made_up(rng)
    shift, factor = rng.normal(0, 0.1, (6, 2)), rng.uniform(0.5, 2, (6, 2))
    mean, sigma, correlation = moments(m)
    new_mean, new_sigma, new_correlation = moments(rescale(m, shift=shift, factor=factor))
    assert_allclose(new_mean, mean + shift)
    assert_allclose(new_sigma, sigma * factor)
    assert_allclose(new_correlation, correlation)
    # a density of stretched points is the old one over the area's growth
    points = rng.normal(0, 0.3, (6, 2)) + CENTRE
    moved = mean + shift + factor * (points - mean)
    wanted = log_density(m, points) - np.log(factor.prod(axis=1))
    assert_allclose(log_density(rescale(m, shift=shift, factor=factor), moved), wanted)


def test_stretching_and_back_is_nothing(rng):
    m = clean(made_up(rng))
    there = rescale(m, shift=(0.3, -0.2), factor=(1.5, 0.4))
    back = rescale(there, shift=(-0.3, 0.2), factor=(1 / 1.5, 2.5))
    for name in ("weights", "mean", "covariance"):
        assert_allclose(getattr(back, name), getattr(m, name), atol=1e-12)


def test_stretches_that_are_none_are_refused(rng):
    m = made_up(rng)
    with pytest.raises(AgezError, match="a factor of 0; expected factors above 0"):
        rescale(m, shift=(0, 0), factor=(1, 0))
    with pytest.raises(AgezError, match=r"shift has shape \(3,\); expected \(2,\) or \(6, 2\)"):
        rescale(m, shift=(0, 0, 0), factor=(1, 1))
    factor = np.ones((6, 2))
    factor[3, 1] = np.nan
    assert_array_equal(usable(rescale(m, shift=(0, 0), factor=factor)), np.arange(6) != 3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 5))
def test_packing_is_exact_in_float32(seed, k, n):
    m = made_up(np.random.default_rng(seed), n=n, k=k)
    numbers = pack(m)
    assert numbers.dtype == np.float32
    assert numbers.shape == (n, 6 * k) == (n, len(packed_names(k, NAMES)))
    assert_array_equal(pack(unpack(numbers, k, 2)), numbers)
    assert usable(unpack(numbers, k, 2)).all()
    for name in ("weights", "mean", "covariance"):
        assert_allclose(getattr(unpack(numbers, k, 2), name), getattr(m, name), rtol=1e-6, atol=1e-12)


def test_packed_columns_are_what_their_names_say(rng):
    m = made_up(rng, k=2)
    column = dict(zip(packed_names(2, NAMES), pack(m).T, strict=True))
    assert list(column)[:6] == [
        "mix1_weight", "mix1_log_age_lw", "mix1_mh_lw", "mix1_var_log_age_lw", "mix1_cov", "mix1_var_mh_lw",
    ]  # fmt: skip
    assert_allclose(column["mix2_weight"], m.weights[:, 1], rtol=1e-6)
    assert_allclose(column["mix2_mh_lw"], m.mean[:, 1, 1], rtol=1e-6)
    assert_allclose(column["mix1_cov"], m.covariance[:, 0, 1], rtol=1e-6)
    assert_allclose(column["mix2_var_mh_lw"], m.covariance[:, 1, 2], rtol=1e-6)
    assert len(set(packed_names(12, NAMES))) == 72


def test_nan_rows_are_packed_as_they_are(rng):
    bad = spoilt(made_up(rng, n=8))
    assert_array_equal(usable(unpack(pack(bad), 4, 2)), usable(bad))


def test_numbers_of_another_mixture_are_refused(rng):
    with pytest.raises(AgezError, match=r"packed mixture of 3 components has shape \(6, 24\); expected \(n, 18\)"):
        unpack(pack(made_up(rng)), 3, 2)
    with pytest.raises(AgezError, match="packed"):
        unpack(np.zeros((2, 0)), 0, 2)
    with pytest.raises(AgezError, match="packed"):
        unpack(np.zeros(24), 4, 2)


def test_points_of_other_rows_are_refused(rng):
    with pytest.raises(AgezError, match=r"points have shape \(5, 2\); expected \(6, 2\)"):
        log_density(made_up(rng), np.zeros((5, 2)))


def in_targets(rng, d, n=5, k=3):
    """Random mixtures over ``d`` targets, and their covariances as matrices."""
    root = rng.normal(0, 0.3, (n, k, d, d)) + 0.4 * np.eye(d)
    matrix = root @ np.swapaxes(root, -1, -2)
    first, second = np.tril_indices(d)
    return Mixture(rng.dirichlet(np.ones(k), n), rng.normal(0, 1, (n, k, d)), matrix[..., first, second]), matrix


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_any_number_of_targets(rng, d):
    m, matrix = in_targets(rng, d)
    points = rng.normal(0, 1, (5, d))
    density = [
        np.log(sum(w * multivariate_normal(mu, c).pdf(x) for w, mu, c in zip(*row, strict=True)))
        for x, row in zip(points, zip(m.weights, m.mean, matrix, strict=True), strict=True)
    ]
    assert_allclose(log_density(m, points), density, rtol=1e-9)
    mean, sigma, _ = moments(m)
    total = (m.weights[..., None] * m.mean).sum(axis=1)
    off = m.mean - total[:, None]
    covariance = (m.weights[..., None, None] * (matrix + off[..., None] * off[..., None, :])).sum(axis=1)
    assert_allclose(mean, total)
    assert_allclose(sigma, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)))
    draws = sample(m, 40_000, rng)
    for row in range(5):
        scale = np.sqrt(np.outer(np.diag(covariance[row]), np.diag(covariance[row])))
        found = np.atleast_2d(np.cov(draws[row].T))
        assert_allclose(found / scale, covariance[row] / scale, atol=0.05)
    for one, full in zip(moments(combine([m, m]))[:2], (mean, sigma), strict=True):
        assert_allclose(one, full)
    factor = rng.uniform(0.5, 2, d)
    assert_allclose(moments(rescale(m, shift=np.zeros(d), factor=factor))[1], factor * sigma)
    assert_allclose(unpack(pack(m), 3, d).covariance, m.covariance, rtol=1e-6)
    bad = Mixture(m.weights, m.mean, np.where(np.arange(5)[:, None, None] == 2, -m.covariance, m.covariance))
    assert_array_equal(usable(bad), np.arange(5) != 2)


def test_columns_of_three_targets_name_the_pair_of_each_covariance():
    names = packed_names(1, ("a", "b", "c"))
    assert names == (
        "mix1_weight", "mix1_a", "mix1_b", "mix1_c", "mix1_var_a", "mix1_cov_a_b", "mix1_var_b", "mix1_cov_a_c",
        "mix1_cov_b_c", "mix1_var_c",
    )  # fmt: skip
