"""One side of a comparison: the values of a file of maps, of true maps or of a table, and where they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from agez.errors import AgezError, some_of
from agez.flags import is_good
from agez.runtime.files import check_input
from agez.sky_offsets import celestial_wcs, sky_positions
from agez.tables.join_suffixes import SUFFIXES
from agez.tables.maps import MapBit
from agez.tables.maps_files import read_maps
from agez.tables.prediction_files import seds_of
from agez.tables.table_columns import (
    angle_column,
    is_missing,
    is_nines,
    native,
    number_column,
    text_column,
)
from agez.tables.table_files import FORMATS, column_names, extension, open_fits, read_table
from agez.targets import KNOWN_TARGETS
from agez.types import LABEL_NAMES, Floats, Ints, Strings

#: What is compared where both sides have it, and nothing is asked for.
QUANTITIES = tuple(dict.fromkeys((*LABEL_NAMES, *KNOWN_TARGETS, "av", "velocity_kms", "sigma_kms")))
#: Maps of labels under other names than their columns.
_MAP_NAMES = {"STELLAR_AV": "av", "STELLAR_VEL": "velocity_kms", "STELLAR_SIGMA": "sigma_kms"}
#: True maps through the PSF, which maps of images are to be compared with.
_SEEN = "_SEEN"
_TABLES = ("LABELS", "PREDICTIONS", "TRUTH", "SPECTRA")


@dataclass(frozen=True, eq=False)
class Side:
    """Values of n places: rows of a table, or pixels of maps."""

    path: Path
    values: dict[str, Floats]  #: (n,) of each quantity, NaN where there is none or it has a fault.
    errors: dict[str, Floats]  #: (n,) 1 sigma; NaN where there is none.
    units: dict[str, str]
    kind: str  #: What it comes from: ``images``, ``spectra`` or ``labels``.
    n_faults: int  #: Rows or regions that have values left out for a fault.
    sky: Floats | None = None  #: (n, 2) right ascension and declination [degree].
    offsets: Floats | None = None  #: (n, 2) from the galaxy's centre, to the west and to the north [arcsec].
    radius: Floats | None = None  #: (n,) in ``radius_unit``.
    radius_unit: str = ""  #: ``Re`` or ``arcsec``.
    galaxy: Strings | None = None  #: (n,) that each row, or pixel, is of; None where the file does not say.
    row_id: Strings | None = None  #: (n,) of tables.
    shape: tuple[int, int] | None = None  #: (ny, nx) of maps.
    regions: Ints | None = None  #: (n,) region that each pixel is in, -1: none; None where pixels stand for themselves.
    light: Floats | None = None  #: (n,) of each place, in any unit.
    remarks: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))


def read_side(path: str | os.PathLike[str], *, columns: tuple[str, ...] | None = None, as_table: bool = False) -> Side:
    """Read a file of `agez map`, `agez label` or `agez predict`, a mock's truth, or any table or FITS image like them.

    Parameters
    ----------
    columns : tuple of str, optional
        The quantities; by default those of ``QUANTITIES`` that the file has.
    as_table : bool
        Read the table of a file that has maps, too.

    Raises
    ------
    AgezError
        If the file cannot be read, or holds none of the quantities.
    """
    source = check_input(path)
    wanted = columns or QUANTITIES
    kind = "" if as_table else _kind_of_maps(source, wanted)
    if kind == "maps" and not columns:  # of masses, rates and magnitudes pixels have those of their whole regions
        wanted = tuple(name for name in wanted if name not in KNOWN_TARGETS or not KNOWN_TARGETS[name].is_extensive)
    side = {"maps": _of_maps, "images": _of_images, "": _of_table}[kind](source, wanted)
    if not side.values:
        raise AgezError(
            f"{source}: nothing to compare: none of {', '.join(wanted[:6])}{', ...' if len(wanted) > 6 else ''} is in "
            "it; name what is with --columns"
        )
    return side


def of_galaxy(side: Side, name: str | None) -> Side:
    """The rows of one galaxy; a file that says none, or one alone, as it is.

    Raises
    ------
    AgezError
        If the file holds several galaxies and none of that name.
    """
    galaxies = () if side.galaxy is None else tuple(np.unique(side.galaxy).tolist())
    if name is None or len(galaxies) < 2 or side.galaxy is None:
        return side
    if name not in galaxies:
        raise AgezError(f"{side.path}: no galaxy_id is {name!r}; it holds {some_of(galaxies)}")
    rows = side.galaxy == name

    def part(values: Any) -> Any:
        return None if values is None else values[rows]

    return replace(
        side, values={one: part(value) for one, value in side.values.items()},
        errors={one: part(value) for one, value in side.errors.items()},
        **{one: part(getattr(side, one)) for one in ("sky", "offsets", "radius", "galaxy", "row_id", "light")},
    )  # fmt: skip


def own_quantities(paths: Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Quantities of any name that both of two tables have, and for which at least one has an error, too."""
    both = [set(column_names(path)) for path in paths]
    names = [one.removesuffix("_err") for path in paths for one in column_names(path) if one.endswith("_err")]
    said = {*QUANTITIES, *(f"true_{name}" for name in QUANTITIES)}
    return tuple(name for name in dict.fromkeys(names) if name not in said and all(name in one for one in both))


