"""Progress: bars on terminals and in notebooks, lines every so often in logs, and silence where it is wanted."""

import io
import os
import subprocess
import sys

import pytest
from tqdm import tqdm

from agez.runtime import progress as module
from agez.runtime.progress import FIRST_LINE, LINES_APART, LogLines, progress, quiet_progress


class Clock:
    """Seconds that a test lets pass."""

    now = 1000.0

    def __call__(self):
        return self.now


class Stream(io.StringIO):
    def __init__(self, terminal=False):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture(autouse=True)
def wanted(monkeypatch):
    monkeypatch.delenv("AGEZ_PROGRESS", raising=False)


@pytest.fixture
def log(capsys):
    """All lines so far on a stderr that is no terminal."""
    lines = []

    def read():
        lines.extend(capsys.readouterr().err.splitlines())
        return lines

    return read


@pytest.fixture
def clock():
    return Clock()


def run(clock, seconds, **how):
    """Count one thing after each of these seconds."""
    with LogLines(total=len(seconds), clock=clock, **how) as bar:
        for one in seconds:
            clock.now += one
            bar.update()
    return bar


def test_short_work_says_nothing(log, clock):
    run(clock, [FIRST_LINE / 100] * 99, title="work")
    assert log() == []


def test_lines_come_every_so_often_and_at_the_end(log, clock):
    bar = run(clock, [1.0] * 300, title="work")
    begins = [line.split(",")[0] for line in log()]
    expected = [*range(int(FIRST_LINE), 300, int(LINES_APART))]
    assert begins[:-1] == [f"agez: work: {n} of 300 ({100 * n / 300:.0f} %)" for n in expected]
    assert begins[-1] == "agez: work: 300 of 300 (100 %)"
    assert log()[1] == "agez: work: 40 of 300 (13 %), 1.00/s, 00:40 so far, 04:20 left"
    assert log()[-1] == "agez: work: 300 of 300 (100 %), 1.00/s, 05:00 so far"
    assert bar.n == 300


def test_fast_work_says_no_more(log, clock):
    run(clock, [2.0**-10] * 2**16, title="work", unit="rows")
    assert len(log()) == 3  # after 10, 40 and 64 s
    assert log()[0] == "agez: work: 10.2k of 65.5k rows (16 %), 1.02k rows/s, 00:10 so far, 00:54 left"


def test_slow_work_says_seconds(log, clock):
    run(clock, [100.0] * 3, title="work")
    assert log()[0] == "agez: work: 1 of 3 (33 %), 100 s each, 01:40 so far, 03:20 left"
    assert len(log()) == 3


def test_what_an_earlier_run_did_says_nothing_of_the_speed(log, clock):
    with LogLines(total=100, initial=80, title="work", clock=clock) as bar:
        clock.now += 10
        bar.update(10)
    assert log() == ["agez: work: 90 of 100 (90 %), 1.00/s, 00:10 so far, 00:10 left"]


def test_bytes_words_and_unknown_totals(log, clock):
    with LogLines(title="a.fits", unit="B", clock=clock) as bar:
        bar.set_postfix_str("2 set aside", refresh=False)
        clock.now += 64
        bar.update(128 * 1024**2)
    assert log() == ["agez: a.fits: 128MB, 2.00MB/s, 01:04 so far, 2 set aside"]
    with LogLines(total=0, clock=clock) as bar:
        clock.now += 64
        bar.update(0)
    assert log()[-1] == "agez: progress: 0, 01:04 so far"


def test_a_line_at_the_end_of_work_that_breaks_off(log, clock):
    def broken():
        for _ in LogLines(range(9), total=9, title="work", clock=clock):
            clock.now += 12
            if clock.now > 1030:
                raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert [line.split(" (")[0] for line in log()] == ["agez: work: 1 of 9", "agez: work: 2 of 9"]


