"""Many galaxies for ``agez map``: the rows of a list, whose columns are options, or the folders of a folder."""

from __future__ import annotations

import copy
import difflib
import glob
import re
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from agez.commands.maps import is_spectral_cube, settings_of
from agez.commands.option_checks import check_numbers
from agez.errors import AgezError
from agez.images.image_files import is_image_name, is_only_tables
from agez.runtime.files import check_input
from agez.tables.table_columns import number_column, text_column
from agez.tables.table_files import READABLE, column_names, extension, open_fits, read_table

#: How the file of a galaxy's maps ends.
MAPS_END = ".maps.fits"
#: Columns that say what is read; of the options that are columns, those of numbers, truths, words, and paths.
INPUTS = ("folder", "files")
NUMBERS = (
    "redshift", "redshift_err", "re", "inclination", "pa", "ebv", "error_floor", "snr", "pixel_snr", "size", "psf",
    "max_psf", "seed",
)  # fmt: skip
TRUTHS = ("no_psf_match", "no_source_noise", "no_stars", "reproject")
WORDS = ("name", "columns", "cosmology", "library", "extension", "band_of", "centre")
PATHS = ("model", "filters", "zero_points", "star_table", "segments")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "bins": ("voronoi", "pixels", "segments", "annuli"), "background": ("auto", "none", "constant", "map"),
    "noise": ("auto", "given", "measure"),
}  # fmt: skip
#: Options of the run, which no column has.
OF_THE_RUN = ("command", "json", "input", "out", "images", "pictures", "workers", "scheduler", "fresh")
#: Names that other tables have for a column, in the order in which they are taken where it is not there itself.
ALSO_CALLED: Mapping[str, tuple[str, ...]] = {
    "name": ("galaxy_id", "galaxy", "id"), "folder": ("path",), "files": ("file", "cube"),
    "redshift": ("z",), "redshift_err": ("z_err",), "re": ("re_arcsec",), "inclination": ("inc", "incl"),
    "ebv": ("e(b_v)", "e_b_v"), "centre": ("center",),
}  # fmt: skip
_KNOWN = (*INPUTS, *NUMBERS, *TRUTHS, *WORDS, *PATHS, *CHOICES, "ra", "dec")
#: Units that numbers are in; a column in another one is converted.
_UNITS = {
    **dict.fromkeys(("ra", "dec", "inclination", "pa"), u.deg),
    **dict.fromkeys(("re", "size", "psf", "max_psf"), u.arcsec),
}  # fmt: skip
#: How alike a name is to a known one that was probably meant.
_ALIKE = 0.8
_TRUE, _FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no")
#: Numbers that stand for none; 99 is an angle, or a S/N, like others.
_CODES = (-99.0, -999.0, -9999.0, 999.0, 9999.0)
_NAMED = 12


def is_list(path: str) -> bool:
    """Whether a file is a table of galaxies: any that is no FITS, or a FITS file without images whose table has names.

    Cubes and images, compressed ones too, are none.
    """
    if Path(path).is_dir() or READABLE.get(extension(Path(path))) is None:
        return False
    check_input(path)
    if READABLE[extension(Path(path))] != "fits":
        return True
    names = {_plain(one) for one in column_names(path)}
    if names.isdisjoint(("name", *ALSO_CALLED["name"])):
        return False
    with open_fits(path) as hdus:
        return not any(hdu.is_image and len(hdu.shape) > 1 for hdu in hdus)


def folders_of_galaxies(path: str, *, but: str = "") -> list[Path]:
    """The folders in a folder that hold FITS images, if the folder has no image itself; else none.

    A folder with images of its own is one galaxy, whatever else is in it.  ``but`` is left out.
    """
    folder = Path(path)
    if not folder.is_dir():
        return []
    if any(is_image_name(one) and one.is_file() and not is_only_tables(one) for one in folder.iterdir()):
        return []
    inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    out = Path(but).resolve()
    return [one for one in inside if one.resolve() != out and any(is_image_name(file) for file in one.iterdir())]


def galaxies_of_folders(folders: Sequence[Path], options: Namespace) -> list[Namespace]:
    """The options of ``agez map`` for each folder, a galaxy of its name."""
    each = [_one(options, folder.name, _inputs_of(folder)) for folder in folders]
    return _with_outputs(each, options, [str(folder) for folder in folders])


