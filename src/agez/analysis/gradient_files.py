"""Radial gradients of one galaxy from a table on disk, and the table of gradients that comes out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from agez.analysis.geometry import face_on_radius
from agez.analysis.gradients import (
    FRACTION,
    MAX_RADIUS,
    N_SUBSETS,
    NUMBERS,
    GradientTable,
    beside,
    galaxy_gradients,
    gradients_with_errors,
)
from agez.errors import AgezError
from agez.flags import is_good
from agez.hints import named_among
from agez.runtime.files import write_json
from agez.tables.prediction_files import seds_of
from agez.tables.table_columns import angle_column, has_columns, is_missing, is_nines, number_column, text_column
from agez.tables.table_files import check_table_output, read_table, table_format, write_table
from agez.types import LABEL_NAMES, Bools, Floats

SCHEMA = "agez.gradients/1"
#: Column of a map's regions: mean radius of their pixels in the plane of a disc [arcsec]; keywords of that disc's
#: inclination and position angle [degree].
REGION_RADIUS, TILT = "radius_arcsec", ("INCL", "PA")
#: Angles that are nearer to one another are the same [degree].
_SAME_DEG = 1e-3
#: How tables write truths.
_TRUE, _FALSE = ("true", "t", "1", "1.0"), ("false", "f", "0", "0.0", "", "nan")
#: Extensions that are looked for in a FITS file, in this order; else its first table.
_TABLE_NAMES = ("LABELS", "PREDICTIONS", "SPECTRA")
#: Name of the table of gradients in a FITS file; kinds of output besides tables.
EXTENSION, _ALSO = "GRADIENTS", (".json",)
#: Keys of the provenance and their FITS keywords (8 characters at most).
_KEYWORDS = {
    "source": "SOURCE", "re_arcsec": "REARCSEC", "inclination_deg": "INCL", "pa_deg": "PA", "seed": "SEED",
    "n_subsets": "NSUBSETS", "fraction": "FRACTION", "max_radius_re": "MAXRADRE", "n_flagged_left_out": "NFLAGGED",
    "n_codes_left_out": "NCODES", "n_without_error_left_out": "NNOERR", "errors_from": "ERRFROM",
}  # fmt: skip


def gradient_from_table(
    path: str | os.PathLike[str],
    *,
    re_arcsec: float | None = None,
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
        y to the north, arcsec unless the column has another unit.  Rows that have a fault by their ``flags``
        (:data:`agez.flags.FAULTS`), or whose ``good`` is false, are left out; of a column ``set_a_log_age_lw`` it is
        ``set_a_flags`` that counts.  So are values that are survey codes (-99, 99, 99.9, -999, 9999).  Of the regions
        of ``agez map``, the radius is that of their pixels, not of their middle, and the tilt is that of the map.
    re_arcsec : float, optional
        Effective radius along the major axis [arcsec]; default: that which the regions of ``agez map`` were made with.
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
        One galaxy, one column a quantity [unit of the quantity per Re].  Where the table has the quantity's errors
        (``<quantity>_err``), the line is weighted by them and its errors know what regions share; it
        needs 3 rows inside Re.  Elsewhere the line is the paper's, needs 25 rows inside Re and one outside, and its
        error holds for rows that are independent.
    meta : dict
        The choices made, for the output.

    Raises
    ------
    AgezError
        For an unreadable file, a missing column, bad geometry, or where no gradient can be measured at all.
    """
    if re_arcsec is not None and not re_arcsec > 0:
        raise AgezError(f"--re is {re_arcsec:g} arcsec; expected a positive effective radius")
    if (inclination_deg is None) != (pa_deg is None):
        given, other = ("--pa", "--inclination") if inclination_deg is None else ("--inclination", "--pa")
        raise AgezError(f"{given} without {other}: a tilted disc needs both; give {other} too, or neither for face-on")
    source = Path(path)
    rows = _one_galaxy(read_table(source, prefer=_TABLE_NAMES, likeness=has_columns("x", "y")), source, galaxy_id)
    re_arcsec = _radius_of_map(rows, source) if re_arcsec is None else re_arcsec
    wanted = _quantities(rows, source, columns)
    for name in ("x", "y"):
        _check_numbers(rows, name, source)
    nowhere = np.all([is_missing(number_column(rows, name, source=str(source))) for name in ("x", "y")], axis=0)
    x, y = (np.where(nowhere, np.nan, angle_column(rows, name, source=str(source))) for name in ("x", "y"))
    if not np.any(np.isfinite(x) & np.isfinite(y)):
        raise AgezError(f"{source}: no row has a position in x and y; gradients need offsets from the centre in arcsec")
    values = np.stack([_numbers(rows, name, source) for name in wanted], axis=1)
    flagged = np.stack([~_good_rows(rows, name, source) for name in wanted], axis=1)
    codes = (is_missing(values) | is_nines(values)) & ~flagged
    values[flagged | codes] = np.nan
    if inclination_deg is None and _has_radii(rows):  # those of the map
        inclination_deg, pa_deg = (float(rows.meta[key]) for key in TILT)
    radius = _radius(rows, x, y, (inclination_deg or 0.0, pa_deg or 0.0), float(re_arcsec), source)
    name = str(text_column(rows, "galaxy_id")[0]) if "galaxy_id" in rows.colnames else source.name.split(".")[0]
    errors = _errors(rows, wanted, source)
    with np.errstate(invalid="ignore"):
        unsure = [np.isfinite(values[:, wanted.index(one)]) & ~(err > 0) for one, err in errors.items()]
    table = _gradients(np.full(len(rows), name), radius, values, errors, wanted, seed, _origin(rows))
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
        "n_flagged_left_out": int(flagged.any(axis=1).sum()),
        "n_codes_left_out": int(codes.sum()),
        "n_without_error_left_out": int(np.sum(unsure)),
        "errors_from": "regions" if len(errors) == len(wanted) else "scatter" if not errors else "both",
    }


