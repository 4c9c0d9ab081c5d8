"""CALIFA cubes and RSS files: what is written is what is read."""

import dataclasses
import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from reader_files import califa_cube

from agez.errors import AgezError
from agez.flags import Flag
from agez.spectra.readers import cube_pixels, read_spectra, write_rss
from agez.types import Rows, Spectra


def some_spectra(rng: np.random.Generator, n: int = 6, p: int = 40, **changes) -> Spectra:
    """Clean float32 spectra with a masked pixel and all fields filled."""
    flux = rng.normal(5, 1, (n, p)).astype(np.float32)
    error = rng.uniform(0.1, 0.2, (n, p)).astype(np.float32)
    mask = np.zeros((n, p), bool)
    mask[0, 3] = True
    flux[mask], error[mask] = 0, 1
    rows = Rows(np.array([f"s{i}" for i in range(n)]), np.array(["N1"] * n), rng.normal(0, 5, n), rng.normal(0, 5, n))
    spectra = Spectra(
        wave_angstrom=3745.0 + 2.0 * np.arange(p),
        flux=flux,
        flux_err=error,
        mask=mask,
        medium="air",
        rows=rows,
        redshift=np.full(n, 0.0123456789),
        fwhm_angstrom=np.full(p, 6.0),
        flux_unit="1e-16 erg / (s cm2 Angstrom)",
        flags=np.where(np.arange(n) == 1, int(Flag.NON_FINITE), 0).astype(np.int32),
        meta={"survey": "mock", "source": "made"},
    )
    return dataclasses.replace(spectra, **changes)


@pytest.mark.parametrize(("setup", "fwhm"), [("V500", 6.0), ("COMB", 6.0), ("V1200", 2.3)])
@pytest.mark.parametrize("name", ["NGC0001.V500.rscube.fits", "NGC0001.rscube.fits.gz", "no_extension"])
def test_cube_in_and_out(tmp_path, rng, setup, fwhm, name):
    path = tmp_path / name
    plain = tmp_path / "plain.fits"
    made = califa_cube(plain, rng, setup=setup)
    path.write_bytes(gzip.compress(plain.read_bytes()) if name.endswith("gz") else plain.read_bytes())
    spectra = read_spectra(path)
    assert spectra.meta["format"] == "califa-cube"
    assert spectra.meta["setup"] == setup
    assert len(spectra) == 4 * 5 - 1
    np.testing.assert_allclose(spectra.wave_angstrom, made["wave"], rtol=1e-12)
    assert spectra.medium == "air"
    assert spectra.flux_unit == "1e-16 erg / (s cm2 Angstrom)"
    np.testing.assert_allclose(spectra.redshift, 4500.0 / 299792.458, rtol=1e-9)
    assert np.all(spectra.fwhm_angstrom == fwhm)
    assert spectra.flux.dtype == np.float32
    y, x = cube_pixels(spectra.rows)
    expected = made["flux"][:, y, x].T
    good = ~spectra.mask
    np.testing.assert_array_equal(spectra.flux[good], expected[good])
    np.testing.assert_array_equal(spectra.flux_err[good], made["error"][:, y, x].T[good])
    assert set(spectra.rows.galaxy_id.tolist()) == {"NGC0001"}


def test_cube_masks_and_flags(tmp_path, rng):
    califa_cube(tmp_path / "c.fits", rng)
    spectra = read_spectra(tmp_path / "c.fits")
    at = {name: i for i, name in enumerate(spectra.rows.spec_id.tolist())}
    assert "0-0" not in at
    assert spectra.mask.sum() == 3
    assert spectra.mask[at["1-2"], 7]
    assert spectra.flags[at["1-2"]] == 0  # the file itself said so
    assert spectra.mask[at["2-3"], 9]
    assert spectra.flags[at["2-3"]] == Flag.NON_FINITE
    assert spectra.mask[at["3-4"], 11]
    assert spectra.flags[at["3-4"]] == Flag.BAD_ERROR
    assert np.count_nonzero(spectra.flags) == 2
    assert np.isfinite(spectra.flux).all()
    assert (spectra.flux_err > 0).all()
    assert np.all(spectra.flux[spectra.mask] == 0)
    assert np.all(spectra.flux_err[spectra.mask] == 1)


