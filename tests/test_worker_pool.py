"""The pool of workers: every result once, the same by any number of workers, and nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pool_work
import pytest

from agez.errors import AgezError
from agez.runtime.worker_pool import ONE_THREAD, Workers, each_done


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_every_result_once(workers):
    found = dict(each_done(pool_work.add, range(5), workers=workers, start=pool_work.start, start_with=(10,)))
    assert {item: value for item, (value, _, _) in found.items()} == {k: k + 10 for k in range(5)}
    pids = {pid for _, pid, _ in found.values()}
    assert (os.getpid() in pids) == (workers == 1)
    if workers > 1:
        assert {threads for _, _, threads in found.values()} == {"1"}
        assert len(pids) <= workers
    assert set(ONE_THREAD.values()) == {"1"}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_work_says_is_heard_before_its_result(workers):
    heard = []
    with Workers(workers) as pool:
        for item, result in pool.each_done(pool_work.count, iter(range(4)), hear=lambda *words: heard.append(words)):
            assert [words for words in heard if words[0] == item] == [(item, k) for k in range(result)]
    assert len(heard) == 0 + 1 + 2 + 3


def test_processes_stay_for_the_next_call_and_end_with_the_block():
    with Workers(2) as pool:
        first = {pid for _, (_, pid) in pool.each_done(pool_work.process, range(4))}
        assert {pid for _, (_, pid) in pool.each_done(pool_work.process, range(4))} <= first
        with pytest.raises(ValueError, match="number two"):
            list(pool.each_done(pool_work.fail, range(4)))
        assert first.isdisjoint(pid for _, (_, pid) in pool.each_done(pool_work.process, range(4)))
        running = [process.pid for process in pool._processes.values()]
    assert running
    assert not any(map(_runs, running))


def test_the_users_script_is_not_run_a_second_time(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import pool_work\nfrom agez.runtime.worker_pool import each_done\nprint('run')\n"
        "print(sorted(r for _, r in each_done(pool_work.fail, [0, 1], workers=2)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.stdout, done.stderr) == ("run\n[0, 1]\n", "")


def test_the_environment_is_as_before(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    list(each_done(pool_work.add, range(2), workers=2, start=pool_work.start, start_with=(1,)))
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in os.environ


def test_nothing_to_do():
    assert list(each_done(pool_work.fail, [], workers=2)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_work_raises_is_raised(workers):
    with pytest.raises(ValueError, match="number two"):
        list(each_done(pool_work.fail, range(4), workers=workers))


def test_a_killed_worker_is_told_in_one_line():
    with pytest.raises(AgezError, match="want of memory"):
        list(each_done(pool_work.die, range(4), workers=2))


def test_a_killed_worker_costs_its_own_item_alone_where_a_result_stands_for_it():
    found = dict(each_done(pool_work.die, range(6), workers=2, lost=lambda number: -number))
    assert found == {0: 0, 1: 1, 2: -2, 3: 3, 4: 4, 5: 5}


def test_too_few_workers():
    with pytest.raises(AgezError, match="workers is 0"):
        list(each_done(pool_work.fail, range(4), workers=0))


def test_workers_end_when_the_program_is_killed(tmp_path):
    code = f"import pool_work; pool_work.main({str(tmp_path)!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    program = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        until = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        workers = [int(path.name) for path in tmp_path.iterdir()]
        assert len(workers) == 2
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    until = time.monotonic() + 20
    while any(map(_runs, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_runs, workers))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_an_interrupt_of_all_processes_is_silent_and_leaves_nothing(tmp_path):
    """Ctrl-C goes to the program and its workers at once: no traceback of theirs, no half-written file, no process."""
    files = [str(tmp_path / name) for name in ("a.fits", "b.fits", "c.fits")]
    program = f"import sys, pool_work; sys.exit(pool_work.write_until_interrupted({files}))"
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not all(Path(f"{one}.begun").exists() for one in files[:2]) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fits.begun", "b.fits.begun"]
