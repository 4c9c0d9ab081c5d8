"""Intervals for galaxies of libraries that no network has seen: how wide, where, and what stays as it is."""

from dataclasses import replace

import numpy as np
import pytest

from agez.mixture_network.calibration import ONE_SIGMA, TWO_SIGMA, IntervalCalibration, n_covariates
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
def left():
    """Four libraries: the wider off, the higher their number and the signal-to-noise ratio."""
    rng = np.random.default_rng(1)
    return [rows(15_000, rng, lambda x, k=k: np.exp(0.2 + 0.1 * k + 0.4 * x[:, SNR])) for k in range(4)]


def test_libraries_left_out_are_covered_at_any_noise(left):
    more = widening(left, redshift_target=REDSHIFT)
    for low, high in ((-1, -0.5), (-0.25, 0.25), (0.5, 1)):
        for t in (0, 1, 3):
            shares = []
            for one in left:
                there = (one.covariates[:, SNR] > low) & (one.covariates[:, SNR] < high)
                shares.append(inside(one, more)[there, t].mean())
            assert np.mean(shares) == pytest.approx(ONE_SIGMA, abs=0.02)
            assert shares[0] > shares[-1] + 0.05


def test_each_library_counts_as_much(left):
    many = Scored(*(np.concatenate([column] * 6) for column in left[0]))
    same, more = (widening([one, *left[1:]], redshift_target=None) for one in (left[0], many))
    np.testing.assert_allclose(more.log_factor, same.log_factor)


def test_the_redshift_stays_as_it_is_and_moves_nothing(left):
    more = widening(left, redshift_target=REDSHIFT)
    assert not more.log_factor[REDSHIFT].any()
    assert np.isnan(more.tail[REDSHIFT])
    assert not more.log_factor[:, of_reference(REDSHIFT, D)].any()
    assert of_reference(REDSHIFT, D)[PREDICTED_REDSHIFT]
    assert np.abs(widening(left, redshift_target=None).log_factor[REDSHIFT]).max() > 0.05
    before = replace(IntervalCalibration.none(np.zeros(D), np.ones(D)), tail=np.full(D, 1.3))
    assert widened(before, more).tail[REDSHIFT] == 1.3


def test_where_libraries_agree_nothing_is_widened():
    rng = np.random.default_rng(2)
    more = widening([rows(20_000, rng, lambda x: np.ones(len(x))) for _ in range(4)], redshift_target=None)
    assert np.abs(more.log_factor).max() < 0.06
    np.testing.assert_allclose(more.tail, 1, atol=0.03)


def test_long_tails_of_unknown_libraries_lengthen_tails():
    rng = np.random.default_rng(3)
    heavy = rows(60_000, rng, lambda x: np.where(rng.uniform(size=len(x)) < 0.2, 4.0, 0.8))
    more = widening([heavy], redshift_target=None)
    assert (more.tail > 1.1).all()
    wide = widened(IntervalCalibration.none(np.zeros(D), np.ones(D)), more)
    np.testing.assert_array_equal(wide.log_factor, more.log_factor)
    assert not wide.shift.any()
    size = np.abs(heavy.scores) * np.exp(-heavy.covariates @ more.log_factor.T)
    np.testing.assert_allclose((size < 2 * wide.tail).mean(axis=0), TWO_SIGMA, atol=0.005)


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
