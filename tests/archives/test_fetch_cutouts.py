"""Cut-outs from local image services that answer as CEFCA's and splus.cloud's do, and misbehave."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from astropy.table import Table
from broken_server import Asked, Site
from local_tap import COLOURS, LocalTap, archive, images_of_bands

from agez.archives.fetch_cutouts import fetch_cutouts
from agez.cli import main
from agez.errors import AgezError
from agez.images.read_images import read_images
from agez.runtime.retries import Downloads
from agez.surveys.javalambre import TWELVE
from agez.surveys.registry import find_survey

QUICK = Downloads(retries=2, pause=0.001, timeout=5.0)
IMAGES = images_of_bands()
SPLUS, JPLUS = find_survey("splus"), find_survey("jplus")
STAMPS = "/adss/v1/images/collections/7/stamp_by_coordinates"
ZERO_POINTS = "/files/documentation/iDR4/tabelas/iDR4_zero-points.csv"
CUTOUTS, PSFS = (f"/vo/siap/jplus-dr3/get_{name}" for name in ("fits_cutout", "psf_by_position"))


@pytest.fixture
def splus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    monkeypatch.setenv("HOME", str(tmp_path))  # no ~/.netrc
    with archive("splus") as (site, _):
        site.files["/adss/v1/images/collections/"] = json.dumps(
            [{"id": 3, "name": "idr6"}, {"id": 7, "name": "dr4"}]
        ).encode()
        words = {band: band.removesuffix("SDSS").removesuffix("JAVA") for band in TWELVE}
        names = ",".join(f"ZP_{word}" for word in words.values())
        site.files[ZERO_POINTS] = (
            f"Field,RA,DEC,{names}\nHYDRA-0011,1,2{',9' * 12}\nSTRIPE82-0064,40,1{',25' * 12}\n".encode()
        )
        bands = {word.replace("J0", "F").upper(): band for band, word in words.items()}

        def stamp(asked: Asked) -> tuple[int, bytes]:
            wanted = json.loads(asked.body)
            assert (wanted["ra"], wanted["dec"], wanted["size_unit"]) == (40.0, 1.0, "arcsec")
            return 200, IMAGES[bands[wanted["filter"]]][1 if wanted.get("pattern") == "weight" else 0]

        site.services[STAMPS] = stamp
        yield site


@pytest.fixture
def jplus() -> Iterator[tuple[Site, LocalTap]]:
    with archive("jplus") as (site, tap):
        number = {band: k + 1 for k, band in enumerate(reversed(TWELVE))}
        tap.tables["jplus.Filter"] = Table({"FILTER_ID": list(number.values()), "NAME": list(number)})
        # two tiles have the place: the one whose centre is nearer counts
        rows = [(k, 90000 + 100 * far + k, 40.1 + 0.4 * far) for k in number.values() for far in (0, 1)]
        filters, tiles, ra = (list(column) for column in zip(*rows, strict=True))
        tap.tables["jplus.TileImage"] = Table(
            {
                "TILE_ID": tiles,
                "FILTER_ID": filters,
                "RA": ra,
                "DEC": [1.2] * 24,
                "FWHMG": [1.1] * 24,
                "ZPT": [25.0] * 24,
            }
        )
        bands = {str(k): band for band, k in number.items()}

        def words(asked: Asked) -> dict[str, str]:
            found = {key: value[0] for key, value in parse_qs(asked.query).items()}
            assert (found["ra"], found["dec"], int(found["id"])) == ("40.0", "1.0", 90000 + int(found["filter"]))
            return found

        def cutout(asked: Asked) -> tuple[int, bytes]:
            assert words(asked)["weight"] == "1"
            assert float(words(asked)["width"]) == pytest.approx(60 / 3600, abs=1e-6)
            return 200, IMAGES[bands[words(asked)["filter"]]][2]

        site.services[CUTOUTS] = cutout
        site.services[PSFS] = lambda asked: (200, IMAGES[bands[words(asked)["filter"]]][0])
        yield site, tap


def test_splus_cutouts_are_what_map_reads(splus: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "galaxy"
    assert main(["fetch", "splus", "--cutout", "40,1,60", "-o", str(folder), "--base-url", splus.url]) == 0
    told = capsys.readouterr().out
    assert "24 files fetched" in told
    assert f"--zero-points {folder}/zero_points.csv" in told
    assert "without weights" not in told
    images = read_images(folder, zero_points=folder / "zero_points.csv")
    assert images.bands.names == TWELVE
    assert images.bands.filter_set == "splus"
    totals = 23.9 - 2.5 * np.log10(images.flux.sum(axis=(1, 2)))
    np.testing.assert_allclose(totals, np.array([COLOURS[band] for band in TWELVE]) - 3.5, atol=0.05)
    assert np.isfinite(images.flux_err).all()
    out = tmp_path / "maps.fits"
    command = told.rpartition("next: agez ")[2].strip().replace("Z --zero", "0.02 --zero").split()
    assert main([str(out) if word == "maps.fits" else word for word in command]) == 0
    assert out.exists()
    # again: nothing is asked for but the list of collections and the zero points
    before = len(splus.asked)
    assert main(["fetch", "splus", "--cutout", "40,1,60", "-o", str(folder), "--base-url", splus.url]) == 0
    assert "0 files fetched, 0.0 MB; 24 were there already" in capsys.readouterr().out
    assert len(splus.asked) == before + 2


def test_jplus_cutouts_with_weights_psfs_and_zero_points(jplus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, _ = jplus
    assert JPLUS is not None
    run = fetch_cutouts(JPLUS, tmp_path, 40.0, 1.0, 60.0, base_url=site.url, how=QUICK)
    assert (len(run.fetched), run.problems, run.remarks) == (24, {}, ())
    assert len(list((tmp_path / "psf").iterdir())) == 12
    assert run.zero_points == tmp_path / "zero_points.csv"
    assert run.psf == tmp_path / "psf.csv"
    images = read_images(tmp_path, zero_points=run.zero_points, psf_fwhm=run.psf)
    assert (images.bands.names, images.bands.filter_set) == (TWELVE, "jplus")
    np.testing.assert_allclose(Table.read(run.psf)["psf_fwhm"], 1.1)
    assert np.isfinite(images.flux_err).all()


def test_what_goes_wrong_once_is_asked_for_again(splus: Site, tmp_path: Path) -> None:
    assert SPLUS is not None
    faults = ["drop:5000", "status:429:1", "status:503", "longer", "shorter", "truncated", "chunks:900", "body:<html>"]
    splus.faults[STAMPS] = [word for fault in faults for word in (fault, "")]
    run = fetch_cutouts(SPLUS, tmp_path, 40.0, 1.0, 60.0, base_url=splus.url, how=QUICK)
    assert (len(run.fetched), run.problems) == (24, {})
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


def test_a_band_that_cannot_be_had_is_named_and_the_others_fetched(
    splus: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splus.faults[STAMPS] = ["status:404"]
    command = ["fetch", "splus", "--cutout", "40,1,60", "-o", str(tmp_path / "g"), "--base-url", splus.url, "--json"]
    assert main(command) == 1
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert (
        "1 of 24 files could not be had: splus_dr4_ra40.00000_dec1.00000_60arcsec_uJAVA.fits: the archive is not there"
        in told.err
    )
    assert len(json.loads(told.out)["fetched"]) == 23
    assert main(command) == 0  # the same command fetches the rest
    assert len(json.loads(capsys.readouterr().out)["fetched"]) == 1


def test_a_service_that_goes_down_between_two_bands(splus: Site, tmp_path: Path) -> None:
    assert SPLUS is not None
    splus.faults[STAMPS] = ["", "", "", *["status:503"] * 90]
    run = fetch_cutouts(SPLUS, tmp_path, 40.0, 1.0, 60.0, base_url=splus.url, how=QUICK)
    assert len(run.fetched) == 3
    assert len(run.problems) == 21
    assert set(run.problems.values()) == {"the archive: the server answers HTTP 503 Service Unavailable, in 3 attempts"}


def test_a_place_without_images_and_a_wrong_collection(
    jplus: tuple[Site, LocalTap], splus: Site, tmp_path: Path
) -> None:
    assert JPLUS is not None
    assert SPLUS is not None
    with pytest.raises(AgezError, match=r"no image of dr3 has RA 200, DEC 1"):
        fetch_cutouts(JPLUS, tmp_path, 200.0, 1.0, base_url=jplus[0].url, how=QUICK)
    with pytest.raises(AgezError, match="has no collection dr5; it has idr6, dr4"):
        fetch_cutouts(SPLUS, tmp_path, 40.0, 1.0, release="dr5", base_url=splus.url, how=QUICK)
    with pytest.raises(AgezError, match="--cutout 40,1,0: expected RA"):
        fetch_cutouts(SPLUS, tmp_path, 40.0, 1.0, 0.0, base_url=splus.url, how=QUICK)
    splus.files["/adss/v1/images/collections/"] = b"<html>"
    with pytest.raises(AgezError, match="no list of collections"):
        fetch_cutouts(SPLUS, tmp_path, 40.0, 1.0, base_url=splus.url, how=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_a_login_is_sent_and_a_refusal_says_how(splus: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SPLUS is not None
    seen = []
    stamp = splus.services[STAMPS]
    splus.services[STAMPS] = lambda asked: (seen.append(asked.headers.get("Authorization")), stamp(asked))[1]  # type: ignore[func-returns-value]
    splus.services["/adss/v1/auth/login"] = lambda asked: (
        (200, b'{"access_token": "abc"}') if b"password=secret" in asked.body else (401, b"")
    )
    monkeypatch.setenv("AGEZ_SPLUS_USER", "me")
    monkeypatch.setenv("AGEZ_SPLUS_PASSWORD", "secret")
    fetch_cutouts(SPLUS, tmp_path, 40.0, 1.0, 60.0, base_url=splus.url, how=QUICK)
    assert set(seen) == {"Bearer abc"}
    monkeypatch.setenv("AGEZ_SPLUS_PASSWORD", "wrong")
    with pytest.raises(AgezError, match="the login is refused, HTTP 401") as caught:
        fetch_cutouts(SPLUS, tmp_path, 40.0, 1.0, 60.0, base_url=splus.url, how=QUICK)
    assert "wrong" not in str(caught.value)
    monkeypatch.delenv("AGEZ_SPLUS_USER")
    monkeypatch.delenv("AGEZ_SPLUS_PASSWORD")
    splus.faults[STAMPS] = ["status:403"] * 24
    run = fetch_cutouts(SPLUS, tmp_path / "b", 40.0, 1.0, 60.0, base_url=splus.url, how=QUICK)
    assert "set AGEZ_SPLUS_USER" in run.problems["splus_dr4_ra40.00000_dec1.00000_60arcsec_uJAVA.fits"]
