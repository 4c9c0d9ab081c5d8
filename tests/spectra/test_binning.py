"""Cubes to bins: sums against a slow loop, noise against truly correlated noise, bad cubes in one clear line."""

import dataclasses
import json
import sys

import numpy as np
import pytest
from cube_factory import cube, write_califa
from reader_files import manga_cube
from scipy import ndimage
from test_cube_spaxels import changed, row

from agez.errors import AgezError
from agez.flags import Flag
from agez.spectra.bin_sums import MIN_LIGHT_FRACTION, bin_spectra, bins_of_map
from agez.spectra.binning import BinSettings, bin_cube, can_bin
from agez.spectra.covariance import CALIFA, INDEPENDENT
from agez.spectra.readers import cube_pixels, read_spectra
from agez.spectra.spaxels import signal_and_noise, snr_window

NO_ENGINE = BinSettings(method="none")


@pytest.fixture
def voronoi():
    pytest.importorskip("powerbin")


def some_bins(spectra, rng, n_bins=7):
    """A bin for each row at random, some -1, none empty."""
    number = rng.integers(-1, n_bins, len(spectra))
    number[:n_bins] = np.arange(n_bins)
    return number


def random_masks(spectra, rng, fraction=0.15):
    mask = rng.uniform(size=spectra.flux.shape) < fraction
    flux = np.where(mask, np.where(rng.uniform(size=mask.shape) < 0.5, np.nan, 1e9), spectra.flux)
    return dataclasses.replace(spectra, mask=mask, flux=flux.astype(np.float32))


# ---------------------------------------------------------------- adding up


def slow_sums(spectra, number, covariance):
    """The sums of bins with loops over bins and pixels."""
    signal, _, _ = signal_and_noise(spectra, snr_window(spectra))
    n_bins, p = number.max() + 1, len(spectra.wave_angstrom)
    flux, error, mask = np.zeros((n_bins, p)), np.ones((n_bins, p)), np.ones((n_bins, p), bool)
    for b in range(n_bins):
        members = np.flatnonzero(number == b)
        light = signal[members]
        if not np.all(light > 0):
            light = np.ones(len(members))
        for j in range(p):
            good = ~spectra.mask[members, j]
            if light[good].sum() / light.sum() < MIN_LIGHT_FRACTION:
                continue
            scale = light.sum() / light[good].sum()
            seen = members[good]
            flux[b, j] = spectra.flux[seen, j].astype(float).sum() * scale
            variance = (spectra.flux_err[seen, j].astype(float) ** 2).sum()
            error[b, j] = np.sqrt(variance) * covariance.ratio(len(seen)) * scale
            mask[b, j] = False
    return flux, error, mask


@pytest.mark.parametrize("covariance", [CALIFA, INDEPENDENT])
@pytest.mark.parametrize("peak_snr", [30.0, 1.0])  # at 1, some signals are negative
def test_sums_are_those_of_a_slow_loop(rng, covariance, peak_snr):
    spectra = random_masks(cube(rng, ny=9, nx=10, peak_snr=peak_snr), rng)
    number = some_bins(spectra, rng)
    binned = bin_spectra(spectra, number, covariance)
    flux, error, mask = slow_sums(spectra, number, covariance)
    np.testing.assert_array_equal(binned.mask, mask)
    np.testing.assert_allclose(binned.flux, flux, rtol=2e-6, atol=1e-4)
    np.testing.assert_allclose(binned.flux_err, error, rtol=2e-6)


def test_flux_is_conserved_and_independent_errors_add_in_squares(rng):
    spectra = cube(rng)
    number = some_bins(spectra, rng)
    binned = bin_spectra(spectra, number, INDEPENDENT)
    used = number >= 0
    np.testing.assert_allclose(binned.flux.sum(axis=0), spectra.flux[used].sum(axis=0, dtype=float), rtol=1e-5)
    np.testing.assert_allclose(binned.flux_err, np.sqrt(np.bincount(number[used]))[:, None] * np.ones(120), rtol=1e-6)
    assert not binned.mask.any()
    assert binned.flux.dtype == np.float32
    np.testing.assert_array_equal(binned.meta["n_spaxels"], np.bincount(number[used]))


