"""Signal and noise of spaxels, and which of them are used: known brightness, known faults, masks of stars."""

import dataclasses

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cube_factory import brightness, cube, write_califa

from agez.errors import AgezError
from agez.spectra.readers import read_spectra
from agez.spectra.spaxels import REASONS, measure_spaxels, signal_and_noise, snr_window
from agez.spectra.star_masks import read_star_mask


def row(spectra, y, x):
    (at,) = np.flatnonzero(spectra.rows.spec_id == f"{y}-{x}")
    return at


def changed(spectra, at, *, flux=None, mask=None):
    """The same cube with another flux or mask in some rows."""
    new_flux, new_mask = spectra.flux.copy(), spectra.mask.copy()
    if flux is not None:
        new_flux[at] = flux
    if mask is not None:
        new_mask[at] = mask
    return dataclasses.replace(spectra, flux=new_flux, mask=new_mask)


def reason(spectra, y, x, **options):
    spaxels = measure_spaxels(spectra, min_snr=1.0, **options)
    return (None, *REASONS)[spaxels.left_out[row(spectra, y, x)]]


def test_signal_noise_and_snr_are_those_of_the_galaxy(rng):
    spectra = cube(rng, noise=False)
    spaxels = measure_spaxels(spectra, min_snr=3.0)
    truth = brightness(20, 24, peak=20.0, scale=4.0)
    low, high = spaxels.window_angstrom
    assert (low, high) == pytest.approx((5450 * 1.01, 5550 * 1.01))
    inside = (spectra.wave_angstrom >= low) & (spectra.wave_angstrom <= high)
    shape = np.median(np.linspace(0.9, 1.1, 120)[inside])
    np.testing.assert_allclose(spaxels.image(spaxels.snr), truth * shape, rtol=1e-5)  # per Angstrom
    np.testing.assert_allclose(spaxels.noise, 1.0)
    assert spaxels.pixel_angstrom == pytest.approx(2.0)
    np.testing.assert_array_equal(spaxels.image(spaxels.usable), truth * shape >= 3.0)
    assert spaxels.counts() == {"used": int(spaxels.usable.sum()), "low S/N": int((~spaxels.usable).sum())}


def test_medians_do_not_mind_a_sky_line_or_bad_pixels(rng):
    spectra = cube(rng, noise=False)
    low, high = snr_window(spectra)
    inside = np.flatnonzero((spectra.wave_angstrom >= low) & (spectra.wave_angstrom <= high))
    flux, mask = spectra.flux.copy(), spectra.mask.copy()
    flux[:, inside[5:8]] = 1e4
    flux[:, inside[10]] = np.nan
    mask[:, inside[12]] = True
    dirty = dataclasses.replace(spectra, flux=flux, mask=mask)
    clean_signal, *_ = signal_and_noise(spectra, (low, high))
    signal, noise, _ = signal_and_noise(dirty, (low, high))
    np.testing.assert_allclose(signal, clean_signal, rtol=0.01)
    assert np.all(noise == 1.0)


@pytest.mark.parametrize("where", ["all", "window"])
def test_spaxels_with_too_few_good_pixels(rng, where):
    spectra = cube(rng)
    low, high = snr_window(spectra)
    bad = (spectra.wave_angstrom > low) & (spectra.wave_angstrom < high) if where == "window" else True
    spectra = changed(spectra, row(spectra, 10, 12), mask=bad)
    assert reason(spectra, 10, 12) == "too few good pixels"
    assert reason(spectra, 10, 13) is None


def test_least_part_of_good_pixels(rng):
    spectra = cube(rng)
    bad = np.zeros(120, bool)
    bad[80:] = True  # outside the window
    assert reason(changed(spectra, row(spectra, 10, 12), mask=bad), 10, 12) is None
    low, high = snr_window(spectra)
    bad = (spectra.wave_angstrom < low) | (spectra.wave_angstrom > high)
    assert reason(changed(spectra, row(spectra, 10, 12), mask=bad), 10, 12) == "too few good pixels"


def test_negative_flux_spikes_and_saturation(rng):
    spectra = cube(rng)
    assert reason(changed(spectra, row(spectra, 9, 12), flux=-30 + rng.normal(size=120)), 9, 12) == (
        "negative or zero flux"
    )
    hot = changed(spectra, row(spectra, 3, 3), flux=500 + rng.normal(size=120))
    assert reason(hot, 3, 3) == "spike"
    cut = np.minimum(spectra.flux[row(spectra, 10, 12)], np.median(spectra.flux[row(spectra, 10, 12)]))
    assert reason(changed(spectra, row(spectra, 10, 12), flux=cut), 10, 12) == "saturated"
    assert reason(changed(spectra, row(spectra, 10, 12), flux=np.full(120, 20.0)), 10, 12) is None  # flat, not cut off


def test_a_point_source_after_the_seeing_is_no_spike(rng):
    y, x = np.mgrid[:20, :24]
    star = 1000 * np.exp(-0.5 * (np.hypot(x - 4, y - 4) / (2.5 / 2.355)) ** 2)
    spectra = cube(rng)
    spectra = dataclasses.replace(spectra, flux=(spectra.flux + star.reshape(-1, 1)).astype(np.float32))
    assert reason(spectra, 4, 4) is None


def test_pure_noise_has_nothing_to_use(rng):
    spaxels = measure_spaxels(cube(rng, peak_snr=0.0), min_snr=1.0)
    assert not spaxels.usable.any()
    assert sum(spaxels.counts().values()) == 480


