"""Spectra that reach a part of the fit's range: the continuum is spread over what there is, and labels hold."""

from dataclasses import replace

import numpy as np
import pytest

import agez
from agez.flags import Flag, has_flag
from agez.mocks.survey import iterate_survey, survey_plan
from agez.spectra import populations
from agez.spectra.fitting import fit_labels
from agez.spectra.populations import polynomial_axis

Q = 1000


def reached(first, last):
    return (np.arange(Q) >= first) & (np.arange(Q) <= last)


def test_the_whole_range_is_as_it_was():
    x, order = polynomial_axis(np.ones(Q, bool), 8)
    np.testing.assert_array_equal(x, np.linspace(-1, 1, Q))
    assert order == 8


def test_the_terms_are_spread_over_what_is_reached():
    x, order = polynomial_axis(reached(200, 699), 8)
    assert order == 8
    assert polynomial_axis(reached(200, 449), 8)[1] == 4
    assert (x[:201] == -1).all()
    assert (x[699:] == 1).all()
    assert (np.diff(x[200:700]) > 0).all()


def test_an_order_of_one_stays():
    assert polynomial_axis(reached(0, 99), 1)[1] == 1
    assert polynomial_axis(reached(0, 99), 0)[1] == 0
    assert polynomial_axis(np.zeros(Q, bool), 8)[1] == 8


def cut(spectra, low, high):
    """Spectra of one redshift that reach from ``low`` to ``high`` [Angstrom, rest frame]."""
    rest = spectra.wave_angstrom / (1 + np.median(spectra.redshift))
    kept = (rest > low) & (rest < high)
    pixels = {name: getattr(spectra, name)[..., kept] for name in ("wave_angstrom", "flux", "flux_err", "mask")}
    return replace(spectra, **pixels, fwhm_angstrom=spectra.fwhm_angstrom[kept])


@pytest.fixture(scope="module")
def mocks():
    return list(iterate_survey(survey_plan(n_galaxies=4, n_spectra=60, seed=5), agez.load_templates("emiles")))


def labelled(mocks, low, high):
    """chi2, and age over error, of all spectra; and whether they are flagged."""
    grid = agez.load_templates("emiles")
    each = [(fit_labels(cut(mock.spectra, low, high), grid), mock.truth) for mock in mocks]
    pull = np.concatenate([(labels.log_age_lw - truth.log_age_lw) / labels.log_age_lw_err for labels, truth in each])
    chi2 = np.concatenate([labels.chi2 for labels, _ in each])
    return chi2, pull, np.concatenate([has_flag(labels.flags, Flag.PARTLY_COVERED) for labels, _ in each])


def test_half_of_the_range_is_enough(mocks):
    chi2, pull, partly = labelled(mocks, 3640, 5400)
    assert np.median(chi2) == pytest.approx(1, abs=0.05)
    assert np.quantile(chi2, 0.9) < 1.2
    assert np.mean(np.abs(pull) < 1) > 0.5
    assert np.mean(np.abs(pull) < 3) > 0.95
    assert not partly.any()


def test_it_would_not_be_with_terms_over_the_whole_range(mocks, monkeypatch):
    monkeypatch.setattr(
        populations, "polynomial_axis", lambda reached, order: (np.linspace(-1, 1, len(reached)), order)
    )
    chi2, pull, _ = labelled(mocks, 3640, 5400)
    assert np.quantile(chi2, 0.9) > 1.2
    assert np.mean(np.abs(pull) < 1) < 0.4


def test_a_quarter_of_the_range_is_flagged(mocks):
    assert labelled(mocks, 4800, 5600)[2].all()


def test_masked_ends_are_as_good_as_none(mocks):
    grid = agez.load_templates("emiles")
    spectra = mocks[0].spectra
    redshift = float(np.median(spectra.redshift))
    outside = spectra.wave_angstrom > 5400 * (1 + redshift)
    masked = fit_labels(replace(spectra, mask=spectra.mask | outside), grid)
    short = fit_labels(cut(spectra, 0, 5400), grid)
    # pixels of the fit are as wide as the typical one of the file, which the cut changes
    assert (np.abs(masked.log_age_lw - short.log_age_lw) < 0.6 * short.log_age_lw_err).all()
    assert not has_flag(masked.flags, Flag.PARTLY_COVERED).any()


def test_a_row_does_not_depend_on_rows_of_other_ends(mocks):
    grid = agez.load_templates("emiles")
    spectra = mocks[0].spectra
    mask = spectra.mask.copy()
    mask[3, spectra.wave_angstrom > 5500] = True
    both = fit_labels(replace(spectra, mask=mask), grid)
    alone = fit_labels(spectra, grid)
    others = np.arange(len(spectra)) != 3
    np.testing.assert_allclose(both.log_age_lw[others], alone.log_age_lw[others], atol=1e-4)
    assert both.chi2[3] < 1.3


def test_gaps_inside_are_flagged(mocks):
    spectra = mocks[0].spectra
    gap = (spectra.wave_angstrom > 4200) & (spectra.wave_angstrom < 6300)
    labels = fit_labels(replace(spectra, mask=spectra.mask | gap), agez.load_templates("emiles"))
    assert has_flag(labels.flags, Flag.PARTLY_COVERED).all()
