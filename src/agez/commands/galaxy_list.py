"""Many galaxies for ``agez map``: the rows of a list, whose columns are options, or the folders of a folder."""

from __future__ import annotations

import copy
import glob
import re
import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agez.commands.galaxy_columns import ALSO_CALLED, INPUTS, PATHS, cells_of, columns_of_list
from agez.commands.maps import settings_of
from agez.commands.option_checks import check_numbers
from agez.errors import AgezError
from agez.hints import named_among
from agez.images.image_files import is_image_name
from agez.runtime.files import check_input
from agez.samples.galaxy_files import plain_column
from agez.tables.table_files import READABLE, column_names, extension, open_fits, read_table

#: The table of galaxies that ``agez mock`` writes beside its images.
GALAXIES_FILE = "galaxies.fits"
#: How the file of a galaxy's maps ends.
MAPS_END = ".maps.fits"


def is_list(path: str) -> bool:
    """Whether a file is a table of galaxies: any that is no FITS, or a FITS file without images whose table has names.

    Cubes and images, compressed ones too, are none.
    """
    if Path(path).is_dir() or READABLE.get(extension(Path(path))) is None:
        return False
    check_input(path)
    if READABLE[extension(Path(path))] != "fits":
        return True
    return _has_names(column_names(path)) and not _has_image(path)


def _has_image(path: str | Path) -> bool:
    """Whether a FITS file holds an image or a cube, or is damaged: whoever reads it says so."""
    try:
        with open_fits(path) as hdus:
            return any(hdu.is_image and len(hdu.shape) > 1 for hdu in hdus)
    except AgezError:
        return True


def _has_names(columns: Sequence[str]) -> bool:
    return not {plain_column(one) for one in columns}.isdisjoint(("name", *ALSO_CALLED["name"]))


def folders_of_galaxies(path: str, *, but: str = "") -> list[Path]:
    """The folders in a folder that hold FITS images, if the folder has no image itself; else none.

    A folder with images of its own is one galaxy, whatever else is in it.  ``but`` is left out.
    """
    folder = Path(path)
    if not folder.is_dir():
        return []
    if any(is_image_name(one) and one.is_file() and _has_image(one) for one in folder.iterdir()):
        return []
    inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    out = Path(but).resolve()
    galaxies = [one for one in inside if one.resolve() != out and not _is_truth(one)]
    return [one for one in galaxies if any(is_image_name(file) for file in one.iterdir())]


def _is_truth(folder: Path) -> bool:
    """Whether a folder is the one that ``agez mock --images`` writes the truth into, beside its table of galaxies."""
    return folder.name == "truth" and (folder.parent / GALAXIES_FILE).is_file()


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
    table = read_table(path, likeness=lambda names: int(_has_names(names)))
    if not len(table):
        raise AgezError(f"{path}: the list has no rows; expected a row a galaxy")
    columns, remarks = columns_of_list(table, path)
    cells = {name: cells_of(table, column, name, path) for name, column in columns.items()}
    if "name" not in cells:
        raise AgezError(f"{path}: no column name among {named_among(table.colnames, 'name')}; expected a name a galaxy")
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
    if ra is not None:
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
    # for the header: without the number of workers, and what else the file does not depend on
    one.command_line = f"{shlex.join(['agez', 'map', *options.input])}: galaxy {name}"
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
