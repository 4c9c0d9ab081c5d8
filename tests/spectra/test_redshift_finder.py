"""Redshifts that spectra tell themselves: right, with errors, and none where there is none."""

from dataclasses import replace

import numpy as np
import pytest
from spectra_factory import light_fractions, observe

import agez
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.photometry.air import air_to_vacuum
from agez.spectra.redshift_basis import redshift_basis
from agez.spectra.redshift_finder import find_redshift, with_found_redshifts
from agez.spectra.templates import made_up_grid
from agez.types import Rows, Spectra

GRID = made_up_grid()
KMS = 299792.458
N = 24
#: Air wavelength and height over the continuum of the lines of an HII region.
LINES = ((3726.0, 2.0), (3728.8, 2.5), (4340.5, 0.5), (4861.3, 1.0), (4958.9, 1.1), (5006.8, 3.3), (6562.8, 3.0),
         (6583.5, 0.6), (6716.4, 0.5), (6730.8, 0.4))  # fmt: skip


def many(n: int = N, *, snr: float = 15.0, seed: int = 1, redshift: float = 0.05) -> Spectra:
    """Spectra of galaxies of their own, without redshift."""
    rng = np.random.default_rng(seed)
    grid = replace(GRID, fwhm_angstrom=6.0)
    spectra = observe(
        grid, light_fractions(grid, n, rng), velocity_kms=np.zeros(n), sigma_kms=rng.uniform(60, 250, n), snr=snr,
        rng=rng, redshift=redshift,
    )  # fmt: skip
    names = np.array([f"G{i}" for i in range(n)])
    return replace(spectra, rows=Rows(names, names, *np.zeros((2, n))), redshift=np.full(n, np.nan))


@pytest.fixture(scope="module")
def spectra():
    return many()


@pytest.fixture(scope="module")
def found(spectra):
    return find_redshift(spectra, GRID)


def kms_off(found, redshift):
    return KMS * (np.log1p(found.redshift) - np.log1p(redshift))


def test_redshifts_are_right_and_so_are_their_errors(found):
    off = kms_off(found, 0.05)
    assert np.abs(off).max() < 200
    error = KMS * found.redshift_err / 1.05
    assert 0.4 < np.mean(np.abs(off) < error) < 0.95
    assert not found.ambiguous.any()
    assert np.all(found.significance > found.margin)
    assert np.all(np.abs(KMS * np.log((1 + found.second_redshift) / (1 + found.redshift))) > 1000)


@pytest.mark.parametrize("redshift", [-0.0033, 0.0, 0.003, 0.2])
def test_any_redshift_is_found(redshift):
    off = kms_off(find_redshift(many(6, redshift=redshift), GRID), redshift)
    assert np.abs(off).max() < 250


def test_the_unit_of_the_flux_does_not_matter(spectra, found):
    for factor in (1e-20, 3e15):
        other = replace(spectra, flux=spectra.flux.astype(float) * factor, flux_err=spectra.flux_err * float(factor))
        np.testing.assert_allclose(find_redshift(other, GRID).redshift, found.redshift, atol=2e-6)


def test_stretched_wavelengths_give_the_stretched_redshift(spectra, found):
    other = replace(spectra, wave_angstrom=spectra.wave_angstrom * 1.02, fwhm_angstrom=spectra.fwhm_angstrom * 1.02)
    got = find_redshift(other, GRID)
    expected = (1 + found.redshift) * 1.02 - 1
    assert np.abs(got.redshift - expected).max() < 0.3 * found.redshift_err.max()


def test_air_and_vacuum_give_the_same(spectra, found):
    other = replace(spectra, wave_angstrom=air_to_vacuum(spectra.wave_angstrom), medium="vacuum")
    assert np.abs(kms_off(find_redshift(other, GRID), found.redshift)).max() < 15


def test_dust_and_calibration_do_not_matter(spectra, found):
    slope = (spectra.wave_angstrom / 5500.0) ** 3
    other = replace(spectra, flux=spectra.flux * slope, flux_err=spectra.flux_err * slope)
    assert np.abs(kms_off(find_redshift(other, GRID), found.redshift)).max() < 80


def test_masked_pixels_are_not_looked_at(spectra):
    rng = np.random.default_rng(5)
    mask = rng.random(spectra.mask.shape) < 0.3
    flux = np.where(mask, rng.choice([np.nan, 1e30, -5.0], spectra.flux.shape), spectra.flux)
    got = find_redshift(replace(spectra, flux=flux, mask=mask), GRID)
    blank = find_redshift(replace(spectra, flux=np.where(mask, 0.0, spectra.flux), mask=mask), GRID)
    np.testing.assert_allclose(got.redshift, blank.redshift, atol=1e-8)
    assert np.abs(kms_off(got, 0.05)).max() < 250


