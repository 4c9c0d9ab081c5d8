"""``agez map`` on damaged, missing or odd files: one line that names the file, and nothing left behind."""

import hashlib
import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cli_road import agez as run
from cli_road import done, refused
from cube_factory import cube, write_califa

from agez import __version__
from agez.photometry.filters import load_filters
from agez.tables.maps_files import read_maps

BANDS = load_filters("splus").bands
SIDE, PIXEL_ARCSEC = 40, 0.55


def write_band(folder, name, *, shape=(SIDE, SIDE), dec=2.0, weight=1.0, psf=1.3, turn=0.0, redder=1.5, **cards):
    """One band of a galaxy in the middle of the image, in microjansky."""
    rng = np.random.default_rng(sum(map(ord, name)))
    pivot = BANDS.pivot_angstrom[BANDS.names.index(name)]
    y, x = np.indices(shape)
    light = np.exp(-np.hypot(x - (shape[1] - 1) / 2, y - (shape[0] - 1) / 2) / 5)
    counts = 80 * light * (pivot / 5500) ** redder + rng.normal(size=shape)
    scale, header = PIXEL_ARCSEC / 3600, fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=dec, CRPIX1=(shape[1] + 1) / 2,
        CRPIX2=(shape[0] + 1) / 2, CD1_1=-scale * np.cos(turn), CD1_2=scale * np.sin(turn),
        CD2_1=scale * np.sin(turn), CD2_2=scale * np.cos(turn), FILTER=name, MAGZP=23.9, PSFFWHM=psf, OBJECT="NGC 7",
    )  # fmt: skip
    header.update(cards)
    image = fits.PrimaryHDU(counts.astype(np.float32), header)
    beside = fits.ImageHDU(np.full(shape, weight, np.float32), header, name="WEIGHT")
    path = folder / f"ngc7_{name}.fits"
    fits.HDUList([image, beside]).writeto(path, overwrite=True)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    for name in BANDS.names:
        write_band(folder, name)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "images"))


def command(folder, *more, redshift=0.02):
    out = folder.parent / "maps.fits"
    known = () if redshift is None else ("--redshift", redshift)
    return ("map", folder, "-o", out, "--model", "splus", "--filters", "splus", *known, *more)


def refused_alone(folder, *more, says, **options):
    """Refused, and nothing is there but the images."""
    refused(*command(folder, *more, **options), says=says, output=folder.parent / "maps.fits")
    assert [one.name for one in folder.parent.iterdir()] == [folder.name]


def test_an_image_of_another_size(folder):
    write_band(folder, "J0515", shape=(SIDE + 1, SIDE))
    refused_alone(folder, says=("ngc7_J0515.fits", "--reproject"))


def test_an_image_of_another_wcs(folder):
    write_band(folder, "J0515", dec=2.0 + 3 / 3600)
    refused_alone(folder, says=("ngc7_J0515.fits", "--reproject"))


def test_an_image_that_is_turned_is_refused_or_resampled(folder):
    write_band(folder, "rSDSS", turn=0.3)
    refused_alone(folder, says=("ngc7_rSDSS.fits", "--reproject"))
    content = done(*command(folder, "--reproject", "--json")).json
    assert any("rSDSS is resampled" in one for one in content["remarks"])


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan])
def test_a_weight_map_without_weight_loses_its_band_alone(folder, weight):
    write_band(folder, "J0861", weight=weight)
    content = done(*command(folder, "--json")).json
    assert any("ngc7_J0861.fits" in one and "no usable pixel" in one for one in content["remarks"])
    assert content["n_answered"] > 5


def test_no_image_has_weight(folder):
    for name in BANDS.names:
        write_band(folder, name, weight=0.0)
    refused_alone(folder, says=(str(folder), "no usable pixel"))


def test_missing_bands(folder):
    for name in ("J0378", "uJAVA"):
        (folder / f"ngc7_{name}.fits").unlink()
    content = done(*command(folder, "--json")).json
    assert content["n_answered"] > 5
    said = "2 of the 12 bands of model splus are not among the images: uJAVA, J0378"
    assert said in content["remarks"]
    maps, _ = read_maps(folder.parent / "maps.fits")
    assert not {"J0378", "uJAVA"} & set(maps["FLUX"].channels)
    told = json.loads(fits.getheader(folder.parent / "maps.fits")["MAPMETA"])
    assert (told["missing_bands"], said in told["remarks"]) == (["uJAVA", "J0378"], True)
    assert said in done(*command(folder)).out
    (folder.parent / "maps.fits").unlink()
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    refused_alone(folder, says="bands")


