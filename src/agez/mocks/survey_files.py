"""A mock survey in a folder: one FITS file of spectra a galaxy, a galaxy table, and the truth kept beside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.files import make_folder
from agez.mocks.galaxies import MockGalaxy
from agez.mocks.plan import SurveyPlan
from agez.mocks.survey import iterate_survey
from agez.progress import progress
from agez.spectra.readers import write_rss
from agez.spectra.templates import SSPGrid
from agez.table_columns import need_columns, number_column, table_rows
from agez.table_files import read_table, table_hdu, write_fits
from agez.types import NORM_BAND_ANGSTROM, Galaxies, Rows, Truth

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


def write_survey(
    folder: str | os.PathLike[str], plan: SurveyPlan, grid: SSPGrid, *, indices: Sequence[int] | None = None
) -> list[Path]:
    """Make a mock survey and write it to a folder.

    One CALIFA-like row-stacked-spectra file a galaxy, ``galaxies.fits`` (as the sample's GALAXIES) and
    ``truth.fits`` (a row a spectrum: ``galaxy_id``, ``spec_id``, ``x``, ``y``, ``r_re``, ``true_*``).  Spectra are
    written as they are made, so memory does not grow with the survey (the truth's 100 bytes a spectrum apart).

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
    wanted = list(range(len(plan))) if indices is None else list(indices)
    for one in progress(iterate_survey(plan, grid, indices=wanted), total=len(wanted), title="mock galaxies"):
        path = folder / rss_name(str(one.galaxies.galaxy_id[0]))
        write_rss(path, one.spectra)
        written.append(path)
        truths.append(truth_columns([one]))
    about: dict[str, object] = {
        "SEED": (plan.seed, "of the mock survey"),
        "TEMPLATE": (grid.name[:60], "template library"),
        "SOLAR": (grid.solar_scale[:60], "scale of [M/H]"),
        "NORMLOW": (NORM_BAND_ANGSTROM[0], "[Angstrom] light weights: mean f_lambda from"),
        "NORMHIGH": (NORM_BAND_ANGSTROM[1], "[Angstrom] to here, before dust"),
    }
    joined = {name: np.concatenate([part[name] for part in truths]) for name in truths[0]} if truths else {}  # type: ignore[misc]
    galaxies = Table(galaxy_columns(plan.galaxies.take(wanted)))
    write_fits(folder / GALAXIES_FILE, [table_hdu(galaxies, name="GALAXIES", header=about)])
    write_fits(folder / TRUTH_FILE, [table_hdu(Table(joined), name="TRUTH", header=about)])
    return written


def read_truth(path: str | os.PathLike[str], rows: Rows) -> Truth:
    """The truth of a mock survey for the given rows, found by (galaxy_id, spec_id); NaN where it has none."""
    table, source = read_table(path, prefer=("TRUTH",)), str(path)
    names = [f"true_{field.name}" for field in fields(Truth)]
    need_columns(table, ("galaxy_id", "spec_id", *names), source=source, made_by="agez mock")
    own = table_rows(table, source=source)
    at = {key: i for i, key in enumerate(zip(own.galaxy_id.tolist(), own.spec_id.tolist(), strict=True))}
    index = np.array([at.get(key, -1) for key in zip(rows.galaxy_id.tolist(), rows.spec_id.tolist(), strict=True)])
    if not np.any(index >= 0):
        raise AgezError(
            f"{path}: no (galaxy_id, spec_id) of the photometry is in it; give the truth of the same survey"
        )
    values = {name: number_column(table, name, source=source)[index] for name in names}
    return Truth(**{name.removeprefix("true_"): np.where(index >= 0, v, np.nan) for name, v in values.items()})