def test_half_of_the_pixels_will_do(spectra):
    mask = np.random.default_rng(6).random(spectra.mask.shape) < 0.5
    assert np.mean(np.abs(kms_off(find_redshift(replace(spectra, mask=mask), GRID), 0.05)) < 300) > 0.95


def test_cosmic_rays_are_no_lines(spectra):
    rng = np.random.default_rng(7)
    flux = spectra.flux.copy()
    at = rng.integers(0, flux.shape[1], (len(flux), 15))
    flux[np.arange(len(flux))[:, None], at] += 200 * spectra.flux_err[0, 0] * rng.random(at.shape).astype(np.float32)
    assert np.mean(np.abs(kms_off(find_redshift(replace(spectra, flux=flux), GRID), 0.05)) < 300) > 0.95


def test_rows_do_not_touch_each_other(spectra, found):
    flux, mask = spectra.flux.copy(), spectra.mask.copy()
    flux[3], mask[3] = np.nan, True
    flux[4] = np.nan
    flux[5] = 0.0
    flux[6] = 1e30
    got = find_redshift(replace(spectra, flux=flux, mask=mask), GRID)
    assert not got.found[3:7].any()
    others = np.r_[0:3, 7:N]
    np.testing.assert_allclose(got.redshift[others], found.redshift[others], rtol=1e-9)


def emission(n: int, lines, *, level: float = 0.0, snr: float = 10.0, redshift: float = 0.1) -> Spectra:
    """Lines alone, on a flat continuum; heights in units of 1."""
    rng, wave = np.random.default_rng(8), np.arange(3745.0, 7500.1, 2.0)
    flux = np.full((n, len(wave)), level)
    for at, height in lines:
        flux = flux + height * np.exp(-0.5 * ((wave - at * (1 + redshift)) / 3.0) ** 2)
    names = np.array([str(i) for i in range(n)])
    error = np.full(flux.shape, 1.0 / snr)
    return Spectra(
        wave, flux + error * rng.normal(size=flux.shape), error, np.zeros(flux.shape, bool), "air",
        Rows(names, names, *np.zeros((2, n))), np.full(n, np.nan), np.full(len(wave), 6.0),
        "1e-16 erg / (s cm2 Angstrom)", np.zeros(n, np.int32), {"source": "lines"},
    )  # fmt: skip


@pytest.mark.parametrize("level", [0.0, 0.3, -0.2])
def test_emission_lines_alone_will_do(level):
    got = find_redshift(emission(5, LINES, level=level), GRID)
    assert np.abs(kms_off(got, 0.1)).max() < 60
    assert not got.ambiguous.any()


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_one_line_is_ambiguous(level):
    got = find_redshift(emission(5, ((5006.8, 3.0),), level=level), GRID)
    assert np.all(got.ambiguous | ~got.found)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_noise_has_no_redshift(level):
    got = find_redshift(emission(20, (), level=level, snr=10.0), GRID)
    assert not got.found.any()
    assert np.isnan(got.redshift_err).all()
    assert np.isnan(got.margin).all()


def test_a_redshift_beyond_the_range_is_none_or_ambiguous_by_far():
    spectra = many(6, redshift=0.25)
    got = find_redshift(spectra, GRID, redshift_range=(0.0, 0.2))
    inside = find_redshift(spectra, GRID)
    assert np.all(~got.found | (got.significance < 0.5 * inside.significance))


def one_galaxy(spectra: Spectra) -> Spectra:
    return replace(spectra, rows=replace(spectra.rows, galaxy_id=np.full(len(spectra), "G")))


def test_rows_of_a_galaxy_share_what_they_tell_together():
    faint = many(30, snr=1.0, seed=9)
    alone = find_redshift(faint, GRID)
    together = find_redshift(one_galaxy(faint), GRID)
    assert np.mean(np.abs(kms_off(alone, 0.05)) < 300) < 0.9
    assert np.ptp(together.redshift) == 0
    assert abs(kms_off(together, 0.05)[0]) < 100
    assert np.array_equal(find_redshift(one_galaxy(faint), GRID, by_galaxy=False).found, alone.found)


def test_galaxies_under_one_name_keep_their_own():
    z = np.repeat([0.02, 0.05, 0.09, 0.13], 2)
    table = Spectra.concatenate([many(2, redshift=value, seed=k) for k, value in enumerate(z[::2])])
    got = find_redshift(one_galaxy(table), GRID)
    assert np.abs(kms_off(got, z)).max() < 250
    assert np.ptp(find_redshift(one_galaxy(table), GRID, by_galaxy=True).redshift) == 0