def galaxies_of_list(path: str, options: Namespace) -> tuple[list[Namespace], list[str]]:
    """The options of ``agez map`` for each row of a list, and what is to be said of its columns.

    A cell that is empty leaves what the command line says.  Relative paths are relative to the list's folder.

    Raises
    ------
    AgezError
        For a column that is probably a misspelt option, a cell that cannot be, or two galaxies of one name: it names
        the list, the row and the column.
    """
    table = read_table(path, likeness=lambda names: int("name" in {_plain(one) for one in names}))
    if not len(table):
        raise AgezError(f"{path}: the list has no rows; expected a row a galaxy")
    columns, remarks = _columns(table, path)
    cells = {name: _cells(table, column, name, path) for name, column in columns.items()}
    if "name" not in cells:
        raise AgezError(f"{path}: no column name among {', '.join(table.colnames[:_NAMED])}; expected a name a galaxy")
    if ("ra" in cells) != ("dec" in cells):
        raise AgezError(f"{path}: column {'ra' if 'ra' in cells else 'dec'} alone; coordinates are ra and dec [degree]")
    each, places = [], []
    for row in range(len(table)):
        values = {name: column[row] for name, column in cells.items() if column[row] is not None}
        place = f"{path}, row {row + 1}" + (f" ({values['name']})" if "name" in values else "")
        try:
            each.append(_of_row(values, options, Path(path).parent))
        except AgezError as error:
            raise AgezError(f"{place}: {error}") from error
        places.append(place)
    if "ra" in cells and any(is_spectral_cube(one.input) for one in each):
        remarks.append("ra and dec are not used of cubes of spectra, whose headers say where they are")
    return _with_outputs(each, options, places), remarks


def _of_row(values: dict[str, Any], options: Namespace, folder: Path) -> Namespace:
    """The options of one galaxy."""
    name = values.pop("name", "")
    if not name:
        raise AgezError("no name; each galaxy needs one")
    ra, dec = values.pop("ra", None), values.pop("dec", None)
    if (ra is None) != (dec is None):
        raise AgezError("one of ra and dec is empty; give both, or neither")
    if ra is not None and "centre" in values:
        raise AgezError("centre and ra, dec are both given; give one of them")
    given = [one for one in INPUTS if one in values]
    if len(given) > 1:
        raise AgezError("folder and files are both given; give one of them")
    if given and options.images:
        raise AgezError(f"{given[0]} is given beside --images, out of which all galaxies are cut; give one of the two")
    if not given:
        found = options.images or _inputs_of(folder / name)
    elif given == ["folder"]:
        found = _inputs_of(folder / values.pop("folder"))
    else:
        found = _files(values.pop("files"), folder)
    if ra is not None and not is_spectral_cube(found):
        values["centre"] = (ra, dec)
    one = _one(options, name, found)
    for key in PATHS:
        if key in values and (key in ("zero_points", "star_table", "segments") or (folder / values[key]).exists()):
            values[key] = str(folder / values[key])
    if isinstance(values.get("psf"), str):
        values["psf"] = str(folder / values["psf"])
    vars(one).update(values)
    check_numbers(one)
    settings_of(one)
    if options.images and (one.centre is None or one.size is None):
        raise AgezError("--images cuts each galaxy out around ra, dec in a square of --size: give both")
    return one


def _files(text: str, folder: Path) -> list[str]:
    """Files of a cell: with ``;`` between, or patterns; what no file matches stays, for whoever reads it to say so."""
    found: list[str] = []
    for part in filter(None, (one.strip() for one in text.split(";"))):
        matches = glob.glob(str(folder / part))  # noqa: PTH207  (Path.glob knows no absolute patterns)
        found += sorted(matches) or [str(folder / part)]
    return found


def _inputs_of(folder: Path) -> list[str]:
    """The folder, or its FITS file if it holds only one, which may be a cube."""
    files = [one for one in folder.iterdir() if is_image_name(one)] if folder.is_dir() else []
    return [str(files[0] if len(files) == 1 else folder)]


def _one(options: Namespace, name: str, inputs: list[str]) -> Namespace:
    one = copy.copy(options)
    one.name, one.input = name, inputs
    return one


