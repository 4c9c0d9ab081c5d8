"""Pieces and what is made of them: every format reads back, FITS keeps the rules, HATS opens in LSDB."""

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from agez.catalogues.assemble import assemble
from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.hats_files import catalogue_root, open_hats
from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.write_pieces import piece_extension, write_piece
from agez.errors import AgezError
from agez.tables.column_metadata import describe_columns
from agez.tables.table_files import read_table

N = 10
CSV = Catalogue("in.csv", "csv", (), ())


def rows(k: int, *, odd: bool = False) -> Table:
    """A piece; with ``odd`` some columns are of other kinds than in others."""
    n = np.arange(N) + N * k
    table = Table(
        {
            "id": [f"{'x' * k}{i}" for i in n],
            "ra": n * 1.0,
            "Ra": n * 2.0,
            "a name, odd": n.astype(np.float32),
            "number": MaskedColumn(n, mask=n % 7 == 3),
            "big": n.astype(np.uint64) + 2**62,
            "true": n % 2 == 0,
            "log_age_lw": np.where(n % 5 == 0, np.nan, 9.0 + n / 100),
            "flux_J0400": n * 1.0,
            "flags": n.astype(np.int32),
            "vector": np.stack([n, n], axis=1) * 1.5,
            "mixed": n * 0.5 if odd else n,
            "text": n.astype(str) if odd else n,
        }
    )
    table["flux_J0400"].unit = "nJy"
    table.meta.update(model="jpas", ood_threshold=1.5, LABLMETA='{"light": "lw"}' * 12)
    return describe_columns(table)


def joined(folder: Path, output: Path, *, odd: bool = False) -> None:
    pieces = []
    for k in range(3):
        path = folder / f"piece{k}{piece_extension(output)}"
        write_piece(path, rows(k, odd=odd and k == 1))
        pieces.append((Partition(k, f"part-{k:05d}", str(path), "csv", 0, N), path))
    assemble(output, pieces[::-1], catalogue=CSV)


@pytest.mark.parametrize("kind", ["fits", "fits.gz", "csv", "parquet"])
@pytest.mark.parametrize("odd", [False, True])
def test_pieces_become_one_file(tmp_path: Path, kind: str, odd: bool) -> None:
    path = tmp_path / f"out.{kind}"
    joined(tmp_path, path, odd=odd)
    table = read_table(path)
    n = np.arange(3 * N)
    assert len(table) == 3 * N
    assert [str(one) for one in table["id"][[0, 10, 29]]] == ["0", "x10", "xx29"]
    np.testing.assert_array_equal(np.ma.filled(table["ra"], -1), n)
    log_age = np.ma.filled(np.ma.asarray(table["log_age_lw"]).astype(float), np.nan)
    np.testing.assert_array_equal(log_age, np.where(n % 5 == 0, np.nan, 9.0 + n / 100))
    number = np.ma.masked_invalid(np.ma.asarray(table["number"]).astype(float))
    np.testing.assert_array_equal(number.mask, n % 7 == 3)
    assert [int(one) for one in table["big"][:2]] == [2**62, 2**62 + 1]
    assert [float(one) for one in table["mixed"][9:12]] == ([9, 5.0, 5.5] if odd else [9, 10, 11])
    assert [str(one) for one in table["text"][9:12]] == ["9", "10", "11"]
    if kind != "csv":
        assert table["flux_J0400"].unit == u.nJy
        assert table["log_age_lw"].description == "light-weighted mean log10(age/yr)"
        assert table["log_age_lw"].unit == "dex"
        assert [table[name].description for name in ("number", "vector", "text")] == [None] * 3
        assert {str(key).lower(): value for key, value in table.meta.items()}["model"] == "jpas"
        np.testing.assert_array_equal(table["vector"][:, 1], n * 1.5)


def test_fits_keeps_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "out.fits"
    joined(tmp_path, path)
    assert path.stat().st_size % 2880 == 0
    with fits.open(path) as hdus:
        hdus.verify("exception")
        header, columns = hdus[1].header, hdus[1].columns
        assert hdus[0].header["EXTEND"]
        assert hdus[1].name == "PREDICTIONS"
        names = [name.lower() for name in columns.names]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in columns.names)
        unsigned = [columns.names[int(key[5:]) - 1] for key in header if key.startswith("TZERO")]
        assert unsigned == ["big"]
        assert header[f"TZERO{columns.names.index('big') + 1}"] == 2**63
        assert hdus[1].data["big"].dtype == np.uint64
        for column in columns:
            if column.unit not in (None, "dex"):  # the standard has no word for logarithms
                u.Unit(column.unit, format="fits")
        at = columns.names.index("number") + 1
        assert header[f"TNULL{at}"] == -(2**63)
        assert len(hdus[1].data) == 3 * N


