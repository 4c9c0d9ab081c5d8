"""All shifts at once by Fourier transforms, against one after another."""

import numpy as np
import pytest
from slow_redshift import slow_gain
from spectra_factory import light_fractions, observe

from agez.spectra.redshift_basis import STEP_KMS, redshift_basis
from agez.spectra.redshift_inputs import instrument_sigma_kms, ready_spectra
from agez.spectra.redshift_scan import gain_by_pixel, scan, shifts_of
from agez.spectra.templates import made_up_grid


@pytest.fixture(scope="module")
def ready_and_basis():
    grid, rng = made_up_grid(), np.random.default_rng(3)
    spectra = observe(
        grid, light_fractions(grid, 2, rng), velocity_kms=np.zeros(2), sigma_kms=np.full(2, 120.0), snr=8.0, rng=rng,
        redshift=0.04,
    )  # fmt: skip
    wave = spectra.wave_angstrom
    for name, height in ((5006.8, 3.0), (6562.8, 2.0), (4861.3, 0.7), (4958.9, 1.0)):
        spectra.flux[1] += height * np.median(spectra.flux[1]) * np.exp(-0.5 * ((wave - 1.04 * name) / 3.5) ** 2)
    spectra.mask[:, 300:420] = True
    return ready_spectra(spectra), redshift_basis(
        grid, instrument_sigma_kms=instrument_sigma_kms(spectra), medium="air"
    )


def test_it_is_least_squares_at_every_shift(ready_and_basis):
    ready, basis = ready_and_basis
    shifts = shifts_of(-0.01, 0.3)
    fast = scan(ready, basis, shifts)
    here = np.unique(np.r_[np.arange(0, len(shifts), 60), np.abs(shifts - 170).argmin() + np.arange(-3, 4)])
    for row in range(2):
        slow = np.array([slow_gain(ready, row, basis, int(shifts[i])) for i in here])
        # a few passes settle nearly all: never better than the exact answer, and seldom worse
        assert np.all(fast[row, here] < slow + 1e-5 * np.abs(slow) + 1e-3)
        same = np.abs(fast[row, here] - slow) < 1e-3 + 1e-5 * np.abs(slow)
        assert same.mean() > 0.95
        assert same[np.argmax(slow)]
        assert abs(int(shifts[fast[row].argmax()]) - np.log(1.04) * 299792.458 / STEP_KMS) < 1.5


def test_gains_of_pixels_sum_to_that_of_the_scan_but_for_the_prior(ready_and_basis):
    ready, basis = ready_and_basis
    shifts = shifts_of(-0.01, 0.3)
    fast = scan(ready, basis, shifts)
    best = fast.argmax(axis=1)
    gain, by_pixel = gain_by_pixel(ready, basis, shifts[best])
    np.testing.assert_allclose(gain, fast.max(axis=1), rtol=1e-6)
    assert np.all(by_pixel.sum(axis=1) >= gain - 1e-6)  # the prior only takes
    assert np.all(by_pixel.sum(axis=1) < gain + 60)


def test_shifts_reach_over_the_range():
    shifts = shifts_of(-0.01, 1.0)
    z = np.expm1(shifts * STEP_KMS / 299792.458)
    assert z[0] < -0.01 < z[2]
    assert z[-3] < 1.0 < z[-1]
    assert np.all(np.diff(shifts) == 1)