def _with_outputs(each: list[Namespace], options: Namespace, places: Sequence[str]) -> list[Namespace]:
    """The same with an output each; AgezError for two of one name."""
    owners: dict[str, str] = {}
    for one, place in zip(each, places, strict=True):
        stem = re.sub(r"[^\w.+-]", "_", one.name).lstrip(".") or "_"
        if stem.lower() in owners:
            raise AgezError(
                f"{place}: {one.name!r} would be written to the file of {owners[stem.lower()]}; rename one of the two"
            )
        owners[stem.lower()] = place
        one.out = str(Path(options.out) / f"{stem}{MAPS_END}")
    return each


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _columns(table: Table, path: str) -> tuple[dict[str, str], list[str]]:
    """Which column of the table is which of the list's, and remarks; AgezError for one that looks misspelt."""
    plain: dict[str, str] = {}
    for column in table.colnames:
        if _plain(column) in plain:
            raise AgezError(f"{path}: columns {plain[_plain(column)]} and {column} are one by name; remove one")
        plain[_plain(column)] = column
    found = {name: plain[name] for name in _KNOWN if name in plain}
    remarks = []
    for name, others in ALSO_CALLED.items():
        other = next((one for one in others if one in plain and plain[one] not in found.values()), None)
        if name not in found and other is not None:
            found[name] = plain[other]
            remarks.append(f"column {plain[other]} is taken as {name}")
    unused = [column for column in table.colnames if column not in found.values()]
    also = {other for others in ALSO_CALLED.values() for other in others}
    for column in unused:
        if _plain(column) in OF_THE_RUN:
            raise AgezError(f"{path}: column {column}: that option is of the whole run, not of a galaxy; remove it")
        near = difflib.get_close_matches(_plain(column), _KNOWN, n=1, cutoff=_ALIKE)
        if near and _plain(column) not in also:
            raise AgezError(
                f"{path}: column {column!r} is no option of a galaxy, but looks like {near[0]!r}; correct its name, or "
                "remove it"
            )
    if unused:
        more = f" and {len(unused) - _NAMED} more" if len(unused) > _NAMED else ""
        remarks.append(f"columns that are no options, and are not used: {', '.join(unused[:_NAMED])}{more}")
    return found, remarks


def _cells(table: Table, column: str, name: str, path: str) -> list[Any]:
    """The values of a column, None where a cell is empty."""
    if name in NUMBERS or name in ("ra", "dec"):
        return _numbers(table, column, name, path)
    texts = [str(one) for one in text_column(table, column)]
    convert = _CONVERT.get(name)
    out: list[Any] = []
    for row, text in enumerate(texts, start=1):
        try:
            out.append(None if text in ("", "nan", "None", "--") else text if convert is None else convert(text))
        except ValueError as error:
            raise AgezError(f"{path}, row {row}: column {column} is {text!r}; expected {error}") from None
    return out


def _numbers(table: Table, column: str, name: str, path: str) -> list[Any]:
    """Numbers; words where an option may be one (``auto``, a table of PSFs), None where a cell is empty or a code."""
    words: dict[int, str] = {}
    if name in ("redshift", "psf") and table[column].dtype.kind in "SUO":
        is_word = _is_auto if name == "redshift" else _is_path
        texts = [str(text) for text in text_column(table, column)]
        words = {row: text for row, text in enumerate(texts) if is_word(text)}
        table = Table({column: ["" if row in words else text for row, text in enumerate(texts)]})
    unit = table[column].unit
    values = number_column(table, column, source=path)
    if unit is not None and name in _UNITS:
        try:
            values = (values * u.Unit(unit)).to_value(_UNITS[name])
        except u.UnitsError:
            raise AgezError(f"{path}: column {column} is in {unit}; expected {_UNITS[name]}") from None
    none = ~np.isfinite(values) | (np.isin(values, _CODES) & (name != "seed"))
    convert = int if name == "seed" else float
    return [words.get(row, None if none[row] else convert(value)) for row, value in enumerate(values.tolist())]


def _is_auto(text: str) -> bool:
    return text == "auto"


def _is_path(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return True
    return False


def _truth(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError("true or false")
    return text.lower() in _TRUE


def _place(text: str) -> tuple[float, float]:
    try:
        ra, dec = (float(one) for one in text.split(","))
    except ValueError:
        raise ValueError("RA,DEC in degrees") from None
    return ra, dec


def _choice(words: tuple[str, ...]) -> Callable[[str], str]:
    def chosen(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return chosen


_CONVERT: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(TRUTHS, _truth), **{name: _choice(words) for name, words in CHOICES.items()}, "centre": _place,
    "band_of": lambda text: [one.strip() for one in text.split(";") if one.strip()],
}  # fmt: skip
