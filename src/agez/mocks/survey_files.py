"""A mock survey in a folder: one FITS file of spectra a galaxy, a galaxy table, and the truth kept beside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.label_types import Galaxies, Truth
from agez.mocks.cubes import MockCube, cube_name, make_cube, write_cube
from agez.mocks.galaxies import MockGalaxy
from agez.mocks.plan import SurveyPlan
from agez.mocks.survey import iterate_survey
from agez.runtime.files import make_folder
from agez.runtime.progress import progress
from agez.spectra.readers import write_rss
from agez.spectra.templates import SSPGrid
from agez.tables.table_columns import need_columns, number_column, table_rows
from agez.tables.table_files import read_table, table_hdu, write_fits
from agez.types import NORM_BAND_ANGSTROM, Floats, Rows

GALAXIES_FILE, TRUTH_FILE = "galaxies.fits", "truth.fits"


def rss_name(galaxy_id: str) -> str:
    """File name of one galaxy's spectra, as CALIFA names its row-stacked V500 spectra."""
    return f"{galaxy_id}.V500.RSS.fits"


def galaxy_columns(galaxies: Galaxies) -> dict[str, object]:
    """Columns of the galaxy table, by name."""
    return {field.name: getattr(galaxies, field.name) for field in fields(galaxies)}


def truth_columns(made: Iterable[MockGalaxy]) -> dict[str, object]:
    """Columns of the truth table: identity, position, ``r_re`` and ``true_*``."""
    parts = list(made)
    columns: dict[str, object] = {
        name: np.concatenate([getattr(one.spectra.rows, name) for one in parts])
        for name in ("galaxy_id", "spec_id", "x", "y")
    }
    columns["r_re"] = np.concatenate([one.r_re for one in parts])
    for field in fields(Truth):
        columns[f"true_{field.name}"] = np.concatenate([getattr(one.truth, field.name) for one in parts])
    return columns


def cube_truth_columns(cube: MockCube) -> dict[str, object]:
    """Columns of the truth of one cube: a row a spaxel, with what it weighs in a bin."""
    columns: dict[str, object] = {name: getattr(cube.rows, name) for name in ("galaxy_id", "spec_id", "x", "y")}
    columns |= {"r_re": cube.r_re, "light": cube.light, "mass": cube.mass}
    return columns | {f"true_{field.name}": getattr(cube.truth, field.name) for field in fields(Truth)}


def write_survey(
    folder: str | os.PathLike[str],
    plan: SurveyPlan,
    grid: SSPGrid,
    *,
    cubes: bool = False,
) -> list[Path]:
    """Make a mock survey and write it to a folder.

    One CALIFA-like row-stacked-spectra file a galaxy, ``galaxies.fits`` (as the sample's GALAXIES) and
    ``truth.fits`` (a row a spectrum: ``galaxy_id``, ``spec_id``, ``x``, ``y``, ``r_re``, ``true_*``).  Spectra are
    written as they are made, so memory does not grow with the survey (the truth's 100 bytes a spectrum apart).

    With ``cubes``, a cube in CALIFA's format a galaxy (see :mod:`agez.mocks.cubes`) in place of rows, and the truth has
    a row a spaxel and two more columns, ``light`` and ``mass``: what a spaxel weighs in a bin.

    Returns
    -------
    list of Path
        The files of spectra.

    Raises
    ------
    AgezError
        If the folder cannot be written or the templates do not reach.
    """
    folder = make_folder(folder)
    written: list[Path] = []
    truths: list[dict[str, object]] = []
    if cubes:
        for index in progress(range(len(plan)), title="mock cubes"):
            cube = make_cube(plan, index, grid)
            written.append(folder / cube_name(str(cube.galaxies.galaxy_id[0])))
            write_cube(written[-1], cube)
            truths.append(cube_truth_columns(cube))
    else:
        for one in progress(iterate_survey(plan, grid), total=len(plan), title="mock galaxies"):
            written.append(folder / rss_name(str(one.galaxies.galaxy_id[0])))
            write_rss(written[-1], one.spectra)
            truths.append(truth_columns([one]))
    about: dict[str, object] = {
        "SEED": (plan.seed, "of the mock survey"),
        "TEMPLATE": (grid.name[:60], "template library"),
        "SOLAR": (grid.solar_scale[:60], "scale of [M/H]"),
        "NORMLOW": (NORM_BAND_ANGSTROM[0], "[Angstrom] light weights: mean f_lambda from"),
        "NORMHIGH": (NORM_BAND_ANGSTROM[1], "[Angstrom] to here, before dust"),
    }
    joined = {name: np.concatenate([part[name] for part in truths]) for name in truths[0]} if truths else {}  # type: ignore[misc]
    galaxies = Table(galaxy_columns(plan.galaxies))
    write_fits(folder / GALAXIES_FILE, [table_hdu(galaxies, name="GALAXIES", header=about)])
    write_fits(folder / TRUTH_FILE, [table_hdu(Table(joined), name="TRUTH", header=about)])
    return written


def read_truth(
    path: str | os.PathLike[str], rows: Rows, *, members: Mapping[tuple[str, str], Sequence[str]] | None = None
) -> Truth:
    """The truth of a mock survey for the given rows; NaN where it has none.

    Parameters
    ----------
    rows : Rows
        Found by (galaxy_id, spec_id).
    members : mapping, optional
        For rows that are bins of a cube: the ``spec_id`` of their spaxels, by the bin's (galaxy_id, spec_id).  Their
        truth is the mean over the spaxels, by light or by mass; the dispersion that of their stars together.
    """
    table, source = read_table(path, prefer=("TRUTH",)), str(path)
    names = [f"true_{field.name}" for field in fields(Truth)]
    need_columns(table, ("galaxy_id", "spec_id", *names), source=source, made_by="agez mock")
    own = table_rows(table, source=source)
    at = {key: i for i, key in enumerate(zip(own.galaxy_id.tolist(), own.spec_id.tolist(), strict=True))}
    values = {name: number_column(table, f"true_{name}", source=source) for name in Truth._row_fields}
    weights = {name: number_column(table, name, source=source) for name in ("light", "mass")}
    of_cubes = bool(members) and "light" in table.colnames
    found = {name: np.full(len(rows), np.nan) for name in values}
    for row, key in enumerate(zip(rows.galaxy_id.tolist(), rows.spec_id.tolist(), strict=True)):
        if key in at:
            for name in found:
                found[name][row] = values[name][at[key]]
        elif of_cubes and members is not None and key in members:
            spaxels = [at.get((key[0], name), -1) for name in members[key]]
            if min(spaxels) >= 0:
                one = _mean_truth({name: v[spaxels] for name, v in {**values, **weights}.items()})
                for name in found:
                    found[name][row] = one[name]
    if not any(np.isfinite(v).any() for v in found.values()):
        raise AgezError(
            f"{path}: no (galaxy_id, spec_id) of the photometry is in it; give the truth of the same survey"
        )
    return Truth(**found)


def _mean_truth(spaxels: Mapping[str, Floats]) -> dict[str, float]:
    """Of the stars of several spaxels together."""

    def mean(values: Floats, name: str) -> float:
        return float(np.average(values, weights=spaxels[name]))

    result = {name: mean(values, "mass" if name.endswith("_mw") else "light") for name, values in spaxels.items()}
    velocity, sigma = spaxels["velocity_kms"], spaxels["sigma_kms"]
    squares = mean(sigma**2 + velocity**2, "light")
    return {**result, "sigma_kms": float(np.sqrt(squares - result["velocity_kms"] ** 2))}
