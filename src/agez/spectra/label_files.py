"""Labels in a FITS file: the LABELS table, and the star-formation histories behind it."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from agez import __version__
from agez.spectra.templates import SSPGrid
from agez.table_columns import (
    integer_column,
    meta_json,
    native,
    need_columns,
    number_column,
    rows_columns,
    table_rows,
)
from agez.table_files import hdu_to_table, named_hdu, open_fits, table_hdu, write_fits
from agez.types import Labels

_MADE_BY = "agez label"


def write_labels(path: str | os.PathLike[str], labels: Labels, *, grid: SSPGrid | None = None) -> None:
    """Write labels as FITS: table LABELS, and, if they carry weights, image HISTORY with its axes.

    Parameters
    ----------
    grid : SSPGrid, optional
        The templates of the fit: its ages and metallicities become the table GRID beside HISTORY.
    """
    table = Table(rows_columns(labels.rows, id_name="spec_id"))
    for name in Labels.column_names():
        table[name] = getattr(labels, name)
    about = {
        "AGEZVER": (__version__, "agez that wrote this file"),
        "AGEZMETA": (json.dumps(dict(labels.meta)), "how the labels were made"),
    }
    hdus = [table_hdu(table, name="LABELS", header=about)]
    if labels.weights is not None:
        image = fits.ImageHDU(np.asarray(labels.weights, dtype=np.float32), name="HISTORY")
        image.header["BUNIT"] = ("", "fraction of the light in the normalisation band")
        image.header["AXES"] = "row of LABELS, age, [M/H]"
        hdus.append(image)
        if grid is not None:
            hdus.append(_grid_table(grid))
    write_fits(path, hdus)


def _grid_table(grid: SSPGrid) -> fits.BinTableHDU:
    age, mh = np.meshgrid(grid.log_age, grid.mh, indexing="ij")
    table = Table({"log_age": age.ravel(), "mh": mh.ravel(), "light_per_mass": grid.light.ravel()})
    return table_hdu(table, name="GRID", header={"TEMPLATE": grid.name})


def read_labels(path: str | os.PathLike[str]) -> Labels:
    """Read what :func:`write_labels` wrote; any FITS file whose LABELS table has the contract's columns will do.

    ``_err`` columns, kinematics and the like may be missing (NaN); the labels themselves may not.
    """
    source = f"{path}, table LABELS"
    with open_fits(path) as hdus:
        table = hdu_to_table(named_hdu(hdus, "LABELS", path, made_by=_MADE_BY))
        weights = native(hdus["HISTORY"].data) if "HISTORY" in hdus else None
    need_columns(table, ("spec_id", "log_age_lw", "mh_lw"), source=source, made_by=_MADE_BY)
    values: dict[str, Any] = {name: number_column(table, name, source=source) for name in Labels.column_names()}
    values["flags"] = integer_column(table, "flags")
    return Labels(rows=table_rows(table, source=source), weights=weights, meta=meta_json(table, "AGEZMETA"), **values)