def _radius_of_map(rows: Table, path: Path) -> float:
    """Effective radius [arcsec] of regions of a map, which have it in their radii in arcsec and in Re."""
    if _has_radii(rows) and "r_re" in rows.colnames:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = number_column(rows, REGION_RADIUS, source=str(path)) / number_column(rows, "r_re", source=str(path))
        if np.isfinite(ratio).any():
            return float(np.nanmedian(ratio))
    raise AgezError(f"{path} does not say the effective radius; give --re R, in arcsec along the major axis")


def _has_radii(rows: Table) -> bool:
    """Whether the rows are regions of a map, with radii in the plane of its disc."""
    return REGION_RADIUS in rows.colnames and all(key in rows.meta for key in TILT)


def _radius(rows: Table, x: Floats, y: Floats, tilt: tuple[float, float], re_arcsec: float, path: Path) -> Floats:
    """Radius of each row [Re]: of regions that of their pixels, as a ring's middle is the galaxy's centre."""
    if not _has_radii(rows):
        return face_on_radius(x, y, inclination_deg=tilt[0], pa_deg=tilt[1], re_arcsec=re_arcsec)
    inclination, pa = (float(rows.meta[key]) for key in TILT)
    turned = abs((tilt[1] - pa + 90.0) % 180.0 - 90.0)
    if abs(tilt[0] - inclination) > _SAME_DEG or (inclination > 0 and turned > _SAME_DEG):
        own = f"--inclination {inclination:g} and --pa {pa:g}" if inclination > 0 else "a face-on disc"
        raise AgezError(
            f"{path}: the radii of its regions were measured for {own}, and those for another tilt are not known from "
            "x and y; give the same here, or make the map again with --re, --inclination and --pa"
        )
    return number_column(rows, REGION_RADIUS, source=str(path)) / re_arcsec


def _errors(rows: Table, wanted: Sequence[str], path: Path) -> dict[str, Floats]:
    """The column of errors of each quantity that has one."""
    return {name: _numbers(rows, f"{name}_err", path) for name in wanted if f"{name}_err" in rows.colnames}


def _origin(rows: Table) -> dict[str, str]:
    """What the values come from: spectral fits, or answers to photometry of spectra or of images, and which model's."""
    if "velocity_kms" in rows.colnames:
        return {"kind": "labels"}
    return {"kind": seds_of(rows.meta), "model": str(rows.meta.get("model", rows.meta.get("MODEL", ""))).strip()}


def _gradients(
    galaxy: Any,
    radius: Floats,
    values: Floats,
    errors: Mapping[str, Floats],
    wanted: Sequence[str],
    seed: int,
    origin: Mapping[str, str],
) -> GradientTable:
    """Gradients that know errors, of quantities that have them; of the others by the paper's rule and least squares."""
    parts = []
    for k, name in enumerate(wanted):
        column, rng = values[:, k : k + 1], np.random.default_rng(seed)
        if name in errors:
            err = errors[name][:, None]
            parts.append(gradients_with_errors(galaxy, radius, column, err, names=(name,), rng=rng, **origin))
        else:
            parts.append(galaxy_gradients(galaxy, radius, column, names=(name,), rng=rng))
    return beside(parts)


def write_gradients(path: str | os.PathLike[str], table: GradientTable, *, meta: Mapping[str, Any]) -> None:
    """Write gradients as FITS, ECSV, CSV or JSON, by extension: one row a galaxy and quantity, whole or not at all."""
    kind = table_format(path, also=_ALSO)
    if kind in _ALSO:
        write_json(path, gradients_json(table, meta=meta))
        return
    rows = gradient_rows(table)
    rows.meta = {_KEYWORDS[key]: value for key, value in meta.items()} if kind == "fits" else dict(meta)
    write_table(path, rows, name=EXTENSION)


