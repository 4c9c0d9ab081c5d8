"""Outliers: stars, quasars, distant galaxies against their own spectra, tables spoilt in exactly one way."""

import importlib
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from agez.errors import AgezError
from agez.photometry.air import air_to_vacuum
from agez.photometry.filters import load_filters
from agez.photometry.synthesis import synthesize
from agez.training_seds.outliers import real_stars, stars
from agez.training_seds.star_spectra import made_up_stars, miles_stars
from agez.types import Rows, Spectra

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
unlike_seds, quasar_spectra_module = map(importlib.import_module, ("unlike_seds", "quasar_spectra"))
sys.path.pop(0)
distant_galaxies, quasars = unlike_seds.distant_galaxies, unlike_seds.quasars
swap_bands, zero_point_error = unlike_seds.swap_bands, unlike_seds.zero_point_error
QUASAR_LINES, quasar_spectra = quasar_spectra_module.QUASAR_LINES, quasar_spectra_module.quasar_spectra

FILTERS = load_filters("jpas")
PERFECT = 1e12


def spectra_of(wave, flux):
    n, p = flux.shape
    return Spectra(
        wave, flux, np.ones((n, p)), ~(flux > 0), "vacuum", Rows.numbered(n), np.zeros(n), np.full(p, np.nan),
        "erg / (s cm2 Angstrom)", np.zeros(n, dtype=np.int32),
    )  # fmt: skip


def write_stars(folder, n=4):
    (folder / "miles").mkdir(parents=True, exist_ok=True)
    for i in range(n):
        hdu = fits.PrimaryHDU(np.linspace(1 + i, 2, 4300))
        hdu.header["CRPIX1"], hdu.header["CRVAL1"], hdu.header["CDELT1"] = 1, 3540.5, 0.9
        hdu.writeto(folder / "miles" / f"MILES_res2.50_star_m{i:04d}V.fits")
    return folder


