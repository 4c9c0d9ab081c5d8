"""Options of ``agez predict`` that correct photometry: zero points, dereddening, error floors."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

import numpy as np

from agez.apply.corrections import Corrections
from agez.errors import AgezError
from agez.runtime.files import check_not_input
from agez.tables.table_files import check_table_output

if TYPE_CHECKING:
    from agez.catalogues.catalogue import Catalogue
    from agez.engine.answer import AnswerJob

_OPTIONS = (
    "ebv", "no_recalibration", "error_floor", "zero_points", "estimate_zero_points", "redshift_err", "redshift_grid",
    "id", "unit", "aperture", "keep", "rows_per_part", "scheduler", "workers", "fresh",
)  # fmt: skip


def check_recalibration(options: Namespace) -> None:
    """AgezError if it is said of what kind an E(B-V) is, and none is given."""
    if options.no_recalibration and options.ebv is None:
        raise AgezError("--no-recalibration says of what kind --ebv is; give --ebv, too")


def check_corrections(options: Namespace) -> None:
    """AgezError if options of corrections contradict each other, or a file of theirs cannot be written."""
    check_recalibration(options)
    target = options.estimate_zero_points
    if target is None:
        return
    if options.zero_points is not None:
        raise AgezError("--zero-points and --estimate-zero-points exclude each other: estimate first, then apply")
    check_not_input(target, [one for one in (options.input, options.model, options.filters) if one is not None])
    estimate = check_table_output(target, option="--estimate-zero-points")
    if estimate.resolve() == check_table_output(options.out).resolve():
        raise AgezError(f"--estimate-zero-points and -o/--out are both {target}; give one another name")


def given_for_tables(options: Namespace) -> dict[str, Any]:
    """The redshift and the options of the command that make sense for tables of photometry only, as they were given."""
    return {"redshift": options.redshift, **{name: getattr(options, name) for name in _OPTIONS if name in options}}


def corrections_of(options: Namespace) -> Corrections:
    """What the options say is to be done to photometry; AgezError if the table of zero points is none."""
    zero_points = None
    if options.zero_points is not None:
        from agez.photometry.zero_point_files import read_zero_points

        zero_points = read_zero_points(options.zero_points)
    return Corrections(
        zero_points, str(options.zero_points or ""), options.ebv, not options.no_recalibration, options.error_floor,
        options.redshift_err, options.redshift_grid,
    )  # fmt: skip


def estimated_zero_points(options: Namespace, job: AnswerJob, catalogue: Catalogue) -> tuple[dict[str, Any], list[str]]:
    """Estimate zero points from rows of all the catalogue and write them; for ``--json`` and in lines."""
    from agez.engine.sampling import some_rows
    from agez.photometry.zero_point_files import write_zero_points
    from agez.photometry.zero_points import iterate_zero_points

    expect = job.answering.expected
    photometry = some_rows(job, catalogue)
    found = iterate_zero_points(photometry, expect)
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
        "n_rows": len(photometry),
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
    if len(photometry) < len(catalogue):
        lines.append(f"zero points were estimated from {len(photometry)} rows, evenly spaced among {len(catalogue)}")
    if not found.meta["converged"]:
        lines.append(f"zero points still change by {found.meta['last_change']:.2%}: take them with care")
    if found.meta["too_few"]:
        lines.append(f"too few rows for a zero point: {', '.join(found.meta['too_few'])}")
    return content, lines
