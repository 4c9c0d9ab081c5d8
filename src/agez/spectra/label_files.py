"""Labels in a FITS file: the LABELS table, and the star-formation histories behind it."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from astropy.io import fits

from agez import __version__
from agez.errors import AgezError
from agez.files import check_input, whole_file
from agez.spectra.templates import SSPGrid
from agez.types import Floats, Labels, Rows

_UNITS = {
    "x": "arcsec", "y": "arcsec", "velocity_kms": "km/s", "sigma_kms": "km/s", "av": "mag", "snr": "1/Angstrom",
    "log_age_lw": "dex(yr)", "log_age_lw_err": "dex", "log_age_mw": "dex(yr)", "log_age_mw_err": "dex",
    "mh_lw": "dex", "mh_lw_err": "dex", "mh_mw": "dex", "mh_mw_err": "dex",
}  # fmt: skip


def write_labels(path: str | os.PathLike[str], labels: Labels, *, grid: SSPGrid | None = None) -> None:
    """Write labels as FITS: table LABELS, and, if they carry weights, image HISTORY with its axes.

    Parameters
    ----------
    grid : SSPGrid, optional
        The templates of the fit: its ages and metallicities become the table GRID beside HISTORY.
    """
    names = ("spec_id", "galaxy_id", "x", "y", *Labels.column_names())
    columns = []
    for name in names:
        values = getattr(labels.rows if name in ("spec_id", "galaxy_id", "x", "y") else labels, name)
        columns.append(fits.Column(name=name, array=values, format=_format(values), unit=_UNITS.get(name)))
    table = fits.BinTableHDU.from_columns(columns, name="LABELS")
    table.header["AGEZVER"] = (__version__, "agez that wrote this file")
    table.header["AGEZMETA"] = (json.dumps(dict(labels.meta)), "how the labels were made")
    hdus = [fits.PrimaryHDU(), table]
    if labels.weights is not None:
        image = fits.ImageHDU(np.asarray(labels.weights, dtype=np.float32), name="HISTORY")
        image.header["BUNIT"] = ("", "fraction of the light in the normalisation band")
        image.header["AXES"] = "row of LABELS, age, [M/H]"
        hdus.append(image)
        if grid is not None:
            hdus.append(_grid_table(grid))
    with whole_file(path) as part:
        fits.HDUList(hdus).writeto(part, overwrite=True)


def _format(values: Floats) -> str:
    kinds = {"U": f"{max(1, values.dtype.itemsize // 4)}A", "i": "J", "f": "D"}
    return kinds[values.dtype.kind]


def _grid_table(grid: SSPGrid) -> fits.BinTableHDU:
    age, mh = np.meshgrid(grid.log_age, grid.mh, indexing="ij")
    columns = [
        fits.Column("log_age", "D", unit="dex(yr)", array=age.ravel()),
        fits.Column("mh", "D", unit="dex", array=mh.ravel()),
        fits.Column("light_per_mass", "D", array=grid.light.ravel()),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="GRID")
    table.header["TEMPLATE"] = grid.name
    return table


def read_labels(path: str | os.PathLike[str]) -> Labels:
    """Read what :func:`write_labels` wrote; any FITS file whose LABELS table has the contract's columns will do.

    ``_err`` columns, kinematics and the like may be missing (NaN); the labels themselves may not.
    """
    path = check_input(path)
    try:
        with fits.open(path, memmap=False) as hdus:
            if "LABELS" not in hdus:
                raise AgezError(f"{path} has no LABELS table; it is not a file that 'agez label' wrote")
            data, header = hdus["LABELS"].data, hdus["LABELS"].header
            found = {name: _native(data[name]) for name in data.names}
            weights = _native(hdus["HISTORY"].data) if "HISTORY" in hdus else None
    except AgezError:
        raise
    except Exception as error:  # astropy raises many types on damaged files
        raise AgezError(f"{path} cannot be read as FITS: {error}; it may be cut short, make it again") from error
    missing = [name for name in ("spec_id", "log_age_lw", "mh_lw") if name not in found]
    if missing:
        raise AgezError(f"{path}: table LABELS lacks column(s) {', '.join(missing)}")
    n = len(data)
    if n == 0:
        raise AgezError(f"{path}: table LABELS has no rows")
    blank = np.full(n, np.nan)
    rows = Rows(
        np.asarray(found["spec_id"], dtype=str), np.asarray(found.get("galaxy_id", np.full(n, "")), dtype=str),
        found.get("x", blank), found.get("y", blank),
    )  # fmt: skip
    values: dict[str, Any] = {name: found.get(name, blank) for name in Labels.column_names()}
    values["flags"] = np.asarray(found.get("flags", np.zeros(n)), dtype=np.int32)
    try:
        meta = json.loads(header.get("AGEZMETA", "{}"))
    except json.JSONDecodeError:
        meta = {}
    return Labels(rows=rows, weights=weights, meta=meta, **values)


def _native(values: Any) -> Any:
    """The array in this machine's byte order, strings as str."""
    array = np.asarray(values)
    return array.astype(str) if array.dtype.kind in "SU" else array.astype(array.dtype.newbyteorder("="))
