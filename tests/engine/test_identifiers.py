"""Identifiers and kept columns come out of every format, into every format, as they went in: value by value."""

import csv
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_catalogue import MODEL, columns

from agez.catalogues import csv_files
from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import read_partition
from agez.engine.answer import make_job
from agez.engine.run import run_catalogue
from agez.tables.csv_tables import Seen
from agez.tables.table_columns import text_column
from agez.tables.table_files import read_table

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
N = 8
#: Identifiers of many kinds, each as the file is meant to say it.
TEXT = {
    "obj_id": ["1e3", "nan", "inf", "True", "007", "0x10", "-0", "1.10"],
    "tile_id": [f"{k:05d}" for k in range(N)],
    "number": [str(10**19 * 3 + k) for k in range(N)],  # more than 64 bits
    "late": ["1", "2", "3", "4", "5", "6", "7", "8b"],  # a letter in the last row alone
    "plate": [f"{k}e{k}" for k in range(N)],
    "word": ["-1", "+1", "None", "NA", "--", "1_000", "１", "é"],
}
WHOLE = {
    "object_id": np.arange(N, dtype=np.uint64) + np.uint64(2**63 + 12345),
    "highest": np.array([0, 1, 2**63, 2**64 - 1, 5, 6, 7, 8], dtype=np.uint64),
    "source_id": np.array([-(2**63), -1, 0, 2**53 + 1, 2**63 - 1, -(2**53) - 1, 7, 8]),
}
#: Numbers that look like integers, and what no decimal says exactly.
FLOATS = {"mass": np.array([1.0, 2e22, -3.0, 0.1, 1 / 3, 2.0**60, 1e-300, 5.0])}
ALL = {**TEXT, **WHOLE, **FLOATS}
INPUTS = ("csv", "tab.csv", "ecsv", "fits", "parquet", "folder", "hats", "vot")
OUTPUTS = ("csv", "ecsv", "fits", "parquet", "folder")


def made(tmp_path: Path, kind: str) -> Path:
    """The table in a file of that kind, written by other programs than agez."""
    ours = columns(N)
    table = {"id": ours.pop("id"), **{n: np.array(v) for n, v in ALL.items()}, **ours}
    path = tmp_path / f"in.{kind}"
    if kind.endswith("csv") and kind != "ecsv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if kind.startswith("tab") else ",")
            writer.writerow(table)
            writer.writerows(zip(*(values.tolist() for values in table.values()), strict=True))
    elif kind in ("parquet", "folder", "hats"):
        arrow = pa.table(table)
        if kind == "parquet":
            pq.write_table(arrow, path, row_group_size=3)
            return path
        path = tmp_path / "in"
        for k in range(2):
            file = path / (f"dataset/Norder=0/Dir=0/Npix={k}.parquet" if kind == "hats" else f"{k}.parquet")
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(arrow.slice(4 * k, 4), file)
    elif kind == "vot":  # which has no unsigned integers
        Table({n: v.astype(str) if v.dtype == np.uint64 else v for n, v in table.items()}).write(path, format="votable")
    else:
        encoded = {n: np.char.encode(v) if kind == "fits" and v.dtype.kind == "U" else v for n, v in table.items()}
        Table(encoded).write(path)
    return path


