"""What ``agez predict`` does to photometry before it is answered: zero points, dereddening, error floors."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.files import check_not_input
from agez.table_columns import number_column
from agez.table_files import check_table_output, column_names, read_table
from agez.types import Floats, Model, Photometry

#: Column of E(B-V) that is looked for, to remind of it.
EBV_COLUMN = "ebv"
_OPTIONS = ("ebv", "no_recalibration", "error_floor", "zero_points", "estimate_zero_points", "redshift_err")


@dataclass(frozen=True, eq=False)
class Corrected:
    """Corrected photometry, what was done to it (for ``--json``), and the same in lines for a person."""

    photometry: Photometry
    applied: dict[str, Any]
    lines: list[str]


def check_corrections(options: Namespace) -> None:
    """AgezError if options of corrections contradict each other, or a file of theirs cannot be written."""
    if options.no_recalibration and options.ebv is None:
        raise AgezError("--no-recalibration says of what kind --ebv is; give --ebv, too")
    target = options.estimate_zero_points
    if target is None:
        return
    if options.zero_points is not None:
        raise AgezError("--zero-points and --estimate-zero-points exclude each other: estimate first, then apply")
    check_not_input(target, [one for one in (options.input, options.model, options.filters) if one is not None])
    if check_table_output(target).resolve() == check_table_output(options.out).resolve():
        raise AgezError(f"--estimate-zero-points and -o/--out are both {target}; give one another name")


def refuse_for_spectra(options: Namespace) -> None:
    """AgezError if an option is given that makes sense for photometry only."""
    for name in _OPTIONS:
        if getattr(options, name) not in (None, False):
            raise AgezError(
                f"--{name.replace('_', '-')} is for tables of photometry, but {options.input} holds spectra; make "
                "photometry of them first: agez synth"
            )


def corrected(photometry: Photometry, options: Namespace, model: Model) -> Corrected:
    """Photometry in the model's bands, with zero points, then dereddening, then error floors, as the options say."""
    known = [name for name in photometry.bands.names if name in model.bands.names]
    if known:
        photometry = photometry.select_bands(known)
    applied: dict[str, Any] = {}
    lines: list[str] = []
    if options.zero_points is not None:
        from agez.photometry.zero_point_files import read_zero_points
        from agez.photometry.zero_points import apply_zero_points

        try:
            photometry = apply_zero_points(photometry, read_zero_points(options.zero_points))
        except AgezError as error:
            where = str(options.zero_points)
            raise error if where in str(error) else AgezError(f"{where}: {error}") from error
        applied["zero_points"] = str(options.zero_points)
        lines.append(f"zero points of {options.zero_points} applied")
    if options.ebv is not None:
        photometry, applied["ebv"] = _dereddened(photometry, options)
        median = applied["ebv"]["median"]
        lines.append(f"dereddened: E(B-V) {options.ebv}" + ("" if median is None else f", median {median:.3f} mag"))
        if len(photometry) and not (photometry.redshift != 0).any():
            lines.append("every redshift is 0: dereddened as if the bands had been observed so; SEDs that were brought "
                         "to the rest frame had other light behind the dust")  # fmt: skip
    elif EBV_COLUMN in column_names(options.input):
        lines.append(f"column {EBV_COLUMN} was not used: '--ebv {EBV_COLUMN}' dereddens, if that is not yet done")
    if options.error_floor is not None:
        from agez.photometry.error_floors import with_error_floor

        photometry = with_error_floor(photometry, options.error_floor)
        applied["error_floor"] = options.error_floor
        lines.append(f"error floor: {options.error_floor:g} of the flux")
    if options.redshift_err is not None:
        applied["redshift_err"] = options.redshift_err
    if applied:
        photometry = replace(photometry, meta={**photometry.meta, "corrections": applied})
    return Corrected(photometry, applied, lines)


def _dereddened(photometry: Photometry, options: Namespace) -> tuple[Photometry, dict[str, Any]]:
    from agez.photometry.dereddening import deredden

    column = isinstance(options.ebv, str)
    ebv = _ebv_column(options) if column else np.full(len(photometry), options.ebv)
    known = ebv[np.isfinite(ebv) & (ebv >= 0)]
    said = {
        "column" if column else "value": options.ebv,
        "median": float(np.median(known)) if len(known) else None,
        "n_unknown": len(ebv) - len(known),
        "law": "fitzpatrick99",
        "r_v": 3.1,
        "recalibrated": not options.no_recalibration,
    }
    return deredden(photometry, ebv, recalibrate=not options.no_recalibration), said


def _ebv_column(options: Namespace) -> Floats:
    from agez.photometry.tables import EXTENSION, SURVEY_CODES

    table = read_table(options.input, prefer=(EXTENSION,))
    if options.ebv not in table.colnames:
        raise AgezError(
            f"--ebv is {options.ebv!r}, which is neither a number nor a column of {options.input}; its columns are "
            f"{', '.join(table.colnames[:12])}"
        )
    values = number_column(table, options.ebv, source=str(options.input))
    return np.where(np.isin(values, SURVEY_CODES), np.nan, values)


def estimated_zero_points(photometry: Photometry, options: Namespace, model: Model) -> tuple[dict[str, Any], list[str]]:
    """Estimate zero points with the model and write them; what was found, for ``--json`` and in lines."""
    from agez.apply.expected import expected_of
    from agez.photometry.zero_point_files import write_zero_points
    from agez.photometry.zero_points import iterate_zero_points

    found = iterate_zero_points(photometry, expected_of(model))
    write_zero_points(options.estimate_zero_points, found)
    offset, error = found.magnitude_offset, found.magnitude_offset_err
    bands = [
        {
            "band": name,
            "magnitude_offset": float(offset[k]),
            "magnitude_offset_err": float(error[k]) if np.isfinite(error[k]) else None,
            "n_rows": int(found.n[k]),
        }
        for k, name in enumerate(found.bands.names)
    ]
    largest = int(np.argmax(np.abs(offset)))
    content = {
        "output": str(options.estimate_zero_points),
        "n_galaxies": found.meta["n_galaxies"],
        "iterations": found.meta["iterations"],
        "converged": found.meta["converged"],
        "too_few": found.meta["too_few"],
        "bands": bands,
    }
    lines = [
        f"{options.estimate_zero_points}: zero points of {len(found)} bands, not applied; largest: "
        f"{found.bands.names[largest]} {offset[largest]:+.3f} +- {error[largest]:.3f} mag"
    ]
    if not found.meta["converged"]:
        lines.append(f"zero points still change by {found.meta['last_change']:.2%}: take them with care")
    if found.meta["too_few"]:
        lines.append(f"too few rows for a zero point: {', '.join(found.meta['too_few'])}")
    return content, lines