def test_window_where_the_usual_one_is_not_covered(rng):
    spectra = cube(rng, redshift=0.3)
    low, high = snr_window(spectra)
    assert high - low == pytest.approx(100.0)
    assert 0.5 * (low + high) == pytest.approx(spectra.wave_angstrom[[0, -1]].mean())
    unknown = dataclasses.replace(spectra, redshift=np.full(480, np.nan))
    assert snr_window(unknown) == (5450.0, 5550.0)
    short = cube(rng, n_wave=6, redshift=0.3)
    assert snr_window(short) == (5400.0, 5410.0)


def test_rows_that_are_no_cube(rng):
    spectra = cube(rng)
    no_cube = dataclasses.replace(spectra, meta={"source": "a.fits", "format": "rss"})
    with pytest.raises(AgezError, match=r"a\.fits is no cube \(format rss\)"):
        measure_spaxels(no_cube, min_snr=1.0)
    with pytest.raises(AgezError, match="no pixel of a cube of 10 x 10"):
        measure_spaxels(dataclasses.replace(spectra, meta={**spectra.meta, "cube_shape": (10, 10)}), min_snr=1.0)
    with pytest.raises(AgezError, match="there twice"):
        measure_spaxels(spectra.take([0, 1, 1]), min_snr=1.0)


# ---------------------------------------------------------------- masks of stars


def test_image_mask(tmp_path, rng):
    spectra = cube(rng)
    mask = np.zeros((20, 24), np.uint8)
    mask[10:12, 12] = 1
    for name, hdus in {
        "a.fits": [fits.PrimaryHDU(mask)],
        "b.fits.gz": [fits.PrimaryHDU(), fits.ImageHDU(mask.astype(float))],
    }.items():
        fits.HDUList(hdus).writeto(tmp_path / name)
        masked = read_star_mask(tmp_path / name, spectra)
        assert set(spectra.rows.spec_id[masked].tolist()) == {"10-12", "11-12"}
    assert reason(spectra, 10, 12, star_mask=masked) == "star mask"
    few = spectra.take(masked)
    assert read_star_mask(tmp_path / "a.fits", few).all()


@pytest.mark.parametrize("name", ["circles.csv", "circles.ecsv", "circles.fits"])
def test_circles_in_arcsec_and_on_the_sky_are_the_same(tmp_path, rng, name):
    path = write_califa(tmp_path / "cube.fits", cube(rng))
    spectra = read_spectra(path)
    Table({"x": [3.0, -5.0], "y": [2.0, 0.0], "radius": [1.1, 0.5]}).write(tmp_path / name)
    masked = read_star_mask(tmp_path / name, spectra)
    expected = np.zeros(len(spectra), bool)
    for x, y, radius in ((3.0, 2.0, 1.1), (-5.0, 0.0, 0.5)):
        expected |= np.hypot(spectra.rows.x - x, spectra.rows.y - y) <= radius
    np.testing.assert_array_equal(masked, expected)
    assert masked.sum() == 6
    # x grows to the west, right ascension to the east
    ra = 1.8 - np.array([3.0, -5.0]) / 3600 / np.cos(np.radians(27.7))
    on_sky = tmp_path / f"sky_{name}"
    Table({"RA": ra, "Dec": 27.7 + np.array([2.0, 0.0]) / 3600, "radius": [1.1, 0.5]}).write(on_sky)
    np.testing.assert_array_equal(read_star_mask(on_sky, spectra), masked)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1.0], "y": [1.0]}, "radius missing"),
        ({"a": [1.0]}, "x, y, radius missing"),
        ({"x": [1.0], "y": [1.0], "radius": [-1.0]}, "row 1 has x, y, radius of 1, 1, -1"),
        ({"x": [1.0, np.nan], "y": [1.0, 1.0], "radius": [1.0, 1.0]}, "row 2"),
        ({"x": ["a"], "y": [1.0], "radius": [1.0]}, "expected a number"),
        ({"ra": [1.0], "dec": [1.0], "radius": [1.0]}, "no celestial axes"),
    ],
)
def test_bad_circles(tmp_path, rng, columns, message):
    Table(columns).write(tmp_path / "c.csv")
    with pytest.raises(AgezError, match=message):
        read_star_mask(tmp_path / "c.csv", cube(rng))


def test_bad_image_masks(tmp_path, rng):
    spectra = cube(rng)
    fits.PrimaryHDU(np.zeros((24, 20))).writeto(tmp_path / "turned.fits")
    with pytest.raises(AgezError, match=r"shape \(24, 20\); made\.fits has 20 x 24 spaxels"):
        read_star_mask(tmp_path / "turned.fits", spectra)
    fits.PrimaryHDU().writeto(tmp_path / "none.fits")
    with pytest.raises(AgezError, match="neither image nor table"):
        read_star_mask(tmp_path / "none.fits", spectra)
    with pytest.raises(AgezError, match="no such file"):
        read_star_mask(tmp_path / "absent.fits", spectra)
    content = (tmp_path / "turned.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(content[: len(content) // 2])
    with pytest.raises(AgezError, match=r"cut\.fits"):
        read_star_mask(tmp_path / "cut.fits", spectra)
    (tmp_path / "words.reg").write_text("circle(1, 2, 3)\n")
    with pytest.raises(AgezError, match="unknown kind of table"):
        read_star_mask(tmp_path / "words.reg", spectra)
