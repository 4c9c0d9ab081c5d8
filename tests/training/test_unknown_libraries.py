"""Intervals for galaxies of libraries that no network has seen: how wide, where, and what stays as it is."""

import numpy as np
import pytest
from scipy.stats import norm

from agez.mixture_network.calibration import ONE_SIGMA, IntervalCalibration, n_covariates
from agez.training.learn_calibration import Scored, of_reference, widened, widening
from agez.training.recipes import SHIPPED, recipe

D, REDSHIFT = 4, 2
SNR, AGE, PREDICTED_REDSHIFT = 1, 4, 8  # columns of the covariates


def rows(n, rng, width):
    """Rows whose scores have a width for each row and target, (n, D)."""
    x = np.zeros((n, n_covariates(D)))
    x[:, 0] = 1
    x[:, SNR] = rng.uniform(-1, 1, n)
    x[:, SNR + 1] = x[:, SNR] ** 2
    x[:, AGE], x[:, PREDICTED_REDSHIFT] = rng.uniform(-1, 1, (2, n))
    return Scored(width(x)[:, None] * rng.standard_normal((n, D)), x)


def inside(found, more):
    """(n, D) whether rows are in their 68 % intervals after the widening."""
    return np.abs(found.scores) * np.exp(-found.covariates @ more.log_factor.T) < 1


@pytest.fixture(scope="module")
def sky():
    rng = np.random.default_rng(1)
    own = rows(60_000, rng, lambda x: np.ones(len(x)))
    left = [rows(15_000, rng, lambda x, k=k: np.exp(0.2 + 0.1 * k + 0.4 * x[:, SNR])) for k in range(4)]
    return own, left


def test_half_and_half_are_covered(sky):
    own, left = sky
    more = widening(own, left, redshift_target=REDSHIFT)
    for low, high in ((-1, -0.5), (-0.25, 0.25), (0.5, 1)):
        for t in (0, 1, 3):
            shares = []
            for one in (own, *left):
                there = (one.covariates[:, SNR] > low) & (one.covariates[:, SNR] < high)
                shares.append(inside(one, more)[there, t].mean())
            assert (shares[0] + np.mean(shares[1:])) / 2 == pytest.approx(ONE_SIGMA, abs=0.02)
            assert shares[0] > np.mean(shares[1:]) - 0.02


def test_the_redshift_stays_as_it_is_and_moves_nothing(sky):
    more = widening(*sky, redshift_target=REDSHIFT)
    assert not more.log_factor[REDSHIFT].any()
    assert more.log_tail[REDSHIFT] == 0
    assert not more.log_factor[:, of_reference(REDSHIFT, D)].any()
    assert of_reference(REDSHIFT, D)[PREDICTED_REDSHIFT]
    assert np.abs(widening(*sky, redshift_target=None).log_factor[REDSHIFT]).max() > 0.05


def test_where_libraries_agree_nothing_is_widened():
    rng = np.random.default_rng(2)
    same = [rows(20_000, rng, lambda x: np.ones(len(x))) for _ in range(4)]
    more = widening(same[0], same[1:], redshift_target=None)
    assert np.abs(more.log_factor).max() < 0.06
    assert np.abs(more.log_tail).max() < 0.03


def test_long_tails_of_unknown_libraries_lengthen_tails():
    rng = np.random.default_rng(3)
    own = rows(40_000, rng, lambda x: np.ones(len(x)))
    heavy = rows(40_000, rng, lambda x: np.where(rng.uniform(size=len(x)) < 0.2, 4.0, 0.8))
    more = widening(own, [heavy], redshift_target=None)
    assert (more.log_tail > 0.1).all()
    nothing = IntervalCalibration.none(np.zeros(D), np.ones(D))
    wide = widened(nothing, more)
    np.testing.assert_allclose(wide.tail, np.exp(more.log_tail))
    np.testing.assert_array_equal(wide.log_factor, more.log_factor)
    np.testing.assert_array_equal(wide.shift, nothing.shift)
    both = np.abs(np.concatenate([own.scores, heavy.scores])) * np.exp(-more.log_factor[:, 0])
    assert (both < 2 * wide.tail).mean() == pytest.approx(norm.cdf(2) - norm.cdf(-2), abs=0.01)


@pytest.mark.parametrize("name", [name for name in SHIPPED if recipe(name).left_out_steps])
def test_a_library_left_out_is_seen_nowhere(name):
    whole = recipe(name)
    for library in whole.main_libraries:
        small = whole.without(library)
        assert library not in [part for key in small.libraries for part in key.split("+")]
        assert sum(small.libraries.values()) == pytest.approx(1)
        assert small.targets == whole.targets
        assert small.n_seds < whole.n_seds / 2
        alone = whole.of_library(library)
        assert {key.split("+")[0] for key in alone.libraries} == {library}
        assert not alone.blend_share
    assert whole.of_known.survey.redshift_err[1] == whole.most_redshift_err
    assert whole.of_unknown.survey.redshift_unknown == 1
