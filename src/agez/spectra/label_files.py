"""Labels in a FITS file: the LABELS table, and lines, histories, fitted spectra and maps behind it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from agez import __version__
from agez.arguments import takes
from agez.errors import AgezError
from agez.label_types import Labels
from agez.spectra.label_maps import label_maps
from agez.spectra.label_tables import (
    HISTORY,
    fit_hdus,
    history_hdus,
    lines_hdu,
    read_fit,
    read_history_errors,
    read_lines,
)
from agez.spectra.library_tables import libraries_hdu, read_libraries
from agez.spectra.templates import SSPGrid
from agez.tables.maps import MapFrame
from agez.tables.maps_files import maps_hdus
from agez.tables.table_columns import (
    integer_column,
    is_missing,
    meta_json,
    native,
    need_columns,
    number_column,
    rows_columns,
    table_rows,
)
from agez.tables.table_files import hdu_to_table, named_hdu, open_fits, table_hdu, write_fits
from agez.types import LABEL_NAMES

_MADE_BY = "agez label"


@takes(path="path", labels="Labels", grid="SSPGrid?")
def write_labels(
    path: str | os.PathLike[str],
    labels: Labels,
    *,
    grid: SSPGrid | None = None,
    frame: MapFrame | None = None,
    header: Mapping[str, Any] | None = None,
) -> None:
    """Write labels as FITS: table LABELS, and what else they carry; docs/files.md lists the extensions.

    LINES if they have emission lines; image HISTORY if they have light fractions, with SFH (histories and their errors)
    and GRID if the grid is given; FIT and FIT_WAVE if they have fitted spectra; LIBRARIES, and columns
    ``<label>_library_spread`` in LABELS, if they are by several template libraries; maps if a frame is given.
    Nothing in the file depends on when or where it was written.

    Parameters
    ----------
    grid : SSPGrid, optional
        The templates of the fit.
    frame : MapFrame, optional
        Where the rows lie on the sky, for labels of a cube's bins; row i is bin i.
    header : mapping, optional
        For the primary HDU.

    Examples
    --------
    >>> import agez
    >>> from astropy.io import fits
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> agez.write_labels("labels.fits", agez.fit_labels(mock.spectra, grid), grid=grid)
    >>> fits.getdata("labels.fits", "HISTORY").shape  # light fractions: (spectra, ages, metallicities)
    (5, 8, 4)
    """
    table = Table(rows_columns(labels.rows, id_name="spec_id"))
    for name in Labels.column_names():
        table[name] = getattr(labels, name)
    table["good"] = labels.good
    if labels.libraries is not None:
        for number, name in enumerate(LABEL_NAMES):
            table[f"{name}_library_spread"] = labels.libraries.spread[:, number]
    if frame is not None:
        table["n_spaxels"] = frame.spaxels_in_bins(len(table))
    about = {
        "AGEZVER": (__version__, "agez that wrote this file"),
        "AGEZMETA": (json.dumps(dict(labels.meta)), "how the labels were made"),
    }
    hdus = [table_hdu(table, name="LABELS", header=about)]
    if labels.lines is not None:
        hdus.append(lines_hdu(labels.rows, labels.lines))
    if labels.weights is not None:
        hdus += history_hdus(labels.rows, labels.weights, grid, labels.history_errors)
    if labels.fitted is not None:
        hdus += fit_hdus(labels.rows, labels.fitted)
    if labels.libraries is not None:
        hdus.append(libraries_hdu(labels.rows, labels.libraries))
    if frame is not None:
        hdus += maps_hdus(label_maps(labels, frame.spaxels_in_bins(len(table))), frame)
    write_fits(path, hdus, header=header)


@takes(path="path")
def read_labels(path: str | os.PathLike[str]) -> Labels:
    """Read what :func:`write_labels` wrote; any FITS file whose LABELS table has the contract's columns will do.

    ``_err`` columns, kinematics and the like may be missing (NaN); the labels themselves may not.  A label that is a
    survey code (-99) is none.  Maps are read by
    :func:`agez.tables.maps_files.read_maps`.

    Examples
    --------
    >>> import agez
    >>> from astropy.table import Table
    >>> labels = Table({"spec_id": ["a", "b"], "log_age_lw": [9.5, 9.8], "mh_lw": [-0.2, 0.1]})
    >>> labels.meta["EXTNAME"] = "LABELS"
    >>> labels.write("labels.fits")
    >>> agez.read_labels("labels.fits").mh_lw.tolist()
    [-0.2, 0.1]
    """
    source = f"{path}, table LABELS"
    with open_fits(path) as hdus:
        table = hdu_to_table(named_hdu(hdus, "LABELS", path, made_by=_MADE_BY))
        weights = native(hdus[HISTORY].data) if HISTORY in hdus else None
        lines, fitted, of_history = read_lines(hdus, path), read_fit(hdus, path), read_history_errors(hdus)
        libraries = read_libraries(hdus, path)
    need_columns(table, ("spec_id", "log_age_lw", "mh_lw"), source=source, made_by=_MADE_BY)
    parts = {"HISTORY": weights, "SFH": of_history, "LINES": lines, "FIT": fitted, "LIBRARIES": libraries}
    for name, part in parts.items():
        if part is not None and len(part) != len(table):
            raise AgezError(f"{path}: {name} has {len(part)} rows and LABELS {len(table)}; make the file again")
    values: dict[str, Any] = {name: number_column(table, name, source=source) for name in Labels.column_names()}
    for name in LABEL_NAMES:
        values[name] = np.where(is_missing(values[name]), np.nan, values[name])
    values["flags"] = integer_column(table, "flags")
    return Labels(
        rows=table_rows(table, source=source),
        weights=weights,
        lines=lines,
        fitted=fitted,
        libraries=libraries,
        history_errors=of_history,
        meta=meta_json(table, "AGEZMETA"),
        **values,
    )
