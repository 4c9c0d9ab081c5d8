"""Positions beside the answers are in arcsec, or unknown: no unit is written over another."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from made_up_catalogue import MODEL, columns

from agez.analysis.gradient_files import gradient_from_table
from agez.catalogues.open_catalogue import open_catalogue
from agez.engine.answer import make_job
from agez.engine.run import run_catalogue
from agez.errors import AgezError
from agez.photometry.tables import read_photometry
from agez.tables.table_columns import angle_column, angle_factor, table_rows
from agez.tables.table_files import read_table

N = 6
X = np.linspace(-20, 20, N)


def predicted(tmp_path: Path, unit: str, *, kind: str = "fits", output: str = "out.fits", rows: int = 100):
    """A catalogue with positions in a unit, and its answers."""
    ours = columns(N)
    ours["id"] = np.char.encode(ours["id"]) if kind == "fits" else ours["id"]
    ours["tile"] = np.char.encode(ours["tile"]) if kind == "fits" else ours["tile"]
    table = Table({**ours, "x": X, "y": 2 * X}, units={"x": unit, "y": unit} if unit else None)
    path = tmp_path / f"in.{kind}"
    table.write(path, overwrite=True)
    catalogue = open_catalogue(path, rows_per_partition=rows)
    report = run_catalogue(catalogue, make_job(catalogue, MODEL, filters="splus"), tmp_path / output, workers=1)
    assert not report.failed
    return path, report, read_table(tmp_path / output)


@pytest.mark.parametrize(("unit", "factor"), [("", 1), ("arcsec", 1), ("arcmin", 60), ("deg", 3600), ("mas", 1e-3)])
def test_angles_become_arcsec(tmp_path: Path, unit: str, factor: float) -> None:
    for kind in ("fits", "ecsv", "parquet"):
        path, report, table = predicted(tmp_path, unit, kind=kind)
        assert table["x"].unit == u.arcsec
        np.testing.assert_allclose(table["x"], X * factor)
        np.testing.assert_allclose(table["y"], 2 * X * factor)
        np.testing.assert_allclose(read_photometry(path, filters="splus").rows.x, X * factor)
        assert "input_x" not in table.colnames
        assert not any("no angle" in one for one in report.remarks)


@pytest.mark.parametrize("unit", ["pix", "kpc", "parsecs of my own"])
@pytest.mark.parametrize(("output", "rows"), [("out.fits", 100), ("out.csv", 100), ("out.parquet", 4)])
def test_what_is_no_angle_is_passed_on_and_used_for_nothing(tmp_path: Path, unit: str, output: str, rows: int) -> None:
    kind = "fits" if unit != "parsecs of my own" else "ecsv"
    if kind == "ecsv":
        unit = "kiloparsecs"
    path, report, table = predicted(tmp_path, unit, kind=kind, output=output, rows=rows)
    assert any(f"x and y are in {unit}, which is no angle" in one for one in report.remarks)
    for name in ("x", "y"):
        assert np.isnan(np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)).all()
    np.testing.assert_allclose(table["input_x"], X)
    np.testing.assert_allclose(table["input_y"], 2 * X)
    if output != "out.csv":
        assert str(table["input_x"].unit) == unit
    with pytest.raises(AgezError, match="no row has a position in x and y"):
        gradient_from_table(tmp_path / output, re_arcsec=10)
    with pytest.raises(AgezError, match=f"column 'x' is in {unit}; expected an angle"):
        gradient_from_table(path, re_arcsec=10, columns=["redshift"])
    assert np.isnan(read_photometry(path, filters="splus").rows.x).all()


def test_every_reader_of_positions_knows_units() -> None:
    table = Table(
        {"x": [1.0, 2.0], "y": [3.0, 4.0], "ra": [1.0, 2.0]}, units={"x": "arcmin", "y": "deg", "ra": "hourangle"}
    )
    rows = table_rows(table, source="t")
    np.testing.assert_allclose([rows.x, rows.y], [[60, 120], [10800, 14400]])
    np.testing.assert_allclose(angle_column(table, "ra", source="t", unit="deg"), [15, 30])
    table["x"].unit = "pix"  # one is enough: half a position is none
    assert np.isnan([table_rows(table, source="t").x, table_rows(table, source="t").y]).all()
    for spelled in ("ARCSEC", "arcseconds", "asec", '"'):
        assert angle_factor(spelled) == 1.0, spelled
    assert angle_factor("no unit at all") is None


def test_the_table_with_positions_is_found_wherever_it_is(tmp_path: Path) -> None:
    radius = np.linspace(0.1, 2, 60)
    ours = Table({"x": radius * 10, "y": np.zeros(60), "log_age_lw": 10 - 0.1 * radius})
    first = fits.table_to_hdu(Table({"card": [b"x"]}))
    fits.HDUList([fits.PrimaryHDU(), first, fits.table_to_hdu(ours)]).writeto(tmp_path / "t.fits")
    table, _ = gradient_from_table(tmp_path / "t.fits", re_arcsec=10)
    np.testing.assert_allclose(table.slope, -0.1, atol=1e-6)
