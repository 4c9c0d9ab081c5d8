"""Downloads that survive interruptions: they go on where they stopped, are checked, and appear only when whole."""

from __future__ import annotations

import errno
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agez.errors import AgezError
from agez.runtime.checksums import Checksum
from agez.runtime.files import behind_links, check_output
from agez.runtime.progress import progress
from agez.runtime.run_lock import sole_run

_BLOCK = 1 << 16
#: Longest wait between two attempts [s], whatever the server asks for.
_LONGEST_WAIT = 60.0
#: Answers that another attempt may change.
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class NotThereError(AgezError):
    """The server answers, and does not have the file (404 or 410)."""


class UnreachableError(AgezError):
    """No answer from the server: the next file would fare no better."""


@dataclass(frozen=True)
class Downloads:
    """How to fetch."""

    #: Attempts after the first that may fail one after the other; one that got further than all before starts the count
    #: again.
    retries: int = 5
    pause: float = 1.0  #: Wait before the second attempt [s]; doubled each time, up to a minute.
    timeout: float = 60.0  #: Longest silence of the server [s].


class _AgainError(Exception):
    """This attempt failed, another may not; ``wait`` [s] is what the server asks for."""

    def __init__(self, message: str, *, wait: float = 0.0, answered: bool = True) -> None:
        super().__init__(message)
        self.wait, self.answered = wait, answered


class _DamagedError(_AgainError):
    """What arrived is whole by its length, and wrong: to be fetched from its beginning."""


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
                raise _AgainError(f"the connection broke ({error})") from error
            if _number(answer.headers.get("Content-Length")) not in (None, len(body)):
                raise _AgainError("the answer was cut short")
            return str(body.decode("utf-8", errors="replace"))

    return _with_retries(attempt, url, how, size=lambda: 0)


def fetch_file(
    url: str,
    path: str | os.PathLike[str],
    how: Downloads,
    *,
    checksum: Checksum | None = None,
    check: Callable[[Path], None] | None = None,
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

    Raises
    ------
    NotThereError
        The server does not have it.
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
            _receive(url, part, how, got, final.name)
            wrong = _what_is_wrong(part, checksum, check)
            if wrong:
                _forget(part)
                raise _DamagedError(wrong)

        try:
            _with_retries(attempt, url, how, size=lambda: part.stat().st_size if part.exists() else 0)
            part.replace(final)
            _about(part).unlink(missing_ok=True)
        finally:
            if part.exists() and part.stat().st_size == 0:
                _forget(part)
    return got[0]


def _with_retries(attempt: Callable[[], Any], url: str, how: Downloads, *, size: Callable[[], int]) -> Any:
    """Call until it works; see :class:`Downloads`."""
    failed, furthest, damaged = 0, size(), 0
    while True:
        try:
            return attempt()
        except _AgainError as error:
            damaged += isinstance(error, _DamagedError)
            if damaged > 1:
                raise AgezError(f"{url} came damaged twice: {error}; try later, or another --base-url") from error
            reached = size()
            failed = 1 if reached > furthest else failed + 1
            furthest = max(furthest, reached)
            if failed > how.retries:
                kind = AgezError if error.answered or reached else UnreachableError
                kept = f"; {reached} bytes are kept, and the same command goes on from there" if reached else ""
                raise kind(f"{url}: {error}, in {failed} {'attempt' if failed == 1 else 'attempts'}{kept}") from error
            time.sleep(min(max(how.pause * 2.0 ** (failed - 1), error.wait), _LONGEST_WAIT))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise AgezError(
                    f"no space left on the disk for {url}; free some, and the same command goes on"
                ) from error
            raise AgezError(f"{url} cannot be written: {error.strerror or error}") from error


@contextmanager
def _answer(url: str, headers: Mapping[str, str], how: Downloads) -> Iterator[http.client.HTTPResponse]:
    """The server's answer; its failures as _AgainError, NotThereError or AgezError."""
    told = {"Accept-Encoding": "identity", "User-Agent": "agez", **headers}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=told), timeout=how.timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise NotThereError(f"{url} is not there (HTTP {error.code})") from error
        if error.code == 416:
            raise _AgainError("the server has less than an earlier run got", answered=True) from error
        if error.code in _PASSING:
            wait = _number(error.headers.get("Retry-After")) or 0.0
            raise _AgainError(f"the server answers HTTP {error.code} {error.reason}", wait=wait) from error
        raise AgezError(f"{url}: the server refuses, HTTP {error.code} {error.reason}") from error
    except (http.client.InvalidURL, ValueError) as error:
        raise AgezError(f"{url} is not an address: {error}; expected http://... or https://...") from error
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", error)
        raise _AgainError(f"no answer ({reason or type(error).__name__})", answered=False) from error
    with answer:
        yield answer


def _receive(url: str, part: Path, how: Downloads, got: list[int], title: str) -> None:
    """Bring the part to its full length, from where it stands; _AgainError if the server stops before."""
    kept = _kept(part, url)
    have = part.stat().st_size if kept else 0
    headers: dict[str, str] = {}
    if have:
        # a part that has all bytes asks for the last once more: so the server says whether that is still its version
        have = min(have, int(kept["total"]) - 1) if kept["total"] else have
        headers = {"Range": f"bytes={have}-", "If-Range": kept["version"]}
    try:
        with _answer(url, headers, how) as answer:
            about = _version(answer, url)
            fits = (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
            # an answer in chunks does not say its length
            same = about["version"] == kept.get("version") and kept["total"] in (None, about["total"])
            if answer.status == 206 and not (fits and same):
                raise _forgotten(part, "the server's file has changed")
            if answer.status != 206:
                have = 0
            length = _number(answer.headers.get("Content-Length"))
            if length is not None and length > shutil.disk_usage(part.parent).free:
                raise OSError(errno.ENOSPC, "no space left")
            with part.open("r+b" if part.exists() else "w+b") as file:
                file.truncate(have)
                if not have:
                    _about(part).write_text(json.dumps(about), encoding="utf-8")
                file.seek(have)
                came = _copy(answer, file, got, title, have, length)
            if length is not None and came < length:
                raise _AgainError(f"the connection ended after {have + came} of {have + length} bytes")
    except _AgainError as error:
        if "less than an earlier run" in str(error):
            raise _forgotten(part, "the server's file has changed") from error
        raise


def _copy(
    answer: http.client.HTTPResponse, file: IO[bytes], got: list[int], title: str, have: int, length: int | None
) -> int:
    """Bytes of the body to the file; how many came."""
    came = 0
    total = None if length is None else have + length
    with progress(total=total, title=title, in_bytes=True) as bar:
        bar.update(have)
        while True:
            try:
                block = answer.read1(_BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise _AgainError(f"the connection broke after {have + came} bytes ({error})") from error
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
    total = _number(answer.headers.get("Content-Length"))
    if answer.status == 206:
        total = _number((answer.headers.get("Content-Range") or "").rpartition("/")[2])
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


def _forgotten(part: Path, why: str) -> _AgainError:
    _forget(part)
    return _AgainError(why)


def _what_is_wrong(part: Path, checksum: Checksum | None, check: Callable[[Path], None] | None) -> str:
    if checksum is not None and not checksum.of(part):
        return f"its {checksum.kind} is not the {checksum.digest[:12]}... that is expected"
    try:
        if check is not None:
            check(part)
    except ValueError as error:
        return str(error)
    return ""


def _number(words: str | None) -> int | None:
    return int(words) if words is not None and words.strip().isdigit() else None
