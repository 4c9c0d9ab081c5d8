"""Tables in every format: what goes in comes out, comments and units included, and damage is noticed."""

import gzip
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from hypothesis import HealthCheck, given, settings
from hypothesis import example as always
from hypothesis import strategies as st

from agez.errors import AgezError
from agez.tables.column_metadata import WORDS, describe_columns, words_of
from agez.tables.table_columns import (
    integer_column,
    meta_json,
    native,
    need_columns,
    number_column,
    table_rows,
    text_column,
)
from agez.tables.table_files import (
    check_fits_output,
    check_table_output,
    column_names,
    named_hdu,
    open_fits,
    read_table,
    table_format,
    table_hdu,
    write_fits,
    write_table,
)

KINDS = ("fits", "fits.gz", "fit", "ecsv", "csv", "parquet")


def example():
    table = Table(
        {
            "id": np.array(["007", "", "étoile"]),
            "x": [1.5, np.nan, -2.0],
            "n": np.array([1, 2, 3], dtype=np.int32),
            "log_age_lw": np.array([9.5, np.nan, 10.0]),
            "flux_J0400": np.array([1.0, 2.0, np.nan]),
        }
    )
    table.meta["MODEL"] = "one"
    return table


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_in_comes_out(tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    write_table(path, example(), name="THINGS")
    back = read_table(path)
    assert back.colnames == example().colnames
    assert text_column(back, "id").tolist() == ["007", "", "étoile"]
    for name in ("x", "n", "log_age_lw", "flux_J0400"):
        np.testing.assert_array_equal(number_column(back, name, source="t"), example()[name])
    assert column_names(path) == (tuple(example().colnames))
    if kind != "csv":
        assert back["x"].unit == "arcsec"
        assert back["flux_J0400"].unit == "uJy"
        assert back["log_age_lw"].unit == "dex"
        assert back["log_age_lw"].meta["ucd"] == "time.age;stat.mean"
        assert "log10(age/yr)" in back["log_age_lw"].description
        assert back.meta["MODEL"] == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_the_table_that_is_written_stays_as_it_was(tmp_path):
    table = example()
    for kind in KINDS:
        write_table(tmp_path / f"t.{kind}", table)
    assert table["x"].unit is None
    assert table["x"].description is None
    assert table.meta == {"MODEL": "one"}


def test_fits_tables_follow_the_standard(tmp_path):
    table = example()
    table["vector"] = np.arange(6.0).reshape(3, 2)
    header = {
        "SEED": (3, "of all"),
        "ood_threshold": 0.5,
        "SOURCE": "données\nx" + "y" * 200,
        "NONE": None,
        "L": [1, 2],
    }
    write_fits(tmp_path / "t.fits", [table_hdu(table, name="THINGS", header=header)], header={"SCHEMA": "s/1"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="'dex' did not parse")  # the standard has no word for logarithms
        with fits.open(tmp_path / "t.fits") as hdus:
            hdus.verify("exception")
            assert hdus[0].header["SCHEMA"] == "s/1"
            assert hdus[1].header.comments["SEED"] == "of all"
            assert hdus[1].header["TCOMM2"] == WORDS["x"].comment
            assert hdus[1].header["TUCD2"] == "pos.cartesian.x"
            assert hdus[1].header["TUNIT4"] == "dex"
            assert [key for key in hdus[1].header if key.startswith("TUNIT")] == ["TUNIT2", "TUNIT4", "TUNIT5"]
            assert "COMMENT" not in hdus[1].header
        back = Table.read(tmp_path / "t.fits")
    assert back["vector"].shape == (3, 2)
    assert back.meta["SEED"] == 3
    assert back.meta["SOURCE"].startswith("donn\\xe9es x")
    assert back.meta["L"] == "[1, 2]"
    assert "NONE" not in back.meta


def test_one_of_several_tables(tmp_path):
    path = tmp_path / "t.fits"
    write_fits(path, [table_hdu(Table({name: [1.0]}), name=name.upper()) for name in ("a", "b", "c")])
    assert read_table(path).colnames == ["a"]
    assert read_table(path, prefer=("X", "C", "B")).colnames == ["c"]
    with open_fits(path) as hdus:
        assert named_hdu(hdus, "B", path, made_by="agez x").name == "B"
        with pytest.raises(AgezError, match="no table X; it is not a file that 'agez x' wrote"):
            named_hdu(hdus, "X", path, made_by="agez x")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "csv"])
