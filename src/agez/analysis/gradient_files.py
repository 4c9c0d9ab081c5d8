"""Radial gradients of one galaxy from a table on disk, and the table of gradients that comes out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table

from agez.analysis.geometry import face_on_radius
from agez.analysis.gradients import FRACTION, MAX_RADIUS, N_SUBSETS, GradientTable, galaxy_gradients
from agez.errors import AgezError
from agez.files import check_input, check_output, whole_file, write_json
from agez.flags import Flag, has_flag
from agez.types import LABEL_NAMES, Floats

SCHEMA = "agez.gradients/1"
#: Rows with one of these bits have no trustworthy value and are left out, as from training samples.
LEFT_OUT = Flag.NO_DATA | Flag.FIT_FAILED | Flag.BAD_CHI2 | Flag.TOO_FEW_BANDS | Flag.REDSHIFT_OUTSIDE_MODEL
#: Extensions that are looked for in a FITS file, in this order; else its first table.
_TABLE_NAMES = ("LABELS", "PREDICTIONS", "SPECTRA")
_FITS = (".fits", ".fit", ".fits.gz")
#: Keys of the provenance and their FITS keywords (8 characters at most).
_KEYWORDS = {
    "source": "SOURCE", "re_arcsec": "REARCSEC", "inclination_deg": "INCL", "pa_deg": "PA", "seed": "SEED",
    "n_subsets": "NSUBSETS", "fraction": "FRACTION", "max_radius_re": "MAXRADRE", "n_flagged_left_out": "NFLAGGED",
}  # fmt: skip


def gradient_from_table(
    path: str | os.PathLike[str],
    *,
    re_arcsec: float,
    inclination_deg: float | None = None,
    pa_deg: float | None = None,
    columns: Sequence[str] | None = None,
    galaxy_id: str | None = None,
    seed: int = 1,
) -> tuple[GradientTable, dict[str, Any]]:
    """Radial gradients of one galaxy in a file of labels, of predictions, or any table with x, y and values.

    Parameters
    ----------
    path
        FITS, ECSV, CSV or Parquet with columns ``x`` and ``y``: offsets from the centre, x to the west and
        y to the north, arcsec unless the column has another unit.  Rows whose ``flags`` say that the fit or
        the prediction failed or was rejected are left out.
    re_arcsec : float
        Effective radius along the major axis [arcsec].
    inclination_deg, pa_deg : float, optional
        Inclination (0 = face-on) and position angle (north through east) of the major axis [degree];
        both or neither: without them the galaxy is taken as face-on.
    columns : sequence of str, optional
        The quantities; by default those of log_age_lw, mh_lw, log_age_mw, mh_mw that the table has.
    galaxy_id : str, optional
        Which galaxy, where the file holds several.
    seed : int
        Of the bootstrap subsets.

    Returns
    -------
    table : GradientTable
        One galaxy, one column a quantity [unit of the quantity per Re].
    meta : dict
        The choices made, for the output.

    Raises
    ------
    AgezError
        For an unreadable file, a missing column, bad geometry, or where no gradient can be measured at all.
    """
    if not re_arcsec > 0:
        raise AgezError(f"--re is {re_arcsec:g} arcsec; expected a positive effective radius")
    if (inclination_deg is None) != (pa_deg is None):
        given, other = ("--pa", "--inclination") if inclination_deg is None else ("--inclination", "--pa")
        raise AgezError(f"{given} without {other}: a tilted disc needs both; give {other} too, or neither for face-on")
    source = check_input(path)
    rows = _one_galaxy(_read(source), source, galaxy_id)
    wanted = _quantities(rows, source, columns)
    x, y = (_numbers(rows, name, source, unit=u.arcsec) for name in ("x", "y"))
    if not np.any(np.isfinite(x) & np.isfinite(y)):
        raise AgezError(f"{source}: no row has a position in x and y; gradients need offsets from the centre in arcsec")
    values = np.stack([_numbers(rows, name, source) for name in wanted], axis=1)
    flagged = np.zeros(len(rows), dtype=bool)
    if "flags" in rows.colnames:
        flagged = has_flag(np.asarray(rows["flags"]).astype(np.int32), LEFT_OUT)
        values[flagged] = np.nan
    radius = face_on_radius(
        x, y, inclination_deg=inclination_deg or 0.0, pa_deg=pa_deg or 0.0, re_arcsec=float(re_arcsec)
    )
    name = str(rows["galaxy_id"][0]) if "galaxy_id" in rows.colnames else source.name.split(".")[0]
    table = galaxy_gradients(np.full(len(rows), name), radius, values, names=wanted, rng=np.random.default_rng(seed))
    if np.all(table.reason != ""):
        raise AgezError(
            f"{source}: no radial gradient of {wanted[0]}: {table.reason[0, 0]} (Re = {re_arcsec:g} arcsec)"
        )
    return table, {
        "source": str(source),
        "re_arcsec": float(re_arcsec),
        "inclination_deg": float(inclination_deg or 0.0),
        "pa_deg": None if pa_deg is None else float(pa_deg),
        "seed": int(seed),
        "n_subsets": N_SUBSETS,
        "fraction": FRACTION,
        "max_radius_re": MAX_RADIUS,
        "n_flagged_left_out": int(flagged.sum()),
    }


def write_gradients(path: str | os.PathLike[str], table: GradientTable, *, meta: Mapping[str, Any]) -> None:
    """Write gradients as FITS, ECSV, CSV or JSON, by extension: one row a galaxy and quantity, whole or not at all."""
    output = check_output(path)
    name = output.name.lower()
    records = table.to_json()
    if name.endswith(".json"):
        write_json(output, gradients_json(table, meta=meta))
        return
    columns: dict[str, Any] = {key: [record[key] for record in records] for key in records[0]} if records else {}
    for key in ("slope", "slope_err", "intercept"):
        columns[key] = np.array([np.nan if value is None else value for value in columns[key]])
    rows = Table(columns)
    rows["slope"].description = "mean slope over the subsets [unit of the quantity per Re]"
    rows["slope_err"].description = "standard deviation of the slope over the subsets [unit of the quantity per Re]"
    rows["intercept"].description = "value at R = 0 [unit of the quantity]"
    if name.endswith(_FITS):
        rows.meta = {_KEYWORDS[key]: value for key, value in meta.items() if value is not None}
        rows.meta["EXTNAME"] = "GRADIENTS"
        kind = "fits"
    elif name.endswith(".ecsv"):
        rows.meta, kind = dict(meta), "ascii.ecsv"
    elif name.endswith(".csv"):
        kind = "ascii.csv"
    else:
        raise AgezError(f"output {output}: unknown extension; use .ecsv, .fits, .csv or .json")
    with whole_file(output) as part:
        rows.write(part, format=kind, overwrite=True)


def gradients_json(table: GradientTable, *, meta: Mapping[str, Any]) -> dict[str, Any]:
    """The same as one strict JSON object."""
    return {"schema": SCHEMA, **meta, "gradients": table.to_json()}


def gradient_file(
    source: str | os.PathLike[str], output: str | os.PathLike[str], **options: Any
) -> tuple[GradientTable, dict[str, Any]]:
    """What ``agez gradient INPUT -o OUT`` does: :func:`gradient_from_table`, then :func:`write_gradients`."""
    check_output(output)
    table, meta = gradient_from_table(source, **options)
    write_gradients(output, table, meta=meta)
    return table, meta


def _read(path: Path) -> Table:
    name = path.name.lower()
    try:
        if name.endswith(_FITS):
            with fits.open(path) as hdus:
                tables = {
                    hdu.name: k for k, hdu in enumerate(hdus) if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)
                }
            if not tables:
                raise AgezError(f"{path} holds no table; give a file of labels, of predictions or a table with x, y")
            hdu = next((tables[known] for known in _TABLE_NAMES if known in tables), next(iter(tables.values())))
            return Table.read(path, hdu=hdu)
        kinds = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".parquet": "parquet"}
        kind = next((kind for ending, kind in kinds.items() if name.endswith(ending)), None)
        if kind is None:
            raise AgezError(f"{path}: unknown extension; a table is .fits, .ecsv, .csv or .parquet")
        return Table.read(path, format=kind)
    except AgezError:
        raise
    except Exception as error:  # any reader's complaint about a broken file is the user's one clear line
        raise AgezError(f"{path} cannot be read as a table ({type(error).__name__}: {error}); make it again") from error


def _one_galaxy(rows: Table, path: Path, galaxy_id: str | None) -> Table:
    if len(rows) == 0:
        raise AgezError(f"{path}: the table has no rows")
    if "galaxy_id" not in rows.colnames:
        if galaxy_id is not None:
            raise AgezError(f"{path} has no column galaxy_id to find {galaxy_id!r} in")
        return rows
    ids = np.asarray(rows["galaxy_id"]).astype(str)
    found = np.unique(ids)
    if galaxy_id is None:
        if len(found) > 1:
            raise AgezError(
                f"{path} holds {len(found)} galaxies ({', '.join(found[:3])}, ...) and --re is of one: say which galaxy"
            )
        return rows
    if galaxy_id not in found:
        raise AgezError(f"{path} has no galaxy {galaxy_id!r}; it holds {', '.join(found[:5])}")
    return rows[ids == galaxy_id]


def _quantities(rows: Table, path: Path, columns: Sequence[str] | None) -> tuple[str, ...]:
    wanted = tuple(columns) if columns else tuple(name for name in LABEL_NAMES if name in rows.colnames)
    if not wanted:
        raise AgezError(f"{path} has none of {', '.join(LABEL_NAMES)}; name the column to fit among: {_list(rows)}")
    return wanted


def _numbers(rows: Table, name: str, path: Path, *, unit: u.Unit | None = None) -> Floats:
    if name not in rows.colnames:
        raise AgezError(f"{path} has no column {name!r}; it has: {_list(rows)}")
    column = rows[name]
    if column.dtype.kind not in "fiu" or column.ndim != 1:
        raise AgezError(
            f"{path}: column {name!r} holds {column.dtype} of shape {column.shape}; expected one number a row"
        )
    values = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan) if isinstance(column, MaskedColumn) else column
    numbers = np.asarray(values, dtype=float)
    if unit is not None and isinstance(column, Column) and column.unit is not None:
        try:
            numbers = numbers * u.Unit(column.unit).to(unit)
        except (u.UnitConversionError, ValueError, TypeError) as error:
            raise AgezError(f"{path}: column {name!r} is in {column.unit}; expected an angle such as {unit}") from error
    return numbers


def _list(rows: Table) -> str:
    shown = rows.colnames[:12]
    return ", ".join(shown) + (", ..." if len(rows.colnames) > len(shown) else "")
