"""``agez map`` of many galaxies: lists and folders, columns as options, what fails set aside, what is done kept."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.utils.diff import report_diff_values
from cli_road import agez, done, refused
from columns_said import check_columns
from cube_factory import cube, write_califa
from test_cli_map_files import BANDS, PIXEL_ARCSEC, write_band

from agez.cli import _parser
from agez.commands.galaxy_columns import CHOICES, NUMBERS, OF_THE_RUN, PATHS, TRUTHS, WORDS
from agez.commands.galaxy_list import folders_of_galaxies, galaxies_of_list, is_list
from agez.engine.schedulers import local_client
from agez.samples.galaxy_facts import read_galaxy_facts
from agez.samples.galaxy_files import read_galaxies
from agez.tables.maps_files import read_maps
from agez.tables.table_files import read_table

NAMES = ("NGC 1", "NGC 2", "NGC 3")


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    """Three folders of images, and a list of them in CSV."""
    at = tmp_path_factory.mktemp("galaxies")
    for k, name in enumerate(NAMES):
        (at / name).mkdir()
        for band in BANDS.names:
            write_band(at / name, band, redder=1.3 + 0.2 * k)
    write_list(at / "list.csv", name=NAMES, re=[3.0, np.nan, 3.5], redshift=[0.02, 0.02, 0.03], kind=["E", "S", "S"])
    return at


@pytest.fixture
def copied(galaxies, tmp_path):
    """The same, for tests that change it."""
    return shutil.copytree(galaxies, tmp_path / "in")


def write_list(path, **columns):
    Table({key: list(value) for key, value in columns.items()}).write(path, overwrite=True)
    return path


def command(given, out, *more):
    return ("map", given, "-o", out, "--model", "splus", "--filters", "splus", "--workers", 1, *more)


def digests(folder):
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in sorted(folder.iterdir())}


def rows_of(path, *more):
    """The options of each galaxy of a list, and the remarks."""
    return galaxies_of_list(str(path), _parser().parse_args(["map", str(path), "-o", "maps/", *map(str, more)]))


def test_a_list_with_a_damaged_galaxy_which_is_mended(copied, tmp_path):
    out = tmp_path / "maps"
    image = copied / "NGC 2" / "ngc7_rSDSS.fits"
    whole = image.read_bytes()
    image.write_bytes(whole[:4000])
    answer = agez(*command(copied / "list.csv", f"{out}/", "--json"))
    assert answer.status == 1
    assert "agez: set aside: NGC 2: " in answer.err
    assert "1 of 3 galaxies set aside: NGC 2" in answer.err
    assert str(image) in answer.err
    assert answer.json["n_mapped"] == 2
    failures = Table.read(out / "failures.ecsv")
    assert list(failures["name"]) == ["NGC 2"]
    assert str(image) in failures["reason"][0]
    assert sorted(one.name for one in out.iterdir()) == [
        "NGC_1.maps.fits", "NGC_3.maps.fits", "contact_sheet.png", "failures.ecsv", "summary.fits",
    ]  # fmt: skip
    image.write_bytes(whole)
    answer = done(*command(copied / "list.csv", out, "--json")).json
    assert (answer["n_mapped"], answer["resumed"], answer["set_aside"]) == (3, 2, [])
    assert "columns that are no options, and are not used: kind" in answer["remarks"]
    assert not (out / "failures.ecsv").exists()
    check_columns(out / "summary.fits")
    check_columns(out / "NGC_1.maps.fits")
    summary = read_table(out / "summary.fits")
    assert list(summary["name"]) == list(NAMES)
    assert list(summary["file"]) == ["NGC_1.maps.fits", "NGC_2.maps.fits", "NGC_3.maps.fits"]
    assert list(np.isfinite(summary["log_age_lw_slope"])) == [True, False, True]
    np.testing.assert_allclose(summary["redshift"], [0.02, 0.02, 0.03])
    np.testing.assert_allclose(summary["ra"], 150, atol=1 / 3600)
    np.testing.assert_allclose(summary["dec"], 2, atol=1 / 3600)
    assert np.all((summary["log_age_lw_err"] > 0) & (summary["snr_whole"] > summary["snr_band"]))
    assert (out / "contact_sheet.png").read_bytes()[:4] == b"\x89PNG"


def test_the_maps_are_those_of_the_single_command_and_the_summary_is_of_them(galaxies, tmp_path):
    done(*command(galaxies / "list.csv", tmp_path / "maps"))
    single = tmp_path / "one.fits"
    done("map", galaxies / "NGC 3", "-o", single, "--model", "splus", "--filters", "splus", "--redshift", 0.03,
         "--re", 3.5, "--name", "NGC 3")  # fmt: skip
    many = tmp_path / "maps" / "NGC_3.maps.fits"
    for path in (single, many):
        with fits.open(path) as hdus:
            said = json.loads(hdus[0].header["MAPMETA"])
            assert said.pop("command").startswith("agez map ")
            hdus[0].header["MAPMETA"] = json.dumps(said)
            hdus[0].header.remove("AGEZFPR", ignore_missing=True)
            hdus.writeto(tmp_path / f"bare_{path.name}")
    diff = fits.FITSDiff(tmp_path / "bare_one.fits", tmp_path / f"bare_{many.name}")
    assert diff.identical, diff.report()
    row = read_table(tmp_path / "maps" / "summary.fits")[2:]
    row.remove_column("file")
    assert report_diff_values(row, read_table(many, prefer=("SUMMARY",)))
    regions = read_table(many, prefer=("PREDICTIONS",))
    assert row["n_regions"][0] == len(regions)
    assert row["n_pixels"][0] == regions["n_pixels"].sum()
    slope = read_table(many, prefer=("GRADIENTS",))
    assert row["mh_lw_slope"][0] == slope["slope"][list(slope["quantity"]).index("mh_lw")]
    # the light of all regions together: its answer lies among theirs
    assert regions["log_age_lw"].min() <= row["log_age_lw"][0] <= regions["log_age_lw"].max()
    colour = read_maps(many)[1].colour
    assert colour.shape == (3, 40, 40)
    assert colour.max() > 200


def test_what_is_done_is_kept_and_the_rest_made_the_same(galaxies, tmp_path):
    out = tmp_path / "maps"
    done(*command(galaxies / "list.csv", out))
    before = digests(out)
    (out / "NGC_1.maps.fits").unlink()
    cut = out / "NGC_2.maps.fits"
    cut.write_bytes(cut.read_bytes()[:30_000])
    (out / ".part-abc-NGC_1.maps.fits").write_bytes(b"half")
    (out / "summary.fits").unlink()
    answer = done(*command(galaxies / "list.csv", out, "--json")).json
    assert answer["resumed"] == 1
    assert digests(out) == before
    again = done("map", galaxies / "list.csv", "-o", out, "--model", "splus", "--filters", "splus", "--fresh",
                 "--workers", 2, "--json").json  # fmt: skip
    assert again["resumed"] == 0
    assert digests(out) == before
    other = done(*command(galaxies / "list.csv", out, "--snr", 5, "--json")).json
    assert other["resumed"] == 0


def test_a_folder_of_folders_and_pictures(galaxies, tmp_path):
    options = ("--redshift", 0.02, "--pictures", tmp_path / "png", "--page", tmp_path / "pages", "--json")
    answer = done(*command(galaxies, tmp_path / "maps", *options)).json
    assert answer["n_mapped"] == 3
    assert sorted(one.name for one in (tmp_path / "pages").iterdir()) == [f"NGC_{k}.html" for k in (1, 2, 3)]
    assert len(list((tmp_path / "png").glob("*_maps.png"))) == 3
    (tmp_path / "png" / "NGC_2_maps.png").unlink()
    answer = done(*command(galaxies, tmp_path / "maps", *options)).json
    assert answer["resumed"] == 2
    assert (tmp_path / "png" / "NGC_2_maps.png").exists()


def test_what_agez_mock_writes_is_mapped_as_it_is(copied, tmp_path):
    """``truth/`` beside the table of galaxies is none of them; without that table it is a galaxy of the name."""
    for name in NAMES[1:]:
        shutil.rmtree(copied / name)
    shutil.copytree(copied / NAMES[0], copied / "truth")
    assert [one.name for one in folders_of_galaxies(str(copied))] == [NAMES[0], "truth"]
    Table({"galaxy_id": [NAMES[0]], "redshift": [0.021]}).write(copied / "galaxies.fits")
    assert [one.name for one in folders_of_galaxies(str(copied))] == [NAMES[0]]
    answer = done(*command(copied, tmp_path / "maps", "--json")).json
    assert answer["n_mapped"] == answer["n_galaxies"] == 1
    assert any("galaxies.fits" in one for one in answer["remarks"])
    assert read_table(answer["summary"])["redshift"][0] == pytest.approx(0.021)


def test_galaxies_out_of_large_images(tmp_path):
    """Two galaxies on the same images, found by ra and dec."""
    (tmp_path / "field").mkdir()
    for band in BANDS.names:
        path = write_band(tmp_path / "field", band, shape=(60, 120))
        with fits.open(path, mode="update") as hdus:
            centred = hdus[0].data[:, 40:80]
            rng = np.random.default_rng(len(band))
            hdus[0].data = np.hstack([centred, rng.normal(size=(60, 40)), centred]).astype(np.float32)
    offset = 40 * PIXEL_ARCSEC / 3600 / np.cos(np.radians(2.0))
    places = write_list(
        tmp_path / "list.ecsv", name=["left", "right"], ra=[150 + offset, 150 - offset], dec=[2.0, 2.0], z=[0.02, 0.02]
    )
    answer = done(*command(places, tmp_path / "maps", "--images", tmp_path / "field", "--size", 20, "--json")).json
    assert answer["n_mapped"] == 2
    assert "column z is taken as redshift" in answer["remarks"]
    np.testing.assert_allclose(read_table(tmp_path / "maps" / "summary.fits")["ra"], [150 + offset, 150 - offset])
    refused(*command(places, tmp_path / "other", "--images", tmp_path / "field"), says=("row 1 (left)", "--size"))


def test_every_option_is_a_column_or_of_the_run():
    options = vars(_parser().parse_args(["map", "x", "-o", "y"]))
    columns = {*NUMBERS, *TRUTHS, *WORDS, *PATHS, *CHOICES}
    assert set(options) == (columns | set(OF_THE_RUN)) - {"command_line"}


def test_cells_become_options_and_empty_ones_leave_the_command_lines(tmp_path):
    (tmp_path / "own.csv").write_text("band,zero_point\n")
    path = tmp_path / "list.csv"
    path.write_text(
        "Name,FILES,Redshift,snr,no_stars,bins,zero_points,psf,seed,centre\n"
        'a,a_*.fits;b.fits,0.01,,true,annuli,own.csv,1.2,3,"10,-5"\n'
        "b,/x/c.fits,,99,,,,fwhm.csv,,\n"
        "17,c.fits,-99,,0,,,,,\n"
    )
    (tmp_path / "a_1.fits").touch()
    (tmp_path / "a_2.fits").touch()
    (a, b, c), remarks = rows_of(path, "--snr", 7, "--redshift", 0.5)
    assert remarks == []
    assert a.input == [str(tmp_path / name) for name in ("a_1.fits", "a_2.fits", "b.fits")]
    assert (a.redshift, a.snr, a.no_stars, a.bins, a.psf, a.seed, a.centre) == (
        0.01,
        7,
        True,
        "annuli",
        1.2,
        3,
        (10, -5),
    )
    assert a.zero_points == str(tmp_path / "own.csv")
    assert b.input == ["/x/c.fits"]
    assert (b.redshift, b.snr, b.no_stars, b.bins, b.psf, b.seed) == (
        0.5, 99, False, "voronoi", str(tmp_path / "fwhm.csv"), 1,
    )  # fmt: skip
    assert (c.name, c.redshift, c.out) == ("17", 0.5, "maps/17.maps.fits")


def test_units_of_a_list_count(tmp_path):
    table = Table({"galaxy_id": ["a"], "re_arcsec": [0.2], "ra": [1.0], "dec": [2.0]})
    table["re_arcsec"].unit, table["ra"].unit = "arcmin", "hourangle"
    table.write(tmp_path / "list.ecsv")
    (a,), remarks = rows_of(tmp_path / "list.ecsv")
    assert a.re == pytest.approx(12)
    assert a.centre == pytest.approx((15, 2))
    assert remarks == ["column galaxy_id is taken as name", "column re_arcsec is taken as re"]


@pytest.mark.parametrize(
    "columns",
    [
        {"galaxy_id": ["a"], "z": [0.02], "re_arcsec": [0.2], "INCL": [45.0], "pa_deg": [99.0], "E(B-V)": [-99.0]},
        {"object": ["a"], "redshift": [0.02], "Re": [0.2], "inclination": [45.0], "PA": [99.0], "ebv": [99.0]},
    ],
)
def test_a_list_and_tables_of_galaxies_take_the_same_columns_and_codes(tmp_path, columns):
    re = next(name for name in columns if name.lower().startswith("re") and name != "redshift")
    table = Table(columns, units={re: "arcmin"})
    table.write(tmp_path / "list.ecsv")
    (one,), _ = rows_of(tmp_path / "list.ecsv")
    facts = read_galaxy_facts(tmp_path / "list.ecsv").need("a")
    galaxy = read_galaxies(tmp_path / "list.ecsv")
    assert (one.name, one.redshift, one.re, one.inclination, one.pa, one.ebv) == ("a", 0.02, 12.0, 45.0, 99.0, None)
    of_table = (facts.redshift, facts.re_arcsec, facts.inclination_deg, facts.pa_deg, facts.ebv)
    np.testing.assert_equal(of_table, (0.02, 12, 45, 99, np.nan))
    np.testing.assert_equal((galaxy.redshift[0], galaxy.re_arcsec[0], galaxy.pa[0]), (0.02, 12, 99))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,redshfit\na,1", ("'redshfit'", "'redshift'")),
        ("name,inclinaton\na,1", ("'inclinaton'", "'inclination'")),
        ("name,workers\na,1", ("workers", "whole run")),
        ("name,re,RE\na,1,1", ("re and RE",)),
        ("folder,re\na,1", ("no column name",)),
        ("name,ra\na,1", ("column ra alone",)),
        ("name,ra,dec\na,1,", ("row 1 (a)", "ra and dec")),
        ("name,re\na,1\nb,x", ("row 2", "re", "'x'")),
        ("name,re\na,1\nb,-3", ("row 2 (b)", "--re is -3")),
        ("name,redshift\na,hello", ("row 1", "redshift", "'hello'")),
        ("name,pa\na,20", ("row 1 (a)", "--inclination and --pa")),
        ("name,bins\na,round", ("row 1", "bins", "'round'", "voronoi")),
        ("name,no_stars\na,maybe", ("row 1", "no_stars", "true or false")),
        ("name,folder,files\na,b,c", ("row 1 (a)", "folder and files")),
        ("name,re\na,1\na,2", ("row 2 (a)", "row 1 (a)")),
        ("name,re\nNGC 1,1\nngc_1,2", ("row 2", "row 1")),
        ("name,re\n,1", ("row 1", "no name")),
        ("name,re\n", ("no rows",)),
        ("name,model\na,lsst", ("lsst",)),
    ],
)  # fmt: skip
def test_lists_that_cannot_be_are_refused_before_the_work(tmp_path, text, says):
    (tmp_path / "list.csv").write_text(text + "\n")
    refused(*command(tmp_path / "list.csv", f"{tmp_path}/maps/", "--redshift", 0.02), says=("list.csv", *says)[
        "lsst" in says:])  # fmt: skip
    assert not list((tmp_path / "maps").glob("*.fits"))


def test_one_galaxy_and_many_are_told_apart(galaxies, tmp_path):
    assert folders_of_galaxies(str(galaxies)) == [galaxies / name for name in NAMES]
    assert folders_of_galaxies(str(galaxies), but=str(galaxies / "NGC 2")) == [galaxies / NAMES[0], galaxies / NAMES[2]]
    one = shutil.copytree(galaxies / "NGC 1", tmp_path / "one")
    shutil.copytree(galaxies / "NGC 2", one / "NGC 2")
    assert folders_of_galaxies(str(one)) == []  # images of its own: one galaxy, whatever else is there
    assert not is_list(str(one / "ngc7_rSDSS.fits"))
    some = fits.HDUList([fits.PrimaryHDU(np.zeros((3, 4, 5))), fits.BinTableHDU(Table({"name": ["r"]}))])
    some.writeto(tmp_path / "cube.fits")
    assert not is_list(str(tmp_path / "cube.fits"))
    Table({"name": ["a"]}).write(tmp_path / "list.fits")
    assert is_list(str(tmp_path / "list.fits"))
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((8, 8), np.float32))]).writeto(tmp_path / "rice.fits")
    assert not is_list(str(tmp_path / "rice.fits"))
    refused(*command(galaxies / "list.csv", tmp_path / "maps.fits"), says=("many galaxies", "-o maps/"))
    refused(*command(galaxies, galaxies), says="is the folder of the galaxies")
    refused("map", galaxies / "NGC 1", "-o", tmp_path / "m.fits", "--workers", 2, says="--workers")
    refused(*command(galaxies / "list.csv", tmp_path / "maps", "--name", "x"), says="--name")
    refused(*command(galaxies / "list.csv", tmp_path / "maps", "--page", "p.html"), says="--page pages/")
    refused(*command(galaxies / "list.csv", tmp_path / "maps", "--scheduler", "tcp://h:1"), says="--scheduler")


def test_cubes_of_spectra_in_a_list(tmp_path):
    """A folder that holds one cube is that cube, and its place is that of the list."""
    (tmp_path / "N1").mkdir()
    write_califa(tmp_path / "N1" / "N1.V500.rscube.fits", cube(np.random.default_rng(4), ny=8, nx=9))
    (one,), remarks = rows_of(write_list(tmp_path / "list.csv", name=["N1"], ra=[150.0], dec=[2.0]), "--snr", 5)
    assert one.input == [str(tmp_path / "N1" / "N1.V500.rscube.fits")]
    assert one.centre == (150.0, 2.0)
    assert remarks == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # distributed's own sockets and loops, closed a little late
def test_workers_of_a_dask_cluster_make_the_same_files(galaxies, tmp_path):
    pytest.importorskip("distributed")
    path = write_list(tmp_path / "list.csv", name=["a", "b"], folder=[galaxies / "NGC 1", galaxies / "nowhere"])
    here = agez(*command(path, tmp_path / "here", "--redshift", 0.02))
    with local_client(2) as client:
        there = agez(
            "map", path, "-o", tmp_path / "there", "--model", "splus", "--filters", "splus", "--redshift", 0.02,
            "--scheduler", client.scheduler.address,
        )  # fmt: skip
    assert here.status == there.status == 1
    assert there.err.replace("there/", "here/") == here.err
    assert digests(tmp_path / "here") == digests(tmp_path / "there")


def test_all_of_them_fail(galaxies, tmp_path):
    path = write_list(tmp_path / "list.csv", name=["a", "b"], folder=["nowhere", galaxies / "NGC 1"])
    answer = agez(*command(path, tmp_path / "maps"))
    assert answer.status == 1
    assert "2 of 2 galaxies set aside" in answer.err
    assert "nowhere: no such file" in answer.err
    assert "--redshift" in answer.err
    assert [one.name for one in (tmp_path / "maps").iterdir()] == ["failures.ecsv"]


def test_maps_of_an_earlier_run_stay_where_their_galaxy_fails_now(copied, tmp_path):
    """Images on a disk that is gone for an hour were enough to lose the maps of a night."""
    out = tmp_path / "maps"
    done(*command(copied / "list.csv", out))
    before = digests(out)
    (copied / "NGC 2").rename(copied / "hidden")
    answer = agez(*command(copied / "list.csv", out, "--json"))
    assert answer.status == 1
    assert "NGC_2.maps.fits, of an earlier run, is left as it is" in (out / "failures.ecsv").read_text()
    assert digests(out)["NGC_2.maps.fits"] == before["NGC_2.maps.fits"]
    assert list(read_table(out / "summary.fits")["name"]) == ["NGC 1", "NGC 3"]