def test_a_file_cut_anywhere_is_refused_or_whole(tmp_path, kind):
    """Cut in its last bytes a format's padding may be lost, and no more: then the content is all there."""
    table = Table({"id": [str(i) for i in range(2000)], "x": np.arange(2000.0)})
    write_table(tmp_path / f"t.{kind}", table)
    whole = (tmp_path / f"t.{kind}").read_bytes()
    for part in (0.01, 0.2, 0.5, 0.9, 0.97):
        path = tmp_path / f"cut.{kind}"
        path.write_bytes(whole[: int(part * len(whole))])
        if kind == "ecsv" and part > 0.1:
            continue  # lines of text do not say how many there were to be
        with pytest.raises(AgezError, match=rf"cut\.{kind}.* cannot be read as a") as caught:
            read_table(path)
        assert "\n" not in str(caught.value)


def test_a_second_hdu_cut_short_is_noticed_when_only_the_first_is_read(tmp_path):
    path = tmp_path / "t.fits"
    write_fits(path, [table_hdu(Table({"a": [1.0]}), name="A"), fits.ImageHDU(np.zeros((100, 100)), name="HISTORY")])
    whole = path.read_bytes()
    for cut in (len(whole) - 20000, len(whole) - 85000):
        path.write_bytes(whole[:cut])
        with pytest.raises(AgezError, match="cannot be read"):
            read_table(path)
        with pytest.raises(AgezError, match="cannot be read"), open_fits(path):
            pass


def test_outputs_are_checked_by_their_extension(tmp_path):
    assert table_format("a.FITS.gz") == "fits"
    assert table_format("a.json", also=(".json",)) == ".json"
    for name in ("a", "a.txt", "a.fits.txt", ".fits"):
        with pytest.raises(AgezError, match="unknown kind of table"):
            check_table_output(tmp_path / name)
    for name in ("a", "a.csv", "a.ecsv"):
        with pytest.raises(AgezError, match=r"ends in \.fits"):
            check_fits_output(tmp_path / name)
    assert check_fits_output(tmp_path / "a.fits.gz") == tmp_path / "a.fits.gz"
    for check in (check_fits_output, check_table_output):
        with pytest.raises(AgezError, match="is a folder"):
            check(tmp_path)


def test_columns_as_plain_arrays():
    table = Table(
        {
            "number": MaskedColumn([1, 2, 3], mask=[0, 1, 0]),
            "word": MaskedColumn(["a ", "b", "c"], mask=[0, 0, 1]),
            "bytes": np.array([b"a", "é".encode(), b""]),
            "big": np.array([1.0, 2.0, 3.0], dtype=">f8"),
            "text": ["1", "2.5", "x"],
            "pair": np.zeros((3, 2)),
        }
    )
    np.testing.assert_array_equal(number_column(table, "number", source="t"), [1, np.nan, 3])
    np.testing.assert_array_equal(native(table["number"]), [1, np.nan, 3])
    assert text_column(table, "number").tolist() == ["1", "", "3"]
    assert text_column(table, "word").tolist() == ["a", "b", ""]
    assert text_column(table, "bytes").tolist() == ["a", "é", ""]
    assert text_column(table, "none").tolist() == ["", "", ""]
    assert native(table["big"]).dtype == np.dtype("=f8")
    assert integer_column(table, "number").tolist() == [1, 0, 3]
    assert integer_column(table, "none").tolist() == [0, 0, 0]
    assert np.isnan(number_column(table, "none", source="t")).all()
    with pytest.raises(AgezError, match="t: column text, row 3 is 'x'; expected a number"):
        number_column(table, "text", source="t")
    with pytest.raises(AgezError, match=r"t: column pair holds .* values a row"):
        number_column(table, "pair", source="t")


