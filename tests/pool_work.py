"""What worker processes are given to do in the tests of the pool: functions of a module, as they must be."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from agez.runtime.files import whole_file
from agez.runtime.worker_pool import each_done, say

_shared: dict[str, int] = {}


def start(value: int) -> None:
    _shared["value"] = value


def add(number: int) -> tuple[int, int, str]:
    time.sleep(0.02 * (5 - number) if number < 5 else 0)
    return number + _shared["value"], os.getpid(), os.environ.get("OMP_NUM_THREADS", "")


def process(number: int) -> tuple[int, int]:
    time.sleep(0.05)
    return number, os.getpid()


def count(number: int) -> int:
    """Say (number, 0), (number, 1), ..., as many as the number."""
    for k in range(number):
        say(number, k)
    return number


def fail(number: int) -> int:
    if number == 2:
        raise ValueError("number two")
    return number


def die(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def wait_for_ever(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)


def main(folder: str) -> None:
    """Two workers that wait until they are killed."""
    list(each_done(wait_for_ever, [folder, folder + "/"], workers=2))


def half_written(path: str) -> None:
    """Begin a file that is never done, and say that it is begun."""
    with whole_file(path) as part:
        part.write_text("half")
        Path(f"{path}.begun").touch()
        while True:
            time.sleep(0.05)


def write_until_interrupted(files: list[str]) -> int:
    """The exit status of a program that is interrupted while two workers write."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
    try:
        list(each_done(half_written, files, workers=2))
    except KeyboardInterrupt:
        return 130
    return 0