def read_back(path: Path) -> Table:
    """An output as others read it: astropy, and CSV as nothing but text."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        return Table({name: list(cells) for name, *cells in zip(*rows, strict=True)})
    if path.is_dir() or path.suffix == ".parquet":
        files = sorted(one for one in path.rglob("*.parquet") if not one.name.startswith("_")) or [path]
        whole = pa.concat_tables([pq.read_table(one) for one in files], promote_options="permissive")
        return Table({name: whole[name].to_numpy() for name in whole.column_names})
    return Table.read(path)


@pytest.mark.parametrize("rows", [100, 3])
@pytest.mark.parametrize("kind", INPUTS)
def test_nothing_that_is_kept_changes(tmp_path: Path, kind: str, rows: int) -> None:
    catalogue = open_catalogue(made(tmp_path, kind), rows_per_partition=rows)
    job = make_job(catalogue, MODEL, filters="splus", keep=tuple(ALL))
    for output in OUTPUTS if rows == 3 or kind in ("csv", "fits") else ("fits",):
        path = tmp_path / ("out" if output == "folder" else f"out.{output}")
        assert not run_catalogue(catalogue, job, path, workers=1, fresh=True).failed
        table = read_back(path)
        for name, values in {**TEXT, **WHOLE}.items():
            found = [one.decode() if isinstance(one, bytes) else str(one) for one in np.asarray(table[name]).tolist()]
            assert found == [str(one) for one in values], (kind, output, name)
        np.testing.assert_array_equal(np.asarray(table["mass"], dtype=float), FLOATS["mass"], err_msg=output)
        assert [int(one) for one in table["object_id"].tolist()] == WHOLE["object_id"].tolist()
        if output in ("fits", "parquet") and kind != "vot":
            assert table["object_id"].dtype.newbyteorder("=") == np.uint64
            assert table["source_id"].dtype.newbyteorder("=") == np.int64


def test_what_agez_wrote_is_read_by_agez(tmp_path: Path) -> None:
    """Twice through every pair of formats that have kinds of columns."""
    source = made(tmp_path, "parquet")
    for first in ("fits", "csv", "ecsv", "parquet"):
        catalogue = open_catalogue(source)
        one = tmp_path / f"one.{first}"
        run_catalogue(catalogue, make_job(catalogue, MODEL, filters="splus", keep="all"), one, workers=1)
        again = open_catalogue(one, rows_per_partition=5)
        kept = make_job(again, MODEL, filters="splus", keep=tuple(ALL))
        for second in ("fits", "csv"):
            two = tmp_path / f"two.{second}"
            run_catalogue(again, kept, two, workers=1, fresh=True)
            table = read_table(two)
            for name, values in {**TEXT, **WHOLE}.items():
                assert text_column(table, name).tolist() == [str(v) for v in values], (first, second, name)


@pytest.mark.parametrize("output", ["fits", "csv", "ecsv", "parquet"])
def test_missing_identifiers_stay_missing_and_others_exact(tmp_path: Path, output: str) -> None:
    table = columns(4)
    lowest = -(2**63)
    extra = {
        "signed": pa.array([lowest, None, 2**63 - 1, 0], pa.int64()),
        "unsigned": pa.array([2**64 - 1, None, 0, 2**63], pa.uint64()),
        "small": pa.array([255, None, 0, 1], pa.uint8()),
        "truth": pa.array([True, None, False, True]),
        "decimal": pa.array([Decimal(10**19 * 2), None, Decimal(5), Decimal(0)], pa.decimal128(30, 0)),
        "text": pa.array(["1", None, "nan", "x"]),
        "vector": pa.array([[1, None], [2**53 + 1, 3], [4, 5], [6, 7]]),
    }
    pq.write_table(pa.table({**table, **extra}), tmp_path / "in.parquet", row_group_size=2)
    catalogue = open_catalogue(tmp_path / "in.parquet", rows_per_partition=2)
    job = make_job(catalogue, MODEL, filters="splus", keep=tuple(extra))
    path = tmp_path / f"out.{output}"
    assert not run_catalogue(catalogue, job, path, workers=1).failed
    found = read_table(path)
    for name, values in extra.items():
        expected = values.to_pylist()
        for row, one in enumerate(expected):
            got = np.ma.asarray(found[name])[row]
            if name == "truth" and output == "fits":
                with fits.open(path) as hdus:  # 0 is nothing, by the standard; astropy's tables take it for F
                    got = np.asarray(hdus[1].data).view(np.ndarray)[name][row]
                assert got == {True: ord("T"), False: ord("F"), None: 0}[one]
            elif name == "vector":
                if output != "csv":
                    assert [int(v) for v in np.ma.filled(got, 0)] == [v or 0 for v in one]
            elif one is None:
                assert got is np.ma.masked or str(got) in ("", "b''", "nan"), (name, row)
            else:
                assert (got.decode() if isinstance(got, bytes) else str(got)).lower() == str(one).lower(), (name, row)


def test_a_column_is_of_one_kind_over_the_whole_file(tmp_path: Path) -> None:
    """Also where the rows that say so come long after those by which columns are judged at first."""
    n = 30_000
    names = [str(10**18 + k) for k in range(n)]
    names[-1] = "1000000000000000000A"
    ours = {name: values[0] for name, values in columns(1).items() if name.startswith("flux")}
    rows = [",".join([one, f"{k:.1f}", str(k), *(f"{v:.3f}" for v in ours.values())]) for k, one in enumerate(names)]
    rows[-2] = rows[-2].replace(f",{n - 2}.0,", ",nothing,")
    path = tmp_path / "in.csv"
    path.write_text("\n".join([",".join(["object_id", "depth", "run", *ours]), *rows]) + "\n")
    catalogue = open_catalogue(path, rows_per_partition=10_000)
    assert catalogue.types["object_id"] == "integer"
    settled = csv_files.with_kinds(catalogue, ["object_id", "depth", "run"])
    assert [settled.types[name] for name in ("object_id", "depth", "run")] == ["text", "text", "integer"]
    first = read_partition(settled, settled.partitions[0], ["object_id", "depth"])
    assert first["object_id"][0] == "1000000000000000000"
    assert first["depth"][0] == "0.0"
    # and without that, a part of the file that does not fit is read as text, not as another number
    last = read_partition(catalogue, catalogue.partitions[-1], ["object_id"])
    assert last["object_id"][-1] == names[-1]


#: Cells that hold nothing.
NOTHING = ("", "nan", "None", "--", "-")
_cells = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
    st.from_regex(r"[+-]?0*[0-9]{0,4}(\.[0-9]{0,3})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["", "nan", "inf", "-inf", "None", "--", "True", "-0", "00", "1e3", "x"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_cells, min_size=1, max_size=6), st.sampled_from(["object_id", "NAME", "depth", "redshift"]))
def test_no_kind_loses_a_cell(cells: list[str], name: str) -> None:
    """By Python's own numbers: integers are the same digits, numbers the same value, identifiers the same text."""
    seen = Seen()
    seen.add(np.array(cells, dtype=object))
    kind = seen.kind(name)
    if kind in ("integer", "unsigned"):
        there = [one for one in cells if one.strip() not in NOTHING]
        assert all(str(int(one)) == one for one in there) or name == "redshift"
        limits = np.iinfo(np.int64 if kind == "integer" else np.uint64)
        assert all(limits.min <= int(one) <= limits.max for one in there)
        assert name == "depth" or name == "redshift" or len([one for one in cells if one]) == len(there)
    elif kind == "number":
        assert name in ("depth", "redshift") or not any(cells) or set(cells) <= set(NOTHING)
        if name == "depth":  # nothing that a program would not have written as a number
            for one in cells:
                assert one in (*NOTHING, "inf", "-inf", "0", "-0") or "." in one or "e" in one.lower() or (
                    str(int(one)) == one and int(float(one)) == int(one)
                )  # fmt: skip
