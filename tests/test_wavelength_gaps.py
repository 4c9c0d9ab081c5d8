"""Rows that are missing from a grid are masked pixels: the same answers as where they are NaN."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.photometry.air import vacuum_to_air
from agez.photometry.filters import load_filters
from agez.photometry.synthesis import synthesize
from agez.spectra.binning import BinSettings, bin_cube
from agez.spectra.fitting import fit_labels
from agez.spectra.readers import read_spectra
from agez.spectra.subtraction import line_spectra
from agez.types import Rows, Spectra
from agez.wavelength_gaps import filled_grid, find_gaps, with_missing_pixels

LINEAR = np.arange(3600.0, 9000.0, 2.0)
LOG = 10 ** (3.56 + 1e-4 * np.arange(3900))
GRIDS = {"linear": LINEAR, "log": LOG, "log in air": vacuum_to_air(LOG), "float32": LOG.astype("f4").astype(float)}
CUTS = {
    "arms": [(5000.0, 6500.0)],
    "sky line": [(5560.0, 5595.0)],
    "one pixel": [(5577.0, 5579.1)],
    "islands": [(5000.0, 5031.0), (5036.0, 5100.0), (5105.0, 5160.0)],
}


def outside(wave, cuts):
    return ~np.any([(wave > low) & (wave < high) for low, high in cuts], axis=0)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("cut", CUTS)
def test_missing_pixels_are_put_back_where_they_were(grid, cut):
    wave = GRIDS[grid]
    kept = outside(wave, CUTS[cut])
    assert 0 < kept.sum() < len(wave)
    back, origin = filled_grid(wave[kept], "file")
    np.testing.assert_array_equal(back[origin >= 0], wave[kept])
    np.testing.assert_array_equal(origin >= 0, kept)
    assert np.abs(back - wave).max() < 0.01 * np.diff(wave).min()


UNBROKEN = {
    **GRIDS,
    "step grows": 3500.0 + np.cumsum(np.linspace(1.0, 6.0, 2000)),
    "two arms, finer": np.concatenate([np.arange(3600.0, 5600.0, 2.5), np.arange(5600.5, 9000.0, 0.3)]),
    "two arms, coarser": np.concatenate([np.arange(3600.0, 5600.0, 0.8), np.arange(5601.0, 9000.0, 2.5)]),
    "merged orders": np.sort(np.concatenate([np.arange(4000.0, 6000.0), np.arange(4500.1, 7000.0, 1.3)])),
    "rounded": np.round(4000.0 + 1.2 * np.arange(2000)),
    "doubling": 3000.0 + 100.0 * 2.0 ** np.arange(5),
    "two pixels": np.array([4000.0, 9000.0]),
}


@pytest.mark.parametrize("grid", UNBROKEN)
def test_a_change_of_step_is_no_gap(grid):
    assert not find_gaps(UNBROKEN[grid])[:-1].any()
    if grid != "doubling":
        assert not find_gaps(UNBROKEN[grid]).any()


def test_hardly_a_step_of_rounded_wavelengths_is_a_gap():
    assert find_gaps(np.round(LOG)).mean() < 0.01
    assert not find_gaps(np.round(LOG, 1)).any()


def test_a_gap_between_arms_of_different_sampling_goes_from_one_to_the_other():
    wave = np.concatenate([np.arange(3600.0, 5500.0, 0.8), np.arange(5700.0, 9000.0, 2.5)])
    back, origin = filled_grid(wave, "file")
    step = np.diff(back[(back > 5480) & (back < 5730)])
    assert (origin < 0).sum() > 80
    assert step.max() < 1.05 * 2.5
    assert step.min() > 0.95 * 0.8
    assert (np.diff(step) > -0.05).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.booleans(), st.floats(0.3, 40.0))
def test_given_pixels_are_never_moved_or_lost(seed, logarithmic, step):
    rng = np.random.default_rng(seed)
    wave = 3500.0 * np.exp(step / 3500.0 * np.arange(400)) if logarithmic else 3500.0 + step * np.arange(400)
    kept = np.ones(400, dtype=bool)
    for start in rng.integers(20, 360, 3):
        kept[start : start + rng.integers(3, 20)] = False
    back, origin = filled_grid(wave[kept], "file")
    np.testing.assert_array_equal(back[origin >= 0], wave[kept])
    assert (np.diff(back) > 0).all()
    assert not find_gaps(back).any()


def test_a_wavelength_that_is_far_off_is_refused():
    with pytest.raises(AgezError, match=r"^file: between pixels 4 \(4003 A\) and 5 \(1000000 A\).*missing"):
        filled_grid(np.array([4000.0, 4001, 4002, 4003, 1e6]), "file")


# ---------------------------------------------------------------- answers


def spectra_on(wave, flux, *, mask=None, redshift=0.0, **changes):
    flux = np.atleast_2d(flux)
    n = len(flux)
    mask = np.zeros(flux.shape, dtype=bool) if mask is None else np.broadcast_to(mask, flux.shape).copy()
    made = Spectra(
        wave, flux, np.full(flux.shape, 0.02) * np.abs(flux), mask, "vacuum", Rows.numbered(n), np.full(n, redshift),
        np.full(len(wave), 5.0), "1e-16 erg / (s cm2 Angstrom)", np.zeros(n, dtype=np.int32), {"source": "made"},
    )  # fmt: skip
    return replace(made, **changes)


def galaxy(wave):
    """A break, a strong line in emission and one in absorption."""
    flux = 1.0 + 0.9 * (wave > 4000.0) * (1 - np.exp(-(wave - 4000.0) / 300.0))
    flux = flux + 5.0 * np.exp(-0.5 * ((wave - 5007.0) / 4.0) ** 2)
    return flux - 0.4 * np.exp(-0.5 * ((wave - 5175.0) / 10.0) ** 2)


@pytest.mark.parametrize("grid", ["linear", "log"])
@pytest.mark.parametrize("cut", CUTS)
def test_photometry_with_missing_rows_is_that_with_nan(grid, cut):
    wave = GRIDS[grid]
    kept = outside(wave, CUTS[cut])
    nan = synthesize(spectra_on(wave, galaxy(wave), mask=~kept), "jpas")
    missing = synthesize(spectra_on(wave[kept], galaxy(wave[kept])), "jpas")
    np.testing.assert_array_equal(missing.covered, nan.covered)
    np.testing.assert_array_equal(missing.flags, nan.flags)
    np.testing.assert_allclose(missing.flux, nan.flux, rtol=1e-9)
    np.testing.assert_allclose(missing.flux_err, nan.flux_err, rtol=1e-9)
    whole = synthesize(spectra_on(wave, galaxy(wave)), "jpas")
    if cut != "one pixel":
        assert missing.covered.sum() < whole.covered.sum()
        assert has_flag(missing.flags, Flag.BAND_NOT_COVERED).all()
    seen = missing.covered[0] & whole.covered[0]
    assert np.abs(missing.flux[0, seen] / whole.flux[0, seen] - 1).max() < 0.02


@pytest.mark.parametrize("ending", [".fits", ".ecsv", ".csv"])
def test_files_with_missing_rows_are_read_with_masked_pixels(tmp_path, ending):
    kept = outside(LINEAR, CUTS["arms"])
    table = Table({"wavelength": LINEAR[kept], "flux": galaxy(LINEAR[kept]), "flux_err": np.full(kept.sum(), 0.1)})
    table.write(tmp_path / f"s{ending}")
    spectra = read_spectra(tmp_path / f"s{ending}")
    np.testing.assert_allclose(spectra.wave_angstrom, LINEAR, rtol=1e-12)
    np.testing.assert_array_equal(spectra.mask[0], ~kept)
    assert (spectra.flux_err > 0).all()
    assert spectra.flags[0] == 0


def test_labels_with_missing_rows_are_those_with_nan(toy_grid):
    cut = outside(LINEAR, [(5300.0, 6300.0)])
    flux = np.interp(LINEAR, toy_grid.wave_angstrom, toy_grid.flux[5, 2] / toy_grid.flux[5, 2].mean())
    flux = flux + 0.1 * np.exp(-0.5 * ((LINEAR - 5007.0) / 3.0) ** 2)
    flux = flux * (1 + 0.01 * np.random.default_rng(3).standard_normal(len(LINEAR)))
    nan = fit_labels(spectra_on(LINEAR, flux, mask=~cut, medium="air"), toy_grid)
    missing_rows = spectra_on(LINEAR[cut], flux[cut], medium="air")
    missing = fit_labels(missing_rows, toy_grid)
    for name in ("log_age_lw", "log_age_lw_err", "mh_lw", "mh_lw_err", "av", "snr", "chi2", "velocity_kms", "flags"):
        np.testing.assert_allclose(getattr(missing, name), getattr(nan, name), rtol=1e-6, err_msg=name)
    lines = line_spectra(missing_rows, missing)
    assert lines.shape == missing_rows.flux.shape
    whole = line_spectra(with_missing_pixels(missing_rows), missing)
    np.testing.assert_array_equal(lines, whole[:, cut])


def test_bins_of_a_cube_with_missing_rows_are_those_with_nan(rng):
    from cube_factory import cube

    whole = cube(rng, ny=8, nx=8, n_wave=120, peak_snr=40.0)
    cut = outside(whole.wave_angstrom, [(5500.0, 5540.0)])
    nan = replace(whole, mask=whole.mask | ~cut)
    missing = replace(
        whole, wave_angstrom=whole.wave_angstrom[cut], flux=whole.flux[:, cut], flux_err=whole.flux_err[:, cut],
        mask=whole.mask[:, cut], fwhm_angstrom=whole.fwhm_angstrom[cut],
    )  # fmt: skip
    one, other = (bin_cube(spectra, BinSettings(method="none")) for spectra in (nan, missing))
    np.testing.assert_array_equal(one.bin_id, other.bin_id)
    np.testing.assert_allclose(one.snr, other.snr)


# ---------------------------------------------------------------- coarse spectra


@pytest.mark.parametrize(("step", "covered"), [(20.0, True), (40.0, True), (50.0, False), (150.0, False)])
def test_a_narrow_band_of_fewer_than_three_pixels_is_not_covered(step, covered):
    wave = np.arange(3000.0, 12000.0, step)
    filters = load_filters("jpas")
    narrow = [name for name, fwhm in zip(filters.names, filters.bands.fwhm_angstrom, strict=True) if 130 < fwhm < 149]
    assert len(narrow) > 40
    found = synthesize(spectra_on(wave, np.ones(len(wave))), filters.select(narrow))
    assert (found.covered == covered).all()
    assert bool(has_flag(found.flags, Flag.BAND_NOT_COVERED)[0]) != covered
    one_masked = np.arange(len(wave)) == 3
    assert (
        synthesize(spectra_on(wave, np.ones(len(wave)), mask=one_masked), filters.select(narrow)).covered.all()
    ) == (covered)


def test_broad_bands_of_a_coarse_spectrum_are_covered_beside_narrow_ones():
    wave = np.arange(3000.0, 12000.0, 100.0)
    found = synthesize(spectra_on(wave, np.ones(len(wave))), "splus")
    by_name = dict(zip(found.bands.names, found.covered[0].tolist(), strict=True))
    assert by_name["rSDSS"]
    assert not by_name["J0515"]
    assert np.isnan(found.flux[0][~found.covered[0]]).all()
