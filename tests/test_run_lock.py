"""One run at a time: never two, whoever dies, and nothing is left behind."""

import errno
import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from agez.errors import AgezError
from agez.runtime import run_lock
from agez.runtime.run_lock import sole_run

WORDS = {"busy": "out.fits: busy", "advice": "wait"}
#: Holds the lock until its standard input ends.
HOLD = """
import sys
from agez.runtime.run_lock import sole_run
with sole_run(sys.argv[1], busy="busy", advice="wait"):
    print("held", flush=True)
    sys.stdin.read()
"""
#: Takes the lock as often as it can; beside it a file that only one at a time may make.
HAMMER = """
import os, sys, time
from agez.errors import AgezError
from agez.runtime.run_lock import sole_run
lock, alone, end = sys.argv[1], sys.argv[1] + "-alone", time.monotonic() + 0.5
taken = 0
while time.monotonic() < end:
    try:
        with sole_run(lock, busy="busy", advice="wait"):
            os.close(os.open(alone, os.O_CREAT | os.O_EXCL))
            taken += 1
            os.unlink(alone)
    except AgezError:
        pass
print(taken)
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_second_one_is_told_who_has_it_and_goes_on_after_a_kill(tmp_path):
    lock = tmp_path / "new" / ".lock"
    with start(HOLD, lock) as holder:
        assert holder.stdout.readline() == "held\n"
        told = rf"out.fits: busy \(process {holder.pid} on .*, since \d{{4}}-.*\); wait"
        with pytest.raises(AgezError, match=told), sole_run(lock, **WORDS):
            pass
        assert lock.exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert lock.exists()
    with sole_run(lock, **WORDS):
        assert f"process {os.getpid()} " in lock.read_text()
    assert list(lock.parent.iterdir()) == []


def test_in_one_process_and_with_another_name(tmp_path):
    with sole_run(tmp_path / "a", **WORDS):
        with pytest.raises(AgezError, match="busy"), sole_run(tmp_path / "a", **WORDS):
            pass
        with sole_run(tmp_path / "b", **WORDS):
            pass
    with pytest.raises(KeyError), sole_run(tmp_path / "a", **WORDS):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_in_between_is_none(tmp_path, monkeypatch):
    """The first one ends after the second has opened the file, before it locks it."""
    first, real, n = ExitStack(), run_lock.fcntl.flock, []

    def flock(descriptor, operation):
        n.append(descriptor)
        if len(n) == 2:
            first.close()
        real(descriptor, operation)

    monkeypatch.setattr(run_lock.fcntl, "flock", flock)
    first.enter_context(sole_run(tmp_path / "lock", **WORDS))
    third = pytest.raises(AgezError, match="busy")
    with sole_run(tmp_path / "lock", **WORDS), third, sole_run(tmp_path / "lock", **WORDS):
        pass
    assert len(n) == 4
    assert list(tmp_path.iterdir()) == []


def test_never_two_though_the_file_comes_and_goes(tmp_path):
    hammers = [start(HAMMER, tmp_path / "lock") for _ in range(3)]
    taken = [int(one.communicate(timeout=60)[0] or -1) for one in hammers]
    assert [one.returncode for one in hammers] == [0, 0, 0]
    assert sum(taken) > 100
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_started_meanwhile_does_not_have_it(tmp_path):
    with sole_run(tmp_path / "lock", **WORDS):
        child = start("import sys; sys.stdin.read()")
    with child, sole_run(tmp_path / "lock", **WORDS):
        child.stdin.close()


def test_file_systems_without_locks_keep_nobody_out(tmp_path, monkeypatch):
    def none(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(run_lock.fcntl, "flock", none)
    with sole_run(tmp_path / "lock", **WORDS), sole_run(tmp_path / "lock", **WORDS):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_and_a_name_that_is_a_folder(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    second = pytest.raises(AgezError, match="has not said which process")
    with monkeypatch.context() as patch:
        patch.setattr(run_lock.os, "pwrite", full)
        with sole_run(tmp_path / "lock", **WORDS), second, sole_run(tmp_path / "lock", **WORDS):
            pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(AgezError, match="remove it if no run is at work"), sole_run(tmp_path / "folder", **WORDS):
        pass


def test_a_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    monkeypatch.setattr(run_lock, "fcntl", None)
    with sole_run(tmp_path / "lock", **WORDS), sole_run(tmp_path / "lock", **WORDS):
        assert list(tmp_path.iterdir()) == []
