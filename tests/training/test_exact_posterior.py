"""Importance weights are the posterior: the likelihood against its definition, scores against closed forms."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp

from agez.distributions.marginals import crps
from agez.distributions.mixture import Mixture, log_density
from agez.errors import AgezError
from agez.training_seds.observe import Survey, observe

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PIVOT = np.linspace(3600.0, 9000.0, 10)


@pytest.fixture(scope="module")
def modules():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return {name: importlib.import_module(name) for name in ("exact_posterior", "exact_toy", "bayes_limit")}
    finally:
        sys.path.remove(str(BENCHMARKS))


def slow_log_likelihood(process, flux, flux_err, sed):
    """As the process is defined: sums over grids of A, s, c and z, and the whole covariance for each point of them."""
    scale = (flux @ sed) / (sed @ sed)
    log_a = np.log(scale) + np.linspace(-0.15, 0.15, 81)
    log_s = np.linspace(-0.4, 0.4, 11)
    calibration, zero_point = (
        np.exp(np.linspace(*np.log(span), 25)[1::2]) for span in (process.calibration, process.zero_points)
    )
    a, s, c, z = (part.ravel() for part in np.meshgrid(np.exp(log_a), log_s, calibration, zero_point, indexing="ij"))
    waves = process.waves.T @ process.waves
    out = []
    for part in np.array_split(np.arange(len(a)), 60):
        light = a[part, None] * sed
        errors = c[part, None, None] ** 2 * waves + z[part, None, None] ** 2 * np.diag(process.own**2)
        covariance = light[:, :, None] * errors * light[:, None, :]
        covariance += np.exp(2 * s[part])[:, None, None] * np.diag(flux_err**2)
        lower = np.linalg.cholesky(covariance)
        rest = np.linalg.solve(lower, (flux - light)[..., None])[..., 0]
        log_det = 2 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        told = -0.5 * (s[part] / process.error_scatter) ** 2
        out.append(-0.5 * (rest**2).sum(axis=1) - 0.5 * log_det + told)
    return logsumexp(np.concatenate(out))


@pytest.mark.parametrize("snr", [10.0, 100.0])
def test_the_likelihood_is_that_of_its_definition(modules, snr):
    exact, rng = modules["exact_posterior"], np.random.default_rng(3)
    survey = Survey(snr=(snr, snr * 1.001), noise_tilt=0.0, noise_scatter=0.0, blue_zero_points=3.0, complete=1.0)
    slope = np.linspace(-1, 1, len(PIVOT))
    seds = 1 + np.outer(np.array([-0.9, 0.4, 0.0]) / np.sqrt(snr), slope**2) + 0.5 * slope
    seds = (seds / seds.mean(axis=1, keepdims=True)).astype(np.float32)
    seen = observe(seds[[2]], np.ones((1, len(PIVOT)), bool), PIVOT, rng, survey=survey)
    process = exact.Process.of(survey, PIVOT)
    flux, flux_err = 7.0 * seen.flux[0].astype(float), 7.0 * seen.flux_err[0].astype(float)
    found = exact.log_likelihood(process, flux, flux_err, seds).log
    slow = np.array([slow_log_likelihood(process, flux, flux_err, sed.astype(float)) for sed in seds])
    assert 1.5 < np.ptp(slow) < 20
    np.testing.assert_allclose(found - found.max(), slow - slow.max(), atol=0.15)
    finer = exact.log_likelihood(process, flux, flux_err, seds, step=0.25).log
    np.testing.assert_allclose(finer - finer.max(), slow - slow.max(), atol=0.05)


def test_what_is_seen_does_not_depend_on_units(modules):
    exact, toy = modules["exact_posterior"], modules["exact_toy"]
    process = exact.Process.of(toy.SURVEY, toy.PIVOT)
    _, flux, flux_err = toy.toy_rows(1, np.random.default_rng(0))
    seds = toy.toy_seds(np.linspace(-3, 3, 50))
    one, other = (exact.log_likelihood(process, k * flux[0], k * flux_err[0], seds) for k in (1.0, 1e-4))
    np.testing.assert_allclose(one.log, other.log, atol=1e-3)
    np.testing.assert_allclose(one.log_alpha, 0, atol=0.03)


def test_amplitudes_hold_their_prior(modules):
    nodes = modules["exact_posterior"].amplitude_nodes
    amplitude, log_weight = np.array(nodes((0.001, 0.03), 0.01, 0.25)).T
    assert np.exp(log_weight).sum() == pytest.approx(1)
    mean_square = (0.03**2 - 0.001**2) / (2 * np.log(30))
    assert np.exp(log_weight) @ amplitude**2 == pytest.approx(mean_square)
    assert len(nodes((0.001, 0.03), 1.0, 0.25)) == 1
    assert nodes((0.01, 0.01), 0.3, 0.1) == [(0.01, 0.0)]


def test_errors_that_are_exactly_known_are_refused(modules):
    with pytest.raises(AgezError, match=r"error_scatter is 0\.01"):
        modules["exact_posterior"].Process.of(Survey(error_scatter=0.01), PIVOT)


def test_the_crps_of_a_sample(modules):
    score, rng = modules["exact_posterior"].crps_of_sample, np.random.default_rng(1)
    x, w = rng.standard_normal(30), rng.dirichlet(np.ones(30))
    pairs = np.sum(np.outer(w, w) * np.abs(x[:, None] - x)) / (1 - np.sum(w**2))
    assert score(x, w, 0.7) == pytest.approx(w @ np.abs(x - 0.7) - pairs / 2)
    # of samples of any size it is that of the distribution, in the mean
    normal = crps(Mixture(np.ones((1, 1)), np.zeros((1, 1, 1)), np.ones((1, 1, 1))), [[0.7]])[0, 0]
    small = [score(rng.standard_normal(5), np.full(5, 0.2), 0.7) for _ in range(8000)]
    assert np.mean(small) == pytest.approx(normal, abs=0.02)


def test_the_density_of_a_sample(modules):
    density, rng = modules["exact_posterior"].log_density_of_sample, np.random.default_rng(1)
    x = rng.uniform(-4, 4, 60000)
    w = np.exp(-0.5 * x**2)
    for truth in (0.0, 1.5):
        expected = -0.5 * truth**2 - 0.5 * np.log(2 * np.pi)
        assert density(3 + 0.1 * x, w / w.sum(), 3 + 0.1 * truth) == pytest.approx(expected - np.log(0.1), abs=0.03)


def test_the_posterior_on_a_line_is_the_known_gaussian(modules):
    exact, toy, rng = modules["exact_posterior"], modules["exact_toy"], np.random.default_rng(5)
    truth, flux, flux_err = toy.toy_rows(60, rng)
    mean, variance = toy.toy_posterior(flux)
    x = rng.standard_normal(6000)
    process = exact.Process.of(toy.SURVEY, toy.PIVOT)
    found = [exact.importance_weights(process, f, e, toy.toy_seds(x)) for f, e in zip(flux, flux_err, strict=True)]
    whole = exact.importance_weights(process, flux[0], flux_err[0], toy.toy_seds(x), drop=np.inf)
    lost = np.delete(whole.weight[np.argsort(whole.rows)], found[0].rows)
    assert len(lost) > 100
    assert lost.sum() < 1e-5
    means = np.array([one.weight @ x[one.rows] for one in found])
    variances = np.array([one.weight @ (x[one.rows] - m) ** 2 for one, m in zip(found, means, strict=True)])
    assert 0.05 < variance < 0.6
    assert np.max(np.abs(means - mean)) < 0.2 * np.sqrt(variance)
    assert np.mean(variances) == pytest.approx(variance, rel=0.03)
    # scores against the Gaussian's: nothing to gain
    scores = toy.toy_scores(3000, truth, flux, flux_err, rng)
    gaussian = toy.toy_mixture(flux)
    compared = modules["bayes_limit"].compared(gaussian, scores, truth[:, None], ["x"], rng)
    assert compared["n_used"] == 60
    assert compared["targets"]["x"]["crps_ratio"] == pytest.approx(1, abs=0.02)
    assert compared["targets"]["x"]["log_density_network"] == pytest.approx(
        log_density(gaussian, truth[:, None]).mean()
    )
    assert abs(compared["targets"]["x"]["log_density_difference"]) < 0.03
    # twice too wide a network loses what it must
    wide = Mixture(gaussian.weights, gaussian.mean, 4 * gaussian.covariance)
    worse = modules["bayes_limit"].compared(wide, scores, truth[:, None], ["x"], rng)["targets"]["x"]
    assert worse["crps_ratio"] > 1.08
    assert worse["log_density_difference"] == pytest.approx(np.log(2) - 3 / 8, abs=0.15)


def test_few_seds_are_counted_and_left_out(modules):
    toy, rng = modules["exact_toy"], np.random.default_rng(5)
    truth, flux, flux_err = toy.toy_rows(8, rng)
    scores = toy.toy_scores(30, truth, flux, flux_err, rng)
    found = modules["bayes_limit"].compared(toy.toy_mixture(flux), scores, truth[:, None], ["x"], rng)
    assert (found["n_used"], found["share_left_out"], found["targets"]) == (0, 1.0, {})
    assert "too few rows" in modules["bayes_limit"].table({"30": found})
