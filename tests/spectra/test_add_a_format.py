"""A format of spectra is added by one record: files in it are read, named in messages, and no other is disturbed."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from reader_files import califa_cube

import agez
from agez.errors import AgezError
from agez.spectra import formats
from agez.spectra.formats_common import Format, Options, assemble, one_galaxy_rows
from agez.spectral_units import flux_unit_of
from agez.types import Spectra

WAVE = np.linspace(4000.0, 5000.0, 51)
FLUX = np.linspace(1.0, 2.0, 51)


def read_signal_and_noise(hdus: fits.HDUList, options: Options) -> Spectra:
    """An image SIGNAL of one spectrum, and an image NOISE, on a grid in the header's words START and STEP."""
    header, flux = hdus["SIGNAL"].header, np.asarray(hdus["SIGNAL"].data, dtype=float)
    return assemble(
        options,
        wave_angstrom=header["START"] + header["STEP"] * np.arange(len(flux)),
        flux=flux[None, :],
        error=np.asarray(hdus["NOISE"].data, dtype=float)[None, :],
        bad=np.zeros((1, len(flux)), dtype=bool),
        rows=one_galaxy_rows(["0"], "NGC 1"),
        medium=options.medium or "air",
        unit=flux_unit_of(options.path, options.flux_unit, default="1e-16 erg / (s cm2 Angstrom)"),
        redshift=0.01,
        fwhm_angstrom=3.0,
        meta={"format": "signal-noise", "survey": ""},
    )


RECORD = Format(
    "signal-noise", "one spectrum: SIGNAL, NOISE", lambda hdus: "SIGNAL" in hdus and "NOISE" in hdus,
    read_signal_and_noise,
)  # fmt: skip


def read_pairs(text: str, options: Options) -> Spectra:
    """Lines of wavelength:flux with errors of a tenth."""
    wave, flux = np.array([line.split(":") for line in text.splitlines()[1:]], dtype=float).T
    return assemble(
        options,
        wave_angstrom=wave,
        flux=flux[None, :],
        error=0.1 * flux[None, :],
        bad=np.zeros((1, len(flux)), dtype=bool),
        rows=one_galaxy_rows(["0"], "NGC 2"),
        medium="vacuum",
        unit=flux_unit_of(options.path, options.flux_unit, default="uJy"),
        redshift=np.nan,
        fwhm_angstrom=np.nan,
    )


TEXT_RECORD = Format(
    "pairs", "lines of wavelength:flux", lambda text: text.startswith("%PAIRS"), read_pairs, content="text"
)


@pytest.fixture
def registered(monkeypatch):
    """Both records known, until the end of the test."""
    monkeypatch.setattr(formats, "_formats", list(formats._formats))
    formats.register_format(RECORD)
    formats.register_format(TEXT_RECORD)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "one.fits"
    header = fits.Header({"START": WAVE[0], "STEP": WAVE[1] - WAVE[0]})
    images = [fits.ImageHDU(FLUX, header, name="SIGNAL"), fits.ImageHDU(0.1 * FLUX, name="NOISE")]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    return path


@pytest.mark.parametrize("named", [None, "signal-noise"])
def test_a_file_is_read_by_its_record(registered, file, named):
    spectra = agez.read_spectra(file, format=named)
    np.testing.assert_allclose(spectra.wave_angstrom, WAVE)
    np.testing.assert_array_equal(spectra.flux[0], FLUX)
    assert (spectra.medium, spectra.meta["format"], spectra.redshift[0]) == ("air", "signal-noise", 0.01)
    assert agez.read_spectra(file, format=named, medium="vacuum", redshift=0.02).redshift[0] == 0.02


def test_without_its_record_the_file_is_not_known(file):
    with pytest.raises(AgezError, match="not a known kind of spectra"):
        agez.read_spectra(file)
    with pytest.raises(AgezError, match="unknown spectrum format 'signal-noise'"):
        agez.read_spectra(file, format="signal-noise")


@pytest.mark.parametrize("named", [None, "pairs"])
def test_a_text_is_read_by_its_record(registered, tmp_path, named):
    path = tmp_path / "pairs.txt"
    path.write_text("%PAIRS\n" + "".join(f"{w}:{f}\n" for w, f in zip(WAVE, FLUX, strict=True)))
    spectra = agez.read_spectra(path, format=named)
    assert spectra.rows.galaxy_id[0] == "NGC 2"
    np.testing.assert_allclose(spectra.flux_err, 0.1 * spectra.flux)


def test_messages_name_the_new_format(registered, file, tmp_path):
    with pytest.raises(AgezError, match=r"not in format 'rss' .*it looks like 'signal-noise'"):
        agez.read_spectra(file, format="rss")
    with pytest.raises(AgezError, match="is a FITS file, so it cannot be 'pairs'"):
        agez.read_spectra(file, format="pairs")
    table = tmp_path / "table.csv"
    table.write_text("wavelength,flux,flux_err\n5000,1,0.1\n5001,1,0.1\n")
    assert agez.read_spectra(table).meta["format"] == "table-text"
    with pytest.raises(AgezError, match="is not a FITS file, so it cannot be 'signal-noise'"):
        agez.read_spectra(table, format="signal-noise")


def test_other_formats_are_read_as_before(tmp_path, monkeypatch, rng):
    path = tmp_path / "cube.fits"
    califa_cube(path, rng)
    before = agez.read_spectra(path)
    monkeypatch.setattr(formats, "_formats", [RECORD, TEXT_RECORD, *formats._formats])
    after = agez.read_spectra(path)
    assert before.meta["format"] == after.meta["format"] == "califa-cube"
    np.testing.assert_array_equal(before.flux, after.flux)


def test_a_name_is_given_once(registered):
    for name in ("signal-noise", "rss", "specutils"):
        with pytest.raises(AgezError, match=f"'{name}' already"):
            formats.register_format(Format(name, "again", lambda content: True, read_signal_and_noise))
