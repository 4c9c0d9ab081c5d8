"""Interval calibration: planted faults are undone on unseen rows, and nothing is invented from ten galaxies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import kstest

from agez.analysis.pit import share_inside
from agez.distributions.marginals import quantiles
from agez.distributions.mixture import Mixture, moments
from agez.mixture_network.calibrated_scores import Censoring, normal_scores
from agez.mixture_network.calibration import (
    ONE_SIGMA,
    TWO_SIGMA,
    IntervalCalibration,
    calibrate,
    calibrated_probabilities,
    covariates,
    signal_to_noise,
)
from agez.models.features import normalised
from agez.training.learn_calibration import exact_overall, learn_calibration

CENTER, WIDTH = np.array([9.3, -0.3]), np.array([0.5, 0.3])
LEVELS = {68: (0.1586552539, 0.8413447461), 95: (0.025, 0.975)}


def made_up(n, seed, *, factor=lambda snr: 1.0, shift=lambda snr: 0.0, tails=None, bands=20):
    """Gaussian answers with errors ``factor`` times those that are true, moved by ``shift`` sigma."""
    rng = np.random.default_rng(seed)
    snr = 10 ** rng.uniform(0.7, 2.3, n)
    covered = rng.random((n, bands)) < rng.uniform(0.4, 1, (n, 1))
    covered[:, :3] = True
    seds = normalised(np.ones((n, bands)), np.repeat(1 / snr[:, None], bands, axis=1), covered)
    labels = CENTER + WIDTH * rng.standard_normal((n, 2))
    sigma = np.stack([0.3 / np.sqrt(snr), 0.2 / np.sqrt(snr)], axis=1)
    noise = rng.standard_normal((n, 2)) if tails is None else rng.standard_t(tails, (n, 2))
    mean = labels - sigma * noise
    told = sigma * np.broadcast_to(factor(snr), n)[:, None]
    mean = mean - told * np.broadcast_to(shift(snr), n)[:, None]
    covariance = np.stack([told[:, 0] ** 2, 0.3 * told.prod(axis=1), told[:, 1] ** 2], axis=1)
    return Mixture(np.ones((n, 1)), mean[:, None], covariance[:, None]), labels, seds


def learned(data, n_galaxies=4000):
    mixture, labels, seds = data
    return learn_calibration(mixture, labels, seds, n_galaxies=n_galaxies, center=CENTER, width=WIDTH)


def coverage(recalibration, data, chosen=slice(None)):
    """Share of labels in the intervals that are reported: {68: (age, mh), 95: ...}."""
    mixture, labels, seds = data
    got = calibrate(recalibration, mixture, seds)
    out = {}
    for name, levels in LEVELS.items():
        inside = []
        for t in range(2):
            q = quantiles(got, calibrated_probabilities(recalibration, np.array(levels), t), t)
            inside.append(np.mean((labels[:, t] > q[:, 0])[chosen] & (labels[:, t] < q[:, 1])[chosen]))
        out[name] = np.array(inside)
    return out


def check(recalibration, data, chosen=slice(None), tolerance=0.02):
    got = coverage(recalibration, data, chosen)
    assert got[68] == pytest.approx([0.6827] * 2, abs=tolerance)
    assert got[95] == pytest.approx([0.95] * 2, abs=tolerance)


FAULTS = {
    "none": {},
    "half as wide": {"factor": lambda snr: 0.5},
    "too wide": {"factor": lambda snr: 1.6},
    "width by signal-to-noise": {"factor": lambda snr: 0.35 + 0.4 * np.log10(snr / 5)},
    "shifted": {"shift": lambda snr: 0.8},
    "shift by signal-to-noise": {"shift": lambda snr: np.log10(snr) - 1.2},
    "both": {"factor": lambda snr: 0.5 + 0.3 * np.log10(snr / 5), "shift": lambda snr: -0.6},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_undone_on_new_rows(fault):
    recalibration = learned(made_up(6000, 1, **FAULTS[fault]))
    new = made_up(8000, 2, **FAULTS[fault])
    check(recalibration, new)
    snr = signal_to_noise(new[2])
    for chosen in (snr < 15, (snr >= 15) & (snr < 60), snr >= 60):
        check(recalibration, new, chosen, tolerance=0.035)
    if fault == "none":
        np.testing.assert_allclose(recalibration.log_factor[:, 0], 0, atol=0.1)


def test_a_planted_shift_is_undone():
    data = made_up(6000, 3, shift=lambda snr: 0.8)
    new, labels, seds = made_up(8000, 4, shift=lambda snr: 0.8)
    mean, _, _ = moments(calibrate(learned(data), new, seds))
    before = np.median((labels - moments(new)[0]) / moments(new)[1], axis=0)
    after = np.median((labels - mean) / moments(new)[1], axis=0)
    assert before == pytest.approx([0.8, 0.8], abs=0.06)
    assert after == pytest.approx([0, 0], abs=0.06)


def test_heavy_tails_are_drawn_out():
    """Student's t of 3 degrees: 68 % within 1.2 sigma, 95 % within 3.2; a Gaussian has 2.0 / 1.0."""
    recalibration = learned(made_up(8000, 5, tails=3))
    assert (recalibration.tail > 1.15).all()
    check(recalibration, made_up(8000, 6, tails=3))
    assert learned(made_up(8000, 5)).tail == pytest.approx([1, 1], abs=0.05)


