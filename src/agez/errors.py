"""The one exception that a user of agez ever sees: a problem with their data or their arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class AgezError(Exception):
    """A run cannot go on because of the input.

    The message is one line: which file, column, row or option; what was found; what was
    expected; what to do.  The command line prints it and exits with status 1.

    Examples
    --------
    >>> import agez
    >>> try:
    ...     agez.load_model("lsst")
    ... except agez.AgezError as error:
    ...     print(str(error).split(":")[0])
    no model is called 'lsst'
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class PartlyDoneError(AgezError):
    """Some of the work is done and written; the message says what was set aside and why.

    Attributes
    ----------
    content, lines
        What the command would have answered: the object for ``--json``, and the lines for a person.
    """

    def __init__(self, message: str, *, content: dict[str, Any], lines: list[str]) -> None:
        super().__init__(message)
        self.content, self.lines = content, lines


class AgezWarning(UserWarning):
    """Something had to be assumed that the caller can say: the message says what was taken, and how to say it."""


class NoPhotometryError(AgezError):
    """No column of a table is recognised as photometry, nor looks like it."""


class UnclearFiltersError(AgezError):
    """Several filter sets have bands of a table's names, and nothing says which it is.

    Attributes
    ----------
    candidates : tuple of str
        The sets.
    """

    def __init__(self, message: str, candidates: tuple[str, ...]) -> None:
        super().__init__(message)
        self.candidates = candidates

    def __reduce__(self) -> tuple[type[UnclearFiltersError], tuple[str, tuple[str, ...]]]:
        return UnclearFiltersError, (str(self), self.candidates)


def counted(n: int, noun: str, plural: str = "") -> str:
    """``1 region``, ``2 regions``."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def some_of(names: Iterable[object], most: int = 4) -> str:
    """The first few of some names, for a message.

    Examples
    --------
    >>> some_of(["a", "b", "c"], 2)
    'a, b, ...'
    """
    first = [str(name) for name, _ in zip(names, range(most + 1), strict=False)]
    return ", ".join([*first[:most], *["..."] * (len(first) > most)])