def test_the_header_says_what_a_map_was_made_from(folder):
    stars = folder.parent / "stars.csv"
    stars.write_text("ra,dec,radius\n150.004,2.004,1\n")
    zero_points = folder.parent / "zp.csv"
    zero_points.write_text("band,zero_point\ngSDSS,23.9\n")
    out = folder.parent / "maps.fits"
    more = ("--star-table", stars, "--zero-points", zero_points, "--seed", 5)
    for centre in ((), ("--centre", "150,2")):
        done(*command(folder, *more, *centre))
        told = json.loads(fits.getheader(out)["MAPMETA"])
        kinds = {one["what"] for one in told["inputs"]}
        assert kinds == {"stars", "zero points", *(f"image of {name}" for name in BANDS.names)}
        for one in told["inputs"]:
            content = Path(one["file"]).read_bytes()
            assert (one["bytes"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert told["centre"]["from"] == ("given" if centre else "found")
        assert told["centre"]["ra_deg"] == pytest.approx(150, abs=2e-4)
        assert told["centre"]["dec_deg"] == pytest.approx(2, abs=2e-4)
        assert (told["seed"], told["version"]) == (5, __version__)
        assert shlex.split(told["command"])[:3] == ["agez", "map", str(folder)]
        assert "--seed 5" in told["command"]


def test_not_a_fits_file(folder):
    (folder / "ngc7_gSDSS.fits").write_text("SIMPLE  = well, no")
    refused_alone(folder, says="ngc7_gSDSS.fits")
    (folder / "ngc7_gSDSS.fits").write_bytes(b"")
    refused_alone(folder, says="ngc7_gSDSS.fits")


def test_a_file_that_is_cut_off(folder):
    path = folder / "ngc7_gSDSS.fits"
    path.write_bytes(path.read_bytes()[:6000])
    refused_alone(folder, says="ngc7_gSDSS.fits")


def test_two_files_of_one_band(folder):
    shutil.copy(folder / "ngc7_gSDSS.fits", folder / "ngc8_gSDSS.fits")
    refused_alone(folder, says=("ngc7_gSDSS.fits", "ngc8_gSDSS.fits", "band gSDSS"))


def test_an_empty_folder_and_one_without_images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    refused_alone(folder, says=str(folder))
    (folder / "readme.txt").write_text("later")
    refused_alone(folder, says=str(folder))


def test_a_psf_wider_than_the_galaxy(folder):
    write_band(folder, "J0515", psf=40.0)
    refused_alone(folder, says=("ngc7_J0515.fits", "wider than the galaxy", "--max-psf"))
    content = done(*command(folder, "--max-psf", 5, "--json")).json
    assert any("J0515 is left out" in one for one in content["remarks"])


def test_an_image_of_no_unit(folder):
    path = folder / "ngc7_gSDSS.fits"
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus:
            hdu.header.remove("MAGZP")
    refused_alone(folder, says=("ngc7_gSDSS.fits", "zero"))


def test_a_redshift_is_asked_for_before_pixels_are_read(folder, monkeypatch):
    monkeypatch.setattr("agez.images.read_images.read_raw_image", lambda *_, **__: pytest.fail("pixels were read"))
    refused_alone(folder, redshift=None, says="give it with --redshift")
    refused_alone(folder, redshift=0.6, says=("--redshift is 0.6", "splus"))
    refused_alone(folder, redshift="nan", says="--redshift")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--centre", "nan,2"), "--centre"), (("--centre", "150,95"), "--centre"),
        (("--centre", "150,2", "--size", -3), "--size"), (("--centre", "150,2", "--size", "nan"), "--size"),
        (("--centre", "150,2", "--size", 0.1), "--size"), (("--max-psf", -1), "--max-psf"),
        (("--max-psf", 0.1), "--max-psf"), (("--psf", -1), "--psf"), (("--redshift-err", -1), "--redshift-err"),
        (("--redshift-err", "nan"), "--redshift-err"), (("--error-floor", "nan"), "--error-floor"),
        (("--error-floor", -0.1), "--error-floor"), (("--ebv", "nan"), "--ebv"), (("--ebv", "inf"), "--ebv"),
        (("--re", "inf"), "--re"), (("--re", "nan"), "--re"), (("--re", 0), "--re"),
        (("--inclination", "nan", "--pa", 3), "--inclination"), (("--inclination", 20, "--pa", "nan"), "--pa"),
        (("--inclination", 20, "--pa", "inf"), "--pa"), (("--inclination", 20), "--pa"),
        (("--pixel-snr", 0), "--pixel-snr"), (("--segments", "x.fits"), "x.fits"),
        (("--seed", -1), "--seed"), (("--band-of", "ngc7_gSDSS.fits=Q"), ("ngc7_gSDSS.fits", "--band-of")),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be(folder, options, says):
    refused_alone(folder, *options, says=says)


def test_segments_go_with_their_own_bins(folder):
    path = folder.parent / "segments.fits"
    fits.PrimaryHDU(np.ones((SIDE, SIDE), np.int16)).writeto(path)
    refused(*command(folder, "--segments", path), says="segments", output=folder.parent / "maps.fits")
    assert done(*command(folder, "--bins", "segments", "--segments", path, "--json")).json["n_regions"] == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--redshift-err", 0.1), "--redshift-err"), (("--psf", 2), "--psf"), (("--zero-points", "z"), "--zero-points"),
        (("--no-stars",), "--no-stars"), (("--bins", "annuli"), "--bins annuli"), (("--reproject",), "--reproject"),
        (("--error-floor", 0.02), "--error-floor"), (("--size", 9), "--size"), (("--extension", "SCI"), "--extension"),
    ],
)  # fmt: skip
def test_options_of_images_with_a_cube_of_spectra(tmp_path, options, says):
    path = write_califa(tmp_path / "NGC0001.fits", cube(np.random.default_rng(1), ny=4, nx=4))
    out = tmp_path / "maps.fits"
    refused("map", path, "-o", out, "--model", "paper", *options, says=(says, "cube of spectra"), output=out)
    assert not out.exists()


