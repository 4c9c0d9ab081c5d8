"""What a user names on the command line: files or folders of spectra, and whether a file is photometry."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.photometry.band_columns import has_bands
from agez.photometry.survey_names import has_survey_columns
from agez.runtime.files import check_input
from agez.spectra.formats import format_names
from agez.spectra.readers import is_spectra_file, read_spectra
from agez.spectra.redshift_finder import with_found_redshifts
from agez.spectra.templates import SSPGrid, load_templates
from agez.tables.table_files import column_names
from agez.types import Spectra

#: Names of surveys' files of spectra: known for what they are without being opened.
SPECTRA_PATTERNS = (
    "*.rscube.fits", "*.rscube.fits.gz", "*.RSS.fits", "*.RSS.fits.gz", "manga-*CUBE*.fits", "manga-*CUBE*.fits.gz",
    "spec-*.fits", "spSpec-*.fit",
)  # fmt: skip


def spectra_files(inputs: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Files of spectra among files and folders; AgezError if a file is missing or a folder has none.

    Of a folder every file whose content is of a format that :func:`agez.read_spectra` knows, but for those that only
    specutils reads; tables of other things, labels and maps are passed over.
    """
    found: list[Path] = []
    for one in map(Path, inputs):
        found += _spectra_in(one) if one.is_dir() else [check_input(one)]
    return found


def _spectra_in(folder: Path) -> list[Path]:
    """The files of spectra in a folder, by name; not those of folders inside it."""
    by_name = {path for pattern in SPECTRA_PATTERNS for path in folder.glob(pattern)}
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    inside = [path for path in files if path in by_name or (path.stat().st_size > 0 and is_spectra_file(path))]
    if inside:
        return inside
    why = f"; known formats: {', '.join(format_names())}"
    for path in [path for path in files if ".fit" in path.name.lower()][:1]:
        try:
            read_spectra(path)
        except AgezError as error:
            why = f"; of the first FITS file: {error}"
    raise AgezError(f"{folder}: no file of spectra among the {len(files)} in this folder{why}")


def read_one(path: Path, *, redshift: float | None = None) -> Spectra:
    """The spectra of a file; whatever is wrong with it names it."""
    try:
        return read_spectra(path, redshift=redshift)
    except AgezError as error:
        raise error if path.name in str(error) else AgezError(f"{path}: {error}") from error


#: A redshift that a user says of all spectra, or that it is to be found whatever the files say.
SaidRedshift = float | Literal["auto"] | None


def read_with_redshifts(path: Path, *, redshift: SaidRedshift, templates: SSPGrid | None = None) -> Spectra:
    """The spectra of a file with their redshifts: see :func:`complete_redshifts`."""
    return complete_redshifts(
        read_one(path, redshift=number_of(redshift)), auto=redshift == "auto", templates=templates
    )


def number_of(redshift: SaidRedshift) -> float | None:
    """The number, where it is one."""
    return None if redshift is None or isinstance(redshift, str) else float(redshift)


def complete_redshifts(
    spectra: Spectra,
    *,
    auto: bool,
    templates: SSPGrid | None = None,
    sky_mask_angstrom: Sequence[tuple[float, float]] = (),
) -> Spectra:
    """Redshifts that the file does not say are found from the spectra; those of a cube's from its brightest spaxels.

    Parameters
    ----------
    auto : bool
        Find them whatever the file says.
    templates : SSPGrid, optional
        For the search; default: E-MILES, without which nothing is searched unless ``auto`` asks for it.
    sky_mask_angstrom : sequence of (float, float)
        Observed wavelengths that the search leaves out.
    """
    if auto:
        spectra = replace(spectra, redshift=np.full(len(spectra), np.nan))
    unknown = ~np.isfinite(spectra.redshift)
    if not unknown.any():
        return spectra
    # a flag that came with the file is of what was known before
    flags = np.where(unknown, spectra.flags & ~np.int32(int(Flag.REDSHIFT_UNKNOWN)), spectra.flags)
    spectra = replace(spectra, flags=flags.astype(np.int32))
    try:
        grid = load_templates("emiles") if templates is None else templates
    except AgezError:
        if auto:
            raise
        return spectra
    return with_found_redshifts(
        spectra, grid, by_galaxy=True if "cube_shape" in spectra.meta else None, sky_mask_angstrom=sky_mask_angstrom
    )