def test_a_masked_pixel_makes_no_notch(rng):
    """Spectra of one shape and very different brightness: whatever is masked, the sum is as without masks."""
    spectra = cube(rng, noise=False)
    number = np.where(np.arange(480) < 240, 0, 1)
    clean = bin_spectra(spectra, number, INDEPENDENT)
    dirty = bin_spectra(random_masks(spectra, rng), number, INDEPENDENT)
    good = ~dirty.mask
    assert good.mean() > 0.99
    np.testing.assert_allclose(dirty.flux[good], clean.flux[good], rtol=2e-3)  # medians lose pixels, too
    assert np.all(dirty.flux_err >= 1)
    bright = row(spectra, 10, 12)  # not a notch, even where the brightest is missing
    one = bin_spectra(changed(spectra, (bright, 10), mask=True), number, INDEPENDENT)
    np.testing.assert_allclose(one.flux, clean.flux, rtol=1e-5)


def test_noise_of_a_bin_with_masked_pixels_is_as_predicted(rng):
    """2000 independent realisations as wavelength pixels: scatter of the sum against its error."""
    spectra = random_masks(cube(rng, ny=5, nx=6, n_wave=2000, scale=1e9), rng, fraction=0.3)
    flat = dataclasses.replace(spectra, flux=np.where(spectra.mask, 0, spectra.flux))
    binned = bin_spectra(flat, np.zeros(30, int), INDEPENDENT)
    truth = 30 * np.sqrt(2.0) * 20.0 * np.linspace(0.9, 1.1, 2000)
    pull = ((binned.flux[0] - truth) / binned.flux_err[0])[~binned.mask[0]]
    assert pull.std() == pytest.approx(1.0, abs=0.06)
    assert abs(pull.mean()) < 0.1


def test_rows_of_bins(rng):
    spectra = cube(rng, noise=False)
    z = rng.uniform(0.01, 0.011, 480)
    flags = np.zeros(480, np.int32)
    flags[3], flags[30] = int(Flag.NON_FINITE), int(Flag.NO_DATA)
    spectra = dataclasses.replace(spectra, redshift=z, flags=flags)
    number = np.full(480, -1)
    number[[3, 30, 100]], number[200] = 0, 1
    binned = bin_spectra(spectra, number, CALIFA)
    light = signal_and_noise(spectra, snr_window(spectra))[0][[3, 30, 100]]
    for name in ("x", "y"):
        expected = np.average(getattr(spectra.rows, name)[[3, 30, 100]], weights=light)
        assert getattr(binned.rows, name)[0] == pytest.approx(expected)
        assert getattr(binned.rows, name)[1] == getattr(spectra.rows, name)[200]
    assert binned.redshift[0] == pytest.approx(np.average(z[[3, 30, 100]], weights=light))
    assert binned.rows.spec_id.tolist() == ["NGC0001-0", "NGC0001-1"]
    assert binned.flags.tolist() == [Flag.NON_FINITE, 0]
    assert "pixel_y" not in binned.meta
    assert binned.meta["spatial_covariance"]["name"] == "califa"
    assert sorted(binned.meta["bin_id"][binned.meta["bin_id"] >= 0].tolist()) == [0, 0, 0, 1]


def test_a_bin_without_good_pixels(rng):
    spectra = changed(cube(rng), slice(0, 24), mask=True)
    number = np.where(np.arange(480) < 24, 0, 1)
    binned = bin_spectra(spectra, number, CALIFA)
    assert binned.flags.tolist() == [Flag.NO_DATA, 0]
    assert binned.mask[0].all()
    assert not binned.mask[1].any()
    assert np.isfinite(binned.flux).all()
    assert np.isfinite(binned.flux_err).all()


def test_spectra_without_positions_or_redshift(rng):
    spectra = cube(rng)
    rows = dataclasses.replace(spectra.rows, x=np.full(480, np.nan), y=np.full(480, np.nan))
    spectra = dataclasses.replace(spectra, rows=rows, redshift=np.full(480, np.nan))
    binned = bin_spectra(spectra, np.zeros(480, int), CALIFA)
    assert np.isnan(binned.rows.x).all()
    assert np.isnan(binned.redshift).all()
    found = bin_cube(spectra, NO_ENGINE)  # the brightest spaxel is the centre
    assert found.bin_id[np.unravel_index(np.nanargmax(found.signal), found.signal.shape)] == 0


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (np.zeros(3, int), "expected an integer for each of the 480"),
        (np.zeros(480), "expected an integer"),
        (np.full(480, -1), "all bin numbers are negative"),
        (np.r_[np.zeros(479, int), 2], "bin 1 has no spectrum, but bin 2 has"),
    ],
)
def test_bad_bin_numbers(rng, number, message):
    with pytest.raises(AgezError, match=message):
        bin_spectra(cube(rng), number, CALIFA)


