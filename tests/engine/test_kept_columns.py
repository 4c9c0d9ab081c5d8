"""Columns of whatever kind stand beside the answers, in every format, in one piece and in several."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up_catalogue import columns

from agez.catalogues.open_catalogue import open_catalogue
from agez.engine.answer import make_job
from agez.engine.run import run_catalogue
from agez.errors import AgezError
from agez.photometry.tables import read_photometry
from agez.tables.table_files import read_table

N = 30
MIDNIGHT = datetime.datetime(2024, 1, 1)
ODD = {
    "time": pa.array([MIDNIGHT] * (N - 1) + [None], pa.timestamp("us")),
    "day": pa.array([datetime.date(2024, 1, 1)] * N),
    "clock": pa.array([datetime.time(3)] * N),
    "how_long": pa.array([datetime.timedelta(1)] * N),
    "structure": pa.array([{"a": 1, "b": "x"}] * N),
    "words": pa.array([["a"], ["b", "c"]] * (N // 2)),
    "truth": pa.array([True, None, False] * (N // 3)),
    "raw": pa.array([b"a"] * N),
    "pair": pa.array([[1.0, 2.0]] * N),
    "whole": pa.array([1, None] * (N // 2)),
    "of_few": pa.array(["a", "b"] * (N // 2)).dictionary_encode(),
    "nothing": pa.nulls(N),
    "chi2": pa.array(np.arange(N) * 1.0),
    "input_chi2": pa.array(np.arange(N) * 2.0),
}
READS = {"time": "2024-01-01", "day": "2024-01-01", "clock": "03:00:00", "how_long": "1 day", "structure": '{"a": 1',
         "words": '["a"]', "raw": "a", "of_few": "a"}  # fmt: skip


@pytest.mark.parametrize("rows_per_partition", [1000, 15])
@pytest.mark.parametrize("kind", ["fits", "fits.gz", "csv", "ecsv", "parquet"])
def test_any_column_in_any_format(tmp_path: Path, kind: str, rows_per_partition: int) -> None:
    source = tmp_path / "in.parquet"
    ours = columns(N) | {"id": np.arange(N) + 10}
    pq.write_table(pa.table({**ours, **ODD}), source, row_group_size=15)
    catalogue = open_catalogue(source, rows_per_partition=rows_per_partition)
    job = make_job(catalogue, "splus", keep=tuple(ODD), filters="splus")
    report = run_catalogue(catalogue, job, tmp_path / f"out.{kind}", workers=1)
    assert not report.failed
    table = read_table(tmp_path / f"out.{kind}")
    assert [int(one) for one in table["id"]] == list(range(10, 10 + N))
    assert kind == "csv" or table["id"].dtype.kind == "i"
    for name, begins in READS.items():
        assert str(table[name][0]).startswith(begins), name
    np.testing.assert_array_equal(table["input_input_chi2"], np.arange(N) * 1.0)
    np.testing.assert_array_equal(table["input_chi2"], np.arange(N) * 2.0)
    assert np.isfinite(np.asarray(table["chi2"], dtype=float)).any()
    if kind != "csv":
        assert table["pair"][3].tolist() == [1.0, 2.0]


def test_a_column_that_is_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table([pa.array([1.0]), pa.array([2.0])], names=["flux_J0378", "flux_J0378"]), path)
    with pytest.raises(AgezError, match="flux_J0378 is there twice"):
        open_catalogue(path)


def test_workers_of_here_and_of_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table(columns(N)), path)
    catalogue = open_catalogue(path)
    job = make_job(catalogue, "splus", filters="splus")
    with pytest.raises(AgezError, match="one of the two"):
        run_catalogue(catalogue, job, tmp_path / "o.fits", workers=2, scheduler="tcp://127.0.0.1:1")
    with pytest.raises(AgezError, match="missing port number"):
        run_catalogue(catalogue, job, tmp_path / "o.fits", scheduler="nonsense")


def test_redshifts_in_capitals_and_flags_of_another_survey(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = columns(N)
    table["REDSHIFT"] = table.pop("redshift")
    table["flags"] = np.full(N, 1023)
    pq.write_table(pa.table(table), path)
    found = read_photometry(path, filters="splus")
    np.testing.assert_array_equal(found.redshift, table["REDSHIFT"])
    assert found.meta["redshift_known"]
    assert not found.flags.any()
    with pytest.raises(AgezError, match="has a column REDSHIFT"):
        read_photometry(path, filters="splus", redshift=0.1)
    # with agez's own columns beside it, it is agez's own
    pq.write_table(pa.table({**table, "galaxy_id": [""] * N, "x": np.zeros(N), "y": np.zeros(N)}), path)
    assert (read_photometry(path, filters="splus").flags == 1023).all()


def test_errors_without_their_values_are_told(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = columns(N)
    del table["flux_J0378"]
    pq.write_table(pa.table(table), path)
    assert any("flux_J0378_err: errors without" in one for one in open_catalogue(path).remarks)
