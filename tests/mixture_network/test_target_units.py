"""Masses and magnitudes from fluxes and redshifts, scales undone: against draws from the same distributions."""

import numpy as np
import pytest
from astropy.cosmology import Planck18

from agez.distributions.marginals import quantiles
from agez.distributions.mixture import Mixture, moments, sample, triangle_size
from agez.errors import AgezError
from agez.mixture_network.row_answers import RowAnswers
from agez.mixture_network.target_units import in_units as in_units_of_range
from agez.mixture_network.target_units import per_microjansky
from agez.models.luminosity import AB_ZERO_MICROJANSKY, log_distance_factor, log_luminosity
from agez.targets import KNOWN_TARGETS

TARGETS = tuple(KNOWN_TARGETS[name] for name in ("log_age_lw", "redshift_phot", "log_mass", "absmag_r", "ew_ha"))
PROBABILITIES = np.array([0.16, 0.5, 0.84])
N, K, D = 6, 3, len(TARGETS)


@pytest.fixture
def found(rng):
    """Answers of rows at redshifts around 0.4 with a width of 0.01; masses and redshifts hang together.

    Of an unknown redshift between 0 and 0.8 the origin is 0.4 and the unit 0.4.
    """
    weights = rng.dirichlet(np.ones(K), N)
    middle = np.array([9.5, 0.0, 2.0, -0.1, 2.0])
    width = np.array([0.2, 0.025, 0.1, 0.1, 0.4])
    mean = middle + width * rng.standard_normal((N, K, D))
    factor = np.tril(0.3 * rng.standard_normal((N, K, D, D)), -1) + np.eye(D)
    matrix = factor @ np.swapaxes(factor, -1, -2) * width[:, None] * width
    i, j = np.tril_indices(D)
    return answers_of(Mixture(weights, mean, matrix[..., i, j]))


def answers_of(mixture):
    n, nothing = len(mixture), np.zeros(len(mixture))
    points = np.stack([quantiles(mixture, PROBABILITIES, t).T for t in range(mixture.n_targets)])
    return RowAnswers(mixture, moments(mixture)[0], nothing, points, *np.zeros((6, n)), *np.zeros((2, n), bool))


def in_units(found, targets, levels, *, flux_scale, **options):
    found = per_microjansky(found, targets, flux_scale)
    return in_units_of_range(found, targets, levels, redshift_range=(0.0, 0.8), **options)


def levels():
    return np.tile(PROBABILITIES, (D, 1))


def test_the_distance_is_that_of_astropy():
    z = np.array([0.003, 0.02, 0.1, 0.5, 1.0, 3.0])
    expected = 2 * np.log10(Planck18.luminosity_distance(z).to_value("pc") / 10) - np.log10(1 + z)
    np.testing.assert_allclose(log_distance_factor(z), expected, atol=2e-6)
    assert np.isnan(log_distance_factor(np.array([0.0, -0.01, np.nan]))).all()
    # Hubble's law below the table
    assert log_distance_factor(np.array([1e-6]))[0] == pytest.approx(log_distance_factor(np.array([1e-5]))[0] - 2)


def test_an_object_of_magnitude_0_at_10_pc_is_the_unit():
    z = np.array([0.1])
    dimmed = AB_ZERO_MICROJANSKY / 10 ** log_distance_factor(z)
    np.testing.assert_allclose(log_luminosity(dimmed, z), 0, atol=1e-12)


def test_an_unknown_cosmology_is_refused():
    with pytest.raises(AgezError, match=r"'Planck99' is unknown.*Planck18"):
        log_distance_factor(np.array([0.1]), cosmology="Planck99")


def test_at_an_exact_redshift_the_luminosity_is_added(found):
    z, scale = np.full(N, 0.4), np.linspace(1, 50, N)
    got = in_units(found, TARGETS, levels(), flux_scale=scale, redshift=z, redshift_err=np.zeros(N))
    log_scale = log_luminosity(scale, z)
    for t, per_flux in ((0, 0.0), (2, 1.0), (3, -2.5)):
        np.testing.assert_allclose(got.mean[:, t], found.mean[:, t] + per_flux * log_scale)
        np.testing.assert_allclose(got.quantiles[t], found.quantiles[t] + per_flux * log_scale)
    # an exact redshift stays what it is, but for the floor of 0.001 (1 + z)
    np.testing.assert_allclose(got.mean[:, 1], 0.4 + 0.0014 * found.mean[:, 1])
    at = triangle_size(2) + 2
    np.testing.assert_array_equal(got.mixture.covariance[..., at], found.mixture.covariance[..., at])