def test_bins_of_two_galaxies(rng):
    spectra = cube(rng)
    names = spectra.rows.galaxy_id.copy()
    names[7] = "NGC0002"
    spectra = dataclasses.replace(spectra, rows=dataclasses.replace(spectra.rows, galaxy_id=names))
    with pytest.raises(AgezError, match="bin 0 has spectra of galaxies NGC0001 and NGC0002"):
        bin_spectra(spectra, np.zeros(480, int), CALIFA)


# ---------------------------------------------------------------- bins from an image


def test_bins_again_from_their_image(tmp_path, rng):
    path = write_califa(tmp_path / "NGC0001.fits", cube(rng))
    spectra = read_spectra(path)
    first = bin_cube(spectra, NO_ENGINE)
    again = bin_spectra(spectra, bins_of_map(spectra, first.bin_id.astype(float)), CALIFA)
    np.testing.assert_array_equal(again.flux, first.spectra.flux)
    np.testing.assert_array_equal(again.flux_err, first.spectra.flux_err)
    assert again.rows.spec_id.tolist() == first.spectra.rows.spec_id.tolist()
    assert first.meta["covariance"]["name"] == "califa"


def test_bad_images_of_bins(rng):
    spectra = cube(rng)
    with pytest.raises(AgezError, match=r"shape \(3, 3\); made.fits has 20 x 24"):
        bins_of_map(spectra, np.zeros((3, 3)))
    with pytest.raises(AgezError, match="no whole numbers"):
        bins_of_map(spectra, np.full((20, 24), 0.5))
    with pytest.raises(AgezError, match="no whole numbers"):
        bins_of_map(spectra, np.full((20, 24), np.nan))


# ---------------------------------------------------------------- whole cubes, no engine needed


def test_method_none(rng):
    spectra = cube(rng)
    found = bin_cube(spectra, NO_ENGINE)
    used = found.bin_id >= 0
    np.testing.assert_array_equal(used, found.snr >= 3.0)
    assert np.all(found.n_spaxels == 1)
    np.testing.assert_allclose(found.bin_snr[found.bin_id[used]], found.snr[used], rtol=1e-6)
    at = {name: i for i, name in enumerate(spectra.rows.spec_id.tolist())}
    for y, x in np.argwhere(used)[::17]:
        np.testing.assert_array_equal(found.spectra.flux[found.bin_id[y, x]], spectra.flux[at[f"{y}-{x}"]])
    distance = np.hypot(found.spectra.rows.x, found.spectra.rows.y)
    assert np.all(np.diff(distance) >= -1e-6)
    assert found.bin_id[10, 12] == 0
    assert json.loads(json.dumps(found.meta)) == found.meta
    assert found.spectra.meta["binning"] == found.meta
    assert found.meta["window_observed_angstrom"] == pytest.approx([5450 * 1.01, 5550 * 1.01])
    assert len(found) == len(found.spectra)


def test_a_manga_cube(tmp_path, rng):
    manga_cube(tmp_path / "m.fits", rng)
    found = bin_cube(read_spectra(tmp_path / "m.fits", redshift=0.02), NO_ENGINE)
    assert found.meta["covariance"]["name"] == "manga"
    assert found.bin_id.shape == (3, 4)
    assert np.argwhere(found.bin_id < 0).tolist() == [[0, 0], [1, 1], [2, 3]]  # outside, a star, outside
    assert found.spectra.rows.spec_id[8] == "7443-12703-8"
    with pytest.raises(AgezError, match="not spaxels"):
        cube_pixels(found.spectra.rows.take(slice(0, 8)))


def test_star_mask_of_a_file(tmp_path, rng):
    (tmp_path / "stars.csv").write_text("x,y,radius\n0,0,2.5\n")
    found = bin_cube(cube(rng), BinSettings(method="none", star_mask=tmp_path / "stars.csv"))
    assert found.bin_id[10, 12] == -1
    assert found.meta["spaxels"]["star mask"] == found.stars.sum() == 21
    assert np.hypot(found.spectra.rows.x, found.spectra.rows.y).min() > 2.5


