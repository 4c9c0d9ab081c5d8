"""MaNGA and SDSS files in their real layouts."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from reader_files import manga_cube, sdss_spec, sdss_spspec

from agez.errors import AgezError
from agez.flags import Flag
from agez.spectra.readers import cube_pixels, read_spectra


def test_manga_cube(tmp_path, rng):
    path = tmp_path / "manga-7443-12703-LOGCUBE.fits.gz"
    made = manga_cube(tmp_path / "plain.fits", rng)
    path.write_bytes(gzip.compress((tmp_path / "plain.fits").read_bytes()))
    spectra = read_spectra(path, redshift=0.04)
    assert spectra.meta["format"] == "manga-cube"
    assert len(spectra) == 12 - 3  # two outside, one foreground star
    assert "1-1" not in spectra.rows.spec_id.tolist()
    y, x = cube_pixels(spectra.rows)
    good = ~spectra.mask
    np.testing.assert_array_equal(spectra.flux[good], made["flux"][:, y, x].T[good])
    np.testing.assert_allclose(spectra.flux_err[good], 0.1, rtol=1e-6)
    assert spectra.mask.sum() == 1
    assert not spectra.flags.any()
    np.testing.assert_array_equal(spectra.wave_angstrom, made["wave"])
    assert spectra.medium == "vacuum"
    assert spectra.flux_unit == "1e-17 erg / (s cm2 Angstrom)"
    np.testing.assert_allclose(spectra.fwhm_angstrom, made["wave"] / 2000.0)  # the zero is bridged
    np.testing.assert_allclose(spectra.rows.x, 0.5 * (x - 1), atol=1e-6)
    np.testing.assert_allclose(spectra.rows.y, 0.5 * (y - 1) + 1.0, atol=1e-6)  # the object lies 1 arcsec south
    assert set(spectra.rows.galaxy_id.tolist()) == {"7443-12703"}
    assert np.all(spectra.redshift == 0.04)
    assert np.isnan(read_spectra(path).redshift).all()


def test_manga_rss_rejects_3d_rejected_pixels(tmp_path, rng):
    n, p = 4, 30
    flux = rng.uniform(1, 2, (n, p)).astype(np.float32)
    mask = np.zeros((n, p), np.int32)
    mask[1, 2] = 1 << 30
    mask[1, 3] = 1 << 20  # partially rejected: still of use
    x = np.arange(n)[:, None] + np.zeros((1, p))
    images = {"FLUX": flux, "IVAR": np.full((n, p), 25.0, np.float32), "MASK": mask, "WAVE": 4000.0 + np.arange(p)}
    images |= {"SPECRES": np.full(p, 2000.0), "XPOS": x, "YPOS": -x}
    fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(v, name=k) for k, v in images.items())]).writeto(
        tmp_path / "r.fits"
    )
    spectra = read_spectra(tmp_path / "r.fits")
    assert spectra.meta["format"] == "manga-rss"
    assert np.argwhere(spectra.mask).tolist() == [[1, 2]]
    np.testing.assert_allclose(spectra.rows.x, np.arange(n))
    np.testing.assert_allclose(spectra.rows.y, -np.arange(n))


def test_negative_inverse_variance_is_a_bad_error_and_zero_is_not(tmp_path, rng):
    images = {"FLUX": np.ones((2, 9), np.float32), "IVAR": np.ones((2, 9), np.float32), "WAVE": 4000.0 + np.arange(9)}
    images["IVAR"][0, 1], images["IVAR"][1, 1] = 0.0, -1.0
    images["IVAR"][1, 2] = np.nan
    fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(v, name=k) for k, v in images.items())]).writeto(
        tmp_path / "s.fits"
    )
    spectra = read_spectra(tmp_path / "s.fits")
    assert spectra.flags.tolist() == [0, int(Flag.BAD_ERROR)]
    assert spectra.mask.sum(axis=1).tolist() == [1, 2]
    assert np.isnan(spectra.fwhm_angstrom).all()


def test_sdss_spec(tmp_path, rng):
    path = tmp_path / "spec-0266-51630-0009.fits"
    made = sdss_spec(path, rng)
    spectra = read_spectra(path)
    assert spectra.meta["format"] == "sdss"
    np.testing.assert_allclose(spectra.wave_angstrom, made["wave"], rtol=1e-12)  # float32 loglam repaired
    assert np.flatnonzero(spectra.mask[0]).tolist() == [10, 20]
    assert spectra.flags[0] == 0
    np.testing.assert_allclose(spectra.redshift, 0.0123, rtol=1e-6)
    assert spectra.medium == "vacuum"
    assert spectra.rows.spec_id[0] == "266-51630-9"
    np.testing.assert_allclose(spectra.flux_err[~spectra.mask], 0.5)
    expected = 2.354820045 * 1e-4 * np.log(10) * made["wave"]
    np.testing.assert_allclose(spectra.fwhm_angstrom, expected, rtol=1e-6)
    assert spectra.meta["assumed"] == ()


def test_sdss_unknown_redshift_is_nan_and_not_a_code(tmp_path, rng):
    sdss_spec(tmp_path / "spec.fits", rng, redshift=-9999.0)
    assert np.isnan(read_spectra(tmp_path / "spec.fits").redshift[0])
    assert read_spectra(tmp_path / "spec.fits", redshift=0.1).redshift[0] == 0.1


def test_sdss_old(tmp_path, rng):
    path = tmp_path / "spSpec-51608-0267-025.fit"
    made = sdss_spspec(path, rng)
    # the headers of these files write erg/cm/s/Ang where erg/cm^2/s/Ang is meant
    spectra = read_spectra(path)
    assert spectra.meta["format"] == "sdss-old"
    np.testing.assert_allclose(spectra.wave_angstrom, made["wave"], rtol=1e-12)
    assert np.flatnonzero(spectra.mask[0]).tolist() == [4, 8]
    good = ~spectra.mask[0]
    np.testing.assert_array_equal(spectra.flux[0][good], made["flux"][good])
    np.testing.assert_allclose(spectra.redshift, 0.034)
    assert spectra.flux_unit == "1e-17 erg / (s cm2 Angstrom)"
    assert spectra.rows.spec_id[0] == "267-51608-25"


def test_format_named_by_the_caller(tmp_path, rng):
    path = tmp_path / "spec.fits"
    sdss_spec(path, rng)
    assert len(read_spectra(path, format="sdss")) == 1
    with pytest.raises(AgezError, match="looks like 'sdss'"):
        read_spectra(path, format="califa-cube")
    with pytest.raises(AgezError, match="unknown spectrum format"):
        read_spectra(path, format="muse")
    with pytest.raises(AgezError, match="medium is 'water'"):
        read_spectra(path, medium="water")
    with pytest.raises(AgezError, match="redshift is"):
        read_spectra(path, redshift=float("nan"))
    with pytest.raises(AgezError, match="not a flux density"):
        read_spectra(path, flux_unit="m/s")
    # read as a plain table on request: the same fluxes
    table = read_spectra(path, format="table")
    np.testing.assert_allclose(table.wave_angstrom, read_spectra(path).wave_angstrom, rtol=1e-6)