def test_rows_of_a_table():
    rows = table_rows(Table({"spec_id": [7, 8], "galaxy_id": ["a", "b"], "x": [1.0, 2.0]}), source="t")
    assert rows.spec_id.tolist() == ["7", "8"]
    assert np.isnan(rows.y).all()
    assert table_rows(Table({"a": [1, 2]}), source="t").spec_id.tolist() == ["0", "1"]
    need_columns(Table({"a": [1]}), ["a"], source="t", made_by="agez x")
    with pytest.raises(AgezError, match=r"t: column\(s\) b, c missing; it is not a table that 'agez x' wrote"):
        need_columns(Table({"a": [1]}), ["a", "b", "c"], source="t", made_by="agez x")
    with pytest.raises(AgezError, match="t has no rows"):
        need_columns(Table({"a": []}), ["a"], source="t", made_by="agez x")


def test_json_in_a_header():
    table = Table({"a": [1]}, meta={"GOOD": '{"b": 1}', "BAD": "{", "LIST": "[1]", "NUMBER": 3})
    assert meta_json(table, "GOOD") == {"b": 1}
    for key in ("BAD", "LIST", "NUMBER", "NONE"):
        assert meta_json(table, key) == {}


def test_words_for_columns():
    assert words_of("true_log_age_lw")[1].startswith("truth of the mock: light-weighted")
    assert words_of("mh_lw_p84") == (
        "dex", "84 % quantile of light-weighted mean [M/H], dex", "stat.percentile;phys.abund.Z"
    )  # fmt: skip
    assert words_of("mag_rSDSS_err")[0] == "mag"
    assert words_of("set_b_ood")[1].startswith("Set B: ")
    assert words_of("colour") == words_of("colour_err") == (None, "", "")
    table = Table({"x": [1.0]}, units={"x": "arcmin"})
    assert describe_columns(table)["x"].unit == "arcmin"  # what is said is kept


_names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(_names, st.floats(width=64)), min_size=1, max_size=5))
@always(rows=[("nan", np.nan)])
@pytest.mark.parametrize("kind", ["fits", "ecsv", "csv", "parquet"])
def test_any_name_and_any_number_survive(tmp_path, kind, rows):
    names, numbers = [row[0] for row in rows], np.array([row[1] for row in rows])
    path = tmp_path / f"t.{kind}"
    table = Table({"id": np.array(names, dtype=str), "x": numbers})
    if kind == "ecsv" and any(name.startswith("#") for name in names):
        with pytest.raises(AgezError, match="lost as a comment"):
            write_table(path, table)
        return
    write_table(path, table)
    back = read_table(path)
    assert text_column(back, "id").tolist() == names
    np.testing.assert_array_equal(number_column(back, "x", source="t"), numbers)


@pytest.mark.parametrize("kind", ["vot", "vot.gz", "csv.gz", "parq", "pq", "xml"])
def test_kinds_that_are_only_read(tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    table = Table({"flux_J0378": [1.0, 2.0], "REDSHIFT": [0.01, 0.02]})
    if kind in ("parq", "pq"):
        table.write(path, format="parquet")
    elif kind == "csv.gz":
        with gzip.open(path, "wt") as file:
            file.write("flux_J0378,REDSHIFT\n1.0,0.01\n2.0,0.02\n")
    else:
        plain = tmp_path / "plain.vot"
        table.write(plain, format="votable")
        path.write_bytes(gzip.compress(plain.read_bytes()) if kind.endswith("gz") else plain.read_bytes())
    assert column_names(path) == ("flux_J0378", "REDSHIFT")
    assert read_table(path)["flux_J0378"].tolist() == [1.0, 2.0]
    if kind != "csv.gz":
        with pytest.raises(AgezError, match="unknown kind of table"):
            write_table(path, table)


def test_a_file_that_ends_between_two_extensions_is_cut_short(tmp_path):
    path = tmp_path / "two.fits"
    write_fits(path, [table_hdu(Table({"a": [1.0]}), name="A"), table_hdu(Table({"b": [2.0]}), name="B")])
    assert list(read_table(path)["a"]) == [1.0]
    with fits.open(path) as hdus:
        end = hdus["B"]._header_offset
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(AgezError, match="1 of its 2 extensions"):
        read_table(path)
