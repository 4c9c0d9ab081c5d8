"""Wavelengths and ratios of lines against Rydberg's formula and the refractive index of air."""

import numpy as np
import pytest

from agez.errors import AgezError
from agez.photometry.air import vacuum_to_air
from agez.spectra.lines import (
    CASE_B_OVER_HBETA,
    EMISSION_LINES,
    LINE_NAMES,
    SODIUM_LINES,
    SPEED_OF_LIGHT_KMS,
    line,
    line_waves,
    near_lines,
)

RYDBERG_HYDROGEN_PER_ANGSTROM = 1.0967758e-3
BALMER = {"Halpha": 3, "Hbeta": 4, "Hgamma": 5, "Hdelta": 6, "Hepsilon": 7, "H8": 8, "H9": 9, "H10": 10}


def test_air_and_vacuum_agree_with_the_refractive_index():
    for one in (*EMISSION_LINES, *SODIUM_LINES):
        assert float(vacuum_to_air(one.vacuum_angstrom)) == pytest.approx(one.air_angstrom, abs=0.01), one.name


def test_balmer_lines_follow_rydberg():
    for name, n in BALMER.items():
        vacuum = 1 / (RYDBERG_HYDROGEN_PER_ANGSTROM * (0.25 - 1 / n**2))
        assert line(name).vacuum_angstrom == pytest.approx(vacuum, abs=0.07), name  # the rest is fine structure


def test_lines_are_in_order_and_named_once():
    assert np.all(np.diff(line_waves(medium="air")) > 0)
    assert np.all(np.diff(line_waves(medium="vacuum")) > 0)
    assert len(set(LINE_NAMES)) == len(LINE_NAMES)


def test_doublets_are_tied_to_free_lines():
    for one in EMISSION_LINES:
        if one.tied_to:
            assert line(one.tied_to).tied_to == ""
            assert 0 < one.ratio < 1
    assert line("OIII4959").ratio == pytest.approx(0.336, abs=0.002)
    assert line("NII6548").ratio == pytest.approx(0.328, abs=0.003)


def test_balmer_decrement_falls_up_the_series():
    ratios = [CASE_B_OVER_HBETA[name] for name in BALMER]
    assert ratios == sorted(ratios, reverse=True)


def test_mask_holds_exactly_the_pixels_within_the_window():
    wave = np.arange(6400.0, 6900.0, 1.0)
    mask = near_lines(wave, [line("Halpha"), line("SII6731")], medium="air", half_width_kms=600)
    for w, masked in zip(wave, mask, strict=True):
        velocities = [SPEED_OF_LIGHT_KMS * abs(w / c - 1) for c in (6562.819, 6730.82)]
        assert masked == (min(velocities) <= 600)
    assert not near_lines(wave, [], medium="air", half_width_kms=600).any()


def test_an_unknown_line_is_refused():
    with pytest.raises(AgezError, match="OIII5007"):
        line("OIII5008")
