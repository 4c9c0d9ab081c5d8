"""FITS files as archives and other programs write them: the same photometry as of the plain table, or one line."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import kept_columns, partition_photometry, read_partition
from agez.errors import AgezError
from agez.photometry.tables import read_photometry
from agez.photometry.vector_columns import likeness
from agez.surveys.jplus import JPLUS as RECORD
from agez.tables.table_files import column_names, read_table

BANDS = ("J0378", "gSDSS", "rSDSS")
FLUX = np.arange(12.0).reshape(4, 3) + 1


def plain() -> Table:
    table = Table({"id": [b"a", b"b", b"c", b"d"], "ra": np.arange(4.0), "dec": np.arange(4.0) + 5})
    for k, band in enumerate(BANDS):
        table[f"flux_{band}"], table[f"flux_{band}_err"] = FLUX[:, k], 0.1 * FLUX[:, k]
    return table


def renamed(path: Path, name: str, card: str) -> Path:
    """A file in which the card of a column's name is another one."""
    fits.table_to_hdu(plain()).writeto(path)
    raw = path.read_bytes()
    (old,) = re.findall(rb"TTYPE\d+ *= '%s *'[^T]*?(?=TFORM)" % name.encode(), raw)
    number = re.match(rb"TTYPE(\d+)", old)[1].decode()
    path.write_bytes(raw.replace(old, card.format(number).ljust(len(old)).encode()))
    return path


def both(path: Path) -> tuple:
    """Read whole, and in partitions."""
    catalogue = open_catalogue(path, rows_per_partition=3)
    parts = [partition_photometry(catalogue, one, filters="splus") for one in catalogue.partitions]
    return read_photometry(path, filters="splus").flux, np.concatenate([one.flux for one in parts])


@pytest.mark.parametrize("name", ["ra", "dec", "flux_gSDSS_err"])
def test_a_column_without_a_name(tmp_path: Path, name: str) -> None:
    path = renamed(tmp_path / "t.fits", name, "COMMENT no name")
    for flux in both(path):
        np.testing.assert_array_equal(flux, FLUX)
    assert "" not in column_names(path)
    number = plain().colnames.index(name) + 1
    assert f"col{number}" in read_table(path).colnames
    np.testing.assert_array_equal(read_table(path)[f"col{number}"], plain()[name])


def test_a_band_without_a_name_is_no_band(tmp_path: Path) -> None:
    path = renamed(tmp_path / "t.fits", "flux_gSDSS", "COMMENT no name")
    assert read_photometry(path, filters="splus").bands.names == ("J0378", "rSDSS")


def test_names_that_are_there_twice(tmp_path: Path) -> None:
    path = renamed(tmp_path / "t.fits", "dec", "TTYPE{} = 'ra'")
    for flux in both(path):
        np.testing.assert_array_equal(flux, FLUX)
    catalogue = open_catalogue(path)
    assert "ra" not in kept_columns(catalogue, "all")
    assert catalogue.remarks == ("left out, since two columns have the same name: ra",)
    assert "ra" not in read_table(path).colnames
    with pytest.raises(AgezError, match="no column ra to be kept"):
        kept_columns(catalogue, ["ra"])
    for k, name in enumerate(("flux_gSDSS", "id", "flux_J0378_err")):
        path = renamed(tmp_path / f"{k}.fits", "dec", f"TTYPE{{}} = '{name}'")
        for read in (open_catalogue, read_photometry):
            with pytest.raises(AgezError, match=f"column {name} is there twice; keep one"):
                read(path)


@pytest.mark.parametrize("packed", [False, True])
def test_the_table_is_found_by_its_columns(tmp_path: Path, packed: bool) -> None:
    header = fits.BinTableHDU.from_columns([fits.Column("Field Header Card", "80A", array=["x"])], name="LDAC_IMHEAD")
    other = fits.table_to_hdu(Table({"id": [1, 2], "redshift": [0.1, 0.2]}))
    ours = fits.table_to_hdu(plain(), name="LDAC_OBJECTS")
    path = tmp_path / ("t.fits.gz" if packed else "t.fits")
    for hdus in ([header, ours], [other, ours], [ours, other], [fits.ImageHDU(np.zeros((5, 5))), header, ours]):
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
        for flux in both(path):
            np.testing.assert_array_equal(flux, FLUX)
    named = fits.table_to_hdu(plain()[:2], name="PHOTOMETRY")
    fits.HDUList([fits.PrimaryHDU(), ours, named]).writeto(path, overwrite=True)
    if not packed:  # of a packed one no table behind the first of photometry is looked for
        for flux in both(path):
            np.testing.assert_array_equal(flux, FLUX[:2])
    fits.HDUList([fits.PrimaryHDU(), header, other]).writeto(path, overwrite=True)
    for read in (open_catalogue, read_photometry):
        with pytest.raises(AgezError, match="no column flux_<band> or mag_<band>"):
            read(path)