@pytest.mark.parametrize("method", ["none", "voronoi"])
def test_cubes_that_cannot_be_binned(rng, method):
    if method == "voronoi":
        pytest.importorskip("powerbin")
    settings = BinSettings(method=method)
    with pytest.raises(AgezError, match=r"made\.fits: none of 480 spaxels .*low S/N"):
        bin_cube(cube(rng, peak_snr=0.0), settings)
    with pytest.raises(AgezError, match=r"480 too few good pixels"):
        bin_cube(changed(cube(rng), slice(None), mask=True), settings)
    nan = changed(cube(rng), slice(None), flux=np.nan)
    with pytest.raises(AgezError, match=r"480 too few good pixels"):
        bin_cube(nan, settings)
    with pytest.raises(AgezError, match="negative or zero flux"):
        bin_cube(changed(cube(rng), slice(None), flux=-1 - rng.uniform(size=(480, 120))), settings)
    rss = dataclasses.replace(cube(rng), meta={"source": "a.fits", "format": "rss"})
    with pytest.raises(AgezError, match="is no cube") as caught:
        bin_cube(rss, settings)
    assert "\n" not in str(caught.value)
    with pytest.raises(AgezError, match="bins already"):
        bin_cube(bin_cube(cube(rng), NO_ENGINE).spectra, settings)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"target_snr": 0.0}, "target S/N"),
        ({"target_snr": float("nan")}, "target S/N"),
        ({"method": "vorbin"}, "choose voronoi or none"),
        ({"min_spaxel_snr": -1.0}, "least S/N"),
        ({"covariance": "x"}, "spatial covariance"),
    ],
)
def test_bad_settings(words, message):
    with pytest.raises(AgezError, match=message):
        BinSettings(**words)


def test_missing_engine_is_one_clear_line(rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "powerbin", None)
    for call in (lambda: can_bin("voronoi"), lambda: bin_cube(cube(rng))):
        with pytest.raises(AgezError, match=r"pip install 'agez\[bin\]'"):
            call()
    can_bin("none")
    bin_cube(cube(rng), NO_ENGINE)


def test_binned_cube_checks_itself(rng):
    found = bin_cube(cube(rng), NO_ENGINE)
    for change in ({"n_spaxels": found.n_spaxels + 1}, {"bin_snr": found.bin_snr[1:]}, {"snr": found.snr[1:]}):
        with pytest.raises(AgezError, match="BinnedCube"):
            dataclasses.replace(found, **change)


# ---------------------------------------------------------------- Voronoi bins