def _kind_of_maps(path: Path, wanted: tuple[str, ...]) -> str:
    """``maps`` in the layout of MaNGA's, ``images`` of quantities under their names, or neither."""
    if FORMATS.get(extension(path)) != "fits":
        return ""
    names = {name.upper() + end for name in wanted for end in ("", _SEEN)}
    with open_fits(path) as hdus:
        if "BINID" in hdus:
            return "maps"
        return "images" if any(hdu.name in names and hdu.is_image for hdu in hdus) else ""


# ---------------------------------------------------------------- maps


def _of_maps(path: Path, wanted: tuple[str, ...]) -> Side:
    images, frame = read_maps(path)
    inside = (frame.bin_id >= 0).ravel()
    values, errors, units, faults = {}, {}, {}, np.zeros(inside.size, dtype=bool)
    for name, image in images.items():
        quantity = _MAP_NAMES.get(name, name.lower())
        if quantity not in wanted or image.values.ndim != 2:
            continue
        doubtful = ((image.mask & int(MapBit.UNRELIABLE)) != 0).ravel()
        faults |= doubtful & inside
        values[quantity] = np.where(inside & ~doubtful, np.asarray(image.values, dtype=float).ravel(), np.nan)
        errors[quantity], units[quantity] = image.errors.ravel(), image.unit
    planes = [] if frame.ellcoo is None else [(frame.ellcoo[1], "Re"), (frame.ellcoo[0], "arcsec")]
    if frame.offsets is not None:
        planes.append((np.hypot(*frame.offsets), "arcsec"))
    radius, unit = next(((one.ravel(), unit) for one, unit in planes if np.isfinite(one).any()), (None, ""))
    kind = "labels" if "STELLAR_VEL" in images else _seds_of(path)
    n_faults = len(np.unique(frame.bin_id.ravel()[faults]))
    return Side(
        path, values, errors, units, kind, n_faults, sky=_sky(frame.wcs, frame.bin_id.shape, path),
        offsets=None if frame.offsets is None else np.reshape(frame.offsets, (2, -1)).T, radius=radius,
        radius_unit=unit, shape=frame.bin_id.shape, regions=frame.bin_id.ravel(),
        light=None if frame.mean_flux is None else np.asarray(frame.mean_flux, dtype=float).ravel(),
        galaxy=_galaxy_of_maps(path, inside.size),
    )  # fmt: skip


def _galaxy_of_maps(path: Path, n: int) -> Strings | None:
    """(n,) the galaxy of maps, which their own table says; None where it does not, or says several."""
    with open_fits(path) as hdus:
        named = (hdu.data["galaxy_id"] for hdu in hdus if hdu.name in _TABLES and "galaxy_id" in hdu.columns.names)
        found = np.unique(next(named, np.array([], dtype=str)))
    return np.full(n, str(found[0]).strip()) if len(found) == 1 else None


def _seds_of(path: Path) -> str:
    with open_fits(path) as hdus:
        return seds_of(hdus["PREDICTIONS"].header if "PREDICTIONS" in hdus else {})


def _of_images(path: Path, wanted: tuple[str, ...]) -> Side:
    """Images under the names of quantities, as a mock's true maps are; through the PSF where the file has them so."""
    values, errors, units, shape, header = {}, {}, {}, None, None
    with open_fits(path) as hdus:
        images = {hdu.name: hdu for hdu in hdus if hdu.is_image and hdu.data is not None and hdu.data.ndim == 2}
        seen = any(name.upper() + _SEEN in images for name in wanted)
        for name in wanted:
            hdu = images.get(name.upper() + _SEEN) or images.get(name.upper())
            if hdu is None:
                continue
            if shape is not None and hdu.data.shape != shape:
                raise AgezError(f"{path}: {hdu.name} is {hdu.data.shape} pixels and others are {shape}")
            shape, header = hdu.data.shape, dict(hdu.header)
            values[name] = native(hdu.data).astype(float).ravel()
            error = images.get(f"{name.upper()}_ERR")
            errors[name] = (
                np.full(values[name].size, np.nan) if error is None else native(error.data).astype(float).ravel()
            )
            units[name] = str(hdu.header.get("BUNIT", ""))
        light = images.get("LIGHT" + (_SEEN if seen else ""))
        radius = images.get("R_RE")
        part = {one: None if hdu is None else native(hdu.data).astype(float).ravel() for one, hdu in
                (("light", light), ("radius", radius))}  # fmt: skip
    assert shape is not None
    remarks = (f"{path}: true maps are those through the PSF ({_SEEN})",) if seen else ()
    return Side(
        path, values, errors, units, "images", 0, sky=_sky(header or {}, shape, path), radius_unit="Re", shape=shape,
        remarks=remarks, **part,
    )  # fmt: skip


