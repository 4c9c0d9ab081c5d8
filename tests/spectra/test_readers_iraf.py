"""One-dimensional FITS images without errors: read with the noise of their own scatter, and said so."""

import numpy as np
import pytest
from astropy.io import fits

import agez
from agez.errors import AgezError
from agez.flags import Flag
from agez.spectra.noise_estimate import LEAST_NOISE, scatter_error

N, START, STEP = 3000, 3200.0, 1.5


def write(path, flux, **cards):
    header = {"CRVAL1": START, "CDELT1": STEP, "CD1_1": STEP, "CRPIX1": 1.0, "CTYPE1": "LINEAR"} | cards
    hdu = fits.PrimaryHDU(flux.astype(np.float32))
    for key, value in header.items():
        if value is not None:
            hdu.header[key] = value
    hdu.writeto(path)
    return path


@pytest.fixture
def flux(rng):
    wave = START + STEP * np.arange(N)
    return 1e-14 * (wave / 5000) ** -0.5 * (1 + 0.02 * rng.standard_normal(N))


def test_a_spectrum_is_read_with_its_scatter(tmp_path, flux):
    flux[:100] = 0
    spectra = agez.read_spectra(write(tmp_path / "ngc1.fits", flux), redshift=0.01)
    assert spectra.meta["format"] == "iraf"
    assert (spectra.medium, spectra.meta["assumed"]) == ("air", ("medium", "fwhm", "flux_unit"))
    np.testing.assert_allclose(spectra.wave_angstrom, START + STEP * np.arange(N))
    assert spectra.mask[0, :100].all()
    assert not spectra.mask[0, 100:].any()
    np.testing.assert_allclose(np.median(spectra.flux_err[0, 100:] / spectra.flux[0, 100:]), 0.02, rtol=0.1)
    assert spectra.flags.tolist() == [int(Flag.ERROR_ASSUMED)]
    assert spectra.rows.galaxy_id.tolist() == ["ngc1"]


def test_red_to_blue_and_headers_that_say_more(tmp_path, flux):
    path = write(
        tmp_path / "a.fits", flux, CRVAL1=START + STEP * (N - 1), CDELT1=-STEP, CD1_1=-STEP, CTYPE1="WAVE",
        BUNIT="erg/s/cm2/A", REDSHIFT=0.02, OBJECT="NGC 2",
    )  # fmt: skip
    spectra = agez.read_spectra(path)
    np.testing.assert_allclose(spectra.wave_angstrom, START + STEP * np.arange(N))
    np.testing.assert_allclose(spectra.flux[0], flux[::-1], rtol=1e-5)
    assert (spectra.medium, spectra.redshift.tolist()) == ("vacuum", [0.02])
    assert spectra.meta["assumed"] == ("fwhm",)
    assert spectra.rows.galaxy_id.tolist() == ["NGC 2"]


def test_nothing_else_is_taken_for_one(tmp_path, flux):
    """An image with errors beside it is of another layout, and one without a grid of none."""
    grid = write(tmp_path / "grid.fits", flux, CDELT1=None, CD1_1=None)
    both = fits.HDUList([fits.PrimaryHDU(flux), fits.ImageHDU(flux, name="ERR")])
    both[0].header.update({"CRVAL1": START, "CDELT1": STEP})
    both.writeto(tmp_path / "both.fits")
    assert agez.read_spectra(tmp_path / "both.fits").meta["format"] == "flux-error"
    with pytest.raises(AgezError):
        agez.read_spectra(grid)
    with pytest.raises(AgezError, match="too few pixels with data"):
        agez.read_spectra(write(tmp_path / "zero.fits", np.zeros(N)))


def test_noise_follows_the_detector_and_passes_lines_by(rng):
    wave = np.arange(N, dtype=float)
    noise = np.where(wave < N / 2, 0.01, 0.05)
    flux = 1 + 0.5 * np.exp(-0.5 * ((wave - 700) / 6) ** 2) + noise * rng.standard_normal(N)
    error = scatter_error(flux, np.zeros(N, bool))
    for part, sigma in ((slice(100, N // 2 - 200), 0.01), (slice(N // 2 + 200, N), 0.05)):
        np.testing.assert_allclose(np.median(error[part]), sigma, rtol=0.1)
    assert error[690:710].max() < 0.02


def test_spectra_that_seem_to_have_no_noise():
    assert scatter_error(np.full(500, 2.0), np.zeros(500, bool)).tolist() == [2 * LEAST_NOISE] * 500
    assert np.isnan(scatter_error(np.ones(500), np.ones(500, bool))).all()