def test_skewed_mixtures_are_calibrated_too():
    """A quarter of the labels lies at a second peak 1.5 sigma away; all of it is told 0.6 times too narrow."""

    def two(n, seed):
        rng = np.random.default_rng(seed)
        one, labels, seds = made_up(n, seed, factor=lambda snr: 0.6)
        apart = 1.5 * np.sqrt(one.covariance[:, 0, [0, 2]])
        second = rng.random((n, 1)) < 0.25
        mean = np.stack([one.mean[:, 0], one.mean[:, 0] + apart], axis=1)
        weights = np.repeat([[0.75, 0.25]], n, axis=0)
        return Mixture(weights, mean, np.repeat(one.covariance, 2, axis=1)), labels + second * apart / 0.6, seds

    recalibration, new = learned(two(8000, 7)), two(8000, 8)
    assert coverage(IntervalCalibration.none(CENTER, WIDTH), new)[68].max() < 0.55
    check(recalibration, new)


def test_ten_galaxies_move_the_whole_and_not_its_slopes():
    data = made_up(300, 9, factor=lambda snr: 0.3 + 0.3 * np.log10(snr))
    few, many = learned(data, n_galaxies=10), learned(data, n_galaxies=4000)
    assert np.abs(few.log_factor[:, 1:]).max() < 0.5 * np.abs(many.log_factor[:, 1:]).max()
    assert np.abs(few.log_factor[:, 1:]).max() < 0.35
    assert np.abs(few.shift[:, 1:]).max() < 0.35
    got = coverage(few, made_up(4000, 10, factor=lambda snr: 0.3 + 0.3 * np.log10(snr)))
    assert got[68] == pytest.approx([0.68, 0.68], abs=0.06)


def test_none_changes_nothing():
    mixture, _, seds = made_up(50, 11)
    none = IntervalCalibration.none(CENTER, WIDTH)
    got = calibrate(none, mixture, seds)
    for name in ("weights", "mean", "covariance"):
        np.testing.assert_allclose(getattr(got, name), getattr(mixture, name), rtol=1e-12)
    p = np.array([0.001, 0.025, 0.16, 0.5, 0.84, 0.975, 0.999])
    for t in range(2):
        np.testing.assert_allclose(calibrated_probabilities(none, p, t), p, rtol=1e-9)


@given(st.floats(0.67, 3), st.lists(st.floats(1e-6, 1 - 1e-6), min_size=2, max_size=30))
def test_quantiles_stay_in_order(tail, probabilities):
    p = np.sort(np.array([*probabilities, 0.5]))
    none = IntervalCalibration.none(CENTER, WIDTH)
    stretched = IntervalCalibration(none.shift, none.log_factor, np.array([tail, 1.0]), CENTER, WIDTH, none.blur)
    got = calibrated_probabilities(stretched, p, 0)
    assert (np.diff(got) >= -1e-15).all()
    np.testing.assert_allclose(got, 1 - calibrated_probabilities(stretched, 1 - p, 0), atol=1e-9)
    np.testing.assert_allclose(got[(p > 0.16) & (p < 0.84)], p[(p > 0.16) & (p < 0.84)], rtol=1e-9)


