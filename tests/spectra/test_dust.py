"""Attenuation laws against the numbers of their papers and an independent code."""

import numpy as np
import pytest

from agez.errors import AgezError
from agez.spectra.dust import CALZETTI_R_V, LAW_RANGE_ANGSTROM, LAWS, attenuation_curve


@pytest.mark.parametrize("law", LAWS)
def test_is_one_at_5500_angstrom_and_falls(law):
    low, high = LAW_RANGE_ANGSTROM[law]
    wave = np.linspace(3000, min(high, 20000), 500)
    curve = attenuation_curve(wave, law)
    assert attenuation_curve(5500.0, law) == pytest.approx(1.0, abs=2e-3)
    assert np.all(np.diff(curve) < 7e-3)  # Calzetti's two pieces meet with a step of 0.006
    assert np.all(np.isfinite(attenuation_curve(np.array([low, high]), law)))


def test_ccm89_has_the_values_of_the_papers_table_3():
    # Cardelli, Clayton & Mathis 1989, table 3: A(lambda)/A(V) at R_V = 3.1 for U B V R I J H K
    inverse_micron = np.array([2.78, 2.27, 1.82, 1.43, 1.11, 0.80, 0.63, 0.46])
    published = np.array([1.569, 1.337, 1.000, 0.751, 0.479, 0.282, 0.190, 0.114])
    # the polynomial gives 1 + 1/R_V at B, as it must; the table rounds differently there
    assert attenuation_curve(1e4 / inverse_micron, "ccm89") == pytest.approx(published, abs=0.016)
    assert attenuation_curve(1e4 / 2.27, "ccm89") == pytest.approx(1 + 1 / 3.1, abs=1e-3)


def test_ccm89_is_continuous_where_its_pieces_meet():
    for x, step in ((1.1, 0.02), (3.3, 0.01), (8.0, 0.02)):
        below, above = attenuation_curve(1e4 / np.array([x - 1e-6, x + 1e-6]), "ccm89")
        assert below == pytest.approx(above, rel=step)


def test_calzetti_agrees_with_the_papers_formula_at_hand_computed_points():
    # k(0.44 um) = 2.659 (-2.156 + 1.509/0.44 - 0.198/0.44^2 + 0.011/0.44^3) + 4.05
    assert attenuation_curve(4400.0, "calzetti") * CALZETTI_R_V == pytest.approx(5.0603, abs=2e-3)
    assert attenuation_curve(9000.0, "calzetti") * CALZETTI_R_V == pytest.approx(2.1849, abs=2e-3)


def test_calzetti_agrees_with_ppxf():
    ppxf = pytest.importorskip("ppxf.ppxf", reason="ppxf is not installed")
    if not hasattr(ppxf, "attenuation"):
        pytest.skip("this ppxf has no attenuation curve")
    wave = np.linspace(3500, 9000, 50)
    theirs = ppxf.attenuation(wave, 0.8)
    ours = 10 ** (-0.4 * 0.8 * attenuation_curve(wave, "calzetti"))
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_power_law_and_r_v():
    assert attenuation_curve(11000.0, "charlot-fall") == pytest.approx(0.5**0.7)
    steep, shallow = (attenuation_curve(4000.0, "ccm89", r_v=r) for r in (2.5, 5.0))
    assert steep > shallow > 1


@pytest.mark.parametrize(
    ("wave", "law", "r_v", "words"),
    [
        (5500.0, "smc", None, "calzetti, ccm89, charlot-fall"),
        (900.0, "calzetti", None, "1200-22000"),
        (np.nan, "ccm89", None, "ccm89"),
        (5500.0, "charlot-fall", 3.1, "no r_v"),
        (5500.0, "calzetti", -1.0, "positive"),
    ],
)
def test_bad_arguments_are_refused(wave, law, r_v, words):
    with pytest.raises(AgezError, match=words):
        attenuation_curve(wave, law, r_v=r_v)