def _sky(header: object, shape: tuple[int, ...], path: Path) -> Floats | None:
    """Positions of all pixels; None where the header has no celestial WCS."""
    if not any(str(key).startswith("CTYPE") for key in dict(header)):  # type: ignore[call-overload]
        return None
    try:
        wcs = celestial_wcs(header, path)  # type: ignore[arg-type]
    except AgezError:
        return None
    y, x = np.indices(shape)
    found = sky_positions(wcs, x.ravel(), y.ravel())
    return np.column_stack([found.ra.deg, found.dec.deg])


# ---------------------------------------------------------------- tables


def _of_table(path: Path, wanted: tuple[str, ...]) -> Side:
    def likeness(names: object) -> int:
        return sum(name in wanted or name.removeprefix("true_") in wanted for name in names)  # type: ignore[attr-defined]

    table, source = _in_our_words(read_table(path, prefer=_TABLES, likeness=likeness)), str(path)
    if not len(table):
        raise AgezError(f"{path}: the table has no rows; there is nothing to compare")
    there = set(table.colnames)
    good = np.ones(len(table), dtype=bool)
    if "flags" in there:
        good = is_good(np.nan_to_num(number_column(table, "flags", source=source)).astype(np.int64))
    values, errors, units = {}, {}, {}
    for name in wanted:
        column = next((one for one in (name, f"true_{name}") if one in there), None)
        if column is None or table[column].ndim != 1 or table[column].dtype.kind in "b":
            continue
        value = number_column(table, column, source=source)
        values[name] = np.where(good & ~is_missing(value) & ~is_nines(value), value, np.nan)
        error = number_column(table, f"{column}_err", source=source)
        errors[name] = np.where(error > 0, error, np.nan)
        units[name] = str(table[column].unit or "")
    named = next((name for name in ("spec_id", "id") if name in there), None)
    radius, unit = _radius_of(table, source)
    kind = "labels" if "velocity_kms" in there else seds_of(table.meta)
    return Side(
        path, values, errors, units, kind, int((~good).sum()),
        sky=_pair(table, ("ra", "dec"), source), offsets=_pair(table, ("x", "y"), source), radius=radius,
        radius_unit=unit, galaxy=text_column(table, "galaxy_id") if "galaxy_id" in there else None,
        row_id=None if named is None else text_column(table, named),
        light=number_column(table, "light", source=source) if "light" in there else None,
    )  # fmt: skip


def _in_our_words(table: Table) -> Table:
    """Identifiers and positions under agez's names, whatever their case and the suffixes that joins leave."""
    for name in ("spec_id", "id", "galaxy_id", "ra", "dec"):
        if name in table.colnames:
            continue
        alike = [column for suffix in SUFFIXES for column in table.colnames if column.lower() == name + suffix]
        if alike:
            table.rename_column(alike[0], name)
    return table


def _pair(table: Table, names: tuple[str, str], source: str) -> Floats | None:
    """Positions (n, 2) of two columns; None where the table lacks one, or has numbers in no row."""
    if not set(names) <= set(table.colnames) or any(table[name].dtype.kind not in "fiu" for name in names):
        return None
    read = angle_column if names == ("x", "y") else number_column
    found = np.column_stack([read(table, name, source=source) for name in names])
    return found if np.isfinite(found).all(axis=1).any() else None


def _radius_of(table: Table, source: str) -> tuple[Floats | None, str]:
    for name, unit in (("r_re", "Re"), ("radius_arcsec", "arcsec")):
        if name in table.colnames:
            radius = number_column(table, name, source=source)
            if np.isfinite(radius).any():
                return radius, unit
    offsets = _pair(table, ("x", "y"), source)
    return (None, "") if offsets is None else (np.hypot(*offsets.T), "arcsec")
