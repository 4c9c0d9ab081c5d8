"""Rebinning conserves flux, propagates errors and leaves bad pixels out."""

import numpy as np
import pytest

from agez.spectra.rebin import PixelSums, log_grid, noise_correlation, pixel_edges, rebin_rows


@pytest.mark.parametrize("step_kms", [20.0, 150.0, 900.0])
def test_agrees_with_a_direct_loop(rng, step_kms):
    wave = np.cumsum(rng.uniform(1.0, 3.0, 200)) + 4000
    edges = pixel_edges(wave)
    flux, variance = rng.random((3, 200)), rng.random((3, 200)) + 0.1
    good = rng.random((3, 200)) > 0.1
    _, out_edges = log_grid(3950.0, 4300.0, step_kms)  # the first pixels lie outside, the next one partly
    stretch = np.array([1.0, 1.003, 1.01])
    got, got_variance, got_good = rebin_rows(edges, flux, variance, good, out_edges, stretch)
    for i in range(3):
        for j in range(len(out_edges) - 1):
            low, high = out_edges[j] * stretch[i], out_edges[j + 1] * stretch[i]
            overlap = np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None) * good[i]
            assert got_good[i, j] == (overlap.sum() >= 0.6 * (high - low))
            if got_good[i, j]:
                assert got[i, j] == pytest.approx((overlap * flux[i]).sum() / overlap.sum(), rel=1e-5)
                assert got_variance[i, j] == pytest.approx(
                    (overlap**2 * variance[i]).sum() / overlap.sum() ** 2, rel=1e-5
                )


def test_sums_made_once_serve_any_output(rng):
    wave = np.arange(4000.0, 4400.0, 2.0)
    flux, variance = rng.random((40, 200)), rng.random((40, 200)) + 0.1
    good = rng.random((40, 200)) > 0.1
    sums = PixelSums.of(pixel_edges(wave), flux, variance, good)
    for step in (60.0, 200.0):
        _, edges = log_grid(4010.0, 4300.0, step)
        stretch = rng.uniform(0.99, 1.01, 40)
        together = sums.rebin(edges, stretch)
        for i in (0, 17, 39):
            one = rebin_rows(
                pixel_edges(wave), flux[[i]], variance[[i]], good[[i]], edges, stretch[[i]]
            )  # fmt: skip
            for a, b in zip(together, one, strict=True):
                np.testing.assert_array_equal(a[i], b[0])


@pytest.mark.parametrize(("value", "used"), [(1e6, True), (1e30, False), (-1e30, False)])
def test_an_absurd_pixel_is_bad_and_leaves_the_others_alone(rng, value, used):
    wave = np.arange(4000.0, 4400.0, 2.0)
    flux = 1.0 + rng.random((2, 200))
    spoilt = flux.copy()
    spoilt[1, 60] = value
    _, edges = log_grid(4010.0, 4300.0, 60.0)
    ones = np.ones(flux.shape)
    clean, _, _ = rebin_rows(pixel_edges(wave), flux, ones, ones > 0, edges, np.ones(2))
    got, _, good = rebin_rows(pixel_edges(wave), spoilt, ones, ones > 0, edges, np.ones(2))
    touched = (edges[:-1] < 4121) & (edges[1:] > 4119)
    np.testing.assert_array_equal(got[0], clean[0])
    np.testing.assert_allclose(got[1, ~touched], clean[1, ~touched], rtol=1e-6)
    assert good[1, ~touched].all()
    assert good[1, touched].all() == used


def test_noise_correlation_is_that_of_wide_sums(rng):
    wave = np.arange(4000.0, 7000.0, 2.0)
    noise = rng.normal(size=(1500, len(wave)))
    ones = np.ones(noise.shape)
    for step in (60.0, 120.0, 300.0):
        _, edges = log_grid(4010.0, 6900.0, step)
        flux, variance, _ = rebin_rows(pixel_edges(wave), noise, ones, ones > 0, edges, np.ones(1500))
        factor = noise_correlation(pixel_edges(wave), edges, 1.0)
        block = 30
        count = flux.shape[1] // block
        found = flux[:, : count * block].reshape(-1, count, block).sum(axis=2).var(axis=0)
        alone = variance[0, : count * block].reshape(count, block).sum(axis=1)
        expected = factor[: count * block].reshape(count, block).mean(axis=1)
        assert np.mean(found / alone / expected) == pytest.approx(1.0, abs=0.04)


def test_constant_stays_constant_and_outside_is_bad():
    wave = np.arange(4000.0, 5000.0, 2.0)
    ones = np.ones((1, len(wave)))
    _, edges = log_grid(3800.0, 5200.0, 100.0)
    flux, _, good = rebin_rows(pixel_edges(wave), ones, ones, ones > 0, edges, np.ones(1))
    assert np.allclose(flux[good], 1.0)
    centre = np.sqrt(edges[1:] * edges[:-1])
    assert not good[0, (centre < 3998) | (centre > 5000)].any()
    assert good[0, (centre > 4003) & (centre < 4995)].all()


def test_reduced_chi2_of_pure_noise_is_one(rng):
    wave = np.arange(4000.0, 7000.0, 2.0)
    sigma = 0.3
    noise = sigma * rng.normal(size=(50, len(wave)))
    _, edges = log_grid(4010.0, 6900.0, 120.0)
    flux, variance, good = rebin_rows(
        pixel_edges(wave), noise, np.full_like(noise, sigma**2), np.ones(noise.shape, bool), edges, np.ones(50)
    )
    assert np.mean(flux[good] ** 2 / variance[good]) == pytest.approx(1.0, abs=0.02)
