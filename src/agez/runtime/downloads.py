"""Downloads that survive interruptions: they go on where they stopped, are checked, and appear only when whole."""

from __future__ import annotations

import errno
import http.client
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from agez.errors import AgezError
from agez.runtime.checksums import Checksum
from agez.runtime.files import behind_links, check_output
from agez.runtime.progress import progress
from agez.runtime.retries import (
    PASSING,
    AgainError,
    DamagedError,
    Downloads,
    NotThereError,
    RefusedError,
    UnreachableError,
    retry_after,
    whole_number,
    with_retries,
)
from agez.runtime.run_lock import sole_run

_BLOCK = 1 << 16


def part_of(path: Path) -> Path:
    """Where a file is while it arrives."""
    return path.with_name(path.name + ".part")


def fetch_text(url: str, how: Downloads) -> str:
    """A small text file; the errors of :func:`fetch_file`."""

    def attempt() -> str:
        with _answer(url, {}, how) as answer:
            try:
                body = answer.read(1 << 22)
            except (OSError, http.client.HTTPException) as error:
                raise AgainError(f"the connection broke ({error})") from error
            if whole_number(answer.headers.get("Content-Length")) not in (None, len(body)):
                raise AgainError("the answer was cut short")
            return str(body.decode("utf-8", errors="replace"))

    return with_retries(attempt, url, how, size=lambda: 0)


def fetch_file(
    url: str,
    path: str | os.PathLike[str],
    how: Downloads,
    *,
    checksum: Checksum | None = None,
    check: Callable[[Path], None] | None = None,
    body: bytes | None = None,
) -> int:
    """Fetch a file to its place, which has it whole or not at all; the bytes that came over the network.

    While it arrives it is ``<path>.part``, with ``<path>.part.json`` saying of which version on the server.  What an
    interrupted run has left there is gone on with (HTTP Range, with If-Range); it is thrown away if the server has
    another version by now, does not say which, or does not give parts.

    Parameters
    ----------
    url : str
        http or https.
    checksum : Checksum, optional
        Compared before the file goes to its place.
    check : callable, optional
        Looks at the file that arrived; raises ValueError, with what is wrong, if it is not whole.  A file that is not
        is fetched once more from its beginning.
    body : bytes, optional
        JSON that is sent (POST): the file is made for it.

    Raises
    ------
    NotThereError
        The server does not have it.
    RefusedError
        The server wants a login.
    UnreachableError
        No server.
    AgezError
        It could not be had within the retries, it came damaged twice, the disk is full, or another process fetches it.
    """
    final = behind_links(check_output(path))
    part = part_of(final)
    got = [0]
    busy = f"{part.name} is being fetched by another process"
    with sole_run(part.with_name(part.name + ".lock"), busy=busy, advice="wait for it"):

        def attempt() -> None:
            _receive(url, part, how, got, final.name, body)
            wrong = _what_is_wrong(part, checksum, check)
            if wrong:
                _forget(part)
                raise DamagedError(wrong)

        try:
            with_retries(attempt, url, how, size=lambda: part.stat().st_size if part.exists() else 0)
            part.replace(final)
            _about(part).unlink(missing_ok=True)
        finally:
            if part.exists() and part.stat().st_size == 0:
                _forget(part)
    return got[0]


def fetch_each(jobs: Mapping[str, Callable[[], int]]) -> tuple[int, dict[str, AgezError | None]]:
    """Fetch one file after the other: the bytes that came, and what was wrong with some, by name.

    After one that no server answers, or that finds the disk full, the others are not tried: None.
    """
    n_bytes, stopped = 0, False
    problems: dict[str, AgezError | None] = {}
    for name, job in jobs.items():
        if stopped:
            problems[name] = None
            continue
        try:
            n_bytes += job()
        except AgezError as error:
            problems[name] = error
            stopped = isinstance(error, UnreachableError) or "no space left" in str(error)
    return n_bytes, problems