def test_overall_coverage_is_made_exact_for_other_held_out_rows():
    """What was learned on wide errors is off for rows with narrow ones, and their slopes are kept."""
    recalibration = learned(made_up(3000, 20, factor=lambda snr: 1.5))
    other = made_up(3000, 21, factor=lambda snr: 0.7)
    mixture, labels, seds = other
    moved = exact_overall(recalibration, calibrate(recalibration, mixture, seds), labels)
    check(moved, other, tolerance=0.005)
    check(moved, made_up(8000, 22, factor=lambda snr: 0.7))
    np.testing.assert_array_equal(moved.log_factor[:, 1:], recalibration.log_factor[:, 1:])
    np.testing.assert_array_equal(moved.shift, recalibration.shift)


def test_rows_without_an_answer_neither_teach_nor_spoil():
    mixture, labels, seds = made_up(3000, 12, factor=lambda snr: 0.5)
    bad = np.arange(3000) % 10 == 0
    broken = Mixture(np.where(bad[:, None], np.nan, mixture.weights), mixture.mean, mixture.covariance)
    one = learned((broken, labels, seds))
    other = learned((mixture.take(~bad), labels[~bad], type(seds)(*(part[~bad] for part in seds))))
    np.testing.assert_allclose(one.log_factor, other.log_factor, atol=1e-6)
    got = calibrate(one, broken, seds)
    assert np.isnan(got.mean[bad]).all()
    assert np.isfinite(got.mean[~bad]).all()


def test_circumstances_are_bounded_whatever_the_row():
    mixture, _, _ = made_up(6, 13)
    mean = mixture.mean.copy()
    mean[0], mean[1] = 1e6, np.nan
    covered = np.ones((6, 5), bool)
    covered[2] = False
    error = np.full((6, 5), 0.1)
    error[3], error[4] = 1e9, 1e-9
    seds = normalised(np.where(np.arange(6)[:, None] == 5, -1.0, 1.0) * np.ones((6, 5)), error, covered)
    x = covariates(Mixture(mixture.weights, mean, mixture.covariance), seds, CENTER, WIDTH)
    assert np.isfinite(x).all()
    assert np.abs(x).max() < 10
    assert (x[:, 0] == 1).all()


def test_normal_scores_of_a_gaussian():
    mixture = Mixture(np.ones((3, 1)), np.zeros((3, 1, 2)), np.tile([[[0.04, 0.0, 0.09]]], (3, 1, 1)))
    got = normal_scores(mixture, np.array([[0.2, -0.3], [0.0, 0.6], [100.0, -100.0]]))
    np.testing.assert_allclose(got, [[1, -1], [0, 2], [6, -6]], atol=1e-6)


ZERO, LIMIT = -13.0, -12.5


def with_zeros(n, seed):
    """Answers of two peaks, of which one, about ZERO, stands for zero; labels drawn from them; photometry."""
    rng = np.random.default_rng(seed)
    share, center = rng.uniform(0, 0.8, n), rng.uniform(-11, -10, n)
    none = rng.uniform(size=n) < share
    labels = np.stack([np.where(none, ZERO, center + 0.5 * rng.standard_normal(n)), rng.standard_normal(n)], axis=1)
    mean = np.stack([np.stack([np.full(n, ZERO), center], axis=1), np.zeros((n, 2))], axis=2)
    covariance = np.tile([[[0.01, 0, 1.0], [0.25, 0, 1.0]]], (n, 1, 1))
    seds = normalised(np.ones((n, 20)), np.full((n, 20), 0.05), np.ones((n, 20), bool))
    return Mixture(np.stack([share, 1 - share], axis=1), mean, covariance), labels, seds


def test_labels_that_mean_zero_have_scores_of_the_right_distribution():
    mixture, labels, _ = with_zeros(20_000, 1)
    limits = np.array([LIMIT, -np.inf])
    got = normal_scores(mixture, labels, Censoring(limits, np.random.default_rng(2).uniform(size=len(labels))))
    for t in range(2):
        assert kstest(got[:, t], "norm").pvalue > 0.01
    np.testing.assert_array_equal(got[:, 1], normal_scores(mixture, labels)[:, 1])
    assert kstest(normal_scores(mixture, labels)[:, 0], "norm").pvalue < 1e-6
    # as much is inside as by chance
    zero = labels <= limits
    at_limit = ndtr(normal_scores(mixture, np.maximum(labels, limits)))
    for probability, z in ((ONE_SIGMA, 1), (TWO_SIGMA, 2)):
        inside = share_inside(at_limit, probability, censored=zero)
        np.testing.assert_allclose(inside.mean(axis=0), (np.abs(got) < z).mean(axis=0), atol=0.01)
        np.testing.assert_allclose(inside.mean(axis=0), probability, atol=0.01)


