"""Coverage, CRPS and sharpness: known answers, galaxies as what is drawn again, bins, and bad input."""

import json
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtr

from agez.analysis.calibration_metrics import calibration, calibration_block, calibration_in_bins
from agez.analysis.galaxy_bootstrap import draw_galaxies, means_over_rows, median_over_rows, members, sums_of_galaxies
from agez.analysis.pit import pit_shape
from agez.errors import AgezError


def rows_of(rng, n_galaxies=40, n_each=25):
    """Perfectly calibrated, independent rows."""
    n = n_galaxies * n_each
    return rng.random(n), rng.random(n), rng.uniform(0.1, 0.3, n), np.repeat(np.arange(n_galaxies), n_each)


def test_known_numbers(rng):
    pit = np.array([0.5, 0.4, 0.1586, 0.1587, 0.02, 0.99, 0.84134, 0.9773])
    found = calibration(pit, np.arange(8.0), np.arange(8.0) / 10, np.zeros(8), rng=rng)
    assert found.coverage_68.value == 4 / 8  # 0.5, 0.4, 0.1587, 0.84134: the interval is 0.15865 to 0.84135
    assert found.coverage_95.value == 5 / 8  # 0.1586 as well; 0.02, 0.99 and 0.9773 are outside 0.02275 to 0.97725
    assert (found.crps.value, found.sharpness.value) == (3.5, pytest.approx(0.35))
    assert (found.n, found.n_galaxies) == (8, 1)
    assert np.isnan(found.coverage_68.err)  # one galaxy has no error


def test_calibrated_rows_cover_what_they_promise(rng):
    found = calibration(*rows_of(rng, 400, 50), rng=rng)
    for level, one in zip((0.6827, 0.9545), (found.coverage_68, found.coverage_95), strict=True):
        assert abs(one.value - level) < 4 * one.err
        assert one.err == pytest.approx(
            np.sqrt(level * (1 - level) / 20_000), rel=0.25
        )  # binomial: rows are independent
    assert found.crps.err == pytest.approx(np.sqrt(1 / 12 / 20_000), rel=0.25)


def test_galaxies_that_share_their_error_tell_less(rng):
    """25 copies of one row of each galaxy: the error is that of the number of galaxies."""
    n_galaxies, copies = 200, 25
    pit, crps, sigma, galaxy = (np.repeat(one, copies) for one in rows_of(rng, n_galaxies, 1))
    shared = calibration(pit, crps, sigma, galaxy, rng=rng)
    naive = np.sqrt(0.6827 * 0.3173 / (n_galaxies * copies))
    assert shared.coverage_68.err == pytest.approx(naive * np.sqrt(copies), rel=0.25)
    alone = calibration(pit[::copies], crps[::copies], sigma[::copies], galaxy[::copies], rng=rng)
    assert shared.coverage_68.value == alone.coverage_68.value
    assert shared.sharpness.err == pytest.approx(alone.sharpness.err, rel=0.3)


