"""The continuum of ionised gas against published and independently computed values."""

import numpy as np
import pytest

from agez.mocks.nebular_continuum import HALPHA_OVER_HBETA, continuum_over_halpha

#: Emission coefficient of hydrogen and 10 % He+ at 100 electrons/cm3 over that of H-beta [1e-3 / Angstrom], computed
#: with PyNeb 1.1.32 (Luridiana et al. 2015, A&A 573, A42; Ercolano & Storey 2006, MNRAS 372, 1875).
PYNEB_WAVES = np.array([3000, 3300, 3600, 3640, 3700, 4000, 4500, 4861, 5500, 6563, 7500, 9000, 9800], float)
PYNEB = {
    7000.0: (4.3705, 5.4149, 6.2479, 6.4323, 0.8808, 0.7473, 0.6198, 0.5724, 0.5356, 0.5294, 0.5314, 0.1589, 0.1505),
    10000.0: (4.9069, 5.33, 5.4249, 5.486, 1.0785, 0.9419, 0.8002, 0.7368, 0.6643, 0.5926, 0.5431, 0.2043, 0.1872),
    14000.0: (5.3445, 5.3014, 4.9836, 4.9817, 1.3673, 1.2063, 1.0224, 0.9291, 0.8073, 0.6693, 0.5781, 0.2571, 0.2301),
}  # fmt: skip


def over_hbeta(wave: np.ndarray, temperature: float) -> np.ndarray:
    """Continuum over H-beta [1e-3 / Angstrom]."""
    halpha = HALPHA_OVER_HBETA * (temperature / 1e4) ** -0.075
    return 1e3 * halpha * continuum_over_halpha(wave, np.array([temperature]))[0]


@pytest.mark.parametrize("temperature", [7000.0, 10000.0, 14000.0])
def test_an_independent_code_agrees_within_two_per_cent(temperature: float) -> None:
    expected = np.array(PYNEB[temperature])
    np.testing.assert_allclose(over_hbeta(PYNEB_WAVES, temperature), expected, rtol=0.02)


def test_the_equivalent_width_of_hbeta_over_the_gas_alone_is_as_published() -> None:
    assert 1000 < 1e3 / over_hbeta(np.array([4862.7]), 1e4)[0] < 1500


def test_the_balmer_and_paschen_jumps_are_there_and_shrink_as_the_gas_heats_up() -> None:
    wave = np.array([3640.0, 3700.0, 8180.0, 8240.0])
    blue, red, left, right = over_hbeta(wave, 1e4)
    assert 4.5 < blue / red < 5.5  # with He I and two photons; hydrogen's free-bound alone jumps by a factor 20
    assert 1.8 < left / right < 3.0
    jumps = [over_hbeta(wave, t) for t in (6000.0, 10000.0, 15000.0, 20000.0)]
    assert np.all(np.diff([one[0] / one[1] for one in jumps]) < 0)


def test_temperatures_between_those_tabulated_are_interpolated_and_beyond_are_held() -> None:
    wave = np.linspace(3000, 9800, 50)
    low, middle, high = continuum_over_halpha(wave, np.array([10000.0, 11300.0, 13000.0]))
    assert np.all((middle - low) * (high - middle) > 0)
    ends = continuum_over_halpha(wave, np.array([3000.0, 5000.0, 22000.0, 40000.0]))
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[2], ends[3])
