"""An invented set of photometry: old galaxies that are red and massive, young ones that are not, in S-PLUS's bands."""

from pathlib import Path

import numpy as np
from astropy.table import Table

import agez
from agez.spectra.templates import made_up_grid
from agez.training_seds.complete_library import completed
from agez.training_seds.libraries import Library, common_wave, library_of
from agez.training_seds.seds import TrainingSeds, make_training_seds

TEXT = """
name = "invented"
title = "Invented galaxies"
table = "invented.ecsv"
filters = "splus"
id = "name"
redshift = "z"
redshift_err = "z_err"
redshift_range = [0.02, 0.09]
ebv = 0.02

[bands]
magnitude = "{band}_auto"
error = "e_{band}_auto"

[known]
log_age = "age"
kind = "kind"
axis_ratio = "ba"
repeat = "object"

[kinds]
older = ["old", "young"]
order = ["old", "young"]
"""


def invented_library() -> Library:
    """The small invented grid, continued to all wavelengths and ages by power laws."""
    wave, log_age, mh = common_wave(), np.arange(6.0, 10.21, 0.1), np.array([-2.0, 0.5])
    slope = 2.0 - 0.4 * (log_age[:, None] - 6.0) + 0.1 * mh
    flux = (wave / 5500.0) ** -slope[..., None] * 10 ** (-0.6 * (log_age[:, None, None] - 6.0))
    light = np.array(flux[..., np.argmin(np.abs(wave - 5500))])
    reached = np.ones(len(wave), bool)
    return completed(
        library_of(made_up_grid()), Library("laws", log_age, mh, flux.astype(np.float32), reached, light, "a", "b")
    )


def invented_seds(n: int, rng: np.random.Generator) -> TrainingSeds:
    """Training SEDs of that library, at redshifts of the set."""
    filters = agez.load_filters("splus")
    return make_training_seds(filters, [invented_library()], n, rng, redshift_range=(0.015, 0.095))


def write_set(folder: Path, rng: np.random.Generator, *, n: int = 90) -> Path:
    """The table and its description: the oldest and the youngest of some training SEDs, each seen twice."""
    seds = invented_seds(3 * n, rng)
    order = np.argsort(seds.labels[:, 0])
    chosen = np.repeat(np.r_[order[: n // 4], order[-(n // 4) :]], 2)
    young = np.repeat(np.arange(len(chosen) // 2) < n // 4, 2)
    err = 0.02 * seds.flux[chosen]
    flux = 1000 * (seds.flux[chosen] + err * rng.standard_normal(err.shape))
    m = len(chosen)
    columns = {
        "name": [f"g{k}" for k in range(m)], "z": seds.redshift[chosen], "z_err": np.full(m, 0.002),
        "age": seds.labels[chosen, 0], "kind": np.where(young, "young", "old"), "ba": rng.uniform(0.3, 1, m),
        "object": np.repeat([f"o{k}" for k in range(m // 2)], 2),
    }  # fmt: skip
    for k, band in enumerate(seds.bands.names):
        columns[f"{band}_auto"] = 23.9 - 2.5 * np.log10(flux[:, k])
        columns[f"e_{band}_auto"] = np.full(m, 0.0217)
    Table(columns).write(folder / "invented.ecsv")
    path = folder / "invented.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path