#: What is said of redshifts, behind the name of the file; and of how many files each is said one by one.
_FOUND = "found from the spectra; if you know it better, give it"
_AMBIGUOUS = "ambiguous: two fit about equally well"
_NONE = "none could be found: taken as rest-frame; give one if they are not"
_OF_MORE = {_FOUND: "found from their spectra", _AMBIGUOUS: "some of them ambiguous", _NONE: "none could be found"}
_FILES_TOLD = 5


def few_remarks(remarks: Iterable[str]) -> list[str]:
    """Remarks on many files, each once; on redshifts those of a few files, and how many more there are."""
    each = list(dict.fromkeys(remarks))
    for end, of_more in _OF_MORE.items():
        alike = [remark for remark in each if remark.endswith(end)]
        if len(alike) > _FILES_TOLD:
            left = set(alike[_FILES_TOLD:])
            each = [remark for remark in each if remark not in left]
            each.insert(each.index(alike[_FILES_TOLD - 1]) + 1, f"{len(left)} more files: redshifts, {of_more}")
    return each


def redshift_remarks(spectra: Spectra) -> list[str]:
    """What redshifts were found from the spectra of one file, and which were not."""
    remarks = []
    name, z, n = Path(spectra.source).name, spectra.redshift, len(spectra)
    found, unsure = (has_flag(spectra.flags, flag) for flag in (Flag.REDSHIFT_FOUND, Flag.REDSHIFT_AMBIGUOUS))
    if found.any():
        values, error = z[found], float(np.median(spectra.redshift_err[found]))
        said = f"redshift {values[0]:.5f}"
        if np.ptp(values) > error:
            said = f"{len(values)} redshifts from {values.min():.5f} to {values.max():.5f}"
        remarks.append(f"{name}: {said} +- {error:.5f} {_FOUND}")
    if unsure.any():
        remarks.append(f"{name}: redshift of {unsure.sum()} of {n} spectra {_AMBIGUOUS}")
    if np.isnan(z).any():
        remarks.append(f"{name}: {np.isnan(z).sum()} of {n} spectra without a redshift, and {_NONE}")
    return remarks


def remarks_on(spectra: Spectra) -> list[str]:
    """What had to be assumed of the spectra."""
    remarks = []
    # of a resolution that is assumed the fit tells more
    assumed = sorted(set(spectra.meta.get("assumed", ())) - {"fwhm"})
    if assumed:
        remarks.append(f"assumed, since the files do not say: {', '.join(assumed)}")
    if spectra.meta.get("ebv"):
        each = sorted(set(spectra.meta["ebv"].values()))
        words = f"E(B-V) = {each[0]:g}" + (f" to {each[-1]:g}" if len(each) > 1 else "")
        remarks.append(f"{Path(spectra.source).name}: dereddened, {words}; leave it out where the pipeline has done so")
    if "bins_from" in spectra.meta:
        remarks.append(
            f"{Path(spectra.source).name}: its spaxels repeat the spectra of {len(spectra)} bins (extension "
            f"{spectra.meta['bins_from']}); each bin is read once"
        )
    return remarks + redshift_remarks(spectra)


def is_photometry(path: str | os.PathLike[str], also: Sequence[str] = ()) -> bool:
    """Whether a file is a table with a flux or magnitude column of a known band, a survey's, or one of ``also``."""
    names = column_names(path)
    return has_bands([name.lower().removesuffix("_err") for name in names], also) or has_survey_columns(names)
