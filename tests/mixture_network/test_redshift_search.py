"""Where the novelty score looks for rows of broad or unknown redshift."""

import numpy as np

from agez.distributions.mixture import Mixture
from agez.mixture_network.redshift_search import MOST_ERROR, search_redshift

RANGE = (0.0, 1.0)


def mixture(weights, mean, sigma):
    """One target, a departure of the redshift."""
    columns = (np.atleast_2d(np.asarray(x, float)) for x in (weights, mean, sigma))
    weights, mean, sigma = columns
    return Mixture(weights, mean[..., None], sigma[..., None] ** 2)


def test_known_redshifts_are_searched_as_they_are():
    z, err = np.array([0.1, 0.2, 0.3]), np.array([0.0, np.nan, MOST_ERROR])
    answer = mixture(np.full((3, 2), 0.5), np.zeros((3, 2)), np.ones((3, 2)))
    got = search_redshift(answer, 0, z, err, RANGE)
    np.testing.assert_array_equal(got[:2], (z, err))
    assert not got.estimated.any()
    untold = search_redshift(answer, None, np.full(3, np.nan), err, RANGE)
    assert np.isnan(untold.redshift).all()
    assert untold.estimated is None


def test_of_an_unknown_one_the_highest_peak_is_searched():
    # in units of half the range about its middle: 0.5 + 0.5 x
    answer = mixture([0.7, 0.3], [0.4, -0.6], [0.3, 0.004])
    z, err, _ = search_redshift(answer, 0, np.array([np.nan]), np.array([np.nan]), RANGE)
    np.testing.assert_allclose([z[0], err[0]], [0.2, 0.002])
    wide = mixture([0.7, 0.3], [0.4, -0.6], [0.3, 0.4])
    z, err, _ = search_redshift(wide, 0, np.array([np.nan]), np.array([np.nan]), RANGE)
    np.testing.assert_allclose([z[0], err[0]], [0.7, MOST_ERROR])


def test_of_a_broad_one_the_departure_counts_in_its_error():
    unit = np.hypot(0.05, 0.001 * 1.3)
    answer = mixture([0.9, 0.1], [-1.0, 2.0], [0.05, 0.5])
    z, err, _ = search_redshift(answer, 0, np.array([0.3]), np.array([0.05]), RANGE)
    np.testing.assert_allclose([z[0], err[0]], [0.3 - unit, 0.05 * unit])


def test_rows_without_an_answer_are_searched_where_they_are_said_to_be():
    nothing = mixture([np.nan, np.nan], [np.nan, np.nan], [np.nan, np.nan])
    z, err, _ = search_redshift(nothing, 0, np.array([np.nan]), np.array([np.nan]), RANGE)
    np.testing.assert_allclose([z[0], err[0]], [0.5, MOST_ERROR])
