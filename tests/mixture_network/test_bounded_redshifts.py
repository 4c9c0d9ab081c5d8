"""Redshifts bounded below: moments, quantiles and draws against plain rejection of the same network's draws."""

import numpy as np
import pytest

import agez
from agez.distributions.mixture import Mixture, moments, sample
from agez.distributions.redshift_bounds import LEAST_REDSHIFT
from agez.mixture_network.bounded_redshifts import cut_moments, cut_rows, with_bounded_redshifts
from agez.models.luminosity import log_luminosity
from agez.models.model import DEFAULT_COSMOLOGY
from agez.targets import KNOWN_TARGETS
from agez.types import Photometry, Rows

TARGETS = tuple(KNOWN_TARGETS[name] for name in ("log_age_lw", "mh_lw", "redshift_phot", "log_mass", "absmag_r"))
REDSHIFT = 2


def mixture_at(redshift, sigma):
    """Two components a row around a redshift; age and mass hang on it."""
    n = len(redshift)
    width = np.array([0.2, 0.1, sigma, 0.1, 0.2])
    correlation = np.eye(5)
    correlation[2, 0] = correlation[0, 2] = -0.5
    correlation[3, 0] = correlation[0, 3] = 0.3
    i, j = np.tril_indices(5)
    covariance = np.broadcast_to((correlation * width[:, None] * width)[i, j], (n, 2, 15)).copy()
    mean = np.tile(np.array([9.5, 0.0, 0.0, -0.1, 0.5]), (n, 2, 1))
    mean[..., REDSHIFT] = redshift[:, None] + np.array([-0.02, 0.02])
    return Mixture(np.tile([0.4, 0.6], (n, 1)), mean, covariance)


def test_cut_mixtures_have_the_moments_of_the_draws_above_the_bound():
    m = mixture_at(np.array([-0.02, 0.02, 0.06]), 0.03)
    got = with_bounded_redshifts(m, TARGETS, REDSHIFT, DEFAULT_COSMOLOGY)
    draws = sample(m, 400_000, np.random.default_rng(1))
    for k, row in enumerate(draws):
        kept = row[row[:, REDSHIFT] > LEAST_REDSHIFT]
        luminosity = log_luminosity(np.ones(len(kept)), kept[:, REDSHIFT])
        kept = kept + np.array([target.per_flux for target in TARGETS]) * luminosity[:, None]
        mean, sigma, _ = moments(got.take(np.array([k])))
        np.testing.assert_allclose(mean[0, REDSHIFT:], kept.mean(axis=0)[REDSHIFT:], atol=0.01)
        np.testing.assert_allclose(sigma[0, REDSHIFT:], kept.std(axis=0)[REDSHIFT:], rtol=0.03)
        # what does not hang on the distance is not cut with it
        assert mean[0, :REDSHIFT] == pytest.approx([9.5, 0.0])
        assert sigma[0, :REDSHIFT] == pytest.approx([0.2, 0.1])
    # the distance is the same for mass and magnitude: M_r + 2.5 log M is as narrow as the network had it
    again = sample(got, 100_000, np.random.default_rng(2))
    np.testing.assert_allclose((again[..., 4] + 2.5 * again[..., 3]).std(axis=1), np.hypot(0.2, 0.25), rtol=0.02)


def test_a_distribution_that_is_all_below_the_bound_stays_one():
    got = with_bounded_redshifts(mixture_at(np.array([-3.0]), 0.03), TARGETS, REDSHIFT, DEFAULT_COSMOLOGY)
    assert np.isfinite(moments(got)[1]).all()
    assert got.mean[0, :, REDSHIFT] == pytest.approx(LEAST_REDSHIFT, abs=1e-3)


def test_only_rows_that_reach_below_the_bound_are_cut():
    m = mixture_at(np.array([0.02, 0.5, np.nan]), 0.03)
    assert cut_rows(m, REDSHIFT).tolist() == [True, False, False]
    far = cut_moments(np.array([0.5]), np.array([0.01]), DEFAULT_COSMOLOGY)
    assert far.redshift[0] == pytest.approx(0.5, abs=1e-5)
    assert np.sqrt(far.redshift_variance[0]) == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize("compiled", [False, True])
def test_broad_redshifts_near_zero_give_sensible_masses(compiled):
    if compiled:
        pytest.importorskip("numba")
    model = agez.load_model("splus")
    n, rng = 40, np.random.default_rng(3)
    flux = np.linspace(1.0, 4.0, len(model.bands)) * rng.normal(300, 6, (n, len(model.bands)))
    rows = Photometry(
        model.bands, flux, flux * 0.02, np.ones(flux.shape, bool), Rows.numbered(n), np.full(n, 0.02),
        np.zeros(n, np.int32), redshift_err=np.repeat([0.05, 0.0], n // 2),
    )  # fmt: skip
    found = model.kind.answer(rows, compiled=compiled)
    broad = slice(0, n // 2)
    assert (found.redshift_phot[broad] > LEAST_REDSHIFT).all()
    assert (found.redshift_phot_p025[broad] >= LEAST_REDSHIFT).all()
    assert (found.log_mass_err[broad] < 1.2).all()
    assert np.isfinite(found.log_mass).all()
    draws = found.sample(3000, np.random.default_rng(4))
    assert (draws["redshift_phot"][broad] >= LEAST_REDSHIFT).all()
    ends = np.quantile(draws["redshift_phot"][broad], [0.16, 0.84], axis=1)
    np.testing.assert_allclose(found.redshift_phot_p84[broad], ends[1], rtol=0.2)
    np.testing.assert_allclose(draws["log_mass"].std(axis=1)[broad], found.log_mass_err[broad], rtol=0.4)
    if "log_sfr_100" in draws:
        np.testing.assert_allclose(draws["log_ssfr"] + draws["log_mass"], draws["log_sfr_100"])
    # good twins, of exact redshift: what they are alone
    alone = model.kind.answer(rows.take(np.arange(n // 2, n)), compiled=compiled)
    np.testing.assert_allclose(found.mean[n // 2 :], alone.mean, atol=1e-5)  # sums in float32