MAKERS = {
    "stars": stars,
    "quasars": quasars,
    "distant": lambda *arguments: distant_galaxies(*arguments, templates="made-up"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_every_kind_comes_as_a_galaxy_nearby_would(kind):
    sky = MAKERS[kind](FILTERS, 40, np.random.default_rng(3), 30.0)
    assert sky.flux.shape == (40, len(FILTERS))
    assert ((sky.redshift >= 0) & (sky.redshift <= 0.1)).all()
    assert np.ptp(sky.redshift) > 0.05
    assert (sky.redshift_err == 0).all()
    assert len(set(sky.rows.spec_id)) == 40
    # noise: the same in all bands, 1/30 of the mean
    np.testing.assert_allclose(sky.flux_err[sky.covered], 100 / 30)
    clean = MAKERS[kind](FILTERS, 40, np.random.default_rng(3), PERFECT)
    np.testing.assert_allclose(np.nanmean(clean.flux, axis=1), 100)
    pull = ((sky.flux - clean.flux) / sky.flux_err)[sky.covered]
    assert abs(pull.std() - 1) < 0.1
    assert abs(pull.mean()) < 0.1


@pytest.mark.parametrize("kind", MAKERS)
def test_a_seed_gives_one_table(kind):
    a, b = (MAKERS[kind](FILTERS, 5, np.random.default_rng(9), 20.0) for _ in range(2))
    np.testing.assert_array_equal(a.flux, b.flux)


def test_stars_are_what_synthesize_makes_of_their_spectra():
    wave = np.arange(2800.0, 11500.0, 2.0)
    flux, kelvin = made_up_stars(wave, 30, np.random.default_rng(4))
    direct = synthesize(spectra_of(wave, flux), FILTERS, redshift=None).flux
    ours = stars(FILTERS, 30, np.random.default_rng(4), PERFECT).flux
    direct *= 100 / direct.mean(axis=1, keepdims=True)
    # lines, jump and bands sampled every 150 km/s or every 2 A: below a hundredth of a magnitude in nearly all bands
    assert np.quantile(np.abs(ours / direct - 1), 0.99) < 0.01
    assert ((kelvin >= 3000) & (kelvin <= 30000)).all()


def test_made_up_stars_behave_as_stars_do():
    wave = np.arange(3000.0, 10000.0, 2.0)
    flux, kelvin = made_up_stars(wave, 600, np.random.default_rng(5))
    assert (flux > 0).all()

    def mean(low, high):
        return flux[:, (wave > low) & (wave < high)].mean(axis=1)

    colour = np.log(mean(4000, 4100) / mean(6900, 7000))
    assert spearmanr(kelvin, colour).statistic > 0.97
    h_beta = mean(4856, 4868) / (mean(4700, 4760) / 2 + mean(4980, 5040) / 2)
    a_stars, m_stars = np.abs(np.log(kelvin / 9500)) < 0.1, kelvin < 3400
    assert h_beta[a_stars].mean() < 0.6
    oxide = mean(7060, 7120) / mean(7000, 7050)
    assert oxide[m_stars].mean() < 0.8
    assert oxide[~(kelvin < 4000)].mean() > 0.9


def test_real_stars_from_files(tmp_path):
    folder = write_stars(tmp_path)
    wave, flux = miles_stars(folder)
    assert flux.shape == (4, len(wave))
    assert wave[0] > 3575
    sky = real_stars(FILTERS, 4, np.random.default_rng(1), PERFECT, folder=folder)
    names = list(FILTERS.names)
    assert not sky.covered[:, [names.index("uJAVA"), names.index("J0800"), names.index("iSDSS")]].any()
    assert sky.covered[:, names.index("J0390") : names.index("J0720")].all()
    direct = synthesize(spectra_of(wave, flux), FILTERS, redshift=None).flux
    direct *= 100 / np.nanmean(direct, axis=1, keepdims=True)
    # every star once, in some order
    at = [int(np.nanargmin(np.nanmean(np.abs(direct - row), axis=1))) for row in sky.flux]
    assert sorted(at) == [0, 1, 2, 3]
    np.testing.assert_allclose(sky.flux, direct[at], rtol=1e-6)
    assert len(real_stars(FILTERS, 9, np.random.default_rng(1), 10.0, folder=folder)) == 9


def test_real_stars_that_are_lacking(tmp_path):
    with pytest.raises(AgezError, match="no MILES stars"):
        miles_stars(tmp_path)
    folder = write_stars(tmp_path, 2)
    with fits.open(sorted((folder / "miles").glob("*"))[1], mode="update") as hdus:
        hdus[0].header["CRVAL1"] = 3600.0
    with pytest.raises(AgezError, match="another wavelength grid"):
        miles_stars(folder)


def test_the_installed_miles_stars():
    try:
        wave, flux = miles_stars()
    except AgezError as error:
        pytest.skip(str(error))
    assert len(flux) > 900
    assert (flux > 0).mean() > 0.999
    h_beta = np.abs(wave - 4862.7) < 5
    beside = np.abs(np.abs(wave - 4862.7) - 60) < 20
    assert np.quantile(flux[:, h_beta].mean(axis=1) / flux[:, beside].mean(axis=1), 0.05) < 0.6  # in vacuum


@pytest.mark.parametrize("redshift", [0.0, 0.5, 1.7, 3.0])
def test_quasar_lines_stand_at_their_wavelengths_with_their_widths(redshift):
    wave = np.arange(3000.0, 11000.0, 1.0)
    n = 100
    flux = quasar_spectra(wave, np.full(n, redshift), np.random.default_rng(6), scatter=0.0)
    seen = 0
    for centre, width, broad in QUASAR_LINES:
        at = centre * (1 + redshift)
        reach = (0.03 if broad else 0.004) * at
        alone = all(abs(other - centre) > 0.1 * centre for other, _, _ in QUASAR_LINES if other != centre)
        if not (broad and alone and wave[0] + reach < at < wave[-1] - reach) or centre < 1300:
            continue
        seen += 1
        inside = np.abs(wave - at) < reach
        # continuum: a power law through both ends
        x, ends = np.log(wave[inside]), np.flatnonzero(inside)[[0, -1]]
        y0, y1 = np.log(flux[:, ends]).T
        line = flux[:, inside] / np.exp(y0[:, None] + (y1 - y0)[:, None] * (x - x[0]) / (x[-1] - x[0])) - 1
        narrow = line.max(axis=1) > np.quantile(line.max(axis=1), 0.5)  # whose wings end inside
        area = line[narrow].sum(axis=1) / (1 + redshift)
        np.testing.assert_allclose(area, width, rtol=0.03)
        peak = wave[inside][np.argmax(line, axis=1)]
        assert np.abs(peak - at).max() < 0.002 * at
    assert seen


def test_quasars_behind_hydrogen():
    wave = np.array([3500.0, 4000.0, 4800.0, 6500.0])
    flux = quasar_spectra(wave, np.array([4.0, 0.1]), np.random.default_rng(7))
    assert (flux[0, :2] == 0).all()  # beyond the Lyman limit
    assert flux[0, 2] > 0
    assert (flux[1] > 0).all()


def test_distant_galaxies_are_the_templates_stretched(toy_grid, monkeypatch):
    """One template, no dust: each row is what synthesize gives for it at a redshift of the range."""
    monkeypatch.setattr(unlike_seds, "draw_dust", lambda n, wave, rng: type("D", (), {"transmission": 1.0}))
    filters = FILTERS.select([f"J0{i}" for i in range(600, 860, 20)])
    n = 1
    rng = np.random.default_rng(8)
    ours = distant_galaxies(filters, n, rng, PERFECT, redshift_range=(0.5, 0.5), templates=toy_grid)
    wave = toy_grid.wave_angstrom
    rows = toy_grid.flux.reshape(-1, len(wave)).astype(float)
    direct = synthesize(spectra_of(air_to_vacuum(wave), rows), filters, redshift=np.full(len(rows), 0.5)).flux
    direct *= 100 / direct.mean(axis=1, keepdims=True)
    assert np.abs(direct / ours.flux - 1).max(axis=1).min() < 0.005


def test_bands_bluer_than_the_templates_are_missing(toy_grid):
    sky = distant_galaxies(FILTERS, 6, np.random.default_rng(1), 30.0, templates=toy_grid)
    assert not sky.covered[:, FILTERS.names.index("J0378")].any()
    assert sky.covered[:, FILTERS.names.index("J0700")].all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 6))