def test_bootstrap_is_that_of_rows_drawn_by_hand(rng):
    names = np.repeat(["b", "a", "d", "c", "e"], [3, 10, 1, 7, 4])
    values = rng.random(25)
    rows = members(names)
    drawn = draw_galaxies(5, rng=np.random.default_rng(4), n_bootstrap=30)
    assert_array_equal(drawn.sum(axis=1), 5)
    slow = []
    for times in drawn:
        parts = [np.tile(values[names == name], k) for name, k in zip("abcde", times, strict=True)]
        slow.append(np.concatenate(parts))
    found = means_over_rows(rows, sums_of_galaxies(rows, values[:, None]), drawn)
    assert_allclose(found.drawn[:, 0], [one.mean() for one in slow])
    assert_allclose(found.err, np.std([one.mean() for one in slow], ddof=1))
    lower = [np.sort(one)[(one.size - 1) // 2] for one in slow]  # the lower of two middle rows
    assert median_over_rows(rows, values, drawn).err == pytest.approx(np.std(lower, ddof=1))


def test_names_and_numbers_of_galaxies_are_alike_and_order_does_not_matter(rng):
    pit, crps, sigma, galaxy = rows_of(rng)
    named = np.array([f"G{k:03d}" for k in galaxy])
    first = calibration(pit, crps, sigma, galaxy, rng=np.random.default_rng(1))
    assert calibration(pit, crps, sigma, named, rng=np.random.default_rng(1)) == first
    order = rng.permutation(len(pit))
    turned = calibration(pit[order], crps[order], sigma[order], galaxy[order], rng=np.random.default_rng(1))
    assert_allclose(turned.coverage_68, first.coverage_68)
    assert_allclose(turned.crps, first.crps)


def test_rows_without_a_prediction_are_left_out(rng):
    pit, crps, sigma, galaxy = rows_of(rng)
    bad = [np.append(one, value) for one, value in zip((pit, crps, sigma), (np.nan, 1.0, 1.0), strict=True)]
    seed = np.random.default_rng
    first = calibration(pit, crps, sigma, galaxy, rng=seed(1))
    assert calibration(*bad, np.append(galaxy, 0), rng=seed(1)) == first
    nothing = calibration(np.full(4, np.nan), np.ones(4), np.ones(4), np.arange(4), rng=rng)
    assert (nothing.n, nothing.n_galaxies) == (0, 0)
    assert np.isnan([*nothing.coverage_68, *nothing.crps, *nothing.sharpness]).all()
    assert nothing.to_json()["coverage_68"] == {"value": None, "err": None}


def test_uniform_pit_has_a_flat_histogram(rng):
    pit, _, _, galaxy = rows_of(rng, 200, 100)
    found = pit_shape(pit, galaxy, rng=rng)
    assert_allclose(found.density, np.histogram(pit, found.edges)[0] * 20 / len(pit))
    assert found.density.mean() == pytest.approx(1)
    assert (np.abs(found.density - 1) < 4.5 * found.density_err).all()
    assert (np.abs(found.coverage - found.nominal) < 4.5 * found.coverage_err).all()
    assert found.departure < 1.5 * found.departure_95
    assert found.departure_95 == pytest.approx(1.36 / np.sqrt(len(pit)), rel=0.15)  # Kolmogorov's 95 %


def test_departure_is_kolmogorovs_distance(rng):
    pit = rng.beta(1.5, 1.0, 3000)
    found = pit_shape(pit, np.arange(3000), rng=rng, n_bootstrap=50)
    u = np.sort(pit)
    exact = max((np.arange(1, 3001) / 3000 - u).max(), (u - np.arange(3000) / 3000).max())
    assert found.departure == pytest.approx(exact, abs=1 / 200)
    assert found.departure > 3 * found.departure_95


def test_intervals_that_are_too_narrow_show(rng):
    z = rng.normal(0, 1.5, 4000)
    found = pit_shape(ndtr(z), np.arange(4000) // 10, rng=rng)
    assert found.density[[0, -1]].min() > 2 > 1 > found.density[8:12].max()
    assert (found.coverage < found.nominal).all()
    wide = calibration(ndtr(z / 3), z, np.abs(z), np.arange(4000) // 10, rng=rng)
    assert wide.coverage_68.value > 0.9


def test_ends_of_the_pit_count(rng):
    found = pit_shape([0.0, 1.0, 0.5, 0.25, 0.75], np.arange(5), rng=rng)
    assert np.flatnonzero(found.density).tolist() == [0, 5, 10, 15, 19]
    assert found.coverage[found.nominal == 0.5] == 3 / 5  # closed intervals
    assert found.coverage[-1] == 3 / 5


def test_bins_hold_their_rows(rng):
    pit, crps, sigma, galaxy = rows_of(rng)
    snr = rng.uniform(5, 50, len(pit))
    snr[0] = np.nan
    found = calibration_in_bins(snr, pit, crps, sigma, galaxy, rng=rng)
    for k, (low, high) in enumerate(pairwise([*found.edges[:-1], np.inf])):
        chosen = (snr >= low) & (snr < high)
        assert found.bins[k].n == chosen.sum()
        assert found.bins[k].crps.value == pytest.approx(crps[chosen].mean())
        assert found.centre[k] == np.median(snr[chosen])


def test_quantile_bins_are_equally_full_and_hold_all(rng):
    pit, crps, sigma, galaxy = rows_of(rng)
    found = calibration_in_bins(rng.random(1000), pit, crps, sigma, galaxy, rng=rng)
    assert [one.n for one in found.bins] == [200] * 5
    few = calibration_in_bins(rng.integers(50, 53, 1000), pit, crps, sigma, galaxy, rng=rng)
    assert sum(one.n for one in few.bins) == 1000
    same = calibration_in_bins(np.full(1000, 54), pit, crps, sigma, galaxy, rng=rng)
    assert [one.n for one in same.bins] == [1000]
    assert same.centre[0] == 54


def test_bins_without_rows(rng):
    pit, crps, sigma, galaxy = rows_of(rng)
    unknown = calibration_in_bins(np.full(1000, np.nan), pit, crps, sigma, galaxy, rng=rng)
    assert sum(one.n for one in unknown.bins) == 0
    assert unknown.to_json()["centre"] == [None]


def test_block_is_strict_json(rng):
    pit, crps, sigma, galaxy = (np.stack([one, one], axis=1) for one in rows_of(rng))
    quantities = {"snr": rng.uniform(5, 50, 1000), "n_bands": rng.integers(20, 54, 1000)}
    block = calibration_block(pit, crps, sigma, galaxy[:, 0], quantities, rng=rng)
    again = json.loads(json.dumps(block, allow_nan=False))
    assert again == block
    assert list(block) == ["age", "metallicity"]
    assert list(block["age"]) == ["overall", "pit", "bins"]
    assert list(block["age"]["bins"]) == ["snr", "n_bands"]
    assert len(block["age"]["bins"]["n_bands"]["bins"]) == 5
    assert set(block["age"]["overall"]) == {"n", "n_galaxies", "coverage_68", "coverage_95", "crps", "sharpness"}


def test_bad_input_is_refused(rng):
    pit, crps, sigma, galaxy = rows_of(rng)
    pit[3] = 1.2
    with pytest.raises(AgezError, match=r"pit of row 4 is 1.2; expected a probability"):
        calibration(pit, crps, sigma, galaxy, rng=rng)
    with pytest.raises(AgezError, match="pit of row 4"):
        pit_shape(pit, galaxy, rng=rng)
    pit[3] = 0.5
    with pytest.raises(AgezError, match=r"sigma \(999,\)"):
        calibration(pit, crps, sigma[1:], galaxy, rng=rng)
    with pytest.raises(AgezError, match=r"galaxy_id \(999,\)"):
        pit_shape(pit, galaxy[1:], rng=rng)
    with pytest.raises(AgezError, match=r"quantity to bin in has shape \(3,\)"):
        calibration_in_bins(np.ones(3), pit, crps, sigma, galaxy, rng=rng)
    with pytest.raises(AgezError, match="n_bootstrap is 1"):
        calibration(pit, crps, sigma, galaxy, rng=rng, n_bootstrap=1)
    two = np.stack([pit, pit], axis=1)
    with pytest.raises(AgezError, match=r"pit has shape \(1000,\); expected \(n, 2\)"):
        calibration_block(pit, two, two, galaxy, {}, rng=rng)
