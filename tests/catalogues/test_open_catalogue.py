"""Catalogues in partitions: the same photometry as from the whole, in each format; what is wrong is said."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table, vstack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_catalogues import made_up, same_photometry, written

from agez.catalogues.catalogue import Catalogue
from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import kept_columns, partition_photometry, partition_rows, read_partition
from agez.errors import AgezError
from agez.photometry.tables import photometry_to_table, read_photometry, table_to_photometry
from agez.types import Photometry

KINDS = ("fits", "fits.gz", "csv", "csv.gz", "parquet", "folder", "ecsv")


def together(catalogue: Catalogue) -> Photometry:
    return Photometry.concatenate([partition_photometry(catalogue, one) for one in catalogue.partitions])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("magnitudes", [False, True])
def test_partitions_are_the_whole(tmp_path: Path, kind: str, magnitudes: bool) -> None:
    path = written(tmp_path, made_up(), kind, magnitudes=magnitudes)
    if kind == "folder":
        tables = [Table.read(one) for one in sorted(path.iterdir())]
        expected = table_to_photometry(vstack(tables))
    else:
        expected = read_photometry(tmp_path / "catalogue.csv" if kind == "csv.gz" else path)
    for rows in (1, 7, 20, 1000):
        catalogue = open_catalogue(path, rows_per_partition=rows)
        assert len(catalogue) == 60
        assert [one.number for one in catalogue.partitions] == list(range(len(catalogue.partitions)))
        if rows == 7 and kind != "ecsv":
            assert len(catalogue.partitions) >= 60 // 14
        assert all(len(one) <= 2 * rows for one in catalogue.partitions) or kind == "ecsv"
        same_photometry(together(catalogue), expected)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 40), st.integers(1, 45), st.sampled_from(["csv", "parquet", "fits"]))
def test_any_size_of_partitions(tmp_path: Path, n: int, rows: int, kind: str) -> None:
    path = written(tmp_path, made_up(n, seed=n), kind)
    same_photometry(together(open_catalogue(path, rows_per_partition=rows)), read_photometry(path))


def test_partitions_in_any_order(tmp_path: Path) -> None:
    for kind in ("parquet", "fits.gz", "csv"):
        catalogue = open_catalogue(written(tmp_path, made_up(), kind), rows_per_partition=7)
        forward = [partition_photometry(catalogue, one).flux for one in catalogue.partitions]
        for number in (3, 0, 5, 4):
            found = partition_photometry(catalogue.without_partitions(), catalogue.partitions[number])
            np.testing.assert_array_equal(found.flux, forward[number])


def test_rows_without_id_are_numbered_through(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("flux_J0400,flux_J0500\n" + "1,2\n" * 10)
    catalogue = open_catalogue(path, rows_per_partition=4)
    assert together(catalogue).rows.spec_id.tolist() == [str(k) for k in range(10)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_as_people_write_it(tmp_path: Path, end: str) -> None:
    lines = ["\ufeffid,name,flux_J0400", '007,"a, b",1.5', "", '008,"two\nlines",', "009,c,nan", "", "010,,-2"]
    path = tmp_path / "t.csv"
    path.write_bytes(end.join(lines).encode())
    for rows in (1, 2, 9):
        catalogue = open_catalogue(path, rows_per_partition=rows)
        assert len(catalogue) == 4
        found = together(catalogue)
        assert found.rows.spec_id.tolist() == ["007", "008", "009", "010"]
        np.testing.assert_array_equal(found.flux[:, 0], [1.5, np.nan, np.nan, -2.0])
        names = [v for one in catalogue.partitions for v in read_partition(catalogue, one, ["name"])["name"].tolist()]
        assert names[:3] == ["a, b", "two\nlines", "c"]


def test_kept_columns(tmp_path: Path) -> None:
    table = photometry_to_table(made_up())
    table["RA"], table["mass"], table["note"] = np.arange(60.0), np.arange(60), ["x"] * 60
    path = tmp_path / "t.parquet"
    table.write(path)
    catalogue = open_catalogue(path)
    assert kept_columns(catalogue) == ("id", "galaxy_id", "x", "y", "redshift", "RA")
    assert kept_columns(catalogue, ["note"])[-1] == "note"
    assert kept_columns(catalogue, "all") == catalogue.columns
    photometry, kept = partition_rows(catalogue, catalogue.partitions[0], keep=("mass", "id"))
    assert kept.colnames == ["mass", "id"]
    assert kept["mass"].tolist() == list(range(60))
    assert len(photometry) == 60
    with pytest.raises(AgezError, match="no column nothing to be kept"):
        kept_columns(catalogue, ["nothing"])


def test_integers_and_missing_values_of_parquet(tmp_path: Path) -> None:
    table = pa.table({"id": [1, 2, 2**60 + 1], "n": pa.array([1, None, 3]), "flux_J0400": pa.array([1.0, None, 3.0])})
    pq.write_table(table, tmp_path / "t.parquet")
    catalogue = open_catalogue(tmp_path / "t.parquet")
    found = read_partition(catalogue, catalogue.partitions[0])
    assert found["id"].tolist() == [1, 2, 2**60 + 1]
    assert found["n"].tolist() == [1, None, 3]
    assert partition_photometry(catalogue, catalogue.partitions[0]).covered[:, 0].tolist() == [True, False, True]


def test_masked_columns_in_parquet_as_astropy_writes_them(tmp_path: Path) -> None:
    mask = np.array([False, True, False, False])
    table = Table({"id": MaskedColumn(["a", "b", "c", "d"], mask=mask), "n": MaskedColumn([1, 2, 3, 2**60], mask=mask)})
    table["redshift"] = MaskedColumn([0.01, 0.02, 0.03, 0.04], mask=mask)
    table["flux_J0400"] = MaskedColumn([1.0, 7.0, 3.0, 4.0], mask=mask)
    table["good.mask"] = mask  # a column of the user's own: there is no column 'good'
    table.write(tmp_path / "t.parquet")
    assert "redshift.mask" in pq.read_schema(tmp_path / "t.parquet").names
    catalogue = open_catalogue(tmp_path / "t.parquet", rows_per_partition=1)
    assert catalogue.columns == ("id", "n", "redshift", "flux_J0400", "good.mask")
    for photometry in (together(catalogue), read_photometry(tmp_path / "t.parquet")):
        np.testing.assert_array_equal(photometry.redshift, [0.01, np.nan, 0.03, 0.04])
        np.testing.assert_array_equal(photometry.covered[:, 0], ~mask)
    numbers = [one for part in catalogue.partitions for one in read_partition(catalogue, part)["n"].tolist()]
    assert numbers == [1, None, 3, 2**60]


def test_unsigned_scaled_and_missing_integers_of_fits(tmp_path: Path) -> None:
    flux = fits.Column("flux_J0400", "E", array=np.array([1.0, 2.0]), unit="nJy")
    big = fits.Column("big", "K", bzero=2**63, array=np.array([0, 2**64 - 1], dtype=np.uint64))
    scaled = fits.Column("scaled", "I", array=np.array([2, 4], dtype=np.int16))
    gone = fits.Column("gone", "J", null=-1, array=np.array([5, -1]))
    fits.BinTableHDU.from_columns([flux, big, scaled, gone]).writeto(tmp_path / "t.fits")
    with fits.open(tmp_path / "t.fits", mode="update", do_not_scale_image_data=True) as hdus:
        hdus[1].header["TSCAL3"], hdus[1].header["TZERO3"] = 0.5, 1.0
    catalogue = open_catalogue(tmp_path / "t.fits")
    found = read_partition(catalogue, catalogue.partitions[0])
    assert found["big"].tolist() == [0, 2**64 - 1]
    assert found["scaled"].tolist() == [2.0, 3.0]
    assert found["gone"].tolist() == [5, None]
    np.testing.assert_allclose(partition_photometry(catalogue, catalogue.partitions[0]).flux[:, 0], [1e-3, 2e-3])


def test_hats(tmp_path: Path) -> None:
    whole = photometry_to_table(made_up(30))
    data = tmp_path / "sky" / "dataset"
    for pixel, rows in ((11, slice(20, 30)), (4, slice(0, 20)), (7, slice(0, 0))):
        folder = data / "Norder=1" / "Dir=0"
        folder.mkdir(parents=True, exist_ok=True)
        whole[rows].write(folder / f"Npix={pixel}.parquet")
    (tmp_path / "sky" / "hats.properties").write_text("obs_collection=sky\ndataproduct_type=object\nhats_col_ra=x\n")
    catalogue = open_catalogue(tmp_path / "sky")
    assert catalogue.kind == "hats"
    assert [one.name for one in catalogue.partitions] == [f"Norder=1/Dir=0/Npix={k}" for k in (4, 7, 11)]
    assert [len(partition_photometry(catalogue, one)) for one in catalogue.partitions] == [20, 0, 10]
    same_photometry(together(catalogue), table_to_photometry(whole))
    cut = open_catalogue(tmp_path / "sky", rows_per_partition=8)
    assert cut.partitions[1].name == "Norder=1/Dir=0/Npix=4.001"
    same_photometry(together(cut), table_to_photometry(whole))


def test_a_hats_pixel_of_several_files_without_what_is_hidden(tmp_path: Path) -> None:
    whole = photometry_to_table(made_up(30))
    pixel = tmp_path / "sky" / "dataset" / "Norder=0" / "Dir=0" / "Npix=3.parquet"
    pixel.mkdir(parents=True)
    whole[:20].write(pixel / "part0.parquet")
    whole[20:].write(pixel / "part1.parquet")
    for name in (".part2.parquet", "._part0.parquet", "_metadata.parquet"):  # half written, macOS's, a footer's
        (pixel / name).write_bytes(b"PAR1")
    catalogue = open_catalogue(tmp_path / "sky")
    assert [one.fault for one in catalogue.partitions] == ["", ""]
    same_photometry(together(catalogue), table_to_photometry(whole))


def test_bad_catalogues(tmp_path: Path) -> None:
    path = written(tmp_path, made_up(), "parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AgezError, match=r"catalogue.parquet cannot be read as Parquet"):
        open_catalogue(path)
    path = written(tmp_path, made_up(), "fits")
    path.write_bytes(path.read_bytes()[:-5760])
    with pytest.raises(AgezError, match="is cut short"):
        open_catalogue(path)
    for name, content, message in (
        ("a.csv", "id,ra\n1,2\n", "no column flux_"),
        ("b.csv", "flux_J0400\n", "the catalogue is empty"),
        ("c.csv", "flux_J0400,flux_J0400\n1,2\n", "is there twice"),
        ("d.csv", "flux_J0400,id\n1,2\n1\n", "cannot be read as CSV"),
        ("e.xyz", "1", "unknown kind of catalogue"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(AgezError, match=message):
            together(open_catalogue(tmp_path / name))
    (tmp_path / "empty").mkdir()
    with pytest.raises(AgezError, match="no Parquet file in this folder"):
        open_catalogue(tmp_path / "empty")
    with pytest.raises(AgezError, match="no such file"):
        open_catalogue(tmp_path / "nothing.fits")
    with pytest.raises(AgezError, match="rows per partition is 0"):
        open_catalogue(path, rows_per_partition=0)


def test_one_bad_file_of_many_is_a_fault_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, made_up(), "folder")
    bad = path / "part1.parquet"
    bad.write_bytes(bad.read_bytes()[:100])
    catalogue = open_catalogue(path)
    assert [bool(one.fault) for one in catalogue.partitions] == [False, True, False]
    assert "part1.parquet" in catalogue.remarks[0]
    with pytest.raises(AgezError, match=r"part1\.parquet cannot be read"):
        partition_photometry(catalogue, catalogue.partitions[1])
    assert len(partition_photometry(catalogue, catalogue.partitions[2]))


def test_damage_inside_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, made_up(), "parquet")
    content = bytearray(path.read_bytes())
    content[10:2000] = b"\xff" * 1990
    path.write_bytes(bytes(content))
    catalogue = open_catalogue(path)
    with pytest.raises(AgezError, match=r"catalogue\.parquet"):
        partition_photometry(catalogue, catalogue.partitions[0])
    path = written(tmp_path, made_up(2000), "fits.gz")
    path.write_bytes(path.read_bytes()[:-3000])
    catalogue = open_catalogue(path, rows_per_partition=500)
    with pytest.raises(AgezError, match=r"catalogue\.fits\.gz"):
        together(catalogue)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.remove_column("flux_J0500"), r"part2.parquet has no column flux_J0500"),
        (lambda t: t.replace_column("flux_J0500", [str(v) for v in t["flux_J0500"]]), r"flux_J0500 holds text"),
        (lambda t: t.add_column([1] * len(t), name="more"), r"has a column more"),
    ],
)
def test_files_of_another_schema(tmp_path: Path, change: object, message: str) -> None:
    path = written(tmp_path, made_up(), "folder")
    table = Table.read(path / "part2.parquet")
    change(table)  # type: ignore[operator]
    table.write(path / "part2.parquet", overwrite=True)
    with pytest.raises(AgezError, match=message):
        open_catalogue(path)


def test_a_number_that_is_none_is_named_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,flux_J0400\n" + "".join(f"{k},{'x' if k == 7 else k}\n" for k in range(10)))
    catalogue = open_catalogue(path, rows_per_partition=3)
    with pytest.raises(AgezError, match="row 8 is 'x'"):
        partition_photometry(catalogue, catalogue.partitions[2])


@pytest.mark.parametrize("kind", ["fits", "parquet", "csv"])
def test_memory_is_that_of_a_partition(tmp_path: Path, kind: str) -> None:
    n = 40_000
    table = Table({f"flux_J0{400 + 10 * k}": np.random.default_rng(k).normal(5, 1, n) for k in range(20)})
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({name: table[name] for name in table.colnames}), path, row_group_size=2000)
    else:
        table.write(path)
    catalogue = open_catalogue(path, rows_per_partition=2000)
    partition_photometry(catalogue, catalogue.partitions[0])
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    for one in catalogue.partitions:
        partition_photometry(catalogue, one)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < n * 20 * 8 * 2 / 3, "less than a third of fluxes and errors of the whole"
    assert pa.total_allocated_bytes() - before < 2_000_000


def test_gzipped_csv_that_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"flux_J0400\n" + b"1.5\n" * 1000)[:-10])
    with pytest.raises(AgezError, match=r"t\.csv\.gz cannot be read"):
        open_catalogue(path)
