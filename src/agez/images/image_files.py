"""FITS images and what stands beside them: which file or extension is science, weight, error or mask."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from agez.errors import AgezError
from agez.images.image_extensions import (
    ROLE_OF,
    ROLE_WORDS,
    SCIENCE_WORDS,
    Role,
    is_two_dimensional,
    layer_hdus,
    only_image,
    pixels_of,
    science_hdu,
)
from agez.runtime.files import check_input
from agez.sky_offsets import celestial_wcs
from agez.tables.table_files import open_fits
from agez.types import Bools, Floats

EXTENSIONS = (".fits", ".fit", ".fits.fz", ".fits.gz", ".fit.fz", ".fit.gz", ".fz")
_EXTENSION = re.compile(r"(\.(fits?|fz|gz))+$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class RawImage:
    """One band as its files have it."""

    path: Path  #: Of the science image.
    headers: tuple[Any, ...]  #: Of the science extension, and of the primary.
    science: Floats  #: (ny, nx)
    #: mapping of role to (ny, nx): Those that there are of ``weight`` (inverse variance), ``error`` (1 sigma) and
    #: ``variance``, in its unit.
    layers: Mapping[Role, Floats]
    mask: Bools  #: (ny, nx) Pixels that a mask says not to use.
    wcs: WCS  #: Of the two sky axes.
    #: Which extensions and files were read besides the science image.
    beside: tuple[str, ...] = field(default_factory=tuple)


def image_files(inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """All FITS files of a folder, or those of a list (of files and folders), each once; AgezError if there is none."""
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    found: list[Path] = []
    for one in map(Path, given):
        if one.is_dir():
            inside = sorted(path for path in one.iterdir() if is_image_name(path) and path.is_file())
            inside = [path for path in inside if not _is_only_tables(path)]
            if not inside:
                raise AgezError(f"{one}: no FITS file in this folder; give one that holds an image for each band")
            found += inside
        else:
            found.append(check_input(one))
    if not found:
        raise AgezError("no image files; give a folder, or one FITS file for each band")
    return list(dict.fromkeys(found))


def _is_only_tables(path: Path) -> bool:
    """Whether a file can be read and holds tables, but no image: a catalogue beside the images."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path) as hdus:
                tables = any(isinstance(hdu, fits.BinTableHDU | fits.TableHDU) for hdu in hdus)
                return tables and not any(is_two_dimensional(hdu) for hdu in hdus)
    except Exception:
        return False  # whoever reads it says what is wrong


def is_image_name(path: Path) -> bool:
    """Whether a file's name is one of a FITS image (and not of a hidden or unfinished file)."""
    return path.name.lower().endswith(EXTENSIONS) and not path.name.startswith(".")


def role_in_name(path: Path) -> Role | None:
    """What the last word of a file's name that is one of :data:`ROLE_WORDS` says; None for a science image."""
    found = [ROLE_OF[word] for word in _words(path) if word in ROLE_OF]
    return found[-1] if found else None


def stem_without_role(path: Path) -> tuple[str, ...]:
    """The words of a file's name without those for its role: the same for an image and what stands beside it."""
    return tuple(word for word in _words(path) if word not in ROLE_OF and word not in SCIENCE_WORDS)


def _words(path: Path) -> list[str]:
    return [word for word in re.split(r"[^A-Za-z0-9]+", _EXTENSION.sub("", path.name).lower()) if word]


def siblings(path: Path) -> dict[Role, Path]:
    """Files in the same folder whose names differ from ``path`` only by a word of :data:`ROLE_WORDS`.

    Words for the science image itself (``sci``, ``image``, ``swp``, ...) may be there or not; so beside
    ``ngc_rSDSS_swp.fits.fz`` stand ``ngc_rSDSS_swpweight.fits.fz``, ``ngc_rSDSS.weight.fits``, ``ngc_rSDSS_mask.fits``.
    """
    found: dict[Role, Path] = {}
    stem = stem_without_role(path)
    for other in sorted(path.parent.iterdir()):
        if other == path or not is_image_name(other) or not other.is_file():
            continue
        role = role_in_name(other)
        if role is None or stem_without_role(other) != stem:
            continue
        if role in found:
            raise AgezError(f"{path}: two files of {role} beside it: {found[role].name} and {other.name}; keep one")
        found[role] = other
    return found


def headers_of(path: Path, *, extension: str | None = None) -> tuple[Any, ...]:
    """Headers of the science extension and of the primary, without the pixels; none if the file cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path) as hdus:
                if not any(is_two_dimensional(hdu) for hdu in hdus):
                    return ()
                hdu = science_hdu(hdus, path, extension=extension)
                return (hdu.header.copy(), hdus[0].header.copy())
    except AgezError:
        raise  # of extensions: before anything is said of the band
    except Exception:
        return ()  # whoever reads it says what is wrong


def read_raw_image(path: Path, *, beside: dict[Role, Path], extension: str | None = None) -> RawImage:
    """A science image with its weight, error and mask from its extensions and the files ``beside`` it.

    Which extension is the science image, unless ``extension`` says it, and which ones belong to it:
    :mod:`agez.images.image_extensions`.

    Raises
    ------
    AgezError
        If the file holds no such image or several, has no celestial WCS, or a layer has another size.
    """
    layers: dict[Role, Floats] = {}
    read: list[str] = []
    with open_fits(path, what="image") as hdus:
        hdu = science_hdu(hdus, path, extension=extension)
        science = pixels_of(hdu)
        headers = (hdu.header.copy(), hdus[0].header.copy())
        for role, other in layer_hdus(hdus, hdu, path).items():
            layers[role] = pixels_of(other)
            read.append(f"{path.name}[{other.name}]")
        wcs = celestial_wcs(headers[0], path)
    for role, other_path in beside.items():
        if role in layers:
            raise AgezError(
                f"{path}: it has an extension with {role}, and {other_path.name} stands beside it; keep one"
            )
        with open_fits(other_path, what="image") as hdus:
            layers[role] = pixels_of(only_image(hdus, other_path, words=ROLE_WORDS[role], what=f"the {role}"))
        read.append(other_path.name)
    for role, layer in layers.items():
        if layer.shape != science.shape:
            raise AgezError(
                f"{beside.get(role, path)}: the {role} has {layer.shape[1]} x {layer.shape[0]} pixels, the image "
                f"{path.name} {science.shape[1]} x {science.shape[0]}; give the one that belongs to it"
            )
    mask = np.nan_to_num(layers.pop("mask", np.zeros(science.shape)), nan=1.0) != 0
    return RawImage(path, headers, science, layers, mask, wcs, tuple(read))
