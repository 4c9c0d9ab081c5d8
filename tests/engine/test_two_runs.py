"""Two processes that write one output: the second is refused, and goes on where the first was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_up_catalogue import MODEL, opened, write_catalogue

from agez.catalogues.open_catalogue import open_catalogue
from agez.engine.answer import make_job
from agez.engine.run import run_catalogue
from agez.errors import AgezError

pytest.importorskip("pyarrow")
#: A run that waits at its third partition, for ever.
_WAITS = """
import sys, time
from made_up_catalogue import opened
from agez.engine import schedulers
from agez.engine.run import run_catalogue
real = schedulers.answer_partition
def answer(job, partition, piece):
    while partition.number == 2:
        time.sleep(0.1)
    return real(job, partition, piece)
schedulers.answer_partition = answer
catalogue, job = opened(sys.argv[1])
run_catalogue(catalogue, job, sys.argv[2], workers=1)
"""


def pieces(output):
    """Names of the pieces that are done; one that is being written has another name."""
    names = (one.name for one in output.with_name(f".{output.name}.parts").iterdir())
    return sorted(name for name in names if not name.startswith(".part-"))


@pytest.fixture
def first(tmp_path):
    """A run of another process that has done two of four partitions, and still works."""
    output, environment = tmp_path / "out.parquet", {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    write_catalogue(tmp_path / "catalogue")
    command = [sys.executable, "-c", _WAITS, str(tmp_path / "catalogue"), str(output)]
    with subprocess.Popen(command, env=environment) as process:
        try:
            end = time.monotonic() + 60
            while not output.with_name(".out.parquet.parts").is_dir() or len(pieces(output)) < 4:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


def test_the_second_is_refused_until_the_first_is_killed_and_then_goes_on(first, tmp_path):
    output, before = tmp_path / "out.parquet", pieces(tmp_path / "out.parquet")
    # the same job; other options, whose pieces those would not be; one that would begin anew
    for options, fresh in (({}, False), ({"keep": ("ebv",)}, False), ({}, True)):
        catalogue, job = opened(tmp_path / "catalogue", **options)
        with pytest.raises(AgezError) as told:
            run_catalogue(catalogue, job, output, workers=1, fresh=fresh)
        for words in (str(output), ".out.parquet.parts", f"process {first.pid} on", "wait until", "-o/--out"):
            assert words in str(told.value)
        assert pieces(output) == before
    # another output beside it is free, and so is a catalogue that needs no pieces
    catalogue, job = opened(tmp_path / "catalogue")
    assert run_catalogue(catalogue, job, tmp_path / "other.parquet", workers=1).resumed == 0
    alone = open_catalogue(tmp_path / "catalogue" / "tile0.parquet")
    run_catalogue(alone, make_job(alone, MODEL, filters="splus"), output)
    assert pieces(output) == before
    first.send_signal(signal.SIGKILL)
    first.wait()
    report = run_catalogue(catalogue, job, output, workers=1)
    assert (report.resumed, report.n_partitions) == (2, 4)
    assert output.read_bytes() == (tmp_path / "other.parquet").read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["catalogue", "other.parquet", "out.parquet"]
