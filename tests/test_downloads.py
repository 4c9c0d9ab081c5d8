"""Downloads from a server that drops connections, sends short files and wrong lengths, and changes its mind."""

import errno
import gzip
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from broken_server import Site, serving

from agez.errors import AgezError
from agez.runtime import downloads
from agez.runtime.checksums import Checksum, check_gzip, read_checksums
from agez.runtime.downloads import fetch_file, fetch_text, part_of
from agez.runtime.retries import Downloads, NotThereError, UnreachableError

BODY = gzip.compress(np.random.default_rng(1).bytes(300_000), mtime=0)
OTHER = gzip.compress(np.random.default_rng(2).bytes(310_000), mtime=0)
QUICK = Downloads(retries=3, pause=0.001, timeout=5.0)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving({"/a.gz": BODY}) as one:
        yield one


def fetch(site: Site, path: Path, **options: object) -> int:
    return fetch_file(site.url + "/a.gz", path, QUICK, check=check_gzip, **options)  # type: ignore[arg-type]


def only(path: Path, content: bytes = BODY) -> None:
    """The file is there, right, and alone."""
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_whole_at_once(site: Site, tmp_path: Path) -> None:
    assert fetch(site, tmp_path / "deep" / "a.gz") == len(BODY)
    only(tmp_path / "deep" / "a.gz")
    assert site.asked == [("/a.gz", "")]


@pytest.mark.parametrize("validator", ["etag", "date"])
def test_dropped_connections_are_gone_on_with(site: Site, tmp_path: Path, validator: str) -> None:
    site.validator = validator
    site.faults["/a.gz"] = ["drop:100000", "drop:50000", "status:503", "drop:1"]
    assert fetch(site, tmp_path / "a.gz") == len(BODY)  # not a byte twice
    only(tmp_path / "a.gz")
    assert site.bodies("/a.gz") == ["", "bytes=100000-", "bytes=150000-", "bytes=150000-", "bytes=150001-"]


@pytest.mark.parametrize("how", ["ranges", "no validator", "weak"])
def test_a_server_without_parts_starts_over(site: Site, tmp_path: Path, how: str) -> None:
    if how == "ranges":
        site.ranges = False
    else:
        site.validator = "" if how == "no validator" else "weak"
    site.faults["/a.gz"] = ["drop:100000"]
    assert fetch(site, tmp_path / "a.gz") == 100000 + len(BODY)
    only(tmp_path / "a.gz")


def test_such_a_server_that_always_breaks_off_is_given_up(site: Site, tmp_path: Path) -> None:
    site.ranges = False
    site.faults["/a.gz"] = ["drop:100000"] * 50
    with pytest.raises(AgezError, match=r"ended after 100000 of \d+ bytes, in 4 attempts; 100000 bytes are kept"):
        fetch(site, tmp_path / "a.gz")
    assert not (tmp_path / "a.gz").exists()


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changes_between_attempts(site: Site, tmp_path: Path, if_range: bool) -> None:
    site.if_range = if_range
    site.faults["/a.gz"] = ["drop:100000"] + ["status:500"] * 9
    with pytest.raises(AgezError, match="the same command goes on"):
        fetch(site, tmp_path / "a.gz")
    assert part_of(tmp_path / "a.gz").stat().st_size == 100000
    site.faults.clear()
    site.files["/a.gz"] = OTHER
    fetch(site, tmp_path / "a.gz")
    only(tmp_path / "a.gz", OTHER)


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_became_shorter_than_the_part(site: Site, tmp_path: Path, if_range: bool) -> None:
    site.if_range = if_range
    site.faults["/a.gz"] = ["drop:200000"] + ["status:500"] * 9
    with pytest.raises(AgezError):
        fetch(site, tmp_path / "a.gz")
    site.faults.clear()
    site.files["/a.gz"] = short = gzip.compress(b"short", mtime=0)
    fetch(site, tmp_path / "a.gz")
    only(tmp_path / "a.gz", short)


def test_a_whole_part_that_was_not_renamed_costs_one_byte(site: Site, tmp_path: Path) -> None:
    site.faults["/a.gz"] = ["drop:100000"] + ["status:500"] * 9
    with pytest.raises(AgezError):
        fetch(site, tmp_path / "a.gz")
    part_of(tmp_path / "a.gz").write_bytes(BODY)
    site.faults.clear()
    assert fetch(site, tmp_path / "a.gz") == 1
    only(tmp_path / "a.gz")


def test_a_part_of_an_unknown_version_is_thrown_away(site: Site, tmp_path: Path) -> None:
    part = part_of(tmp_path / "a.gz")
    for about in (None, "{", "[]", json.dumps({"url": "http://elsewhere/", "version": "x", "total": 9})):
        part.write_bytes(b"something else")
        if about is not None:
            part.with_name(part.name + ".json").write_text(about)
        assert fetch(site, tmp_path / "a.gz") == len(BODY)
        only(tmp_path / "a.gz")


