"""FITS images and what stands beside them: which file or extension is science, weight, error or mask."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from agez.errors import AgezError
from agez.files import check_input
from agez.sky_offsets import celestial_wcs
from agez.table_files import open_fits
from agez.types import Bools, Floats

Role = Literal["weight", "error", "variance", "mask"]
EXTENSIONS = (".fits", ".fit", ".fits.fz", ".fits.gz", ".fit.fz", ".fit.gz", ".fz")
#: Words of an extension's name, or of a file's, that say what it holds besides a science image.
ROLE_WORDS: dict[Role, tuple[str, ...]] = {
    "weight": ("weight", "weights", "wht", "ivar", "invvar", "swpweight", "weightmap", "wmap"),
    "error": ("err", "error", "errors", "sigma", "rms", "std", "stddev", "unc", "uncert", "uncertainty", "noise"),
    "variance": ("var", "variance", "stat"),
    "mask": ("mask", "masks", "dq", "flag", "flags", "bpm", "badpix", "weimask"),
}
_ROLE_OF = {word: role for role, words in ROLE_WORDS.items() for word in words}
#: Words for the science image itself, which a file beside it may lack or have in another form.
_SCIENCE_WORDS = frozenset(
    ("sci", "science", "image", "img", "data", "flux", "swp", "coadd", "drz", "stamp", "cut", "cutout")
)
_EXTENSION = re.compile(r"(\.(fits?|fz|gz))+$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class RawImage:
    """One band as its files have it.

    Attributes
    ----------
    path : Path
        Of the science image.
    headers : tuple of header
        Of the science extension, and of the primary.
    science : (ny, nx) float
    weight, error, variance : (ny, nx) float or None
        Inverse variance, 1-sigma error and variance, in the unit of ``science``.
    mask : (ny, nx) bool
        Pixels that a mask says not to use.
    wcs : astropy.wcs.WCS
        Of the two sky axes.
    beside : tuple of str
        Which extensions and files were read besides the science image.
    """

    path: Path
    headers: tuple[Any, ...]
    science: Floats
    weight: Floats | None
    error: Floats | None
    variance: Floats | None
    mask: Bools
    wcs: WCS
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
                return tables and not _images(hdus)
    except Exception:
        return False  # whoever reads it says what is wrong


def is_image_name(path: Path) -> bool:
    """Whether a file's name is one of a FITS image (and not of a hidden or unfinished file)."""
    return path.name.lower().endswith(EXTENSIONS) and not path.name.startswith(".")


def role_in_name(path: Path) -> Role | None:
    """What the last word of a file's name that is one of :data:`ROLE_WORDS` says; None for a science image."""
    found = [_ROLE_OF[word] for word in _words(path) if word in _ROLE_OF]
    return found[-1] if found else None


def stem_without_role(path: Path) -> tuple[str, ...]:
    """The words of a file's name without those for its role: the same for an image and what stands beside it."""
    return tuple(word for word in _words(path) if word not in _ROLE_OF and word not in _SCIENCE_WORDS)


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


def headers_of(path: Path) -> tuple[Any, ...]:
    """Headers of the science extension and of the primary, without the pixels; none if the file cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path) as hdus:
                hdu = _science_hdu(hdus, path)
                return (hdu.header.copy(), hdus[0].header.copy())
    except Exception:
        return ()  # whoever reads it says what is wrong


def read_raw_image(path: Path, *, beside: dict[Role, Path]) -> RawImage:
    """A science image with its weight, error and mask from its extensions and the files ``beside`` it.

    The science image is the first two-dimensional one whose extension's name is none of :data:`ROLE_WORDS`.

    Raises
    ------
    AgezError
        If the file holds no such image, has no celestial WCS, or a layer has another size.
    """
    layers: dict[Role, Floats] = {}
    read: list[str] = []
    with open_fits(path, what="image") as hdus:
        hdu = _science_hdu(hdus, path)
        science = _pixels(hdu)
        headers = (hdu.header.copy(), hdus[0].header.copy())
        for other in hdus:
            role = _role_of_extension(other)
            if role is not None and role not in layers and other is not hdu:
                layers[role] = _pixels(other)
                read.append(f"{path.name}[{other.name}]")
        wcs = celestial_wcs(headers[0], path)
    for role, other_path in beside.items():
        if role in layers:
            raise AgezError(
                f"{path}: it has an extension with {role}, and {other_path.name} stands beside it; keep one"
            )
        with open_fits(other_path, what="image") as hdus:
            layers[role] = _pixels(_first_image(hdus, other_path))
        read.append(other_path.name)
    for role, layer in layers.items():
        if layer.shape != science.shape:
            raise AgezError(
                f"{beside.get(role, path)}: the {role} has {layer.shape[1]} x {layer.shape[0]} pixels, the image "
                f"{path.name} {science.shape[1]} x {science.shape[0]}; give the one that belongs to it"
            )
    mask = layers.get("mask")
    return RawImage(
        path, headers, science, layers.get("weight"), layers.get("error"), layers.get("variance"),
        np.zeros(science.shape, dtype=bool) if mask is None else np.nan_to_num(mask, nan=1.0) != 0, wcs, tuple(read),
    )  # fmt: skip


def _role_of_extension(hdu: Any) -> Role | None:
    if not _is_two_dimensional(hdu):
        return None
    return next((_ROLE_OF[word] for word in re.split(r"[^a-z0-9]+", hdu.name.lower()) if word in _ROLE_OF), None)


def _images(hdus: Sequence[Any]) -> list[Any]:
    return [hdu for hdu in hdus if _is_two_dimensional(hdu)]


def _is_two_dimensional(hdu: Any) -> bool:
    """Whether an extension is an image of two axes (others of length 1 do not count)."""
    axes = hdu.header.get("NAXIS", 0)
    image = bool(getattr(hdu, "is_image", False)) and axes >= 2
    return image and all(hdu.header.get(f"NAXIS{number}") == 1 for number in range(3, axes + 1))


def _science_hdu(hdus: Sequence[Any], path: Path) -> Any:
    images = _images(hdus)
    science = [hdu for hdu in images if _role_of_extension(hdu) is None]
    if not science:
        raise AgezError(f"{path}: no two-dimensional image in this file; give one image for each band")
    return science[0]


def _first_image(hdus: Sequence[Any], path: Path) -> Any:
    images = _images(hdus)
    if not images:
        raise AgezError(f"{path}: no two-dimensional image in this file")
    return next((hdu for hdu in images if _role_of_extension(hdu) is not None), images[0])


def _pixels(hdu: Any) -> Floats:
    pixels = np.asarray(hdu.data, dtype=float)
    return pixels.reshape(pixels.shape[-2:])