def test_a_small_error_of_the_redshift_widens_what_hangs_on_the_distance(found):
    z, error = np.full(N, 0.02), np.full(N, 0.002)
    got = in_units(found, TARGETS, levels(), flux_scale=np.ones(N), redshift=z, redshift_err=error)
    rng = np.random.default_rng(5)
    draws = sample(found.mixture, 40000, rng)[..., 2] + log_luminosity(
        np.ones((N, 1)), 0.02 + 0.002 * rng.standard_normal((N, 40000))
    )
    width = np.sqrt(got.mixture.covariance[..., triangle_size(2) + 2])
    assert (width > np.sqrt(found.mixture.covariance[..., triangle_size(2) + 2])).all()
    np.testing.assert_allclose(got.quantiles[2, 1], np.median(draws, axis=1), atol=0.01)
    half = (got.quantiles[2, 2] - got.quantiles[2, 0]) / 2
    np.testing.assert_allclose(half, np.diff(np.quantile(draws, [0.16, 0.84], axis=1), axis=0)[0] / 2, rtol=0.04)


def test_of_an_unknown_redshift_each_draw_has_the_luminosity_of_its_own(found):
    scale = np.full(N, 7.0)
    got = in_units(
        found, TARGETS, levels(), flux_scale=scale, redshift=np.full(N, np.nan), redshift_err=np.full(N, np.nan)
    )
    draws = sample(found.mixture, 60000, np.random.default_rng(2))
    redshift = 0.4 + 0.4 * draws[..., 1]
    log_scale = log_luminosity(scale[:, None], redshift)
    np.testing.assert_allclose(got.mean[:, 1], redshift.mean(axis=1), atol=2e-4)
    np.testing.assert_allclose(got.quantiles[1], np.quantile(redshift, PROBABILITIES, axis=1), atol=3e-4)
    for t, per_flux in ((2, 1.0), (3, -2.5)):
        truth = draws[..., t] + per_flux * log_scale
        np.testing.assert_allclose(got.mean[:, t], truth.mean(axis=1), atol=0.004 * abs(per_flux))
        expected = np.quantile(truth, PROBABILITIES, axis=1)
        np.testing.assert_allclose(got.quantiles[t], expected, atol=0.006 * abs(per_flux))
    # M - M_r is independent of the distance: so are its draws
    again = sample(got.mixture, 60000, np.random.default_rng(3))
    apart = again[..., 3] + 2.5 * again[..., 2]
    np.testing.assert_allclose(apart.std(axis=1), (draws[..., 3] + 2.5 * draws[..., 2]).std(axis=1), rtol=0.02)


def test_equivalent_widths_are_sinh_of_what_is_learned(found):
    got = in_units(found, TARGETS, levels(), flux_scale=np.ones(N), redshift=np.full(N, 0.4), redshift_err=np.zeros(N))
    draws = np.sinh(sample(found.mixture, 200000, np.random.default_rng(2))[..., 4])
    np.testing.assert_allclose(got.mean[:, 4], draws.mean(axis=1), rtol=0.01)
    np.testing.assert_allclose(got.quantiles[4], np.sinh(found.quantiles[4]))


def test_without_a_redshift_above_zero_there_is_no_mass(found):
    targets = tuple(KNOWN_TARGETS[name] for name in ("log_age_lw", "mh_lw", "log_mass", "absmag_r", "ew_ha"))
    for z in (0.0, np.nan):
        got = in_units(
            found, targets, levels(), flux_scale=np.ones(N), redshift=np.full(N, z), redshift_err=np.full(N, np.nan)
        )
        assert np.isnan(got.mean[:, 2]).all()
        assert np.isfinite(got.mean[:, [0, 1, 4]]).all()
        assert np.isfinite(sample(got.mixture, 5, np.random.default_rng(0))).all()