def test_positions_agree_with_the_wcs_of_the_cube(tmp_path, rng):
    path = tmp_path / "c.fits"
    califa_cube(path, rng)
    spectra = read_spectra(path)
    wcs = WCS(fits.Header(spectra.meta["wcs"]), naxis=2)
    y, x = cube_pixels(spectra.rows)
    np.testing.assert_array_equal(y, spectra.meta["pixel_y"])
    np.testing.assert_array_equal(x, spectra.meta["pixel_x"])
    assert spectra.meta["cube_shape"] == (4, 5)
    ra, dec = wcs.wcs_pix2world(x, y, 0)
    np.testing.assert_allclose(spectra.rows.x, -(ra - 1.8) * np.cos(np.radians(27.7)) * 3600, atol=1e-3)
    np.testing.assert_allclose(spectra.rows.y, (dec - 27.7) * 3600, atol=1e-3)
    # the same numbers without celestial axes: arcsec on the detector
    califa_cube(tmp_path / "d.fits", rng, celestial=False)
    old = read_spectra(tmp_path / "d.fits")
    np.testing.assert_allclose(old.rows.x, x - 2.0)
    np.testing.assert_allclose(old.rows.y, y - 1.0)
    assert old.medium == "air"
    assert "medium" in old.meta["assumed"]
    few = spectra.take(np.array([5, 2]))
    np.testing.assert_array_equal(cube_pixels(few.rows)[1], x[[5, 2]])


def test_cube_options_go_before_the_header(tmp_path, rng):
    califa_cube(tmp_path / "c.fits", rng)
    spectra = read_spectra(tmp_path / "c.fits", redshift=0.5, medium="vacuum", flux_unit="1e-15 erg / (s cm2 Angstrom)")
    assert np.all(spectra.redshift == 0.5)
    assert spectra.medium == "vacuum"
    assert spectra.flux_unit == "1e-15 erg / (s cm2 Angstrom)"


def test_cube_header_words(tmp_path, rng):
    califa_cube(tmp_path / "a.fits", rng, MED_VEL=None, REDSHIFT=0.02, BUNIT=None)
    spectra = read_spectra(tmp_path / "a.fits")
    assert np.all(spectra.redshift == 0.02)
    assert spectra.meta["assumed"] == ("fwhm", "flux_unit")
    califa_cube(tmp_path / "b.fits", rng, MED_VEL=None, BUNIT="1E-16 erg/s/cm^2", AIRORVAC="vac")
    spectra = read_spectra(tmp_path / "b.fits")
    assert np.isnan(spectra.redshift).all()
    assert spectra.flux_unit == "1e-16 erg / (s cm2 Angstrom)"
    assert spectra.medium == "vacuum"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"BUNIT": "m/s"}, "not a flux density"),
        ({"BUNIT": "mag"}, "magnitude"),
        ({"BUNIT": "splines"}, "not understood"),
        ({"CUNIT3": "Hz"}, "not a length"),
        ({"CD3_3": -2.0}, "must increase"),
        ({"CRVAL3": None}, "no wavelength axis"),
        ({"CRVAL3": "blue"}, "no wavelength axis"),
    ],
)
def test_cube_with_a_wrong_header(tmp_path, rng, change, words):
    path = tmp_path / "c.fits"
    califa_cube(path, rng, **change)
    with pytest.raises(AgezError, match=words) as caught:
        read_spectra(path)
    assert str(path) in str(caught.value)


def test_cube_with_wrong_or_missing_extensions(tmp_path, rng):
    path = tmp_path / "c.fits"
    califa_cube(path, rng)
    for name, change in {"shape": "(4, 5)", "missing": "ERROR", "empty": "no spaxel"}.items():
        with fits.open(path) as hdus:
            if name == "shape":
                hdus["ERROR"].data = hdus["ERROR"].data[0]
            elif name == "missing":
                del hdus["ERROR"]
            else:
                hdus["BADPIX"].data[:] = 1
            hdus.writeto(tmp_path / f"{name}.fits")
        with pytest.raises(AgezError, match=change.replace("(", r"\(").replace(")", r"\)")):
            read_spectra(tmp_path / f"{name}.fits")


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_rss_round_trip(tmp_path, rng, suffix):
    spectra = some_spectra(rng)
    path = tmp_path / f"N1.rss{suffix}"
    write_rss(path, spectra)
    back = read_spectra(path)
    for name in ("wave_angstrom", "flux", "flux_err", "mask", "redshift", "fwhm_angstrom", "flags"):
        np.testing.assert_array_equal(getattr(back, name), getattr(spectra, name), err_msg=name)
        assert getattr(back, name).dtype == getattr(spectra, name).dtype
    for name in ("spec_id", "galaxy_id", "x", "y"):
        np.testing.assert_array_equal(getattr(back.rows, name), getattr(spectra.rows, name))
    assert (back.medium, back.flux_unit) == (spectra.medium, spectra.flux_unit)
    assert back.meta["survey"] == "mock"
    assert back.meta["assumed"] == ()
    with fits.open(path) as hdus:  # as CALIFA's own
        assert hdus["ERROR"].data[0, 3] == np.float32(1e10)
        assert hdus["BADPIX"].data.dtype == np.uint8
        assert hdus[0].header["CRVAL1"] == 3745.0
        assert hdus[0].header["CDELT1"] == 2.0
        assert hdus[0].header["OBJECT"] == "N1"


