"""Means and widths redshift by redshift, against numpy's own."""

import numpy as np
import pytest

from agez.models.feature_scaling import FeatureScaling
from agez.training.learn_scaling import LEAST_WIDTH, feature_scaling_of

N, B = 6000, 5


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    z = rng.uniform(0, 0.1, N)
    signals = rng.normal(0, 0.1, (N, 2, B)) + 3 * z[:, None, None] * np.arange(1, B + 1)
    signals[:, :, 4] = 1.0  # never changes
    covered = rng.random((N, B)) < 0.8
    covered[:, 3] = False
    signals[~np.repeat(covered[:, None], 2, axis=1)] = 1e9  # must not matter
    labels = rng.normal([9.0, -0.3], [0.5, 0.2], (N, 2))
    return signals, covered, z, labels


@pytest.fixture(scope="module")
def standard(data):
    signals, covered, z, labels = data
    return feature_scaling_of(signals, covered, (-1.5, 0.5), z, labels, (0.0, 0.1))


def test_center_and_width_follow_redshift(standard):
    z = np.array([0.0, 0.02, 0.055, 0.1])
    center, width = standard.at(z)
    assert center.shape == width.shape == (4, 2, B)
    inner = slice(1, 3)
    np.testing.assert_allclose(
        center[inner, :, :3], np.repeat(3 * z[inner, None, None] * np.arange(1, 4), 2, axis=1), atol=0.03
    )
    np.testing.assert_allclose(width[inner, :, :3], 0.1, rtol=0.2)


def test_redshifts_outside_get_those_of_the_end(standard):
    center, width = standard.at(np.array([-1.0, 0.0, 0.3, 0.1]))
    np.testing.assert_array_equal(center[0], center[1])
    np.testing.assert_array_equal(width[2], width[3])


def test_bands_never_seen_and_bands_that_never_change_stay_harmless(standard):
    center, width = standard.at(np.array([0.05]))
    assert np.isfinite(center).all()
    assert (width >= np.float32(LEAST_WIDTH)).all()
    np.testing.assert_allclose(width[..., 3:], LEAST_WIDTH, rtol=1e-5)


def test_labels(data, standard):
    np.testing.assert_allclose(standard.label_mean, data[3].mean(axis=0))
    np.testing.assert_allclose(standard.label_std, data[3].std(axis=0))


def test_there_and_back(standard):
    back = FeatureScaling.from_arrays(standard.to_arrays())
    z = np.array([0.0, 0.033, 0.1])
    for one, other in zip(standard.at(z), back.at(z), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (back.error_mean, back.error_std) == (-1.5, 0.5)
    assert back.redshift_range == (0.0, 0.1)


@pytest.mark.parametrize("high", [0.0, 0.002])
def test_a_sample_of_one_redshift(data, high):
    signals, covered, _, labels = data
    standard = feature_scaling_of(signals, covered, (0, 1), np.full(N, 0.0), labels, (0.0, high))
    center, width = standard.at(np.array([0.0, high]))
    assert np.isfinite(center).all()
    assert np.isfinite(width).all()
    np.testing.assert_allclose(center[0, :, :3], center[1, :, :3], atol=1e-6)


def test_few_rows(data):
    signals, covered, z, labels = (one[:3] for one in data)
    standard = feature_scaling_of(signals, covered, (0, 1), z, labels, (0.0, 0.1))
    for part in standard.at(np.array([0.0, 0.1])):
        assert np.isfinite(part).all()
