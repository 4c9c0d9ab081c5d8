"""Compiled kernels: whether numba (extra ``agez[fast]``) is there, and how kernels are compiled once for all sessions.

numba is imported with the modules named ``compiled_*``, and those only when a table is long enough for compiled code.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from agez.runtime.optional_packages import is_installed

#: Rows of one call from which loading the compiled code (half a second, a few seconds the first time) pays.
LEAST_ROWS = 20_000


def jit_is_off() -> bool:
    """Whether ``NUMBA_DISABLE_JIT`` says that nothing is to be compiled: then kernels cannot run."""
    return os.environ.get("NUMBA_DISABLE_JIT", "").strip() not in ("", "0")


def is_available() -> bool:
    """Whether numba is installed and may compile; it is not imported for the question."""
    return is_installed("numba") and not jit_is_off()


def is_worthwhile(n_rows: int) -> bool:
    """Whether so many rows of one call are answered sooner by compiled code."""
    return n_rows >= LEAST_ROWS and is_available()


def usable_cores() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def kernel(function: Any) -> Any:
    """Compile a function that works on arrays of rows, without the interpreter's lock, once for all sessions.

    numba keeps what it compiled beside this file, or in the user's cache folder; where neither can be written to,
    every session compiles anew.
    """
    import numba

    options: Any = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba finds no folder
        return numba.njit(**options)(function)
    _date_by_all_kernels(compiled)
    return compiled


def part_of_kernels(function: Any) -> Any:
    """A function of numbers that kernels are made of."""
    import numba

    return numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz"}, inline="never")(function)


def _date_by_all_kernels(compiled: Any) -> None:
    """numba takes what it kept as good while the kernel's own file is unchanged; here, while all kernels' files are."""
    kept: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(kept, "_source_stamp"):
        kept._source_stamp = _stamp_of_kernels()


@cache
def _stamp_of_kernels() -> tuple[tuple[str, float, int], ...]:
    """Name, time of change and size of every file of kernels."""
    files = sorted(Path(__file__).parents[1].glob("*/compiled*.py"))
    return tuple((file.name, file.stat().st_mtime, file.stat().st_size) for file in files)
