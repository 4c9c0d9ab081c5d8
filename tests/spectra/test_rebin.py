"""Rebinning conserves flux, propagates errors and leaves bad pixels out."""

import numpy as np
import pytest

from agez.spectra.rebin import log_grid, pixel_edges, rebin_rows


def test_agrees_with_a_direct_loop(rng):
    wave = np.cumsum(rng.uniform(1.0, 3.0, 200)) + 4000
    edges = pixel_edges(wave)
    flux, variance = rng.random((3, 200)), rng.random((3, 200)) + 0.1
    good = rng.random((3, 200)) > 0.1
    _, out_edges = log_grid(4010.0, 4300.0, 150.0)
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
