"""Surveys' tables in every kind of catalogue: the same photometry, redshifts and names, however they are cut."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import agez
from agez.apply.corrections import Corrections
from agez.catalogues.catalogue import Catalogue
from agez.catalogues.csv_files import first_rows
from agez.catalogues.open_catalogue import open_catalogue
from agez.engine.answer import make_job, read
from agez.types import Photometry

BANDS = ("u", "J0378", "J0395", "J0410", "J0430", "g", "J0515", "r", "J0660", "i", "J0861", "z")
N = 900


def table() -> Table:
    """Made-up magnitudes under the names of S-PLUS' tables crossmatched by LSDB."""
    rng = np.random.default_rng(3)
    made = Table({"ID_": [f"SPLUS.{k:04d}" for k in range(N)], "RA_": rng.random(N), "zb_": rng.uniform(0.02, 0.2, N)})
    made["zb_Min_"], made["zb_Max_"] = made["zb_"] - 0.01, made["zb_"] + 0.02
    made["r_petro_"] = 15.0
    for band in BANDS:
        made[f"{band}_auto_dual"] = rng.uniform(16, 19, N)
        made[f"e_{band}_auto_dual"] = rng.uniform(0.01, 0.1, N)
    made["J0378_auto_dual"][::7] = 99.0
    return made


def written(folder: Path, kind: str) -> Path:
    made = table()
    path = folder / f"t.{kind}"
    if kind in ("folder", "hats"):
        path.mkdir()
        if kind == "hats":
            (path / "hats.properties").write_text("obs_collection=sky\ndataproduct_type=object\n")
        for k in range(3):
            file = path / (f"dataset/Norder=0/Dir=0/Npix={k}.parquet" if kind == "hats" else f"{k}.parquet")
            file.parent.mkdir(parents=True, exist_ok=True)
            made[k * N // 3 : (k + 1) * N // 3].write(file)
    elif kind == "csv.gz":
        made.write(folder / "t.csv")
        path.write_bytes(gzip.compress((folder / "t.csv").read_bytes()))
    elif kind == "vot":
        made.write(path, format="votable")
    else:
        made.write(path)
    return path


def together(catalogue: Catalogue, **options: object) -> tuple[Photometry, tuple[str, ...]]:
    job = make_job(catalogue, "splus", **options)
    return Photometry.concatenate([read(job, one)[0] for one in catalogue.partitions]), job.remarks


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "fits", "parquet", "folder", "hats", "ecsv", "vot"])
def test_every_kind_of_catalogue(tmp_path: Path, kind: str) -> None:
    expected = agez.read_photometry(table(), model=agez.load_filters("splus").bands)
    path = written(tmp_path, kind)
    catalogue = open_catalogue(path, rows_per_partition=250)
    alone, remarks = together(catalogue)
    asked, _ = together(
        catalogue, redshift="zb_", id_column="ID_", corrections=Corrections(redshift_err="zb_Min_,zb_Max_")
    )
    for found in (alone, asked):
        assert found.bands == expected.bands
        for name in ("flux", "flux_err", "redshift", "redshift_err"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-6)
        np.testing.assert_array_equal(found.rows.spec_id, expected.rows.spec_id)
    np.testing.assert_array_equal(alone.flux, asked.flux)
    assert [line.split(":")[0] for line in remarks] == ["photometry", "redshift", "id"]
    assert len(expected.bands) == 12
    np.testing.assert_allclose(expected.redshift_err, 0.015)


def test_the_first_rows_of_a_csv_are_those_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    for rows in (10, 250, 5000):
        catalogue = open_catalogue(path, rows_per_partition=rows)
        few = first_rows(catalogue, catalogue.partitions[0], 200)
        assert len(few) == min(rows, 200)
        job = make_job(catalogue, "splus")
        assert read(job, few)[0].rows.spec_id.tolist() == table()["ID_"][: len(few)].tolist()
