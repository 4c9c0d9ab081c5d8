"""CSV in the dialects that people have: the same table as the plain one, or one line that names the row."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agez.catalogues.csv_files import with_kinds
from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import partition_photometry, read_partition
from agez.errors import AgezError
from agez.photometry.tables import read_photometry
from agez.photometry.vector_columns import SURE, likeness
from agez.tables.csv_tables import DELIMITERS
from agez.tables.table_columns import text_column
from agez.tables.table_files import column_names, read_table
from agez.types import Photometry

ROWS = [
    ["id", "ra", "redshift", "flux_J0378", "flux_J0378_err", "mag_gSDSS"],
    ["007", "150.5", "0.01", "1.5", "0.1", "20.25"],
    ["1e3", "151.0", "0.02", "-2.5", "0.2", ""],
    ["x;y", "152.25", "", "3.5", "", "21.5"],
    ["é", "-153.0", "0.04", "4e-3", "0.4", "22.5"],
]


def text(delimiter=",", rows=ROWS, end="\n"):
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in row] for row in rows]
    return end.join(delimiter.join(row) for row in quoted) + end


PLAIN = text()
NAMES, _, BODY = PLAIN.partition("\n")
DIALECTS = {
    "plain": PLAIN.encode(),
    "semicolons": text(";").encode(),
    "tabs": text("\t").encode(),
    "bars": text("|").encode(),
    "windows": text(end="\r\n").encode(),
    "old mac": text(end="\r").encode(),
    "old mac with tabs": text("\t", end="\r").encode(),
    "byte order mark": PLAIN.encode("utf-8-sig"),
    "utf-16": PLAIN.encode("utf-16"),
    "utf-16 big-endian": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "utf-32": PLAIN.encode("utf-32"),
    "excel says the separator": ("sep=;\n" + text(";")).encode(),
    "comments before": ("# made by hand, on a Monday\n#\n# two lines\n" + PLAIN).encode(),
    "mark and comments before": ("# made by hand\n" + PLAIN).encode("utf-8-sig"),
    "names in a comment": ("#" + PLAIN).encode(),
    "names in a comment, with blanks": ("# " + PLAIN).encode(),
    "names in a comment of several": ("# by hand\n# " + NAMES + "\n# units: none\n" + BODY).encode(),
    "names in a comment, semicolons": ("#" + text(";")).encode(),
    "comments between": PLAIN.replace("\n1e3", "\n# half, way\n1e3").encode() + b"# the end\n",
    "comments between, semicolons": text(";").replace("\n1e3", "\n#half\n1e3").encode(),
    "blank lines": ("\n\n" + PLAIN.replace("\n", "\n\n")).encode(),
    "blanks around names": PLAIN.replace("redshift,", " redshift , ").encode(),
    "all quoted": ("\n".join(",".join(f'"{cell}"' for cell in row) for row in ROWS) + "\n").encode(),
    "separators at the end": PLAIN.replace("\n", ",\n").encode(),
    "separators at the end of rows": (NAMES + "\n" + BODY.replace("\n", ",\n")).encode(),
    "a separator at the end of names": (NAMES + ",\n" + BODY).encode(),
    "dashes for nothing": PLAIN.replace(",,", ",--,").replace("0.2,\n", "0.2,--\n").encode(),
    "words for nothing": PLAIN.replace(",,", ",NULL,", 1).replace(",,", ",N/A,").encode(),
    "no line end": PLAIN.rstrip("\n").encode(),
    "a column without a name": PLAIN.replace("id,ra", "id,,ra").replace("\n1e3,", "\n1e3,5,").replace(
        "\n007,", "\n007,5,").replace("\nx;y,", "\nx;y,5,").replace("\né,", "\né,5,").encode(),
}  # fmt: skip


def together(path: Path, rows: int) -> Photometry:
    catalogue = open_catalogue(path, rows_per_partition=rows)
    return Photometry.concatenate(
        [partition_photometry(catalogue, one, filters="splus") for one in catalogue.partitions]
    )


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_is_the_plain_table(tmp_path, name):
    path = tmp_path / "t.csv"
    path.write_bytes(DIALECTS[name])
    assert likeness(column_names(path)) == SURE
    for found in (read_photometry(path, filters="splus"), together(path, 100), together(path, 2)):
        assert found.rows.spec_id.tolist() == ["007", "1e3", "x;y", "é"]
        np.testing.assert_array_equal(found.redshift, [0.01, 0.02, np.nan, 0.04])
        np.testing.assert_array_equal(found.flux[:, 0], [1.5, -2.5, 3.5, 4e-3])
        np.testing.assert_array_equal(found.flux_err[:, 0], [0.1, 0.2, np.nan, 0.4])
        assert found.covered[:, 1].tolist() == [True, False, True, True]
    catalogue = open_catalogue(path, rows_per_partition=2)
    assert [v for one in catalogue.partitions for v in read_partition(catalogue, one, ["ra"])["ra"].tolist()] == [
        150.5, 151.0, 152.25, -153.0]  # fmt: skip
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(DIALECTS[name]))
    assert together(packed, 3).rows.spec_id.tolist() == ["007", "1e3", "x;y", "é"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PLAIN.replace(",-2.5,", ",2 5,"), r"column flux_J0378, row 2 is '2 5'; expected a number"),
        (PLAIN.replace("\n1e3,151.0,0.02,-2.5", "\n1e3,151.0,0.02"), r"row 2 has 5 cells, the line of column names 6"),
        (PLAIN.replace("x;y,", "x;y,,"), r"row 3 has 7 cells"),
        (PLAIN.replace(",,", ",--,", 1).replace("4e-3", "four"), r"column flux_J0378, row 4 is 'four'"),
        (text(";").replace("1.5", "1,5"), r"row \d is '2?1,5'; expected a number, with a point for its decimals"),
        (text(";").replace("0.01", "0,01"), r"column redshift, row 1 is '0,01'"),
        (PLAIN.replace("ra,", "flux_J0378,"), "column flux_J0378 is there twice"),
        (PLAIN.replace("mag_gSDSS", "redshift"), "column redshift is there twice"),
        ("# nothing but this\n", "has no line of column names"),
        (PLAIN.replace(",", " "), "no column flux_<band>"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_row(tmp_path, content, message):
    path = tmp_path / "t.csv"
    path.write_text(content, encoding="utf-8")
    for read in (
        lambda one: read_photometry(one, filters="splus"),
        lambda path: together(path, 100),
        lambda path: together(path, 2),
    ):
        with pytest.raises(AgezError, match=message) as caught:
            read(path)
        assert "t.csv" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_row_that_is_short_is_named_wherever_it_is_and_spoils_no_other_part(tmp_path):
    lines = ["object_id,flux_J0378", *(f"{k},{k}.5" for k in range(1, 9))]
    lines[7] = "7"
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    catalogue = with_kinds(open_catalogue(tmp_path / "t.csv", rows_per_partition=3), ["object_id"])
    assert catalogue.types["object_id"] == "integer"
    assert [len(partition_photometry(catalogue, one, filters="splus")) for one in catalogue.partitions[:2]] == [3, 3]
    with pytest.raises(AgezError, match="row 7 has 1 cells, the line of column names 2"):
        partition_photometry(catalogue, catalogue.partitions[2], filters="splus")
    with pytest.raises(AgezError, match="row 7 has 1 cells"):
        read_table(tmp_path / "t.csv")


def test_text_that_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(PLAIN.encode("latin-1"))
    with pytest.raises(AgezError, match="save it as UTF-8"):
        read_photometry(path, filters="splus")


def test_columns_that_nobody_reads_may_have_one_name(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(PLAIN.replace("ra,", "note,").replace("mag_gSDSS", "note"))
    catalogue = open_catalogue(path)
    assert catalogue.columns == ("id", "redshift", "flux_J0378", "flux_J0378_err")
    assert "same name: note" in catalogue.remarks[0]
    np.testing.assert_array_equal(read_photometry(path, filters="splus").flux, together(path, 2).flux)


def test_rows_whose_identifier_begins_with_a_hash_are_rows(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('id,flux_J0378\n#1,1.0\n# a comment\n#2,2.0\n"a\n# b",3.0\n')
    for found in (read_photometry(path, filters="splus"), together(path, 1), together(path, 5)):
        assert found.rows.spec_id.tolist() == ["#1", "#2", "a\n# b"]
        assert found.flux[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_without_pyarrow_it_is_the_same(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text(PLAIN.replace("ra,", "object_id,").replace("150.5", str(2**63 + 1)).replace("151.0", "5").replace(
        "152.25", "").replace("-153.0", "7"))  # fmt: skip
    fast = read_table(path)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    slow = read_table(path)
    for name in fast.colnames:
        assert text_column(fast, name).tolist() == text_column(slow, name).tolist(), name
        assert fast[name].dtype.kind == slow[name].dtype.kind
    assert text_column(slow, "object_id").tolist() == [str(2**63 + 1), "5", "", "7"]


_words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(_words, st.floats(-1e5, 1e5), _words), min_size=1, max_size=6),
    delimiter=st.sampled_from(DELIMITERS),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    size=st.integers(1, 4),
)
def test_any_table_in_any_dialect(tmp_path, rows, delimiter, end, encoding, size):
    path = tmp_path / "t.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
        writer.writerow(["note", "flux_J0378", "word"])
        writer.writerows(rows)
    expected = np.array([row[1] for row in rows])
    np.testing.assert_array_equal(
        together(path, size).flux[:, 0],
        np.where(np.isin(expected, [-99.0, -999.0, -9999.0, -99999.0]), np.nan, expected),
    )
    table = read_table(path)
    for k, name in ((0, "note"), (2, "word")):
        assert len(table) == len(rows)
        if table[name].dtype.kind in "US":
            assert [str(one) for one in table[name]] == [row[k] for row in rows]
