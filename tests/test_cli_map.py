"""``agez map``: files to maps, and options that cannot be, refused in one clear line before the work."""

import numpy as np
import pytest
from astropy.io import fits
from cli_road import agez, done, refused
from columns_said import check_columns

from agez.photometry.filters import load_filters
from agez.tables.maps_files import read_maps

BANDS = load_filters("splus").bands
CENTRE = (150.0, 2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of a galaxy in counts, with weights."""
    at = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(5)
    y, x = np.indices((64, 64))
    light = np.exp(-np.hypot(x - 31.5, y - 31.5) / 6)
    for name, pivot in zip(BANDS.names, BANDS.pivot_angstrom, strict=True):
        counts = 80 * light * (pivot / 5500) ** 1.5 + rng.normal(size=light.shape)
        header = fits.Header()
        header.update(
            CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=CENTRE[0], CRVAL2=CENTRE[1], CRPIX1=32.5, CRPIX2=32.5,
            CDELT1=-0.55 / 3600, CDELT2=0.55 / 3600, CUNIT1="deg", CUNIT2="deg", FILTER=name, MAGZP=23.9, PSFFWHM=1.3,
            OBJECT="NGC 7 $^$",  # no formula, to whoever draws it
        )  # fmt: skip
        weight = fits.ImageHDU(np.ones_like(light, np.float32), header, name="WEIGHT")
        fits.HDUList([fits.PrimaryHDU(counts.astype(np.float32), header), weight]).writeto(at / f"ngc7_{name}.fits")
    return at


def command(folder, out, *more):
    return ("map", folder, "-o", out, "--model", "splus", "--filters", "splus", "--redshift", 0.02, *more)


def test_images_to_maps_and_pictures(folder, tmp_path):
    out = tmp_path / "maps.fits"
    answer = done(
        *command(folder, out, "--re", 5, "--inclination", 0, "--pa", 0, "--pictures", tmp_path / "png", "--json")
    ).json
    assert answer["galaxy"] == "NGC 7 $^$"
    assert answer["n_answered"] > 0.9 * answer["n_regions"] > 10
    assert {one["quantity"] for one in answer["gradients"]} == {"log_age_lw", "mh_lw"}
    assert [path.read_bytes()[:4] for path in sorted((tmp_path / "png").iterdir())] == [b"\x89PNG"] * 2
    assert len(answer["pictures"]) == 2
    check_columns(out)
    assert answer["n_good"] == fits.getdata(out, "PREDICTIONS")["good"].sum()
    maps, frame = read_maps(out)
    assert frame.bin_id.max() + 1 == answer["n_regions"]
    assert maps["LOG_AGE_LW"].values.shape == (64, 64)
    again = agez("gradient", out, "-o", tmp_path / "gradient.json", "--re", 5)
    assert again.status == 0 or "needed" in again.err


def test_a_table_of_galaxies_in_place_of_options(folder, tmp_path):
    """Redshift, disc and dust of the row of the images' OBJECT; options go before it."""
    table, out = tmp_path / "known.csv", tmp_path / "maps.fits"
    table.write_text("name,z,re,inc,pa,ebv\nNGC 1,0.3,1,0,0,0\nngc7$^$,0.021,5,40,30,0.05\n")
    options = ("map", folder, "-o", out, "--model", "splus", "--filters", "splus", "--bins", "annuli", "--json")
    answer = done(*options, "--galaxies", table).json
    assert (answer["redshift"], fits.getdata(out, "GRADIENTS").size > 0) == (0.021, True)
    said = done(*options, "--redshift", 0.021, "--re", 5, "--inclination", 40, "--pa", 30, "--ebv", 0.05).json
    assert answer["gradients"] == said["gradients"]
    assert done(*options, "--galaxies", table, "--redshift", 0.03).json["redshift"] == 0.03
    table.write_text("name,z\nNGC 1,0.3\n")
    refused(*options, "--galaxies", table, says=("no row of NGC 7 $^$ or images", "NGC 1"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--redshift", 0.7), "--redshift is 0.7"),
        (("--model", "jpas"), "not those of the model"),
        (("--snr", 0), "--snr is 0"),
        (("--snr", "nan"), "--snr is nan"),
        (("--re", -3), "--re is -3"),
        (("--pa", 20), "--inclination and --pa"),
        (("--ebv", -1), "--ebv is -1"),
        (("--error-floor", 2), "--error-floor is 2"),
        (("--segments", "nothing.fits"), "nothing.fits: no such file"),
        (("--star-table", "nothing.csv"), "nothing.csv: no such file"),
        (("--zero-points", "nothing.csv"), "nothing.csv: no such file"),
        (("--size", 20), "--centre"),
        (("--centre", "10,10"), "not on the images"),
        (("--pixel-snr", 1e7), "nothing stands out"),
        (("--psf", 60), "wider than"),
        (("--band-of", "one"), "FILE=BAND"),
        (("--extension", "K"), ("--extension K", "1 WEIGHT 64 x 64")),
    ],
)  # fmt: skip
def test_options_that_cannot_be(folder, tmp_path, options, says):
    refused(*command(folder, tmp_path / "maps.fits", *options), says=says, output=tmp_path / "maps.fits")
    assert list(tmp_path.iterdir()) == []


def test_outputs_and_inputs_that_cannot_be(folder, tmp_path):
    refused(*command(folder, tmp_path / "maps.csv"), says=(".csv", "FITS"), output=tmp_path / "maps.csv")
    refused(*command(tmp_path / "nowhere", tmp_path / "maps.fits"), says="no such file")
    (tmp_path / "empty").mkdir()
    refused(*command(tmp_path / "empty", tmp_path / "maps.fits"), says=str(tmp_path / "empty"))
    (tmp_path / "file").write_text("in the way")
    refused(*command(folder, tmp_path / "maps.fits", "--pictures", tmp_path / "file"), says=str(tmp_path / "file"))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["empty", "file"]


def test_the_scale_and_the_stars_are_said(folder, tmp_path):
    out = tmp_path / "maps.fits"
    lines = done(*command(folder, out)).out.splitlines()
    assert any(line.startswith("64 x 64 pixels of 0.55 arcsec, PSF 1.3 arcsec") for line in lines)
    stars = tmp_path / "stars.csv"
    stars.write_text("ra,dec,radius\n150.003,2.003,1.5\n151,2,1.5\n")
    lines = done(*command(folder, out, "--star-table", stars)).out.splitlines()
    (line,) = [one for one in lines if "stars masked" in one]
    assert line.startswith("stars masked: ")
    assert "1 of the table; 1 of the table are outside" in line
    stars.write_text("ra,dec,r\n150.003,2.003,1.5\n")
    refused(*command(folder, out, "--star-table", stars), says=("column r may be the radius", "rename r"))


def test_a_map_that_hardly_answers_is_no_success(folder, tmp_path, monkeypatch):
    """The maps are written, and the exit status says so; here every share of regions is too few."""
    out = tmp_path / "maps.fits"
    monkeypatch.setattr("agez.mapping.map_galaxy.LEAST_SHARE", 1.01)
    answer = agez(*command(folder, out))
    assert answer.status == 1
    assert "regions answered; the remarks say" in answer.err
    assert "regions are answered: " in answer.out
    assert out.exists()


def test_a_redshift_is_needed(folder, tmp_path):
    refused("map", folder, "-o", tmp_path / "m.fits", "--model", "splus", "--filters", "splus", says="--redshift")