def test_parquet_says_units_and_descriptions(tmp_path: Path) -> None:
    joined(tmp_path, tmp_path / "out.parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.field("flux_J0400").metadata[b"unit"] == b"nJy"
    assert b"light-weighted" in schema.field("log_age_lw").metadata[b"description"]
    assert schema.field("log_age_lw").metadata[b"ucd"] == b"time.age;stat.mean"
    assert schema.field("log_age_lw").metadata[b"unit"] == b"dex"
    assert read_table(tmp_path / "out.parquet")["log_age_lw"].meta["ucd"] == "time.age;stat.mean"
    assert schema.metadata[b"model"] == b"jpas"


def test_a_folder(tmp_path: Path) -> None:
    for _ in range(2):  # the second takes the place of the first
        joined(tmp_path, tmp_path / "out")
    found = open_catalogue(tmp_path / "out")
    assert [Path(one.path).name for one in found.partitions] == [f"part-{k:05d}.parquet" for k in range(3)]
    assert found.units["flux_J0400"] == "nJy"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(AgezError, match="holds other things"):
        joined(tmp_path, tmp_path / "mine")
    assert not list(tmp_path.glob(".part-*"))


def hats_tree(folder: Path) -> Path:
    """A HATS catalogue of answers: pixel 4 came in two parts, pixel 5 is empty."""
    given = {"hats_col_ra": "ra", "hats_col_dec": "dec", "hats_col_healpix": "_healpix_29",
             "hats_col_healpix_order": "29", "obs_collection": "sky"}  # fmt: skip
    catalogue = Catalogue("sky", "hats", (), (), meta={"hats": given})
    pieces = []
    for number, (name, pixel, n) in enumerate((("4.000", 4, 3), ("4.001", 4, 2), ("5", 5, 0), ("8", 8, 4))):
        path = folder / f"h{number}.parquet"
        inside = (pixel << 58) + np.arange(n)
        columns = {"_healpix_29": inside, "ra": np.full(n, 45.0), "dec": np.zeros(n), "log_age_lw": np.full(n, 9.0)}
        write_piece(path, Table(columns))
        pieces.append((Partition(number, f"Norder=0/Dir=0/Npix={name}", str(path), "hats", 0, n), path))
    assemble(folder / "tree", pieces, catalogue=catalogue)
    return folder / "tree"


def test_hats_comes_back_as_hats(tmp_path: Path) -> None:
    root = catalogue_root(hats_tree(tmp_path))
    assert root is not None
    found = open_hats(root, 100)
    assert [(one.name, len(one)) for one in found.partitions] == [
        ("Norder=0/Dir=0/Npix=4", 5), ("Norder=0/Dir=0/Npix=5", 0), ("Norder=0/Dir=0/Npix=8", 4),
    ]  # fmt: skip
    assert found.meta["hats"]["hats_nrows"] == "9"
    assert (root / "partition_info.csv").read_text() == "Norder,Npix\n0,4\n0,5\n0,8\n"
    assert pq.read_metadata(root / "dataset" / "_metadata").num_rows == 9


def test_a_piece_of_other_columns(tmp_path: Path) -> None:
    for kind in (".csv", ".fits"):
        paths = [tmp_path / f"a{kind}", tmp_path / f"b{kind}"]
        write_piece(paths[0], Table({"a": [1]}))
        write_piece(paths[1], Table({"b": [1]}))
        pieces = [(Partition(k, f"part-{k}", str(path), "csv", 0, 1), path) for k, path in enumerate(paths)]
        with pytest.raises(AgezError, match="other columns"):
            assemble(tmp_path / f"out{kind}", pieces, catalogue=CSV)
        assert not (tmp_path / f"out{kind}").exists()


def test_kinds_of_output(tmp_path: Path) -> None:
    assert piece_extension("a/out.fits.gz") == ".fits"
    assert piece_extension("a/out") == ".parquet"
    with pytest.raises(AgezError, match="unknown kind of output"):
        piece_extension("out.png")
    with pytest.raises(AgezError, match="nothing to write"):
        assemble(tmp_path / "x.fits", [], catalogue=CSV)