@pytest.mark.usefixtures("voronoi")
class TestVoronoi:
    @pytest.mark.parametrize("covariance", ["none", "califa", "manga"])
    def test_bins_reach_the_target(self, rng, covariance):
        spectra = cube(rng, ny=50, nx=52, peak_snr=60.0, scale=7.0)
        target = 30.0 if covariance == "none" else 20.0
        found = bin_cube(spectra, BinSettings(target_snr=target, covariance=covariance))
        gathered = found.n_spaxels > 1
        assert gathered.sum() >= 10
        assert np.median(found.bin_snr[gathered]) == pytest.approx(target, rel=0.1)
        assert np.std(found.bin_snr[gathered]) < 0.12 * target
        assert found.bin_snr[gathered].min() > 0.6 * target
        assert np.all(found.bin_snr[~gathered] > 0.6 * target)
        alone = found.n_spaxels[found.bin_id[(found.snr >= target)]]
        assert np.all(alone == 1)
        # the S/N said is that of the spectra made
        signal, noise, width = signal_and_noise(found.spectra, snr_window(found.spectra))
        np.testing.assert_allclose(signal / noise / np.sqrt(width), found.bin_snr, rtol=0.08)

    def test_all_usable_spaxels_are_in_a_bin_and_flux_is_conserved(self, rng):
        spectra = cube(rng)
        found = bin_cube(spectra, BinSettings(target_snr=20.0))
        used = found.bin_id >= 0
        np.testing.assert_array_equal(used, found.snr >= 3.0)
        assert found.n_spaxels.sum() == used.sum()
        total = spectra.flux[used.ravel()].sum(axis=0, dtype=float)
        np.testing.assert_allclose(found.spectra.flux.sum(axis=0, dtype=float), total, rtol=1e-5)
        assert np.all(np.diff(np.hypot(found.spectra.rows.x, found.spectra.rows.y)) >= -1e-6)
        assert found.meta["engine"] == "powerbin"
        assert found.meta["remark"] == ""

    def test_bins_are_connected(self, rng):
        found = bin_cube(cube(rng, ny=40, nx=42, scale=6.0), BinSettings(target_snr=15.0))
        for b in range(len(found)):
            assert ndimage.label(found.bin_id == b, np.ones((3, 3)))[1] == 1

    def test_order_of_rows_changes_nothing(self, rng):
        spectra = random_masks(cube(rng), rng, fraction=0.05)
        settings = BinSettings(target_snr=20.0)
        found = bin_cube(spectra, settings)
        turned = bin_cube(spectra.take(rng.permutation(480)), settings)
        np.testing.assert_array_equal(found.bin_id, turned.bin_id)
        np.testing.assert_array_equal(found.snr, turned.snr)
        np.testing.assert_array_equal(found.spectra.mask, turned.spectra.mask)
        np.testing.assert_allclose(found.spectra.flux, turned.spectra.flux, rtol=1e-6)
        np.testing.assert_allclose(found.spectra.flux_err, turned.spectra.flux_err, rtol=1e-6)
        again = bin_cube(spectra, settings)
        np.testing.assert_array_equal(found.spectra.flux, again.spectra.flux)

    def test_noise_of_bins_is_as_predicted_where_spaxels_are_correlated(self, rng):
        """Noise smoothed over 2 spaxels FWHM, bins of all sizes: errors are right with the law, a third without."""
        shape = (40, 42)
        sky = np.stack(
            [ndimage.gaussian_filter(rng.normal(size=shape), 0.85, mode="wrap") for _ in range(400)], axis=-1
        )
        sky /= sky.std()
        options = {"ny": 40, "nx": 42, "peak_snr": 30.0, "scale": 6.0, "n_wave": 400}
        spectra = cube(rng, sky=sky, **options)
        found = bin_cube(spectra, BinSettings(target_snr=20.0))
        truth = bin_spectra(cube(rng, noise=False, **options), bins_of_map(spectra, found.bin_id), CALIFA)
        pull = (found.spectra.flux - truth.flux) / found.spectra.flux_err
        big = found.n_spaxels >= 5
        assert big.sum() >= 8
        assert pull[big].std() == pytest.approx(1.0, abs=0.15)
        assert pull[found.n_spaxels == 1].std() == pytest.approx(1.0, abs=0.05)
        naive = pull * CALIFA.ratio(found.n_spaxels)[:, None]
        assert naive[big].std() > 2.0

    def test_every_spaxel_above_the_target(self, rng):
        found = bin_cube(cube(rng), BinSettings(target_snr=3.0))
        assert np.all(found.n_spaxels == 1)
        assert "nothing was binned" in found.meta["remark"]

    def test_target_out_of_reach_is_one_bin(self, rng):
        found = bin_cube(cube(rng), BinSettings(target_snr=1000.0))
        assert len(found) == 1
        assert "one bin" in found.meta["remark"]
        assert 20.0 < found.bin_snr[0] < 1000.0

    @pytest.mark.parametrize("spaxels", [["10-12"], ["10-12", "10-13"], ["10-12", "10-13", "11-12"]])
    @pytest.mark.parametrize("target", [5.0, 25.0, 300.0])
    def test_few_usable_spaxels(self, rng, spaxels, target):
        spectra = cube(rng)
        few = spectra.take(np.isin(spectra.rows.spec_id, spaxels))
        found = bin_cube(few, BinSettings(target_snr=target))
        assert found.n_spaxels.sum() == len(spaxels)
        assert np.isfinite(found.bin_snr).all()

    @pytest.mark.parametrize("target", [20.0, 40.0, 300.0])
    def test_spaxels_in_one_line(self, rng, target):
        spectra = cube(rng, scale=20.0)
        line = spectra.take(np.char.startswith(spectra.rows.spec_id, "10-"))
        found = bin_cube(line, BinSettings(target_snr=target, covariance="none"))
        assert found.n_spaxels.sum() == 24

    def test_one_faint_spaxel_beside_bright_ones(self, rng):
        spectra = cube(rng, scale=1e9)
        spectra = changed(spectra, 7, flux=spectra.flux[7] - 20.0)
        found = bin_cube(spectra, BinSettings(target_snr=15.0))
        assert len(found) == 480
        assert "below the target" in found.meta["remark"]

    @pytest.mark.parametrize("failing", ["regularised", "both"])
    def test_an_engine_that_fails_falls_back(self, rng, monkeypatch, failing):
        import powerbin

        true_class = powerbin.PowerBin

        def fails(*arguments, regul, **options):
            if regul or failing == "both":
                raise ValueError("empty bin")
            return true_class(*arguments, regul=regul, **options)

        monkeypatch.setattr(powerbin, "PowerBin", fails)
        found = bin_cube(cube(rng), BinSettings(target_snr=20.0))
        assert found.meta["engine"] == ("powerbin, not regularised" if failing == "regularised" else "one bin")
        assert found.n_spaxels.sum() == (found.bin_id >= 0).sum()

    def test_from_a_file(self, tmp_path, rng):
        spectra = read_spectra(write_califa(tmp_path / "NGC0001.fits", cube(rng)))
        found = bin_cube(spectra, BinSettings(target_snr=20.0))
        assert found.bin_id.shape == (20, 24)
        assert found.meta["covariance"]["name"] == "califa"
        assert found.spectra.rows.spec_id[0] == "NGC0001-0"
        assert np.hypot(found.spectra.rows.x[0], found.spectra.rows.y[0]) < 1.0
