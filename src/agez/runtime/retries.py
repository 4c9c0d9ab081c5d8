"""Attempts over a network: what is tried again, after which wait, and when it is given up."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from agez.errors import AgezError

#: Longest wait between two attempts [s], whatever the server asks for.
_LONGEST_WAIT = 60.0
#: Answers that another attempt may change.
PASSING = (408, 425, 429, 500, 502, 503, 504)


class NotThereError(AgezError):
    """The server answers, and does not have the file (404 or 410)."""


class RefusedError(AgezError):
    """The server answers, and wants a login (401), or gives it to others only (403)."""


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
    #: Sent with every request, and to no other server that an answer may lead to: a login.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class AgainError(Exception):
    """This attempt failed, another may not; ``wait`` [s] is what the server asks for."""

    def __init__(self, message: str, *, wait: float = 0.0, answered: bool = True) -> None:
        super().__init__(message)
        self.wait, self.answered = wait, answered


class DamagedError(AgainError):
    """What arrived is whole by its length, and wrong: to be fetched from its beginning."""


def with_retries(attempt: Callable[[], Any], url: str, how: Downloads, *, size: Callable[[], int]) -> Any:
    """Call until it works; see :class:`Downloads`."""
    failed, furthest, damaged = 0, size(), 0
    while True:
        try:
            return attempt()
        except AgainError as error:
            damaged += isinstance(error, DamagedError)
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


def whole_number(words: str | None) -> int | None:
    """The number that a header says; None if it says none."""
    return int(words) if words is not None and words.strip().isdigit() else None


def retry_after(words: str | None) -> float:
    """The wait [s] of a header Retry-After, which is a number of seconds or a date; 0 if it says none.

    Examples
    --------
    >>> retry_after("120"), retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), retry_after("soon"), retry_after(None)
    (120.0, 0.0, 0.0, 0.0)
    """
    seconds = whole_number(words)
    if seconds is not None or not words:
        return float(seconds or 0)
    try:
        return max((parsedate_to_datetime(words) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0
