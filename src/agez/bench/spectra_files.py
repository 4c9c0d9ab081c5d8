"""Files of single spectra with a list of what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from agez.bench.rows import BenchRows
from agez.bench.tables import TableColumns, known_of_table
from agez.errors import AgezError
from agez.spectra.readers import read_spectra
from agez.tables.table_columns import number_column, text_column
from agez.tables.table_files import read_table
from agez.types import Medium, Spectra

#: Column of a list that names the file of each spectrum, relative to the folder of the files.
FILE_COLUMN = "file"


@dataclass(frozen=True)
class SpectraFiles:
    """Which files, which list, and what neither says."""

    pattern: str  #: Of the files, as ``spectra/*.fits``.
    list: str  #: A table with a column ``file``, whose other columns ``columns`` explains; empty: none.
    columns: TableColumns
    medium: Medium | None = None
    flux_unit: str | None = None
    fwhm_angstrom: float | None = None  #: Resolution, where the files do not say it.


def rows_of_spectra(files: SpectraFiles, folder: Path) -> BenchRows:
    """The spectra of a folder, each with what the list says of it; AgezError for a file that is no single spectrum."""
    pattern = folder / files.pattern  # which may be absolute
    root = Path(pattern.anchor)
    paths = sorted(root.glob(str(pattern.relative_to(root))))
    if not paths:
        raise AgezError(f"{folder / files.pattern}: no such file; check the key spectra")
    table = _listed(files, folder, paths)
    redshift = files.columns.redshift
    if isinstance(redshift, str):
        if redshift not in table.colnames:
            raise AgezError(f"{folder / files.list}: no column {redshift!r}; it has {', '.join(table.colnames)}")
        z = number_column(table, redshift, source=files.list)
    else:
        z = np.full(len(paths), np.nan if redshift is None else redshift)
    spectra = [
        read_one(path, redshift=float(z[k]) if np.isfinite(z[k]) else None, files=files) for k, path in enumerate(paths)
    ]
    known = known_of_table(table, files.columns, source=files.list)
    return BenchRows(replace(known, name=np.array([path.stem for path in paths])), spectra=tuple(spectra))


def _listed(files: SpectraFiles, folder: Path, paths: list[Path]) -> Table:
    """The rows of the list, one for each path."""
    names = [path.name for path in paths]
    if not files.list:
        return Table({FILE_COLUMN: names})
    table = read_table(folder / files.list)
    lacking = [name for name in (FILE_COLUMN, *files.columns.columns()) if name not in table.colnames]
    if lacking:
        raise AgezError(f"{folder / files.list}: no column {lacking[0]!r}; it has {', '.join(table.colnames)}")
    at = {Path(name).name: k for k, name in enumerate(text_column(table, FILE_COLUMN).tolist())}
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or len(at) < len(table):
        which = f"two files are called {twice!r}" if twice is not None else f"two rows of {FILE_COLUMN!r} name one file"
        raise AgezError(f"{folder / files.list}: {which}; files are matched by their names, so each must have its own")
    unknown = [name for name in names if name not in at]
    if unknown:
        raise AgezError(f"{folder / files.list}: no row of {unknown[0]!r} in its column {FILE_COLUMN!r}; add one")
    return table[[at[name] for name in names]]


def read_one(path: Path, *, redshift: float | None, files: SpectraFiles) -> Spectra:
    """One spectrum, with the resolution that the set says where the file does not."""
    how: dict[str, Any] = {"medium": files.medium, "flux_unit": files.flux_unit}
    spectrum = read_spectra(path, redshift=redshift, **how)
    if len(spectrum) != 1:
        raise AgezError(f"{path} holds {len(spectrum)} spectra; expected one a file")
    if files.fwhm_angstrom is None or np.isfinite(spectrum.fwhm_angstrom).any():
        return spectrum
    return replace(spectrum, fwhm_angstrom=np.full(len(spectrum.wave_angstrom), files.fwhm_angstrom))
