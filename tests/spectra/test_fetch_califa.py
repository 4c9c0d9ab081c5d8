"""CALIFA's cubes from a local server: names, addresses, what is checked, and what becomes of the others."""

import gzip
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from broken_server import Site, serving
from cli_road import agez, done, refused
from cube_factory import cube, write_califa

from agez.errors import AgezError
from agez.runtime.retries import Downloads
from agez.spectra.fetch_califa import BASE_URLS, califa_name, check_cube_file, cube_file_name, fetch_cubes, folder_url

FOLDER = "/archive/V500/reduced_v2.2/"
QUICK = Downloads(retries=2, pause=0.001, timeout=5.0)


def cube_bytes(tmp: Path, *, datasum: bool = True, name: str = "x.fits") -> bytes:
    """A small cube in CALIFA's format, gzipped."""
    path = write_califa(tmp / name, cube(np.random.default_rng(len(name)), ny=6, nx=7, n_wave=60))
    with fits.open(path) as hdus:
        content = io.BytesIO()
        hdus.writeto(content, checksum=datasum)
    path.unlink()
    return gzip.compress(content.getvalue(), mtime=0)


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tmp = tmp_path_factory.mktemp("cubes")
    files = {FOLDER + cube_file_name(name): cube_bytes(tmp, name=name) for name in ("NGC0001", "UGC00005", "IC1683")}
    with serving(files) as one:
        yield one


def command(site: Site, folder: Path, *names: object) -> tuple[object, ...]:
    return "fetch", "califa", *names, "-o", folder, "--base-url", site.url + "/archive", "--retries", 1


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("ngc1", "NGC0001"), ("NGC 1", "NGC0001"), ("NGC0001", "NGC0001"), ("N7025", "NGC7025"),
        ("ngc_6063", "NGC6063"),
        ("UGC5", "UGC00005"), ("u 10695", "UGC10695"), ("ic 159", "IC0159"), ("NGC4841a", "NGC4841A"),
        ("MCG-02-02-030", "MCG-02-02-030"), ("Arp 220", "ARP220"), ("2MASXJ01331766+1319567", "2MASXJ01331766+1319567"),
    ],
)  # fmt: skip
def test_names(given: str, name: str) -> None:
    assert califa_name(given) == name
    assert califa_name(name) == name


@pytest.mark.parametrize("bad", ["", " ", "../../etc/passwd", "NGC/1", "NGC1?x=2", "-o", ".hidden"])
def test_names_that_are_none(bad: str) -> None:
    with pytest.raises(AgezError, match="is not the name of a galaxy"):
        califa_name(bad)


def test_addresses() -> None:
    assert cube_file_name("ngc 1", setup="COMB") == "NGC0001.COMB.rscube.fits.gz"
    assert folder_url() == BASE_URLS["DR3"] + "/V500/reduced_v2.2"
    assert folder_url(base_url="http://here/") == "http://here/V500/reduced_v2.2"
    for options, words in (
        ({"release": "DR9"}, "choose DR3"), ({"setup": "V1"}, "choose V500"),
        ({"base_url": "ftp://x"}, "expected http"),
    ):  # fmt: skip
        with pytest.raises(AgezError, match=words):
            folder_url(**options)  # type: ignore[arg-type]


def test_fetched_once(site: Site, tmp_path: Path) -> None:
    answer = done(*command(site, tmp_path, "ngc1", "UGC 5", "NGC0001"), "--json").json
    assert [Path(path).name for path in answer["fetched"]] == [
        "NGC0001.V500.rscube.fits.gz", "UGC00005.V500.rscube.fits.gz"
    ]  # fmt: skip
    assert answer["bytes"] == sum(Path(path).stat().st_size for path in answer["fetched"])
    assert answer["checksums"] == ""
    asked = len(site.asked)
    again = done(*command(site, tmp_path, "ngc1", "UGC 5"), "--json").json
    assert (again["fetched"], len(again["present"]), again["bytes"], len(site.asked)) == ([], 2, 0, asked)
    anew = done(*command(site, tmp_path, "ngc1"), "--overwrite", "--json").json
    assert len(anew["fetched"]) == 1
    (tmp_path / "NGC0001.V500.rscube.fits.gz").write_bytes(b"damaged")
    assert len(done(*command(site, tmp_path, "ngc1"), "--json").json["fetched"]) == 1
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".gz", ".gz"]


