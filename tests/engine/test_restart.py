"""What an interrupted run leaves is used for the same work alone: not with another model, option or catalogue."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from made_up_catalogue import MODEL, columns, write_catalogue

from agez.apply.corrections import Corrections
from agez.catalogues.open_catalogue import open_catalogue
from agez.engine import schedulers
from agez.engine.answer import make_job
from agez.engine.run import run_catalogue
from agez.models.model_file import load_model, save_model

pytest.importorskip("pyarrow")
ROWS = 100


@pytest.fixture
def catalogue(tmp_path):
    """A folder of four small files."""
    return write_catalogue(tmp_path / "catalogue", rows=ROWS)


def run(folder, output, *, model=MODEL, rows=10_000, **options):
    opened = open_catalogue(folder, rows_per_partition=rows)
    return run_catalogue(opened, make_job(opened, model, filters="splus", **options), output, workers=1)


def interrupted(monkeypatch, n, *arguments, before=None, **options):
    """A run that Ctrl-C ends after ``n`` partitions; ``before(k)`` is called before each."""
    real, done = schedulers.answer_partition, []

    def answer(job, partition, piece):
        if before is not None:
            before(partition.number)
        if len(done) == n:
            raise KeyboardInterrupt
        done.append(partition.number)
        return real(job, partition, piece)

    with monkeypatch.context() as patch:
        patch.setattr(schedulers, "answer_partition", answer)
        with pytest.raises(KeyboardInterrupt):
            run(*arguments, **options)


def write_over(path, content):
    """Other bytes under the same name, with the same time and, if need be, the same size."""
    times = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_another_model_of_the_same_name_size_and_time(catalogue, tmp_path, monkeypatch):
    first = load_model(MODEL)
    moved = replace(first, arrays={
        name: array + np.float32(0.1) if name.endswith("bias3") else array for name, array in first.arrays.items()
    })  # fmt: skip
    model, other = tmp_path / "model.safetensors", tmp_path / "other.safetensors"
    save_model(model, first)
    save_model(other, moved)
    interrupted(monkeypatch, 3, catalogue, tmp_path / "out.csv", model=model)
    assert model.stat().st_size == other.stat().st_size
    write_over(model, other.read_bytes())
    assert run(catalogue, tmp_path / "out.csv", model=model).resumed == 0
    run(catalogue, tmp_path / "expected.csv", model=other)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {"distribution": True},
        {"keep": ("tile",)},
        {"keep": "all"},
        {"rows": 40},
        {"corrections": Corrections(ebv=0.05)},
        {"corrections": Corrections(ebv="ebv")},
        {"corrections": Corrections(ebv="ebv", recalibrate=False)},
        {"corrections": Corrections(error_floor=0.02)},
        {"corrections": Corrections(redshift_err=0.01)},
    ],
)
def test_another_option(catalogue, tmp_path, monkeypatch, options):
    interrupted(monkeypatch, 3, catalogue, tmp_path / "out.csv")
    assert run(catalogue, tmp_path / "out.csv", **options).resumed == 0
    run(catalogue, tmp_path / "expected.csv", **options)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


def replace_tile(catalogue, number, *, rows=ROWS):
    """Another file in the place of a tile."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = catalogue.parent / "new.parquet"
    pq.write_table(pa.table(columns(rows, seed=50 + number)), part)
    part.replace(catalogue / f"tile{number}.parquet")


@pytest.mark.parametrize("rows", [ROWS, 70, 130])
def test_a_file_that_is_replaced_between_runs_is_answered_again_and_no_other(catalogue, tmp_path, monkeypatch, rows):
    interrupted(monkeypatch, 3, catalogue, tmp_path / "out.csv")
    replace_tile(catalogue, 1, rows=rows)
    report = run(catalogue, tmp_path / "out.csv")
    assert (report.resumed, report.n_rows) == (2, 3 * ROWS + rows)
    run(catalogue, tmp_path / "expected.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


@pytest.mark.parametrize("when", [1, 2])
def test_a_file_that_is_replaced_during_a_run_is_answered_again_by_the_next(catalogue, tmp_path, monkeypatch, when):
    """Before it is read, though after it was opened (1), and after its piece is finished (2)."""
    interrupted(
        monkeypatch, 3, catalogue, tmp_path / "out.csv",
        before=lambda number: replace_tile(catalogue, 1) if number == when else None,
    )  # fmt: skip
    assert run(catalogue, tmp_path / "out.csv").resumed == 2
    run(catalogue, tmp_path / "expected.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


def test_a_file_that_is_added_and_one_that_goes(catalogue, tmp_path, monkeypatch):
    """Pieces know their file, not its number."""
    interrupted(monkeypatch, 3, catalogue, tmp_path / "out.csv")
    (catalogue / "tile0.parquet").unlink()
    shutil.copy(catalogue / "tile1.parquet", catalogue / "tile1b.parquet")
    report = run(catalogue, tmp_path / "out.csv")
    assert (report.resumed, report.n_partitions) == (2, 4)
    run(catalogue, tmp_path / "expected.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()