def test_likeness_of_names() -> None:
    found = [likeness(one) for one in (["mag_gSDSS_err"], ["MAG_AUTO", "MAG_ERR_AUTO"], ["flux_own"], ["ra", "fluxes"])]
    assert found == [3, 1, 1, 0]


def test_a_table_in_text(tmp_path: Path) -> None:
    table = plain()
    forms = [("A10" if name == "id" else "E25.17") for name in table.colnames]
    columns = [fits.Column(name, form, array=table[name]) for name, form in zip(table.colnames, forms, strict=True)]
    hdu = fits.TableHDU.from_columns(fits.ColDefs(columns, ascii=True))
    path = tmp_path / "t.fits"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    for flux in both(path):
        np.testing.assert_array_equal(flux, FLUX)
    assert likeness(column_names(path)) == 3


def ragged(rows: list, form: str, dtype: type) -> fits.Column:
    arrays = np.empty(len(rows), dtype=object)
    arrays[:] = [np.array(one, dtype=dtype) for one in rows]
    return fits.Column("v", form, array=arrays)


@pytest.mark.parametrize("form", ["PD(1)", "QD()", "PE(1)"])
def test_single_values_of_variable_length(tmp_path: Path, form: str) -> None:
    """As services of tables send them: none where there is no value."""
    column = ragged([[1.5], [], [-2.5], [3.5]], form, np.float64 if "D" in form else np.float32)
    column.name = "flux_J0378"
    ids = fits.Column("id", "PA(9)", array=np.array(["a", "bc", "", "def"], dtype=object))
    more = ragged([[1.0], [1.0, 2.0], [], [3.0]], "PD()", np.float64)  # of no use to agez, and of any length
    more.name = "more"
    fits.BinTableHDU.from_columns([ids, column, more]).writeto(tmp_path / "t.fits")
    for flux in both(tmp_path / "t.fits"):
        np.testing.assert_array_equal(flux[:, 0], [1.5, np.nan, -2.5, 3.5])
    catalogue = open_catalogue(tmp_path / "t.fits")
    table = read_partition(catalogue, catalogue.partitions[0], ["id", "more"])
    assert table["id"].tolist() == ["a", "bc", "", "def"]
    assert table["more"].tolist() == ["[1.0]", "[1.0, 2.0]", "[]", "[3.0]"]


def test_vectors_of_variable_length(tmp_path: Path) -> None:
    n = len(RECORD.vector_orders[0].bands)
    values, errors = np.arange(3.0 * n).reshape(3, n) / 10 + 15, np.full((3, n), 0.1)
    for kind in ("fixed", "variable"):
        columns = []
        for name, array in (("MAG_AUTO", values), ("MAG_ERR_AUTO", errors)):
            if kind == "fixed":
                columns.append(fits.Column(name, f"{n}D", array=array))
            else:
                columns.append(ragged(list(array), "PD()", np.float64))
                columns[-1].name = name
        fits.BinTableHDU.from_columns(columns).writeto(tmp_path / f"{kind}.fits")
    expected = both(tmp_path / "fixed.fits")[0]
    assert np.isfinite(expected).all()
    for flux in both(tmp_path / "variable.fits"):
        np.testing.assert_array_equal(flux, expected)
    odd = ragged([values[0], values[1][:5], values[2]], "PD()", np.float64)
    odd.name = "MAG_AUTO"
    fits.BinTableHDU.from_columns([odd]).writeto(tmp_path / "odd.fits")
    for read in (open_catalogue, read_photometry):
        with pytest.raises(AgezError, match=r"column MAG_AUTO has 5 values in row 2, 12 in others"):
            read(tmp_path / "odd.fits")


def test_variable_length_in_votables(tmp_path: Path) -> None:
    cells = "".join(f"<TR><TD>{k}</TD><TD>{v}</TD></TR>" for k, v in (("a", "1.5"), ("b", ""), ("c", "-2.5")))
    fields = (
        '<FIELD name="id" datatype="char" arraysize="*"/><FIELD name="flux_J0378" datatype="double" arraysize="*"/>'
    )
    text = (
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
        f"{fields}<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    path = tmp_path / "t.vot.gz"
    path.write_bytes(gzip.compress(text.encode()))
    for flux in both(path):
        np.testing.assert_array_equal(flux[:, 0], [1.5, np.nan, -2.5])
    path.write_bytes(gzip.compress(text.replace('name="id"', 'name="flux_J0378"').encode()))
    with pytest.raises(AgezError, match="flux_J0378 is there twice"):
        read_photometry(path, filters="splus")
