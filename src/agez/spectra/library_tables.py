"""The table LIBRARIES in a file of labels: a row for each spectrum and template library."""

from __future__ import annotations

import json
import os

import numpy as np
from astropy.io import fits
from astropy.table import Table

from agez.errors import AgezError
from agez.label_types import LibraryLabels
from agez.tables.table_columns import native
from agez.tables.table_files import hdu_to_table, table_hdu
from agez.types import LABEL_NAMES, Rows

LIBRARIES = "LIBRARIES"


def libraries_hdu(rows: Rows, labels: LibraryLabels) -> fits.BinTableHDU:
    """``spec_id``, ``galaxy_id``, ``library``, labels with errors, ``chi2``, ``flags``: spectra by libraries.

    All rows of the first library come first, in the order of LABELS, then those of the second.
    """
    count = len(labels.libraries)
    table = Table({"spec_id": np.tile(rows.spec_id, count), "galaxy_id": np.tile(rows.galaxy_id, count)})
    table["library"] = np.repeat(np.array(labels.libraries), len(labels))
    for number, name in enumerate(LABEL_NAMES):
        table[name] = labels.values[:, :, number].T.ravel()
        table[f"{name}_err"] = labels.errors[:, :, number].T.ravel()
    table["chi2"], table["flags"] = labels.chi2.T.ravel(), labels.flags.T.ravel().astype(np.int32)
    return table_hdu(table, name=LIBRARIES, header={"LIBNAMES": json.dumps(labels.libraries)})


def read_libraries(hdus: fits.HDUList, path: str | os.PathLike[str]) -> LibraryLabels | None:
    """What :func:`libraries_hdu` made; None if the file has no such table."""
    if LIBRARIES not in hdus:
        return None
    table = hdu_to_table(hdus[LIBRARIES])
    try:
        names = tuple(json.loads(str(table.meta["LIBNAMES"])))
        shape = (len(names), len(table) // len(names))

        def column(name: str) -> np.ndarray:
            return np.asarray(native(table[name].data)).reshape(shape).T

        values = np.stack([column(name) for name in LABEL_NAMES], axis=2)
        errors = np.stack([column(f"{name}_err") for name in LABEL_NAMES], axis=2)
        return LibraryLabels(names, values, errors, column("chi2"), column("flags"))
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise AgezError(f"{path}, table {LIBRARIES}: {error}; make the file again with agez label") from error
