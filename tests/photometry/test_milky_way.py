"""Extinction laws of the Milky Way, against their tables and an independent library's numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agez.photometry.milky_way import ccm89, fitzpatrick99
from agez.spectra.dust import attenuation_curve

#: A / E(B-V) of F99 by dust_extinction 1.7 (K. Gordon), at [Angstrom], for R_V = 3.1, 2.1 and 5.1.
WAVE = np.array([1100.0, 1500.0, 2175.0, 3000.0, 3500.0, 4500.0, 5500.0, 7000.0, 9000.0, 12000.0, 20000.0])
BY_DUST_EXTINCTION = {
    3.1: [12.44602, 8.06777, 9.53524, 5.56987, 4.89387, 3.96774, 3.03148, 2.13315, 1.40257, 0.85248, 0.38635],
    2.1: [15.85428, 9.71949, 9.68782, 4.84437, 3.9688, 2.96378, 2.02909, 1.25424, 0.85001, 0.57463, 0.27],
    5.1: [10.81568, 7.88401, 10.58605, 7.34229, 6.82875, 5.97356, 5.0362, 3.8912, 2.50783, 1.40819, 0.61904],
}


@pytest.mark.parametrize("r_v", BY_DUST_EXTINCTION)
def test_fitzpatrick_is_that_of_an_independent_library(r_v):
    np.testing.assert_allclose(fitzpatrick99(WAVE, r_v), BY_DUST_EXTINCTION[r_v], atol=6e-6)


def test_fitzpatrick_goes_through_his_table_3():
    wave = np.array([26500.0, 12200.0, 6000.0, 5470.0, 4670.0, 4110.0, 2700.0, 2600.0])
    table = [0.265, 0.829, 2.688, 3.055, 3.806, 4.315, 6.265, 6.591]
    np.testing.assert_allclose(fitzpatrick99(wave, 3.1), table, atol=1e-3)


def test_no_step_where_the_formulae_meet():
    around = fitzpatrick99(np.array([2700.0 - 1e-6, 2700.0 + 1e-6]), 3.1)
    assert abs(np.diff(around)[0]) < 1e-6


@pytest.mark.parametrize("law", [fitzpatrick99, lambda wave, r_v: r_v * ccm89(wave, r_v)])
@given(r_v=st.floats(2.5, 5.5))
def test_a_colour_excess_is_one(law, r_v):
    b, v = law(np.array([4400.0, 5500.0]), r_v)
    assert b - v == pytest.approx(1, abs=0.06)  # B and V are bands, not wavelengths
    assert v == pytest.approx(r_v, rel=0.03)


def test_cardelli_is_that_of_the_spectral_fit():
    wave = np.linspace(1500.0, 9000.0, 50)
    assert np.array_equal(ccm89(wave, 3.1), attenuation_curve(wave, "ccm89"))