def test_share_of_a_label_inside():
    pit, yes = np.array([0.05, 0.3, 0.5, 0.8, 1.0]), np.ones(5, bool)
    np.testing.assert_allclose(share_inside(pit, 0.6, censored=yes), [0, 1 / 3, 0.6, 0.75, 0.6])
    np.testing.assert_array_equal(share_inside(pit, 0.6, censored=~yes), [0, 1, 1, 0, 0])
    assert share_inside(np.zeros(1), 0.6, censored=np.ones(1, bool)) == 0
    for censored in (yes[:1], ~yes[:1]):
        assert np.isnan(share_inside(np.full(1, np.nan), 0.6, censored=censored)).all()


def test_answers_that_are_right_about_zero_stay_as_they_are():
    mixture, labels, seds = with_zeros(8000, 3)
    how = {"n_galaxies": 8000, "center": labels.mean(axis=0), "width": labels.std(axis=0)}
    censoring = Censoring(np.array([LIMIT, -np.inf]), np.random.default_rng(4).uniform(size=len(labels)))
    got = learn_calibration(mixture, labels, seds, **how, censoring=censoring)
    plain = learn_calibration(mixture, labels, seds, **how)
    right, off = (np.abs(moments(calibrate(one, mixture, seds))[1] / moments(mixture)[1] - 1) for one in (got, plain))
    assert np.median(right[:, 0]) < 0.04
    assert np.median(off[:, 0]) > 0.1
    np.testing.assert_array_equal(got.log_factor[1], plain.log_factor[1])


def test_there_and_back():
    one = learned(made_up(500, 14, factor=lambda snr: 0.5))
    back = IntervalCalibration.from_arrays(one.to_arrays())
    for name in ("shift", "log_factor", "tail", "center", "width"):
        np.testing.assert_array_equal(getattr(one, name), getattr(back, name))


def test_errors_that_labels_had_in_training_are_taken_out():
    """Answers as wide as the true errors and those of labels in training together: no covariate tells rows apart."""
    rng, n, blur = np.random.default_rng(3), 6000, np.array([0.0, 0.02])
    labels = CENTER + WIDTH * rng.standard_normal((n, 2))
    true = np.stack([np.full(n, 0.1), 10 ** rng.uniform(-2, -0.7, n)], axis=1)
    mean = labels - true * rng.standard_normal((n, 2))
    wide = np.hypot(true, blur)
    covariance = np.stack([wide[:, 0] ** 2, 0 * wide[:, 0], wide[:, 1] ** 2], axis=1)
    blurred = Mixture(np.ones((n, 1)), mean[:, None], covariance[:, None])
    seds = normalised(np.ones((n, 20)), np.full((n, 20), 0.05), np.ones((n, 20), bool))
    got = learn_calibration(blurred, labels, seds, n_galaxies=4000, center=CENTER, width=WIDTH, blur=blur)
    np.testing.assert_array_equal(got.blur, blur)
    sigma = moments(calibrate(got, blurred, seds))[1]
    plain = moments(calibrate(learned((blurred, labels, seds)), blurred, seds))[1]
    off, without = (np.sqrt(np.mean((one / true - 1) ** 2, axis=0)) for one in (sigma, plain))
    assert without[1] > 0.2
    assert off[1] < 0.2 * without[1]
    np.testing.assert_allclose(off[0], without[0], rtol=0.01)
    # a distribution that is all blur keeps a width
    narrow = Mixture(np.ones((4, 1)), np.zeros((4, 1, 2)), np.tile([1e-8, 0, 1e-8], (4, 1, 1)))
    rest = moments(calibrate(IntervalCalibration.none(CENTER, WIDTH), narrow, seds.take(np.arange(4))))[1]
    kept = moments(calibrate(got, narrow, seds.take(np.arange(4))))[1]
    assert (kept[:, 1] > 0.1 * rest[:, 1]).all()
    again = IntervalCalibration.from_arrays(got.to_arrays())
    np.testing.assert_array_equal(again.blur, got.blur)
    older = {name: array for name, array in got.to_arrays().items() if name != "blur"}
    np.testing.assert_array_equal(IntervalCalibration.from_arrays(older).blur, [0, 0])