def test_the_header_of_a_cube_of_spectra_says_what_it_was_made_from(tmp_path):
    path = write_califa(tmp_path / "NGC0001.fits", cube(np.random.default_rng(1), ny=4, nx=4))
    answer = run("map", path, "-o", tmp_path / "m.fits", "--model", "paper", "--snr", 5, "--json")
    assert answer.status == 1  # no region is answered
    content = answer.json
    told = json.loads(fits.getheader(tmp_path / "m.fits")["MAPMETA"])
    assert [one["sha256"] for one in told["inputs"]] == [hashlib.sha256(path.read_bytes()).hexdigest()]
    assert told["centre"] == {"x": 2.0, "y": 2.0, "from": "reference pixel of the cube"}
    assert len(told["missing_bands"]) == 33  # the spectra of the test are short
    assert any(one.startswith("33 of the 34 bands of model paper are not covered") for one in content["remarks"])


def write_scube(path):
    """The same galaxy as one S-Cube."""
    wave, shape = np.array(BANDS.pivot_angstrom), (SIDE, SIDE)
    rng = np.random.default_rng(4)
    light = np.exp(-np.hypot(*(np.indices(shape) - (SIDE - 1) / 2)) / 5)
    flux = 80 * light * (wave[:, None, None] / 5500) ** 1.5 + rng.normal(size=(len(wave), *shape))
    per_angstrom = 1e-29 * 2.99792458e18 / wave**2  # f_lambda of one microjansky
    header = fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=2.0, CRPIX1=(SIDE + 1) / 2, CRPIX2=(SIDE + 1) / 2,
        CD1_1=-PIXEL_ARCSEC / 3600, CD2_2=PIXEL_ARCSEC / 3600, BUNIT="erg / (Angstrom s cm2)",
    )  # fmt: skip
    parts = [fits.PrimaryHDU(header=fits.Header({"GALAXY": "NGC 7"}))]
    for name, values in (("DATA", flux), ("ERRORS", np.ones_like(flux))):
        parts.append(fits.ImageHDU(values * per_angstrom[:, None, None], header, name=name))
    table = Table({"FILTER": list(BANDS.names), "PIVOTWAVE": wave, "PSFFWHM": np.full(len(wave), 1.3)})
    parts.append(fits.BinTableHDU(table, name="METADATA"))
    fits.HDUList(parts).writeto(path)
    return path


def test_a_cube_of_bands(tmp_path):
    path, out = write_scube(tmp_path / "cube.fits"), tmp_path / "maps.fits"
    content = done("map", path, "-o", out, "--model", "splus", "--redshift", 0.02, "--bins", "annuli", "--json").json
    assert content["galaxy"] == "NGC 7"
    assert content["n_answered"] == content["n_regions"] > 3
    maps, frame = read_maps(out)
    middle = maps["FLUX"].values[:, SIDE // 2, SIDE // 2]
    assert (np.diff(middle) > 0).all()  # redder than flat, as it was made
    assert frame.bin_id.shape == (SIDE, SIDE)
    out.unlink()
    for more in (("--psf", 3), ("--reproject",), ("--no-source-noise",), ("--size", 20), ("--extension", "DATA")):
        says, known = f"{more[0]} is of images in files of their own", ("--redshift", 0.02)
        refused("map", path, "-o", out, "--model", "splus", *known, *more, says=says, output=out)
    for options, says in (((), "--redshift"),):
        refused("map", path, "-o", out, "--model", "splus", *options, says=says, output=out)
    assert [one.name for one in tmp_path.iterdir()] == ["cube.fits"]


def test_pixels_that_are_infinite_or_blank_spoil_no_neighbour(folder):
    with fits.open(folder / "ngc7_rSDSS.fits", mode="update") as hdus:
        hdus[0].data[20, 22], hdus[0].data[12, 14] = np.inf, np.nan
    with fits.open(folder / "ngc7_iSDSS.fits", mode="update") as hdus:
        whole = np.round(10 * hdus[0].data).astype(np.int16)
        whole[25, 18] = -32768
        hdus[0].data = whole
        hdus[0].header["BLANK"], hdus[0].header["BSCALE"] = -32768, 0.1
    content = done(*command(folder, "--bins", "annuli", "--json")).json
    assert content["n_answered"] == content["n_regions"] > 3
    maps, frame = read_maps(folder.parent / "maps.fits")
    flux = maps["FLUX"].values[:, frame.bin_id >= 0]
    assert np.isfinite(flux).all()
    assert flux.max() < 300


def test_a_band_of_one_value_is_named(folder):
    with fits.open(folder / "ngc7_rSDSS.fits", mode="update") as hdus:
        hdus[0].data[:] = 3.0
    refused_alone(folder, says=("ngc7_rSDSS.fits", "very same value"))
