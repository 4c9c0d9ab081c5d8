"""Histories with errors: their quantiles are those of histories, and lookback times follow from them."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_labels import made_up_labels
from spectra_factory import light_fractions, observe

from agez.analysis.age_bins import log_bin_edges
from agez.errors import AgezError
from agez.label_types import HistoryErrors, Labels
from agez.labelling.label_galaxy import joined
from agez.labelling.label_parts import read_part, write_part
from agez.spectra.fitting import fit_labels
from agez.spectra.histories import Histories, histories
from agez.spectra.history_errors import calibrated
from agez.spectra.label_files import read_labels, write_labels

NAMES = HistoryErrors._row_fields


@pytest.fixture
def labels(rng, toy_grid) -> Labels:
    bare = made_up_labels(rng)
    raw = HistoryErrors(*(rng.uniform(0.0, 0.3, (5, 8)) for _ in NAMES))
    return replace(bare, history_errors=calibrated(raw, bare.weights, toy_grid, np.ones(5)))


def test_quantiles_are_those_of_histories(labels, toy_grid):
    found = histories(labels.weights, toy_grid, labels.history_errors)
    known = np.isfinite(labels.weights[:, 0, 0])
    for name in NAMES:
        low, middle, high = (part[known] for part in found.quantiles(name))
        seen = np.isfinite(middle)
        assert (low[seen] <= middle[seen]).all()
        assert (middle[seen] <= high[seen]).all()
        assert name == "mh" or (low.min() >= 0 and high.max() <= 1)
        assert np.isnan(found.quantiles(name)[0][~known]).all()
    for part in found.quantiles("formed_before"):
        np.testing.assert_allclose(part[known, 0], 1.0)
        assert (np.diff(part[known], axis=1) <= 1e-12).all()


def test_formed_before_is_a_direct_sum(labels, toy_grid):
    found = histories(labels.weights, toy_grid)
    for k in range(8):
        np.testing.assert_allclose(found.formed_before[0, k], found.mass_fraction[0, k:].sum())


def test_lookback_times_are_where_the_quantiles_reach_the_share():
    """Constant star formation per dex, errors of 0.1: t50 is the middle, its quantiles a tenth of the range away."""
    log_age = np.arange(8.0, 10.05, 0.1)
    n = len(log_age)
    one = np.full((1, n), 1.0 / n)
    errors = HistoryErrors(one, np.where(np.arange(n) > 0, 0.1, 0.0)[None, :], one)
    found = Histories(log_age, one, one, np.zeros((1, n)), errors)
    edges = log_bin_edges(log_age)
    span = edges[-1] - edges[0]
    low, middle, high = (float(part[0]) for part in found.log_lookback(0.5))
    assert middle == pytest.approx(edges[0] + 0.5 * span)
    assert (middle - low, high - middle) == pytest.approx((0.1 * span, 0.1 * span))
    assert float(found.log_lookback(0.9)[1][0]) == pytest.approx(edges[0] + 0.1 * span)
    bare = replace(found, errors=None)
    assert float(bare.log_lookback(0.5)[1][0]) == middle
    assert np.isnan(bare.log_lookback(0.5)[0]).all()
    with pytest.raises(AgezError, match="no errors"):
        bare.quantiles("mh")


def test_a_worse_fit_has_larger_errors(labels, toy_grid, rng):
    raw = HistoryErrors(*(rng.uniform(0.01, 0.3, (5, 8)) for _ in NAMES))
    good, bad = (calibrated(raw, labels.weights, toy_grid, np.full(5, chi2)) for chi2 in (0.5, 4.0))
    for name in NAMES:
        np.testing.assert_allclose(getattr(bad, name), 2 * getattr(good, name))
        assert (getattr(good, name)[0, 1:] > 0).all()
    assert (good.formed_before[0, 0], np.isnan(good.formed_before[1]).all()) == (0.0, True)


def test_files_and_parts_keep_the_errors(labels, toy_grid, tmp_path):
    write_labels(tmp_path / "l.fits", labels, grid=toy_grid)
    write_part(tmp_path / "p.npz", labels, "word")
    for found in (read_labels(tmp_path / "l.fits"), read_part(tmp_path / "p.npz", "word"), joined([labels])):
        for name in NAMES:
            np.testing.assert_array_equal(getattr(found.history_errors, name), getattr(labels.history_errors, name))
    assert joined([labels, replace(labels, history_errors=None)]).history_errors is None


def test_more_noise_makes_larger_errors(toy_grid, rng):
    """Of the same stars; rows without a fit have none."""
    grid = replace(toy_grid, fwhm_angstrom=6.0)
    one = light_fractions(grid, 4, rng)
    quiet, noisy = (
        fit_labels(observe(grid, one, velocity_kms=np.zeros(4), sigma_kms=np.full(4, 120.0), snr=snr, rng=rng), grid)
        for snr in (100.0, 20.0)
    )
    low, high = (one.history_errors.formed_before[:, 1:] for one in (quiet, noisy))
    assert np.median(high[low > 0] / low[low > 0]) > 1
    spectra = observe(grid, one, velocity_kms=np.zeros(4), sigma_kms=np.full(4, 120.0), snr=50.0, rng=rng)
    spectra.mask[1] = True
    errors = fit_labels(spectra, grid).history_errors
    for name in NAMES:
        assert np.isnan(getattr(errors, name)).all(axis=1).tolist() == [False, True, False, False]


def test_ages_without_light_have_no_error_and_spoil_nothing(toy_grid):
    """Nor do rows whose fit found nothing."""
    weights = np.zeros((2, 8, 4))
    weights[0, 3:, 1] = 0.2
    found = calibrated(HistoryErrors(*(np.full((2, 8), 0.1) for _ in NAMES)), weights, toy_grid, np.ones(2))
    assert np.isfinite(found.mh[0]).tolist() == [False] * 3 + [True] * 5
    assert np.isnan(found.mh[1]).all()
    assert np.isnan(found.mass_fraction[1]).all()
    assert np.isnan(histories(weights, toy_grid, found).log_lookback(0.5)[1][1])