@pytest.mark.parametrize("fault", ["longer", "shorter", "truncated", "flip", "chunks:5000"])
def test_what_arrives_wrong_once_is_fetched_again(site: Site, tmp_path: Path, fault: str) -> None:
    site.faults["/a.gz"] = [fault]
    fetch(site, tmp_path / "a.gz")
    only(tmp_path / "a.gz")


@pytest.mark.parametrize("fault", ["shorter", "truncated", "flip"])
def test_what_arrives_wrong_twice_is_refused(site: Site, tmp_path: Path, fault: str) -> None:
    site.faults["/a.gz"] = [fault] * 9
    with pytest.raises(AgezError, match="came damaged twice: it is not a whole gzip file"):
        fetch(site, tmp_path / "a.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_was_damaged_on_disk_is_fetched_from_its_beginning(site: Site, tmp_path: Path) -> None:
    site.faults["/a.gz"] = ["drop:100000"] + ["status:500"] * 9
    with pytest.raises(AgezError):
        fetch(site, tmp_path / "a.gz")
    site.faults.clear()
    part = part_of(tmp_path / "a.gz")
    part.write_bytes(bytes(100000))
    fetch(site, tmp_path / "a.gz")
    only(tmp_path / "a.gz")


def test_checksums(site: Site, tmp_path: Path) -> None:
    right = Checksum("sha256", hashlib.sha256(BODY).hexdigest())
    fetch(site, tmp_path / "a.gz", checksum=right)
    with pytest.raises(AgezError, match=r"damaged twice: its sha256 is not the 000000000000\.\.\."):
        fetch(site, tmp_path / "b.gz", checksum=Checksum("sha256", "0" * 64))
    only(tmp_path / "a.gz")


def test_statuses(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match="HTTP 404"):
        fetch_file(site.url + "/b.gz", tmp_path / "b.gz", QUICK)
    assert len(site.asked) == 1
    site.faults["/a.gz"] = ["status:403"]
    with pytest.raises(AgezError, match="refuses, HTTP 403"):
        fetch(site, tmp_path / "a.gz")
    site.faults["/a.gz"] = ["status:500"] * 9
    with pytest.raises(AgezError, match=r"answers HTTP 500 .* in 4 attempts"):
        fetch(site, tmp_path / "a.gz")
    site.faults["/a.gz"] = ["status:500", "status:503", "status:429"]
    fetch(site, tmp_path / "a.gz")
    only(tmp_path / "a.gz")


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UnreachableError, match="no answer"):
        fetch_file(f"http://127.0.0.1:{port}/a", tmp_path / "a", QUICK)
    with pytest.raises(AgezError, match="not an address"):
        fetch_file("nowhere", tmp_path / "a", QUICK)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_copy", full)
        with pytest.raises(AgezError, match="no space left on the disk"):
            fetch(site, tmp_path / "a.gz")
    with monkeypatch.context() as patch:
        patch.setattr(downloads.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
        with pytest.raises(AgezError, match="no space left on the disk"):
            fetch(site, tmp_path / "a.gz")
    fetch(site, tmp_path / "a.gz")
    only(tmp_path / "a.gz")


def test_killed_midway_goes_on(site: Site, tmp_path: Path) -> None:
    site.faults["/a.gz"] = ["slow"]
    code = (
        "import sys; from agez.runtime.checksums import check_gzip; "
        "from agez.runtime.downloads import fetch_file; from agez.runtime.retries import Downloads; "
        "fetch_file(sys.argv[1], sys.argv[2], Downloads(), check=check_gzip)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, site.url + "/a.gz", str(tmp_path / "a.gz")])
    part = part_of(tmp_path / "a.gz")
    limit = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size > 60000):
        assert time.monotonic() < limit
        assert child.poll() is None
        time.sleep(0.01)
    with pytest.raises(AgezError, match="another process"):
        fetch(site, tmp_path / "a.gz")
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    have = part.stat().st_size
    assert 60000 < have < len(BODY)
    assert not (tmp_path / "a.gz").exists()
    assert fetch(site, tmp_path / "a.gz") == len(BODY) - have
    only(tmp_path / "a.gz")
    assert site.bodies("/a.gz")[-1] == f"bytes={have}-"


def test_text(site: Site) -> None:
    site.files["/SUMS"] = b"hello\n"
    site.faults["/SUMS"] = ["status:503", "longer", "chunks:3"]
    assert fetch_text(site.url + "/SUMS", QUICK) == "hello\n"
    with pytest.raises(NotThereError):
        fetch_text(site.url + "/none", QUICK)


def test_checksum_files() -> None:
    md5, sha = "A" * 32, "b" * 64
    text = f"# made today\n{md5}  some/NGC1.fits.gz\n\n{sha} *b c.gz\nMD5 (d.gz) = {md5}\n"
    assert read_checksums(text, source="x") == {
        "NGC1.fits.gz": Checksum("md5", "a" * 32), "b c.gz": Checksum("sha256", sha), "d.gz": Checksum("md5", "a" * 32),
    }  # fmt: skip
    for bad in ("<html>", "a" * 33 + "  name", "a" * 32):
        with pytest.raises(AgezError, match="x: line 1 is"):
            read_checksums(bad, source="x")