def test_items_are_counted_and_pass_unchanged(log, clock):
    def slow():
        for k in range(4):
            clock.now += 40
            yield k

    assert list(LogLines(slow(), total=4, title="work", clock=clock)) == [0, 1, 2, 3]
    assert len(log()) == 4
    bar = progress([1, 2, 3])
    assert isinstance(bar, LogLines)
    assert bar.line(1.0).startswith("progress: 0 of 3 ")
    assert list(bar) == [1, 2, 3]


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError("I/O operation on closed file")])
def test_a_log_that_cannot_be_written_does_not_end_the_work(monkeypatch, clock, error):
    class Broken(Stream):
        def write(self, text):
            raise error

    monkeypatch.setattr(sys, "stderr", Broken())
    assert run(clock, [60.0] * 5, title="work").n == 5


def test_bars_are_for_terminals_and_come_after_a_while(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Stream(terminal=True))
    for delay, seen in ((0.0, True), (60.0, False)):
        monkeypatch.setattr(module, "BAR_DELAY", delay)
        with progress(total=2, title="work") as bar:
            assert isinstance(bar, tqdm)
            bar.mininterval = 0
            bar.update()
        assert ("work" in sys.stderr.getvalue()) is seen
        sys.stderr.truncate(0)


def test_notebooks_have_bars(monkeypatch, log):
    class ZMQInteractiveShell:
        pass

    class IPython:
        get_ipython = staticmethod(ZMQInteractiveShell)

    monkeypatch.setitem(sys.modules, "IPython", IPython)
    bar = progress(total=2)
    assert isinstance(bar, tqdm)
    assert not bar.disable
    bar.close()


def test_quiet(monkeypatch, log):
    monkeypatch.setattr(module, "FIRST_LINE", 0.0)
    with quiet_progress():
        assert list(progress([1, 2], title="work")) == [1, 2]
        with progress(total=3) as bar:
            bar.update()
    assert log() == []
    assert "AGEZ_PROGRESS" not in os.environ
    assert list(progress([1, 2], title="work")) == [1, 2]
    assert len(log()) == 2
    monkeypatch.setenv("AGEZ_PROGRESS", "off")
    with quiet_progress():
        pass
    assert list(progress([1, 2], title="work")) == [1, 2]
    assert len(log()) == 2
    monkeypatch.setattr(sys, "stderr", None)
    assert list(progress([1, 2])) == [1, 2]


PROGRAM = """
import sys
from multiprocessing import get_context
from agez.runtime import progress

progress.FIRST_LINE = 0.0

def work(n):
    return sum(progress.progress(range(n), title="in a worker"))

if __name__ == "__main__":
    with get_context("fork").Pool(1) as pool:
        assert pool.map(work, [4]) == [6]
    assert sum(progress.progress(range(4), title="here")) == 6
"""


@pytest.mark.parametrize(("asked", "pipe", "told"), [("", False, True), ("", True, False), ("on", True, True)])
def test_files_are_told_pipes_only_if_asked_and_workers_are_silent(tmp_path, monkeypatch, asked, pipe, told):
    monkeypatch.setenv("AGEZ_PROGRESS", asked)
    log = tmp_path / "log"
    with log.open("w") as file:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE if pipe else file, text=True, timeout=120,
            check=True,
        )  # fmt: skip
    lines = (done.stderr if pipe else log.read_text()).splitlines()
    assert {line.split(":")[1] for line in lines} == ({" here"} if told else set())


@pytest.mark.parametrize("quiet", [False, True])
def test_the_option_of_commands(monkeypatch, log, quiet, tmp_path):
    from agez import commands
    from agez.cli import main

    monkeypatch.setattr(module, "FIRST_LINE", 0.0)
    monkeypatch.setitem(commands.COMMANDS, "filters", lambda options: ({}, [str(sum(progress(range(3), title="f")))]))
    assert main(["filters", *(["--quiet"] if quiet else [])]) == 0
    assert bool(log()) is not quiet
