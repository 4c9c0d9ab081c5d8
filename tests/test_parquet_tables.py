"""Tables in Parquet: read the same by agez and by astropy, and what others write is understood."""

import warnings

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from astropy.time import Time

from agez.column_words import WORDS
from agez.parquet_tables import arrow_table, joined_metadata
from agez.table_columns import PlainTable
from agez.table_files import read_table, write_table

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq = pytest.importorskip("pyarrow.parquet")


def everything():
    """A column of each kind that agez writes."""
    table = Table(
        {
            "id": np.array(["007", "", "étoile"]),
            "x": [1.5, np.nan, -2.0],
            "colour": np.array([1.0, 2.0, 3.0], dtype=">f4"),
            "count": np.array([1, 2, -3], dtype=np.int16),
            "covered": [True, False, True],
            "flux": np.arange(6.0).reshape(3, 2),
            "bands": np.array([["u", "J0378"], ["g", "r"], ["i", "z"]]),
        },
        meta={"MODEL": "one", "SEED": 3, "RUN": {"folds": [1, 2]}},
    )
    table["colour"].unit, table["colour"].description = "mag", "g - r"
    table["count"].description = "of pixels"
    return table


def as_agez_reads(path):
    return read_table(path)


def as_astropy_reads(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Table.read(path, format="parquet")


@pytest.mark.parametrize("read", [as_agez_reads, as_astropy_reads])
@pytest.mark.parametrize("rows", [slice(None), slice(0)], ids=["three rows", "no rows"])
def test_what_goes_in_comes_out(tmp_path, read, rows):
    table = everything()[rows]
    write_table(tmp_path / "t.parquet", table)
    back = read(tmp_path / "t.parquet")
    assert back.colnames == table.colnames
    for name in table.colnames:
        np.testing.assert_array_equal(back[name], table[name])
        assert back[name].dtype.kind == table[name].dtype.kind, name
        assert back[name].shape == table[name].shape, name
        assert not isinstance(back[name], MaskedColumn), name
    assert back["colour"].dtype == np.float32
    assert back["colour"].unit == "mag"
    assert back["colour"].description == "g - r"
    assert back["count"].description == "of pixels"
    assert back["x"].unit == "arcsec"  # as agez knows
    assert back["x"].description == WORDS["x"][1]
    assert dict(back.meta) == dict(table.meta)


def missing():
    gone = [False, True, False]
    return Table(
        {
            "count": MaskedColumn([1, 2, 3], mask=gone),
            "covered": MaskedColumn([True, True, False], mask=gone),
            "word": MaskedColumn(["a", "b", "c"], mask=gone),
            "colour": MaskedColumn([1.0, 2.0, 3.0], mask=gone),
            "flux": np.ma.MaskedArray(np.arange(6.0).reshape(3, 2), mask=[[0, 0], [1, 1], [0, 1]]),
        }
    )


def test_what_is_missing_stays_missing(tmp_path):
    write_table(tmp_path / "t.parquet", missing())
    back = read_table(tmp_path / "t.parquet")
    for name in ("count", "covered", "word"):
        assert back[name].tolist() == missing()[name].tolist(), name
        assert back[name].dtype.kind == missing()[name].dtype.kind, name
    np.testing.assert_array_equal(back["colour"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(back["flux"], [[0.0, 1.0], [np.nan, np.nan], [4.0, np.nan]])
    arrow = pq.read_table(tmp_path / "t.parquet")
    assert arrow.column_names == missing().colnames
    assert [one.null_count for one in arrow.columns[:4]] == [1, 1, 1, 1]
    write_table(tmp_path / "again.parquet", back)
    assert pq.read_table(tmp_path / "again.parquet").slice(0, 3).column("word").to_pylist() == ["a", None, "c"]


def test_astropy_can_read_what_is_missing(tmp_path):
    """It makes no masks of nulls: NaN of numbers, None of truths and the word None of text."""
    write_table(tmp_path / "t.parquet", missing())
    back = as_astropy_reads(tmp_path / "t.parquet")
    np.testing.assert_array_equal(back["count"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(back["colour"], [1.0, np.nan, 3.0])
    assert back["covered"].tolist() == [True, None, False]
    assert back["word"].tolist() == ["a", "None", "c"]


def test_what_astropy_writes_is_read(tmp_path):
    table = everything()
    table["x"].unit = "pc"
    table.write(tmp_path / "plain.parquet")
    back = read_table(tmp_path / "plain.parquet")
    for name in table.colnames:
        np.testing.assert_array_equal(back[name], table[name])
    assert back["x"].unit == "pc"
    assert back["count"].description == "of pixels"
    assert dict(back.meta) == dict(table.meta)

    table = missing()
    table["time"] = Time([2000.0, 2001.0, 2002.0], format="jyear")
    table.write(tmp_path / "masks.parquet")
    back = read_table(tmp_path / "masks.parquet")
    assert back.colnames == table.colnames
    for name in missing().colnames:
        assert back[name].tolist() == table[name].tolist(), name
    assert back["time"].jyear.tolist() == [2000.0, 2001.0, 2002.0]


def test_what_others_write_is_read(tmp_path):
    columns = {
        "word": pa.array(["a", None, "long"], pa.large_string()),
        "class": pa.array(["x", "y", "x"]).dictionary_encode(),
        "raw": pa.array([b"a", b"\xff", b""]),
        "list": pa.array([[1.0], [1.0, 2.0], []]),
        "count": pa.array([1, None, 3], pa.uint16()),
        "nothing": pa.nulls(3),
    }
    schema = pa.schema(
        [
            pa.field(name, one.type, metadata={"units": "mm"} if name == "count" else None)
            for name, one in columns.items()
        ],
        metadata={"pandas": "{}", "geo": "something"},
    )
    pq.write_table(pa.table(columns, schema=schema), tmp_path / "t.parquet")
    back = read_table(tmp_path / "t.parquet")
    assert back["word"].tolist() == ["a", None, "long"]
    assert back["class"].tolist() == ["x", "y", "x"]
    assert np.asarray(back["raw"]).tolist() == [b"a", b"\xff", b""]
    assert [list(one) for one in back["list"]] == [[1.0], [1.0, 2.0], []]
    assert back["count"].tolist() == [1, None, 3]
    assert back["count"].unit == "mm"
    assert np.isnan(back["nothing"]).all()
    assert dict(back.meta) == {}


def test_joined_tables_say_the_longest_text_of_any():
    def schema(words):
        return arrow_table(PlainTable.of(Table({"word": words}, meta={"SEED": 1}))).schema

    found = joined_metadata([schema(["a"]), schema(["four", ""]), schema(["ab"])])
    assert found[b"table::len::word"] == b"4"
    assert found[b"SEED"] == b"1"
    assert b"table::len::word" not in joined_metadata([schema(["a"]), schema([1.0])])  # numbers that become text
