"""How far long work is: a bar on terminals and in notebooks, a line every so often in logs, or nothing."""

from __future__ import annotations

import multiprocessing
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, Protocol, TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)

#: Bars come after this time, lines after that, and then no more often than that [second].
BAR_DELAY, FIRST_LINE, LINES_APART = 2.0, 10.0, 30.0
#: Environment variable: ``off`` silences progress, of Python and of all processes below; ``on`` tells pipes, too.
VARIABLE = "AGEZ_PROGRESS"


class Progress(Protocol[Item]):
    """What counts: tqdm's bars, and :class:`LogLines`."""

    n: int

    def __iter__(self) -> Iterator[Item]: ...

    def __enter__(self) -> Progress[Item]: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None, /
    ) -> None: ...

    def update(self, n: int = 1, /) -> Any:
        """So many more are done."""

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Words at the end."""


def progress(
    items: Iterable[Any] | None = None,
    *,
    total: int | None = None,
    title: str = "",
    in_bytes: bool = False,
    unit: str = "",
    initial: int = 0,
) -> Progress[Any]:
    """Wrap ``items`` (or count by hand with ``.update``) and show on stderr how far the work is.

    On a terminal and in a notebook a bar, from ``BAR_DELAY`` on; in a file (a cluster's log, nohup) a plain line after
    ``FIRST_LINE``, and one each ``LINES_APART`` at most.  A pipe, whose reader may take any word for an error, gets
    them with ``AGEZ_PROGRESS=on`` in the environment.  Workers are silent, and so is everything under
    :func:`quiet_progress` or with ``AGEZ_PROGRESS=off``.

    Parameters
    ----------
    in_bytes : bool
        Bytes are counted.
    unit : str
        What is counted by the thousand.
    initial : int
        How many an earlier run has done: they say nothing of the speed.
    """
    asked = os.environ.get(VARIABLE, "").lower()
    wanted = asked != "off" and sys.stderr is not None and multiprocessing.parent_process() is None
    has_bar = wanted and (getattr(sys.stderr, "isatty", lambda: False)() or _in_notebook())
    wanted = wanted and (has_bar or asked == "on" or not _is_pipe(sys.stderr))
    if wanted and not has_bar:
        if total is None and isinstance(items, Sized):
            total = len(items)
        return LogLines(items, total=total, title=title, unit="B" if in_bytes else unit, initial=initial)
    units: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1024} if in_bytes else {}
    if unit:
        units = {"unit": f" {unit}", "unit_scale": True}
    return tqdm(
        items, total=total, desc=title, disable=not wanted, leave=False, file=sys.stderr, initial=initial,
        delay=BAR_DELAY, **units,
    )  # fmt: skip


@contextmanager
def quiet_progress() -> Iterator[None]:
    """No progress is shown by what runs inside the block, in this process or below it."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "off"
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _is_pipe(stream: TextIO) -> bool:
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError, AttributeError):  # not of the system, as a text in memory
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _in_notebook() -> bool:
    """Whether a Jupyter kernel shows stderr, where carriage returns work as on a terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ in ("ZMQInteractiveShell", "Shell")  # the second is Colab's


class LogLines(Generic[T]):
    """Progress in plain lines: how many of how many, rate, time so far and time left.

    Parameters
    ----------
    items, total, title, unit, initial
        See :func:`progress`; unit ``B``: bytes.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        items: Iterable[T] | None = None,
        *,
        total: int | None = None,
        title: str = "",
        unit: str = "",
        initial: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.n = initial
        self._items, self._total, self._title, self._unit, self._initial = items, total, title, unit, initial
        self._clock, self._begin, self._words = clock, clock(), ""
        self._next = self._begin + FIRST_LINE
        self._told: int | None = None  # The count in the last line.

    def __iter__(self) -> Iterator[T]:
        with self:
            for item in self._items or ():
                yield item
                self.update()

    def __enter__(self) -> LogLines[T]:
        return self

    def __exit__(self, kind: object = None, error: object = None, where: object = None) -> None:
        if self._told is not None and self._told != self.n:  # a log that has begun ends with how far it came
            self._print(self._clock())

    def update(self, n: int = 1) -> None:
        """So many more are done; a line if it is time for one."""
        self.n += n
        now = self._clock()
        if now >= self._next:
            self._next = now + LINES_APART
            self._print(now)

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Words at the end of the next line."""
        self._words = s

    def line(self, seconds: float) -> str:
        """How far the work is after so many seconds."""
        unit = {"": "", "B": "B"}.get(self._unit, f" {self._unit}")
        scale = 1024 if self._unit == "B" else 1000
        size: Callable[[float], str] = (
            (lambda number: tqdm.format_sizeof(number, divisor=scale)) if unit else "{:g}".format
        )
        said = f"{self._title or 'progress'}: {size(self.n)}"
        if self._total:
            said += f" of {size(self._total)}{unit} ({100 * min(self.n / self._total, 1):.0f} %)"
        else:
            said += unit
        parts = [f"{tqdm.format_interval(seconds)} so far"]
        rate = (self.n - self._initial) / seconds if seconds > 0 else 0.0
        if rate > 0:
            each = f"{1 / rate:.3g} s each" if rate < 1 else f"{tqdm.format_sizeof(rate, divisor=scale)}{unit}/s"
            parts.insert(0, each)
            if self._total is not None and self.n < self._total:
                parts.append(f"{tqdm.format_interval((self._total - self.n) / rate)} left")
        return ", ".join([said, *parts, *([self._words] if self._words else [])])

    def _print(self, now: float) -> None:
        self._told = self.n
        try:
            print(f"agez: {self.line(now - self._begin)}", file=sys.stderr, flush=True)
        except (OSError, ValueError):  # a log that is full or closed does not end the work
            self._next = float("inf")
            self._told = None
