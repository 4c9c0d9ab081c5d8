"""Small catalogues of made-up photometry in every format."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

import agez
from agez.photometry.tables import photometry_to_table, write_photometry
from agez.types import Photometry, Rows

BANDS = agez.load_filters("jpas").bands.select(["uJAVA", "J0400", "J0500", "J0610", "iSDSS"])


def made_up(n: int = 60, *, seed: int = 1) -> Photometry:
    """Photometry with missing bands, negative fluxes and unknown errors."""
    rng = np.random.default_rng(seed)
    flux = rng.normal(5.0, 4.0, (n, len(BANDS)))
    flux[rng.random(flux.shape) < 0.1] = np.nan
    err = np.where(np.isnan(flux), np.nan, rng.uniform(0.1, 1.0, flux.shape))
    err[rng.random(flux.shape) < 0.1] = np.nan
    ids = np.array([f"{i:04d}" for i in range(n)])
    rows = Rows(ids, np.full(n, "NGC 1"), np.arange(n) * 1.0, -np.arange(n) * 1.0)
    return Photometry(BANDS, flux, err, np.isfinite(flux), rows, rng.random(n), np.zeros(n, dtype=np.int32))


def written(folder: Path, photometry: Photometry, kind: str, *, magnitudes: bool = False) -> Path:
    """A file of it; ``folder`` is a folder of three Parquet files."""
    if kind == "folder":
        path = folder / "many"
        path.mkdir(exist_ok=True)
        edges = [0, 20, 20 + len(photometry) // 2, len(photometry)]
        table = photometry_to_table(photometry, magnitudes=magnitudes)
        for number in range(3):
            table[edges[number] : edges[number + 1]].write(path / f"part{number}.parquet", overwrite=True)
        return path
    path = folder / f"catalogue.{kind}"
    if kind == "csv.gz":
        write_photometry(folder / "catalogue.csv", photometry, magnitudes=magnitudes)
        path.write_bytes(gzip.compress((folder / "catalogue.csv").read_bytes()))
    else:
        write_photometry(path, photometry, magnitudes=magnitudes)
    return path


def same_photometry(found: Photometry, expected: Photometry) -> None:
    """Bit for bit."""
    assert found.bands == expected.bands
    for name in ("flux", "flux_err", "covered", "redshift", "redshift_err", "flags"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    for name in ("spec_id", "galaxy_id", "x", "y"):
        np.testing.assert_array_equal(getattr(found.rows, name), getattr(expected.rows, name), err_msg=name)