def test_one_that_is_not_there_leaves_the_others(site: Site, tmp_path: Path) -> None:
    answer = agez(*command(site, tmp_path, "ngc1", "ngc2", "ic1683"))
    assert answer.status == 1
    assert "1 of 3 galaxies could not be had: NGC0002: " in answer.err
    assert "no such galaxy in CALIFA's DR3 with V500" in answer.err
    assert answer.err.count("\n") == 1
    assert "2 cubes fetched" in answer.out
    assert len(list(tmp_path.iterdir())) == 2


def test_galaxies_of_a_table(site: Site, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("galaxy_id,redshift\nNGC 1,0.015\nic1683,0.016\n")
    assert len(done(*command(site, tmp_path / "c"), "--galaxies", tmp_path / "g.csv", "--json").json["fetched"]) == 2
    refused(*command(site, tmp_path / "c"), says="no galaxy to fetch")


def test_trouble_on_the_way(site: Site, tmp_path: Path) -> None:
    path = FOLDER + cube_file_name("NGC0001")
    site.faults[path] = ["drop:5000", "status:503", "drop:2000", "flip"]
    run = fetch_cubes(["NGC0001"], tmp_path, base_url=site.url + "/archive", how=QUICK)
    assert run.problems == {}
    assert run.fetched[0].read_bytes() == site.files[path]
    assert [p.name for p in tmp_path.iterdir()] == [run.fetched[0].name]


def test_no_server_is_told_once(tmp_path: Path) -> None:
    answer = agez(
        "fetch", "califa", "ngc1", "ngc2", "-o", tmp_path, "--base-url", "http://127.0.0.1:9", "--retries", 0
    )  # fmt: skip
    assert answer.status == 1
    assert "no answer" in answer.err


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_checksums_of_the_server(site: Site, tmp_path: Path, kind: str) -> None:
    name = cube_file_name("NGC0001")
    digest = hashlib.new(kind, site.files[FOLDER + name]).hexdigest()
    site.files[FOLDER + f"{kind.upper()}SUMS"] = (
        f"{digest}  {name}\n{'0' * len(digest)}  IC1683.V500.rscube.fits.gz\n".encode()
    )
    run = fetch_cubes(["ngc1", "ic1683"], tmp_path, base_url=site.url + "/archive", how=QUICK)
    assert [path.name for path in run.fetched] == [name]
    assert f"its {kind} is not the 000000" in run.problems["IC1683"]
    assert run.checked_by.endswith(f"{kind.upper()}SUMS")


def test_checksums_of_the_user(site: Site, tmp_path: Path) -> None:
    name = cube_file_name("NGC0001")
    (tmp_path / "sums").write_text(f"{hashlib.sha256(site.files[FOLDER + name]).hexdigest()} *{name}\n")
    done(*command(site, tmp_path / "c", "ngc1"), "--checksums", tmp_path / "sums")
    refused(*command(site, tmp_path / "c", "ic1683"), "--checksums", tmp_path / "sums", says="no checksum of IC1683")


def test_what_a_whole_cube_is(tmp_path: Path) -> None:
    path = tmp_path / "c.fits.gz"
    good = cube_bytes(tmp_path)
    path.write_bytes(good)
    check_cube_file(path)
    path.write_bytes(cube_bytes(tmp_path, datasum=False))
    check_cube_file(path)
    plain = gzip.decompress(good)
    for content, words in (
        (good[:-100], "not a whole gzip file"),
        (b"<html>Not here</html>", "not a whole gzip file"),
        (gzip.compress(b"<html>Not here</html>"), "not a whole FITS file"),
        (gzip.compress(plain[: len(plain) // 2]), "cut short|not a whole FITS|not a cube"),
        (gzip.compress(plain[:2880]), "cut short|not a whole FITS|not a cube"),
        (gzip.compress(plain[:9000] + bytes([plain[9000] ^ 1]) + plain[9001:]), "DATASUM of its extension PRIMARY"),
        (gzip.compress(b""), "not a whole FITS"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            check_cube_file(path)
