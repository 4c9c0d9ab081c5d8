"""Catalogues of invented galaxies in S-PLUS' bands, in files of Parquet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agez.catalogues.catalogue import Catalogue
from agez.catalogues.open_catalogue import open_catalogue
from agez.engine.answer import AnswerJob, make_job
from agez.models.model_file import load_model

MODEL = "splus"


def columns(n: int, *, seed: int = 1) -> dict[str, np.ndarray]:
    """Columns of ``n`` galaxies."""
    rng = np.random.default_rng(seed)
    bands = load_model(MODEL).bands
    table = {
        "id": np.array([f"{seed}-{i:05d}" for i in range(n)]), "ra": rng.uniform(0, 360, n),
        "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))), "redshift": rng.uniform(0.005, 0.08, n),
        "ebv": rng.uniform(0, 0.1, n), "tile": np.full(n, "STRIPE82"),
    }  # fmt: skip
    scale, slope = rng.uniform(10, 100, n), rng.normal(0.5, 0.7, n)
    for name, pivot in zip(bands.names, bands.pivot_angstrom, strict=True):
        flux = scale * (pivot / 5500) ** slope * np.exp(rng.normal(0, 0.03, n))
        table[f"flux_{name}"], table[f"flux_{name}_err"] = flux, 0.03 * flux
    return table


def write_catalogue(folder: Path, *, files: int = 4, rows: int = 300) -> Path:
    """A folder of files; every one has other rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    for number in range(files):
        pq.write_table(pa.table(columns(rows, seed=number)), folder / f"tile{number}.parquet")
    return folder


def opened(folder: Path, **options: object) -> tuple[Catalogue, AnswerJob]:
    """A catalogue and the job of answering it."""
    catalogue = open_catalogue(folder)
    return catalogue, make_job(catalogue, MODEL, filters="splus", **options)