def gradient_rows(table: GradientTable) -> Table:
    """A row a galaxy and quantity, NaN where there is no gradient."""
    records = table.to_json()
    columns: dict[str, Any] = {key: [record[key] for record in records] for key in (records[0] if records else {})}
    for key in NUMBERS:
        columns[key] = np.array([np.nan if value is None else value for value in columns.get(key, [])], float)
    return Table(columns)


def gradients_json(table: GradientTable, *, meta: Mapping[str, Any]) -> dict[str, Any]:
    """The same as one strict JSON object."""
    return {"schema": SCHEMA, **meta, "gradients": table.to_json()}


def gradient_file(
    source: str | os.PathLike[str], output: str | os.PathLike[str], **options: Any
) -> tuple[GradientTable, dict[str, Any]]:
    """What ``agez gradient INPUT -o OUT`` does: :func:`gradient_from_table`, then :func:`write_gradients`."""
    check_table_output(output, also=_ALSO)
    table, meta = gradient_from_table(source, **options)
    write_gradients(output, table, meta=meta)
    return table, meta


def _one_galaxy(rows: Table, path: Path, galaxy_id: str | None) -> Table:
    if len(rows) == 0:
        raise AgezError(f"{path}: the table has no rows")
    if "galaxy_id" not in rows.colnames:
        if galaxy_id is not None:
            raise AgezError(f"{path} has no column galaxy_id to find {galaxy_id!r} in")
        return rows
    ids = text_column(rows, "galaxy_id")
    found = np.unique(ids)
    if galaxy_id is None:
        if len(found) > 1:
            raise AgezError(
                f"{path} holds {len(found)} galaxies ({', '.join(found[:3])}, ...) and --re is of one: "
                "say which galaxy with --galaxy"
            )
        return rows
    if galaxy_id not in found:
        raise AgezError(f"{path} has no galaxy {galaxy_id!r}; it holds {', '.join(found[:5])}")
    return rows[ids == galaxy_id]


def _quantities(rows: Table, path: Path, columns: Sequence[str] | None) -> tuple[str, ...]:
    wanted = tuple(columns) if columns else tuple(name for name in LABEL_NAMES if name in rows.colnames)
    if not wanted:
        raise AgezError(
            f"{path} has none of {', '.join(LABEL_NAMES)}; name the column to fit among: {named_among(rows.colnames)}"
        )
    return wanted


def _good_rows(rows: Table, name: str, path: Path) -> Bools:
    """Rows whose value in column ``name`` has no fault, by the flags and the column ``good`` that belong to it."""
    parts = name.split("_")
    prefixes = ["_".join(parts[:k]) + "_" for k in range(len(parts) - 1, 0, -1)] + [""]
    prefix = next((one for one in prefixes if {f"{one}flags", f"{one}good"} & set(rows.colnames)), "")
    good = np.ones(len(rows), dtype=bool)
    if f"{prefix}flags" in rows.colnames:
        bits = number_column(rows, f"{prefix}flags", source=str(path))
        if np.any(bits != np.round(bits), where=np.isfinite(bits)):
            raise AgezError(f"{path}: column {prefix}flags holds fractions; expected agez's quality bits: rename it")
        good &= is_good(np.nan_to_num(bits).astype(np.int64))
    if f"{prefix}good" in rows.colnames:
        good &= _truths(rows, f"{prefix}good", path)
    return good


def _truths(rows: Table, name: str, path: Path) -> Bools:
    """A column of true and false, in whatever way the format writes them; what is missing is not true."""
    words = np.char.lower(text_column(rows, name))
    odd = ~np.isin(words, (*_TRUE, *_FALSE))
    if odd.any():
        raise AgezError(
            f"{path}: column {name}, row {int(np.argmax(odd)) + 1} is {str(words[np.argmax(odd)])!r}; expected true or "
            "false: rename it if it is not about the row's quality"
        )
    return np.isin(words, _TRUE)


def _check_numbers(rows: Table, name: str, path: Path) -> None:
    if name not in rows.colnames:
        raise AgezError(f"{path} has no column {name!r}; it has: {named_among(rows.colnames, name)}")
    column = rows[name]
    if column.dtype.kind not in "fiu" or column.ndim != 1:
        raise AgezError(
            f"{path}: column {name!r} holds {column.dtype} of shape {column.shape}; expected one number a row"
        )


def _numbers(rows: Table, name: str, path: Path) -> Floats:
    _check_numbers(rows, name, path)
    return number_column(rows, name, source=str(path))