@contextmanager
def _answer(
    url: str, headers: Mapping[str, str], how: Downloads, body: bytes | None = None
) -> Iterator[http.client.HTTPResponse]:
    """The server's answer; its failures as AgainError, NotThereError, RefusedError or AgezError."""
    told = {"Accept-Encoding": "identity", "User-Agent": "agez", **headers}
    try:
        request = urllib.request.Request(url, data=body, headers=told)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in how.headers.items():
            request.add_unredirected_header(name, value)
        answer = urllib.request.urlopen(request, timeout=how.timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise NotThereError(f"{url} is not there (HTTP {error.code})") from error
        if error.code == 416:
            raise AgainError("the server has less than an earlier run got", answered=True) from error
        if error.code in PASSING:
            wait = retry_after(error.headers.get("Retry-After"))
            raise AgainError(f"the server answers HTTP {error.code} {error.reason}", wait=wait) from error
        kind = RefusedError if error.code in (401, 403) else AgezError
        raise kind(f"{url}: the server refuses, HTTP {error.code} {error.reason}") from error
    except (http.client.InvalidURL, ValueError) as error:
        raise AgezError(f"{url} is not an address: {error}; expected http://... or https://...") from error
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", error)
        raise AgainError(f"no answer ({reason or type(error).__name__})", answered=False) from error
    with answer:
        yield answer


def _receive(url: str, part: Path, how: Downloads, got: list[int], title: str, body: bytes | None) -> None:
    """Bring the part to its full length, from where it stands; AgainError if the server stops before."""
    kept = _kept(part, url)
    have = part.stat().st_size if kept else 0
    headers: dict[str, str] = {}
    if have:
        # a part that has all bytes asks for the last once more: so the server says whether that is still its version
        have = min(have, int(kept["total"]) - 1) if kept["total"] else have
        headers = {"Range": f"bytes={have}-", "If-Range": kept["version"]}
    try:
        with _answer(url, headers, how, body) as answer:
            about = _version(answer, url)
            fits = (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
            # an answer in chunks does not say its length
            same = about["version"] == kept.get("version") and kept["total"] in (None, about["total"])
            if answer.status == 206 and not (fits and same):
                raise _forgotten(part, "the server's file has changed")
            if answer.status != 206:
                have = 0
            length = whole_number(answer.headers.get("Content-Length"))
            if length is not None and length > shutil.disk_usage(part.parent).free:
                raise OSError(errno.ENOSPC, "no space left")
            with part.open("r+b" if part.exists() else "w+b") as file:
                file.truncate(have)
                if not have:
                    _about(part).write_text(json.dumps(about), encoding="utf-8")
                file.seek(have)
                came = _copy(answer, file, got, title, have, length)
            if length is not None and came < length:
                raise AgainError(f"the connection ended after {have + came} of {have + length} bytes")
    except AgainError as error:
        if "less than an earlier run" in str(error):
            raise _forgotten(part, "the server's file has changed") from error
        raise


def _copy(
    answer: http.client.HTTPResponse, file: IO[bytes], got: list[int], title: str, have: int, length: int | None
) -> int:
    """Bytes of the body to the file; how many came."""
    came = 0
    total = None if length is None else have + length
    with progress(total=total, title=title, in_bytes=True, initial=have) as bar:
        while True:
            try:
                block = answer.read1(_BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise AgainError(f"the connection broke after {have + came} bytes ({error})") from error
            if not block:
                return came
            file.write(block)
            file.flush()
            came += len(block)
            got[0] += len(block)
            bar.update(len(block))


def _version(answer: http.client.HTTPResponse, url: str) -> dict[str, Any]:
    """Which version of the file an answer is of: a strong ETag, else the date; '' if the server does not say."""
    tag = answer.headers.get("ETag", "")
    version = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")
    total = whole_number(answer.headers.get("Content-Length"))
    if answer.status == 206:
        total = whole_number((answer.headers.get("Content-Range") or "").rpartition("/")[2])
    return {"url": url, "version": version, "total": total}


def _about(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _kept(part: Path, url: str) -> dict[str, Any]:
    """What is known of the bytes that are there; empty if they cannot be gone on with."""
    try:
        about = json.loads(_about(part).read_text(encoding="utf-8"))
        usable = about["url"] == url and about["version"] and part.stat().st_size > 0
        return {key: about[key] for key in ("url", "version", "total")} if usable else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _forget(part: Path) -> None:
    _about(part).unlink(missing_ok=True)
    part.unlink(missing_ok=True)


def _forgotten(part: Path, why: str) -> AgainError:
    _forget(part)
    return AgainError(why)


def _what_is_wrong(part: Path, checksum: Checksum | None, check: Callable[[Path], None] | None) -> str:
    if checksum is not None and not checksum.of(part):
        return f"its {checksum.kind} is not the {checksum.digest[:12]}... that is expected"
    try:
        if check is not None:
            check(part)
    except ValueError as error:
        return str(error)
    return ""
