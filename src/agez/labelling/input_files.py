"""What a user names on the command line: files or folders of spectra, and whether a file is photometry."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agez.errors import AgezError
from agez.photometry.band_columns import has_bands
from agez.photometry.survey_names import has_survey_columns
from agez.runtime.files import check_input
from agez.spectra.readers import read_spectra
from agez.tables.table_files import column_names
from agez.types import Spectra

#: Names by which a folder's spectra are known from its other files.
SPECTRA_PATTERNS = (
    "*.rscube.fits", "*.rscube.fits.gz", "*.RSS.fits", "*.RSS.fits.gz", "manga-*CUBE*.fits", "manga-*CUBE*.fits.gz",
    "spec-*.fits", "spSpec-*.fit",
)  # fmt: skip


def spectra_files(inputs: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Files of spectra among files and folders; AgezError if a file is missing or a folder has none."""
    found: list[Path] = []
    for one in map(Path, inputs):
        if not one.is_dir():
            found.append(check_input(one))
            continue
        inside = sorted({path for pattern in SPECTRA_PATTERNS for path in one.glob(pattern)})
        if not inside:
            raise AgezError(f"{one}: no file of spectra in this folder (known: {', '.join(SPECTRA_PATTERNS)})")
        found += inside
    return found


def read_one(path: Path, *, redshift: float | None = None) -> Spectra:
    """The spectra of a file; whatever is wrong with it names it."""
    try:
        return read_spectra(path, redshift=redshift)
    except AgezError as error:
        raise error if path.name in str(error) else AgezError(f"{path}: {error}") from error


def remarks_on(spectra: Spectra) -> list[str]:
    """What had to be assumed of the spectra."""
    remarks = []
    assumed = sorted(spectra.meta.get("assumed", ()))
    if assumed:
        remarks.append(f"assumed, since the files do not say: {', '.join(assumed)}")
    if "bins_from" in spectra.meta:
        remarks.append(
            f"{Path(spectra.source).name}: its spaxels repeat the spectra of {len(spectra)} bins (extension "
            f"{spectra.meta['bins_from']}); each bin is read once"
        )
    if np.isnan(spectra.redshift).any():
        remarks.append("spectra without a redshift were taken as rest-frame; give one if they are not")
    return remarks


def is_photometry(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a table with a flux or a magnitude column of any known band, agez's own or a survey's."""
    names = column_names(path)
    return has_bands([name.lower().removesuffix("_err") for name in names]) or has_survey_columns(names)
