"""Rows from a local TAP service that runs the queries it is sent, and misbehaves."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from broken_server import Asked, Site
from local_tap import COLOURS, LocalTap, archive

from agez.archives import tap_query
from agez.archives.fetch_rows import fetch_rows
from agez.cli import main
from agez.errors import AgezError
from agez.runtime import retries
from agez.runtime.retries import Downloads
from agez.surveys.registry import find_survey
from agez.tables.table_files import read_table

QUICK = Downloads(retries=2, pause=0.001, timeout=5.0)
REGION = (40.0, 1.0, 0.6)
SYNC = "/public-TAP/tap/sync"
SPLUS, JPLUS, JPAS = (find_survey(name) for name in ("splus", "jplus", "jpas"))


@pytest.fixture
def splus() -> Iterator[tuple[Site, LocalTap]]:
    with archive("splus") as found:
        yield found


def fetch(site: Site, path: Path, **options: object) -> object:
    assert SPLUS is not None
    given = {"region": REGION, "base_url": site.url, "how": QUICK, **options}
    return fetch_rows(SPLUS, path, **given)  # type: ignore[arg-type]


def right(path: Path, *, alone: bool = True) -> None:
    """All rows are there, once, with the numbers that the archive has."""
    table = read_table(path)
    assert len(table) == len(set(table["ID"])) == 60
    number = np.array([int(text[-7:]) for text in table["ID"]])
    np.testing.assert_allclose(table["r_auto"], COLOURS["rSDSS"] + 0.01 * number, rtol=1e-6)
    np.testing.assert_allclose(table["e_J0378_auto"], 0.02 + 0.0001 * number, rtol=1e-6)
    np.testing.assert_array_equal(np.isfinite(np.ma.filled(table["zml"], np.nan)), number % 3 > 0)
    assert not alone or list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("survey", ["splus", "jplus", "jpas"])
def test_predict_needs_no_other_option(survey: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with archive(survey) as (site, _):
        command = ["fetch", survey, "--region", "40,1,0.6", "-o", str(tmp_path / "rows.fits"), "--base-url", site.url]
        assert main(command) == 0
    assert f"next: agez predict {tmp_path}/rows.fits -o ages.fits --model {survey}\n" in capsys.readouterr().out
    out = tmp_path / "ages.fits"
    assert main(["predict", str(tmp_path / "rows.fits"), "-o", str(out), "--model", survey]) == 0
    told = capsys.readouterr().out
    photometric = "zml, photometric, errors zml_16p,zml_84p" if survey == "splus" else "PHOTOZ, photometric, errors"
    assert f"redshift: column {photometric}" in told
    assert ("E(B-V): column EBV" in told) == (survey != "splus")
    assert "60 of 60 rows answered" in told
    answers = Table.read(out)
    assert np.isfinite(answers["log_age_lw"]).all()
    assert len(set(answers["id"])) == 60


@pytest.mark.parametrize("kind", ["fits", "csv", "ecsv", "parquet"])
def test_too_many_rows_for_one_answer_come_in_pieces(splus: tuple[Site, LocalTap], tmp_path: Path, kind: str) -> None:
    site, tap = splus
    tap.most = 25
    run = fetch(site, tmp_path / f"rows.{kind}")
    assert run.n_queries == 7  # a whole, two halves, four quarters
    right(tmp_path / f"rows.{kind}")


@pytest.mark.parametrize(("ra", "dec"), [(0.1, 1.0), (359.9, -30.0), (40.0, 89.9), (0.0, -89.8), (180.0, 60.0)])
def test_pieces_of_regions_across_0_h_and_at_the_poles(tmp_path: Path, ra: float, dec: float) -> None:
    with archive("splus", ra=ra, dec=dec - np.sign(dec) * 0.35 if abs(dec) > 89 else dec) as (site, tap):
        tap.most = 20
        fetch(site, tmp_path / "rows.fits", region=(ra, dec, 0.8))
        right(tmp_path / "rows.fits")
        assert len(tap.queries) > 6


def test_a_service_that_cuts_without_a_word_is_noticed(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, tap = splus
    tap.says_overflow = False
    assert SPLUS is not None
    assert SPLUS.archive is not None
    few = replace(SPLUS, archive=replace(SPLUS.archive, rows_per_query=25))
    fetch_rows(few, tmp_path / "rows.fits", region=REGION, base_url=site.url, how=QUICK)
    right(tmp_path / "rows.fits")


def test_rows_that_no_smaller_piece_parts(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, tap = splus
    tap.most = 20
    for name in ("RA", "DEC"):
        tap.tables["dr4_dual.dr4_dual_detection"][name] = 40.0 if name == "RA" else 1.0
    with pytest.raises(AgezError, match=r"within an arcsecond of RA 40\.\d+, DEC \d\.\d+ are more rows"):
        fetch(site, tmp_path / "rows.fits")
    assert not (tmp_path / "rows.fits").exists()


@pytest.mark.parametrize("most", [25, 10_000])
def test_no_more_rows_than_asked_for(splus: tuple[Site, LocalTap], tmp_path: Path, most: int) -> None:
    site, tap = splus
    tap.most = most
    run = fetch(site, tmp_path / "rows.fits", max_rows=40)
    assert (run.n_rows, len(read_table(tmp_path / "rows.fits"))) == (40, 40)
    assert run.remarks == ("the first 40 rows that the archive sends (--max-rows), not all",)
    assert fetch(site, tmp_path / "all.fits", max_rows=60).remarks == ()
    right(tmp_path / "all.fits", alone=False)


@pytest.mark.parametrize(
    "fault",
    ["drop:20000", "drop:0", "status:503", "status:429:1", "status:500", "longer", "truncated", "shorter",
     "chunks:9000", "body:<html>maintenance</html>", "body:"],
)  # fmt: skip
def test_what_goes_wrong_once_is_asked_again(splus: tuple[Site, LocalTap], tmp_path: Path, fault: str) -> None:
    site, _ = splus
    site.faults[SYNC] = [fault, "", fault]  # of the look at the table of redshifts, and of the rows
    fetch(site, tmp_path / "rows.fits")
    right(tmp_path / "rows.fits")


@pytest.mark.parametrize(
    ("fault", "says"),
    [("drop:20000", "the connection broke .*, in 3 attempts"), ("status:503", "HTTP 503 Service Unavailable, in 3"),
     ("status:429:0", "HTTP 429 Too Many Requests, in 3"), ("truncated", "came damaged twice: the answer is no whole"),
     ("body:<html>maintenance", "came damaged twice"), ("status:401", "HTTP 401"), ("status:404", "is not there")],
)  # fmt: skip
def test_what_always_goes_wrong_is_one_line(
    splus: tuple[Site, LocalTap], tmp_path: Path, fault: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site, _ = splus
    site.faults[SYNC] = ["", *[fault] * 90]
    with pytest.raises(AgezError, match=says) as caught:
        fetch(site, tmp_path / "rows.fits")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "rows.fits").exists()


def test_the_wait_that_a_rate_limit_asks_for_is_kept_and_bounded(
    splus: tuple[Site, LocalTap], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _ = splus
    waits: list[float] = []
    monkeypatch.setattr(retries.time, "sleep", waits.append)
    site.faults[SYNC] = ["status:429:7", "status:429:86400", "", "status:503:Wed, 21 Oct 2015 07:28:00 GMT"]
    fetch(site, tmp_path / "rows.fits")
    assert waits == [7, 60, 0.001]
    right(tmp_path / "rows.fits")


def test_errors_in_place_of_rows(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, tap = splus
    tap.late_error = "query timed out"  # after rows that look well
    with pytest.raises(AgezError, match=r"refuses the query: query timed out$"):
        fetch(site, tmp_path / "rows.fits")
    tap.late_error = ""
    del tap.tables["dr4_dual.dr4_dual_r"]
    with pytest.raises(AgezError, match=r"refuses the query: no such table: dr4_dual\.dr4_dual_r$"):
        fetch(site, tmp_path / "rows.fits")
    assert not (tmp_path / "rows.fits").exists()


def test_redshifts_that_cannot_be_joined_are_said(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, tap = splus
    photoz = tap.tables["dr4_vacs.dr4_gal_photoz"]
    photoz.rename_columns(["zml_16p", "zml_84p"], ["zml_16q", "ZML_84Q"])
    photoz.remove_column("odds")
    assert fetch(site, tmp_path / "rows.fits").remarks == ()
    table = read_table(tmp_path / "rows.fits")
    assert {"zml", "zml_16p", "zml_84p"} <= set(table.colnames)
    del tap.tables["dr4_vacs.dr4_gal_photoz"]
    (remark,) = fetch(site, tmp_path / "rows.fits").remarks
    assert remark.startswith("left out: dr4_vacs.dr4_gal_photoz (")
    assert "no such table" in remark
    assert "zml" not in read_table(tmp_path / "rows.fits").colnames


def test_an_interrupted_run_goes_on(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, tap = splus
    tap.most = 15
    site.faults[SYNC] = [""] * 5 + ["status:503"] * 3
    with pytest.raises(AgezError, match="HTTP 503"):
        fetch(site, tmp_path / "rows.fits")
    asked = len(tap.queries)
    assert asked == 5
    assert not (tmp_path / "rows.fits").exists()
    fetch(site, tmp_path / "rows.fits")
    right(tmp_path / "rows.fits")
    again = tap.queries[asked:]
    assert set(again) & set(tap.queries[:asked]) == {tap.queries[0]}  # the look at the redshifts alone
    # another request finds none of what the first has left
    site.faults[SYNC] = [""] * 4 + ["status:503"] * 3
    with pytest.raises(AgezError, match="HTTP 503"):
        fetch(site, tmp_path / "rows.fits")
    fetch(site, tmp_path / "rows.fits", region=(40.0, 1.0, 0.7))
    right(tmp_path / "rows.fits")


def test_killed_and_started_again(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, tap = splus
    tap.most = 12
    service = site.services[SYNC]
    site.services[SYNC] = lambda asked: (time.sleep(0.15), service(asked))[1]  # type: ignore[func-returns-value]
    out = tmp_path / "rows.fits"
    words = ["fetch", "splus", "--region", "40,1,0.6", "-o", str(out), "--base-url", site.url]
    running = subprocess.Popen([sys.executable, "-m", "agez.cli", *words])
    while len(tap.queries) < 9:
        assert running.poll() is None
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not out.exists()
    kept = len(list((tmp_path / "rows.fits.parts").glob("*.json")))
    assert kept >= 7
    asked = len(tap.queries)
    run = fetch(site, out)
    assert run.n_queries == len(tap.queries) - asked - 1
    right(out)


def test_a_list_of_positions(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, tap = splus
    sources = tap.tables["dr4_dual.dr4_dual_detection"]
    order = np.array([5, 59, 0, 5])
    ra, dec = np.array(sources["RA"])[order], np.array(sources["DEC"])[order]
    here = Table({"RA": [*ra, 41.9], "Dec": [*(dec + 0.5 / 3600), 1.0], "name": list("abcde")})
    here.write(tmp_path / "list.csv")
    run = fetch(site, tmp_path / "rows.fits", region=None, object_list=tmp_path / "list.csv")
    table = read_table(tmp_path / "rows.fits")
    assert table["ID"].tolist() == [sources["ID"][k] for k in order]
    assert table["list_row"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(table["list_separation_arcsec"], 0.5, atol=1e-6)
    assert run.missing == ("5",)


def test_a_long_list_in_pieces_that_are_halved(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, tap = splus
    tap.most = 20
    sources = tap.tables["dr4_dual.dr4_dual_detection"]
    Table({"ra": sources["RA"], "dec": sources["DEC"]}).write(tmp_path / "list.fits")
    fetch(site, tmp_path / "rows.fits", region=None, object_list=tmp_path / "list.fits", radius_arcsec=0.5)
    right(tmp_path / "rows.fits", alone=False)
    assert len(tap.queries) == 1 + 1 + 2 + 4 + 1  # the redshifts; 50 rows, 25, 12 and 13; and the last 10


def test_lists_of_identifiers(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, tap = splus
    ids = [tap.tables["dr4_dual.dr4_dual_detection"]["ID"][k] for k in (7, 3)]
    (tmp_path / "ids.csv").write_text("\n".join(["id", *ids, "no'such", ids[0]]) + "\n")
    run = fetch(site, tmp_path / "rows.csv", region=None, object_list=tmp_path / "ids.csv")
    assert read_table(tmp_path / "rows.csv")["ID"].tolist() == ids
    assert run.missing == ("no'such",)
    with archive("jplus") as (cefca, _):
        for content in ("ID\n85560-7\n85560-3\n", "number,tile_id\n7,85560\n3,85560\n"):
            (tmp_path / "ids.csv").write_text(content)
            assert JPLUS is not None
            fetch_rows(
                JPLUS, tmp_path / "j.fits", object_list=tmp_path / "ids.csv", base_url=cefca.url, how=QUICK,
            )  # fmt: skip
            assert read_table(tmp_path / "j.fits")["NUMBER"].tolist() == [7, 3]


@pytest.mark.parametrize(
    ("content", "says"),
    [("ra,dec\n10,20\n30,\n", "row 2 has ra 30.0, dec nan"), ("ra,dec\n10,95\n", "row 1 has ra 10.0, dec 95"),
     ("a,b\n1,2\n", "columns a, b; expected ra and dec"), ("ra,dec\n", "no rows"),
     ("id\n85560\n", "row 1 has the identifier '85560'; expected numbers TILE_ID-NUMBER"),
     ("id\n1-2 OR 1=1\n", "expected numbers"), ("tile_id,number\n1,\n", "row 1 has the identifier")],
)  # fmt: skip
def test_lists_that_cannot_be(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    assert JPLUS is not None
    with archive("jplus") as (site, tap), pytest.raises(AgezError, match=says):
        fetch_rows(JPLUS, tmp_path / "j.fits", object_list=tmp_path / "list.csv", base_url=site.url, how=QUICK)
    assert tap.queries == []


def test_nothing_there_nobody_there_no_package(
    splus: tuple[Site, LocalTap], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _ = splus
    with pytest.raises(AgezError, match="S-PLUS dr4 has nothing in that region"):
        fetch(site, tmp_path / "rows.fits", region=(200.0, 1.0, 0.6))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(AgezError, match=r"no answer \(.*refused.*, in 3 attempts"):
        fetch(site, tmp_path / "rows.fits", base_url=nobody)
    monkeypatch.setitem(sys.modules, "pyvo", None)
    monkeypatch.setitem(sys.modules, "pyvo.dal", None)
    with pytest.raises(AgezError, match=r"needs pyvo.*pip install .*'agez\[archives\]'"):
        fetch(site, tmp_path / "rows.fits")
    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_is_not_waited_for(splus: tuple[Site, LocalTap], tmp_path: Path) -> None:
    site, _ = splus
    site.services[SYNC] = lambda asked: (time.sleep(1.5), (200, b""))[1]  # type: ignore[func-returns-value]
    before = time.monotonic()
    with pytest.raises(AgezError, match="timed out"):
        fetch(site, tmp_path / "rows.fits", how=Downloads(retries=1, pause=0.001, timeout=0.2))
    assert time.monotonic() - before < 1.5


def test_a_release_behind_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert JPAS is not None
    monkeypatch.setenv("HOME", str(tmp_path))
    with archive("jpas", release="jpas-idr202406") as (site, tap):
        path, answers = "/vo/tap/jpas-idr202406/sync", []

        def guarded(asked: Asked) -> tuple[int, bytes]:
            if asked.headers.get("Cookie") != "JSESSIONID=s3":
                return 403, b""
            assert "Authorization" not in asked.headers
            if asked.body:  # as TAP services do it: the answer is elsewhere
                answers.append(tap(asked))
                return 303, b""
            return answers[-1]

        site.services[path] = site.services[f"{path}/answer"] = guarded
        site.headers[path] = [("Location", f"{site.url}{path}/answer")]
        site.services["/login"] = lambda asked: (200 if b"login=me&password=pass%26word" in asked.body else 401, b"ok")
        site.headers["/login"] = [("Set-Cookie", "JSESSIONID=s3; Path=/")]

        def run() -> object:
            return fetch_rows(
                JPAS, tmp_path / "rows.fits", region=REGION, release="jpas-idr202406", base_url=site.url, how=QUICK
            )

        with pytest.raises(AgezError, match=r"J-PAS jpas-idr202406 needs a login to 127\.0\.0\.1: set AGEZ_CEFCA_USER"):
            run()
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password pass&word\n")
        (tmp_path / ".netrc").chmod(0o600)
        run()
        assert len(read_table(tmp_path / "rows.fits")) == 60
        site.faults[path] = ["status:403"]
        with pytest.raises(AgezError, match=r"HTTP 403 Forbidden; set AGEZ_CEFCA_USER .* 'machine 127\.0\.0\.1 login"):
            run()
        monkeypatch.setenv("AGEZ_CEFCA_USER", "you")
        with pytest.raises(AgezError, match="AGEZ_CEFCA_PASSWORD is not; set both"):
            run()
        monkeypatch.setenv("AGEZ_CEFCA_PASSWORD", "wrong")
        with pytest.raises(AgezError, match="the login is refused, HTTP 401"):
            run()
    with pytest.raises(AgezError, match="is not https: the password would be sent in the clear"):
        fetch_rows(
            JPAS, tmp_path / "r.fits", region=REGION, release="jpas-idr202406", base_url="http://x.org", how=QUICK
        )


@pytest.mark.parametrize(
    ("words", "says"),
    [(["splus"], "no rows are asked for"), (["splus", "NGC1", "--region", "1,2,3"], "NAME is not an option of splus"),
     (["splus", "--region", "1,2,3", "--setup", "V500"], "--setup is not an option of splus"),
     (["califa", "NGC1", "--region", "1,2,3"], "--region is not an option of califa"),
     (["splus", "--region", "1,2,0"], "region 1,2,0: expected"), (["splus", "--region", "1,99,1"], "region 1,99,1"),
     (["splus", "--region", "nan,9,1"], "region nan,9,1"),
     (["splus", "--region", "1,2,3", "--radius", "2"], "--radius"),
     (["splus", "--list", "none.csv"], "no such file"), (["splus", "--list", "l.csv", "--max-rows", "3"], "--max-rows"),
     (["splus", "--region", "1,2,3", "--release", "dr9"], "--release dr9 is none that agez knows"),
     (["splus", "--cutout", "1,2", "--max-rows", "3"], "--max-rows"),
     (["splus", "--region", "1,2,3", "--base-url", "ftp://x"], "--base-url"),
     (["splus", "--region", "1,2,3", "--max-rows", "0"], "--max-rows")],
)  # fmt: skip
def test_options_that_cannot_be(
    tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", *words, "-o", str(tmp_path / "rows.fits")]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_what_odd_services_send() -> None:
    """Arrays of one number, names with their table's, numbers with None among them."""
    column = np.empty(3, dtype=object)
    column[:] = [1.5, None, 2]
    words = np.empty(3, dtype=object)
    words[:] = ["a", b"b", None]
    odd = Table({"minijpas.NUMBER": [[1], [2], [3]], "x": column, "name": words})
    plain = tap_query._plain_table(odd)
    assert plain.colnames == ["NUMBER", "x", "name"]
    assert plain["NUMBER"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(plain["x"], [1.5, np.nan, 2.0])
    assert plain["name"].tolist() == ["a", "b", ""]


def test_json(splus: tuple[Site, LocalTap], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rows.fits"
    words = ["fetch", "splus", "--region", "40,1,0.6", "-o", str(out), "--base-url", splus[0].url, "--json"]
    assert main(words) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["out"], content["release"], content["rows"], content["missing"]) == (str(out), "dr4", 60, [])