def test_only_unknown_redshifts_are_filled_in(spectra):
    z = np.where(np.arange(N) < 3, np.nan, 0.77)
    flux = spectra.flux.copy()
    flux[1] = 0.1 * np.random.default_rng(2).normal(size=flux.shape[1])
    got = with_found_redshifts(replace(spectra, redshift=z, flux=flux), GRID)
    assert np.abs(got.redshift[[0, 2]] - 0.05).max() < 1e-3
    assert np.all(got.redshift[3:] == 0.77)
    assert np.isfinite(got.redshift_err).tolist() == [True, False, True] + [False] * (N - 3)
    assert has_flag(got.flags, Flag.REDSHIFT_FOUND).tolist() == [True, False, True] + [False] * (N - 3)
    assert has_flag(got.flags, Flag.REDSHIFT_UNKNOWN).tolist() == [False, True] + [False] * (N - 2)
    again = with_found_redshifts(got, GRID)
    assert again is got  # what was sought once is not sought again


def test_a_narrow_window_is_right_or_silent(spectra):
    outside = np.abs(spectra.wave_angstrom - 5450.0) > 250
    got = find_redshift(replace(spectra, mask=np.broadcast_to(outside, spectra.mask.shape)), GRID)
    sure = got.found & ~got.ambiguous
    assert np.all(np.abs(kms_off(got, 0.05)[sure]) < 400)


def test_missing_pixels_of_a_table_are_gaps(spectra, found):
    keep = np.abs(spectra.wave_angstrom - 5577) > 40
    cut = replace(
        spectra, wave_angstrom=spectra.wave_angstrom[keep], flux=spectra.flux[:, keep],
        flux_err=spectra.flux_err[:, keep], mask=spectra.mask[:, keep], fwhm_angstrom=spectra.fwhm_angstrom[keep],
    )  # fmt: skip
    masked = replace(spectra, mask=spectra.mask | ~keep)
    np.testing.assert_allclose(find_redshift(cut, GRID).redshift, find_redshift(masked, GRID).redshift, atol=1e-6)


def test_bad_arguments_are_told(spectra):
    for bad in ((0.5, 0.1), (-0.5, 0.1), (0.0, 9.0), (np.nan, 1.0)):
        with pytest.raises(AgezError, match="redshift_range"):
            find_redshift(spectra, GRID, redshift_range=bad)
    with pytest.raises(AgezError, match="no spectrum"):
        find_redshift(spectra.take([]), GRID)


def test_labels_say_what_was_found(spectra):
    rows = slice(0, 4)
    labels = agez.fit_labels(spectra.take(rows), GRID)
    known = agez.fit_labels(replace(spectra.take(rows), redshift=np.full(4, 0.05)), GRID)
    assert np.abs(labels.redshift - 0.05).max() < 1e-3
    assert np.all(labels.redshift_err > 0)
    assert np.isnan(known.redshift_err).all()
    np.testing.assert_array_equal(known.redshift, 0.05)
    assert has_flag(labels.flags, Flag.REDSHIFT_FOUND).all()
    # velocities are relative to the redshift: both say where the stars' lines are
    stretch = np.log1p(labels.redshift) * KMS + labels.velocity_kms
    assert np.abs(stretch - np.log1p(0.05) * KMS - known.velocity_kms).max() < 40
    assert np.abs(labels.log_age_lw - known.log_age_lw).max() < 0.1


def test_sky_that_is_masked_misleads_nobody(spectra):
    flux, wave = spectra.flux.copy(), spectra.wave_angstrom
    windows = [(at - 12.0, at + 12.0) for at in (5577.0, 6300.0, 6864.0, 4358.0)]
    for low, high in windows:
        flux += 8 * np.exp(-0.5 * ((wave - 0.5 * (low + high)) / 2.5) ** 2).astype(np.float32)
    got = with_found_redshifts(replace(spectra, flux=flux), GRID, sky_mask_angstrom=windows)
    assert np.abs(got.redshift - 0.05).max() < 1e-3
    assert np.array_equal(got.mask, spectra.mask)  # only the search leaves them out


def test_templates_coarser_than_the_data_keep_their_features(spectra):
    coarse = replace(GRID, fwhm_angstrom=60.0)
    basis = redshift_basis(coarse, instrument_sigma_kms=60.0, medium="air")
    assert np.isfinite(basis.stars).all()
    assert np.abs(basis.stars).max() > 0.01
    assert find_redshift(spectra, coarse).found.all()


def test_a_row_that_is_sure_of_another_redshift_keeps_it():
    two, one = many(2, snr=40.0, redshift=0.05), many(1, snr=40.0, seed=3, redshift=0.1)
    found = find_redshift(one_galaxy(Spectra.concatenate([two, one])), GRID)
    np.testing.assert_allclose(found.redshift, [0.05, 0.05, 0.1], atol=1e-3)
