"""Damaged and foreign files: one line each, never a traceback, never a warning; and the bridge to specutils."""

import bz2
import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from reader_files import califa_cube, manga_cube, sdss_spec, sdss_spspec

from agez.errors import AgezError
from agez.spectra.readers import read_spectra

WRITERS = {"califa": califa_cube, "manga": manga_cube, "sdss": sdss_spec, "sdss-old": sdss_spspec}


def message_of(path) -> str | None:
    """What the refusal says, checked to be one line; None if the file is read."""
    try:
        read_spectra(path)
    except AgezError as error:
        message = str(error)
    else:
        return None
    assert str(path) in message
    assert "\n" not in message
    return message


def refused(path, words="", **options):
    with pytest.raises(AgezError, match=words) as caught:
        read_spectra(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("survey", WRITERS)
def test_truncated_anywhere(tmp_path, rng, survey):
    """Cut in headers, in data, and between: refused, or (only at the end of an HDU) read without what is optional."""
    whole = tmp_path / "whole.fits"
    WRITERS[survey](whole, rng)
    content = whole.read_bytes()
    expected = read_spectra(whole)
    with fits.open(whole) as hdus:
        ends = [hdu._header_offset for hdu in hdus] + [hdu._data_offset for hdu in hdus]
    cuts = {1, 10, 79, 2000, 2880, len(content) - 2880, len(content) - 1000, len(content) - 1}
    cuts |= {end + shift for end in ends for shift in (-1, 0, 1, 1500)}
    path = tmp_path / "cut.fits"
    n_refused = 0
    for cut in sorted(cut for cut in cuts if 0 < cut < len(content)):
        path.write_bytes(content[:cut])
        if message_of(path):
            n_refused += 1
        else:
            # Only a file that ends with a complete HDU can pass, and then the wavelengths are right.
            assert cut in ends
            np.testing.assert_array_equal(read_spectra(path).wave_angstrom, expected.wave_angstrom)
    assert n_refused > 6


@pytest.mark.parametrize("packer", [gzip.compress, bz2.compress])
def test_truncated_compressed(tmp_path, rng, packer):
    califa_cube(tmp_path / "c.fits", rng)
    content = packer((tmp_path / "c.fits").read_bytes())
    path = tmp_path / "c.fits.gz"
    path.write_bytes(content)
    assert len(read_spectra(path)) == 19
    for share in (0.05, 0.5, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        refused(path, "truncated or damaged")
    path.write_bytes(content[:-1] if packer is bz2.compress else content[:-3])
    refused(path, "truncated or damaged")
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(damaged))
    refused(path, "truncated or damaged")


@pytest.mark.parametrize("survey", WRITERS)
def test_random_damage_to_headers(tmp_path, rng, survey):
    """A byte of a header replaced: read, or refused in one line."""
    whole = tmp_path / "whole.fits"
    WRITERS[survey](whole, rng)
    content = whole.read_bytes()
    with fits.open(whole) as hdus:
        headers = [(hdu._header_offset, 80 * len(hdu.header)) for hdu in hdus]
    path = tmp_path / "damaged.fits"
    for _ in range(80):
        start, length = headers[rng.integers(len(headers))]
        damaged = bytearray(content)
        damaged[start + rng.integers(length)] = rng.integers(32, 127)
        path.write_bytes(bytes(damaged))
        message_of(path)


def test_foreign_files(tmp_path, rng):
    refused(tmp_path / "none.fits", "no such file")
    refused(tmp_path, "is a folder")
    path = tmp_path / "f.fits"
    path.write_bytes(b"")
    refused(path, "empty")
    path.write_bytes(bytes(rng.integers(0, 256, 5000, dtype=np.uint8)))
    refused(path, "not a known kind")
    path.write_text("hello, world\n")
    refused(path, "wavelength")
    refused(path, "is not a FITS file", format="califa-cube")
    fits.PrimaryHDU(np.ones((5, 6, 7), np.float32)).writeto(path, overwrite=True)
    refused(path, "no extension of errors")
    fits.PrimaryHDU(np.ones(50, np.float32)).writeto(path, overwrite=True)
    refused(path, "errors")
    fits.PrimaryHDU().writeto(path, overwrite=True)
    refused(path, "known formats")
    Table({"a": [1.0], "b": [2.0]}).write(path, overwrite=True)
    refused(path, r"\(a, b\)")
    refused(path, "no wavelength column", format="table")


@pytest.mark.parametrize("missing", ["WAVE", "IVAR"])
def test_manga_without_an_extension(tmp_path, rng, missing):
    manga_cube(tmp_path / "m.fits", rng)
    with fits.open(tmp_path / "m.fits") as hdus:
        del hdus[missing]
        hdus.writeto(tmp_path / "n.fits")
    refused(tmp_path / "n.fits", missing)


@pytest.mark.parametrize(("name", "words"), [("IVAR", "shape"), ("WAVE", "shape"), ("MASK", "integers")])
def test_manga_with_a_wrong_extension(tmp_path, rng, name, words):
    manga_cube(tmp_path / "m.fits", rng)
    with fits.open(tmp_path / "m.fits") as hdus:
        hdus[name].data = hdus[name].data.astype(np.float32) if name == "MASK" else hdus[name].data[1:]
        hdus.writeto(tmp_path / "n.fits")
    refused(tmp_path / "n.fits", words)


def test_extra_padding_is_no_damage(tmp_path, rng):
    sdss_spec(tmp_path / "s.fits", rng)
    path = tmp_path / "p.fits"
    path.write_bytes((tmp_path / "s.fits").read_bytes() + bytes(2880))
    assert len(read_spectra(path)) == 1


def test_formats_of_specutils_as_a_last_resort(tmp_path):
    """A file in specutils' own layout with names that ours do not know is read through it."""
    specutils = pytest.importorskip("specutils")
    from astropy import units as u
    from astropy.nddata import StdDevUncertainty

    wave = 4000.0 + np.arange(30.0)
    flux = (1 + np.arange(30.0)) * u.Unit("1e-17 erg / (s cm2 Angstrom)")
    made = specutils.Spectrum(
        flux=flux, spectral_axis=wave * u.AA, uncertainty=StdDevUncertainty(np.full(30, 0.5) * flux.unit)
    )
    made.write(tmp_path / "s.fits", format="tabular-fits", wunit=u.AA)
    table = Table.read(tmp_path / "s.fits")
    table.rename_columns(table.colnames, ["spectral_axis", "flux", "uncertainty"])
    table.write(tmp_path / "t.fits")
    spectra = read_spectra(tmp_path / "t.fits")
    assert spectra.meta["format"] == "specutils"
    np.testing.assert_allclose(spectra.wave_angstrom, wave)
    np.testing.assert_allclose(spectra.flux_err, 0.5)
    assert spectra.flux_unit == "1e-17 erg / (s cm2 Angstrom)"