def test_a_swap_changes_exactly_its_columns(seed, n_pairs, apart):
    rng = np.random.default_rng(seed)
    sky = stars_table()
    swapped = swap_bands(sky, rng, n_pairs=n_pairs, apart=apart)
    changed = swapped.flux_err != sky.flux_err  # errors in the table are all different
    assert (changed.sum(axis=1) == 2 * n_pairs).all()
    np.testing.assert_array_equal(changed, swapped.flux != sky.flux)
    np.testing.assert_array_equal(np.isfinite(swapped.flux), sky.covered)
    rank = np.argsort(np.argsort(sky.bands.pivot_angstrom))
    for row in range(len(sky)):
        for column in np.flatnonzero(changed[row]):
            (origin,) = np.flatnonzero(sky.flux_err[row] == swapped.flux_err[row, column])
            assert abs(rank[origin] - rank[column]) >= apart
            assert swapped.flux[row, column] == sky.flux[row, origin]
            assert swapped.flux_err[row, origin] == sky.flux_err[row, column]


@cache
def stars_table():
    """Stars with errors that are all different."""
    sky = stars(FILTERS, 4, np.random.default_rng(1), 30.0)
    return replace(sky, flux_err=np.random.default_rng(2).uniform(1, 2, sky.flux.shape))


def test_swaps_that_cannot_be_are_refused():
    sky = stars_table().select_bands(FILTERS.names[:3])
    with pytest.raises(AgezError, match="row 0: no 1 pairs"):
        swap_bands(sky, np.random.default_rng(1), apart=3)
    with pytest.raises(AgezError, match="at least 1 of each"):
        swap_bands(sky, np.random.default_rng(1), n_pairs=0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_a_zero_point_error_has_exactly_its_size(seed, n_bands):
    sky = stars_table()
    off = zero_point_error(sky, np.random.default_rng(seed), n_bands=n_bands, size=0.2)
    ratio = off.flux / sky.flux
    assert (np.abs(ratio - 1) > 1e-9).sum(axis=1).tolist() == [n_bands] * len(sky)
    away = ratio[np.abs(ratio - 1) > 1e-9]
    np.testing.assert_allclose(np.abs(away - 1), 0.2, rtol=1e-9)
    np.testing.assert_allclose(off.flux_err / sky.flux_err, ratio)


def test_zero_point_errors_of_both_signs_in_covered_bands_only(tmp_path):
    sky = real_stars(FILTERS, 4, np.random.default_rng(1), 30.0, folder=write_stars(tmp_path))
    off = zero_point_error(sky, np.random.default_rng(1), n_bands=20)
    ratio = (off.flux / sky.flux)[sky.covered]
    assert 0.3 < (ratio[np.abs(ratio - 1) > 0.1] > 1).mean() < 0.7
    np.testing.assert_array_equal(off.covered, sky.covered)
    assert (np.abs(off.flux / sky.flux - 1) > 0.1).sum(axis=1).tolist() == [20] * 4
    with pytest.raises(AgezError, match="fewer than 40 covered bands"):
        zero_point_error(sky, np.random.default_rng(1), n_bands=40)
    with pytest.raises(AgezError, match=r"size in \(0, 1\)"):
        zero_point_error(sky, np.random.default_rng(1), size=1.5)


def test_bad_arguments_are_refused():
    with pytest.raises(AgezError, match="snr must be above 0"):
        stars(FILTERS, 2, np.random.default_rng(1), 0.0)
    with pytest.raises(AgezError, match="redshift_range"):
        quasars(FILTERS, 2, np.random.default_rng(1), 10.0, redshift_range=(2.0, 1.0))
    with pytest.raises(AgezError, match="nothing that the bands see"):
        distant_galaxies(FILTERS, 2, np.random.default_rng(1), 10.0, redshift_range=(9.0, 9.5), templates="made-up")


def test_snr_may_differ_from_row_to_row():
    sky = stars(FILTERS, 2, np.random.default_rng(1), [10.0, 100.0])
    np.testing.assert_allclose(sky.flux_err[:, 0], [10.0, 1.0])