def test_our_rss_without_its_table_is_refused(tmp_path, rng):
    write_rss(tmp_path / "a.fits", some_spectra(rng))
    with fits.open(tmp_path / "a.fits") as hdus:
        end = hdus["SPECID"]._header_offset
    content = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "b.fits").write_bytes(content[:end])
    with pytest.raises(AgezError, match="SPECID is missing"):
        read_spectra(tmp_path / "b.fits")


def test_rss_round_trip_of_the_unusual(tmp_path, rng):
    """A log grid in vacuum, varying resolution, several galaxies, unknown redshifts and positions, an empty row."""
    spectra = some_spectra(rng)
    mask = spectra.mask.copy()
    mask[2] = True
    flags = spectra.flags.copy()
    flags[2] |= Flag.NO_DATA
    rows = Rows(
        spectra.rows.spec_id,
        np.array(["A", "B", "long name", "B", "A", "A"]),
        np.full(6, np.nan),
        spectra.rows.y,
    )
    spectra = dataclasses.replace(
        spectra,
        wave_angstrom=10.0 ** (3.6 + 1e-4 * np.arange(40)),
        medium="vacuum",
        fwhm_angstrom=np.linspace(2, 3, 40),
        rows=rows,
        redshift=np.array([0.1, np.nan, 0.2, 0.3, 0.4, 0.5]),
        mask=mask,
        flux=np.where(mask, np.float32(0), spectra.flux),
        flux_err=np.where(mask, np.float32(1), spectra.flux_err),
        flags=flags,
    )
    write_rss(tmp_path / "u.fits", spectra)
    back = read_spectra(tmp_path / "u.fits")
    for name in ("wave_angstrom", "flux", "flux_err", "mask", "redshift", "fwhm_angstrom", "flags"):
        np.testing.assert_array_equal(getattr(back, name), getattr(spectra, name), err_msg=name)
    for name in ("spec_id", "galaxy_id", "x", "y"):
        np.testing.assert_array_equal(getattr(back.rows, name), getattr(rows, name))
    assert back.medium == "vacuum"
    unknown = dataclasses.replace(spectra, fwhm_angstrom=np.full(40, np.nan))
    write_rss(tmp_path / "v.fits", unknown)
    assert np.isnan(read_spectra(tmp_path / "v.fits").fwhm_angstrom).all()


def test_write_rss_refuses(tmp_path, rng):
    spectra = some_spectra(rng)
    with pytest.raises(AgezError, match="no spectra"):
        write_rss(tmp_path / "a.fits", spectra.take(slice(0, 0)))
    with pytest.raises(AgezError, match="flux unit"):
        write_rss(tmp_path / "a.fits", dataclasses.replace(spectra, flux_unit="furlong per"))
    tiny = dataclasses.replace(spectra, flux_err=spectra.flux_err.astype(float) * 1e-60)
    with pytest.raises(AgezError, match="do not fit"):
        write_rss(tmp_path / "a.fits", tiny)
    (tmp_path / "file").write_text("x")
    with pytest.raises(AgezError, match="cannot be written"):
        write_rss(tmp_path / "file" / "a.fits", spectra)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_rss_with_postable(tmp_path, rng):
    flux = rng.uniform(1, 2, (3, 30)).astype(np.float32)
    primary = fits.PrimaryHDU(flux)
    for key, value in {"CRVAL1": 3745.0, "CDELT1": 2.0, "CRPIX1": 1.0, "OBJECT": "N2"}.items():
        primary.header[key] = value
    positions = fits.BinTableHDU.from_columns(
        [
            fits.Column("X_Position", "E", array=np.array([0.0, 2.7, -2.7])),
            fits.Column("Y_Position", "E", array=np.array([0.0, 1.0, 3.0])),
            fits.Column("fiber", "J", array=np.array([11, 12, 13])),
        ],
        name="POSTABLE",
    )
    hdus = fits.HDUList([primary, fits.ImageHDU(np.full_like(flux, 0.1), name="ERROR"), positions])
    hdus.writeto(tmp_path / "p.fits")
    spectra = read_spectra(tmp_path / "p.fits")
    np.testing.assert_allclose(spectra.rows.x, [0, 2.7, -2.7], rtol=1e-6)
    assert spectra.rows.spec_id.tolist() == ["11", "12", "13"]
    hdus["POSTABLE"].data = hdus["POSTABLE"].data[:2]
    hdus.writeto(tmp_path / "q.fits")
    with pytest.raises(AgezError, match="2 rows but there are 3"):
        read_spectra(tmp_path / "q.fits")
