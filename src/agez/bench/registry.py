"""The sets that ship with agez (their descriptions: no file of theirs does), and those that a user describes."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from agez.bench.bench_set import BenchSet
from agez.bench.set_files import set_of
from agez.bench.sky_spectra import SPECTRA_SETS
from agez.errors import AgezError

#: Sets of photometry, which TOML files in ``data/`` describe as a user's file would.
_TABLES = ("splus",)


def shipped_sets() -> tuple[BenchSet, ...]:
    """All of them, in the order in which they are judged."""
    data = files("agez") / "bench" / "data"
    tables = [
        set_of(tomllib.loads((data / f"{name}.toml").read_text(encoding="utf-8")), source=f"{name}.toml")
        for name in _TABLES
    ]
    return (*tables, *SPECTRA_SETS)


def find_sets(names: list[str]) -> tuple[BenchSet, ...]:
    """Shipped sets by name, in the order asked; all of them for none; AgezError for a name that is none.

    Examples
    --------
    >>> from agez.bench.registry import find_sets
    >>> [one.name for one in find_sets(["kc96", "splus"])]
    ['kc96', 'splus']
    """
    known = {one.name: one for one in shipped_sets()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise AgezError(f"no set is called {unknown[0]!r}; there are {', '.join(known)}; your own: --set FILE.toml")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else tuple(known.values())
