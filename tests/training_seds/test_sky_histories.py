"""Broad histories: weights are fractions, families are those asked for, bursts are bursts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agez.errors import AgezError
from agez.training_seds.histories import FREE_FAMILIES, PER_SHAPE, SKY_FAMILIES, draw_weights

LOG_AGE = np.linspace(6.6, 10.15, 25)
MH = np.array([-1.7, -1.2, -0.6, -0.2, 0.1, 0.4])


@given(
    st.sampled_from(SKY_FAMILIES), st.integers(1, 23), st.integers(0, 2**32 - 1),
    st.integers(2, 40), st.integers(2, 9), st.floats(6.0, 8.3),
)  # fmt: skip
def test_weights_are_fractions_of_the_mass(family, n, seed, n_age, n_mh, youngest):
    log_age, mh = np.linspace(youngest, 10.2, n_age), np.linspace(-2.0, 0.4, n_mh)
    weights, mh_young, names = draw_weights(n, log_age, mh, np.random.default_rng(seed), families=[family])
    assert weights.shape == (n, n_age, n_mh)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, rtol=1e-9)
    assert ((mh_young >= mh[0]) & (mh_young <= mh[-1])).all()
    assert names == [family] * n


def test_families_left_out_never_occur_and_all_others_do(rng):
    chosen = SKY_FAMILIES[::2]
    names = draw_weights(2000, LOG_AGE, MH, rng, families=chosen)[2]
    assert set(names) == set(chosen)
    share = np.array([names.count(name) for name in chosen]) / len(names)
    sigma = np.sqrt(PER_SHAPE * (1 / len(chosen)) / 2000)
    np.testing.assert_allclose(share, 1 / len(chosen), atol=4.5 * sigma)


def test_the_same_seed_draws_the_same_histories():
    one, other = (draw_weights(60, LOG_AGE, MH, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    assert one[2] == other[2]


def test_bursts_are_short_and_the_rest_is_broad(rng):
    def width(family):
        mass = draw_weights(300, LOG_AGE, MH, rng, families=[family])[0].sum(axis=2)
        mean = mass @ LOG_AGE
        return np.sqrt(np.maximum(mass @ LOG_AGE**2 - mean**2, 0))

    burst = width("burst")
    step = LOG_AGE[1] - LOG_AGE[0]
    assert np.quantile(burst, 0.99) < 2 * step
    assert np.median(width("pieces")) > 2 * np.median(burst)


def test_ages_and_metallicities_are_broad(rng):
    """No age of more than a tenth of the universe's, and no metallicity, is out of reach."""
    weights, _, _ = draw_weights(3000, LOG_AGE, MH, rng)
    mean_age = weights.sum(axis=2) @ LOG_AGE
    mean_mh = weights.sum(axis=1) @ MH
    assert np.quantile(mean_age, 0.02) < 8.8
    assert np.quantile(mean_age, 0.98) > 9.95
    assert np.quantile(mean_mh, 0.03) < -1.0
    assert np.quantile(mean_mh, 0.97) > 0.1


@pytest.mark.parametrize("families", [(), ("fallin",), ("burst", "x")])
def test_unknown_families(rng, families):
    with pytest.raises(AgezError, match=r"history family .*: choose of .*two bursts"):
        draw_weights(3, LOG_AGE, MH, rng, families=families)
    assert set(FREE_FAMILIES) < set(SKY_FAMILIES)


def test_a_family_named_twice_is_drawn_twice_as_often(rng):
    names = draw_weights(3000, LOG_AGE, MH, rng, families=("burst", "burst", "pieces"))[2]
    assert names.count("burst") / len(names) == pytest.approx(2 / 3, abs=0.09)


def test_metal_poor_galaxies_by_choice(rng):
    mh_young = draw_weights(2000, LOG_AGE, MH, rng, families=["burst"], metal_poor_share=1.0)[1]
    constant = mh_young[mh_young < -0.5]
    assert len(constant) > 1300  # closed boxes and wandering histories apart
    assert np.mean(draw_weights(2000, LOG_AGE, MH, rng, families=["burst"])[1] < -0.5) < 0.5
