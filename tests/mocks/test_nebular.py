"""Lines: ratios that physics fixes, ratios that were measured, and the light of young stars behind H-alpha."""

import numpy as np
import pytest

from agez.mocks.nebular import Gas, draw_gas, line_fluxes, young_light_ratio
from agez.spectra.dust import STELLAR_TO_NEBULAR, attenuation_curve
from agez.spectra.lines import CASE_B_OVER_HBETA, EMISSION_LINES, LINE_NAMES, line

RATIOS = {"log_nii_ha": -0.4, "log_oiii_hb": -0.2, "log_sii_ha": -0.4, "log_oii_hb": 0.4, "log_oi_ha": -1.2}
GAS = Gas(2.65, 0.0, 2.2, "calzetti", RATIOS, 1.1, 1.35, 1.32)
AT = {name: i for i, name in enumerate(LINE_NAMES)}


def fluxes(n=4000, av=0.5, ew=10**1.1, r=1.0):
    full = np.full(n, 1.0)
    return line_fluxes(10.0 * full, av=av * full, ew_ha=ew * full, r_re=r * full, gas=GAS, rng=np.random.default_rng(0))


def test_case_b_without_dust_and_the_decrement_with_it():
    clear, dusty = fluxes(10, av=0.0), fluxes(10, av=1.0)
    for name, ratio in CASE_B_OVER_HBETA.items():
        assert clear[:, AT[name]] == pytest.approx(10 * ratio / 2.863)
    # A_V of the gas from the Balmer decrement is extra_dust times that of the stars
    k_alpha, k_beta = attenuation_curve([6562.819, 4861.325], "calzetti")
    decrement = dusty[:, AT["Halpha"]] / dusty[:, AT["Hbeta"]]
    assert 2.5 * np.log10(decrement / 2.863) / (k_beta - k_alpha) == pytest.approx(2.2, rel=1e-6)


def test_doublets_have_their_fixed_ratios():
    f = fluxes(100)
    for one in EMISSION_LINES:
        if one.tied_to:
            assert f[:, AT[one.name]] == pytest.approx(one.ratio * f[:, AT[one.tied_to]])
    assert f[:, AT["OII3729"]] / f[:, AT["OII3726"]] == pytest.approx(1.35)
    assert f[:, AT["SII6716"]] / f[:, AT["SII6731"]] == pytest.approx(1.32)
    assert line("NII6548").ratio == pytest.approx(1 / 3.05)


def test_forbidden_lines_have_the_galaxys_ratios_at_re_with_scatter():
    f = fluxes()
    alpha, beta = f[:, AT["Halpha"]], f[:, AT["Hbeta"]]
    observed = {
        "log_nii_ha": f[:, AT["NII6583"]] / alpha,
        "log_oi_ha": f[:, AT["OI6300"]] / alpha,
        "log_oiii_hb": f[:, AT["OIII5007"]] / beta,
        "log_oii_hb": (f[:, AT["OII3726"]] + f[:, AT["OII3729"]]) / beta,
        "log_sii_ha": (f[:, AT["SII6716"]] + f[:, AT["SII6731"]]) / alpha,
    }
    for name, ratio in observed.items():
        assert np.log10(ratio).mean() == pytest.approx(RATIOS[name], abs=0.005)
        assert np.log10(ratio).std() == pytest.approx(0.05, abs=0.005)


def test_fewer_young_stars_means_harder_lines():
    quiet, active = fluxes(ew=1.5), fluxes(ew=60.0)
    for name in ("NII6583", "OI6300"):
        assert (quiet / quiet[:, [AT["Halpha"]]])[:, AT[name]].mean() > (active / active[:, [AT["Halpha"]]])[
            :, AT[name]
        ].mean()


def test_young_light_gives_back_the_equivalent_width():
    ew = np.array([0.5, 1.0, 5.0, 20.0, 60.0])
    share = young_light_ratio(ew, np.zeros(5), GAS)
    assert share[:2] == pytest.approx(0)  # old stars explain 1 A
    # line = E_young * young light; width = line / (young + rest) + what old stars give
    again = 10**2.65 * share / (1 + share) + 1.0
    assert again[2:] == pytest.approx(ew[2:])


def test_dust_hides_more_of_the_line_than_of_the_continuum():
    one, two = young_light_ratio(np.array([20.0, 20.0]), np.array([0.0, 1.0]), GAS)
    assert two > one
    extreme = young_light_ratio(np.array([5000.0]), np.array([2.0]), GAS)
    assert np.isfinite(extreme).all()
    assert extreme[0] == pytest.approx(0.7 / 0.3)


def test_drawn_gas_has_calzettis_ratio_of_dust():
    rng = np.random.default_rng(1)
    galaxy = {**RATIOS, "log_ew_ha": 1.0}
    extra = np.array([draw_gas(galaxy, "ccm89", rng).extra_dust for _ in range(2000)])
    assert np.median(extra) == pytest.approx(1 / STELLAR_TO_NEBULAR, rel=0.03)
    assert extra.min() >= 1
