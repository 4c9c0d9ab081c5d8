"""FITS images and what stands beside them: which file or extension is science, weight, error or mask."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from agez.images.plain_fits import PlainImage, plain_images
from agez.runtime.files import check_input
from agez.sky_offsets import celestial_wcs
from agez.tables.table_files import open_fits
from agez.types import Bools, Floats

EXTENSIONS = (".fits", ".fit", ".fits.fz", ".fits.gz", ".fit.fz", ".fit.gz", ".fz")
#: How keywords of a WCS, its distortions and tables of these begin.
_WCS_KEYWORDS = re.compile(
    r"NAXIS|WCS|CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA|(CD|PC|PV|PS)\d+_|LONPOLE|LATPOLE|RADE|EQUINOX|EPOCH|[AB]P?_|C[PQ]DIS|"
    r"C[PQ]ERR|D[PQ]\d|DVERR|D2IM|AXISCORR|LT[VM]|REST|SPECSYS|SSYS|VEL|ZSOURCE|OBSGEO|TELESCOP|INSTRUME|CONTINUE|HIERARCH"
)
_EXTENSION = re.compile(r"(\.(fits?|fz|gz))+$", re.IGNORECASE)


class ImageHeaders:
    """The headers of FITS files, each read once, and their WCS."""

    def __init__(self) -> None:
        self._plain: dict[Path, list[PlainImage] | None] = {}
        self._other: dict[Path, Sequence[Any]] = {}
        self._wcs: dict[tuple[str, ...], WCS] = {}

    def hdus(self, path: Path) -> Sequence[Any]:
        """All HDUs, without their pixels; none if the file cannot be read (whoever reads it says what is wrong)."""
        plain = self._plain_images(path)
        if plain is not None:
            return plain
        if path not in self._other:
            try:
                with warnings.catch_warnings(action="ignore"), fits.open(path) as hdus:
                    self._other[path] = list(hdus)
            except Exception:
                self._other[path] = ()
        return self._other[path]

    def _plain_images(self, path: Path) -> list[PlainImage] | None:
        if path not in self._plain:
            self._plain[path] = plain_images(path)
        return self._plain[path]

    def wcs(self, header: Any, path: Path) -> WCS:
        """The celestial WCS of a header; one object for all headers that say the same of it.

        Surveys write the bands of one field on one grid, and reading a WCS takes longer than its image.
        """
        said = tuple(card for card in _cards(header) if _WCS_KEYWORDS.match(card))
        if said not in self._wcs:
            self._wcs[said] = celestial_wcs(fits.Header.fromstring(header.tostring()), path)
        return self._wcs[said]

    @contextmanager
    def reading(self, path: Path) -> Iterator[Sequence[Any]]:
        """The HDUs of a file whose pixels are to be read; AgezError if that fails."""
        plain = self._plain_images(path)
        if plain is not None:
            try:
                yield plain
            except (OSError, ValueError) as error:
                raise AgezError(f"{path} cannot be read as a fits image: {error}; was it changed meanwhile?") from error
            return
        with open_fits(path, what="image") as hdus:
            yield list(hdus)


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


def image_files(inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], files: ImageHeaders) -> list[Path]:
    """All FITS files of a folder, or those of a list (of files and folders), each once; AgezError if there is none."""
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    found: list[Path] = []
    for one in map(Path, given):
        if one.is_dir():
            inside = sorted(path for path in one.iterdir() if is_image_name(path) and path.is_file())
            inside = [path for path in inside if not _is_only_tables(files.hdus(path))]
            if not inside:
                raise AgezError(f"{one}: no FITS file in this folder; give one that holds an image for each band")
            found += inside
        else:
            found.append(check_input(one))
    if not found:
        raise AgezError("no image files; give a folder, or one FITS file for each band")
    return list(dict.fromkeys(found))


def _is_only_tables(hdus: Sequence[Any]) -> bool:
    """Whether a file holds tables, but no image: a catalogue beside the images."""
    tables = any(isinstance(hdu, fits.BinTableHDU | fits.TableHDU) for hdu in hdus)
    return tables and not any(is_two_dimensional(hdu) for hdu in hdus)


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


def _cards(header: Any) -> list[str]:
    text = header.tostring(padding=False)
    return [text[at : at + 80] for at in range(0, len(text), 80)]


def _words(path: Path) -> list[str]:
    return [word for word in re.split(r"[^A-Za-z0-9]+", _EXTENSION.sub("", path.name).lower()) if word]


def siblings(paths: Sequence[Path]) -> dict[Path, dict[Role, Path]]:
    """Files in the same folder whose names differ from that of an image only by a word of :data:`ROLE_WORDS`.

    Words for the science image itself (``sci``, ``image``, ``swp``, ...) may be there or not; so beside
    ``ngc_rSDSS_swp.fits.fz`` stand ``ngc_rSDSS_swpweight.fits.fz``, ``ngc_rSDSS.weight.fits``, ``ngc_rSDSS_mask.fits``.
    """
    beside: dict[tuple[Path, tuple[str, ...]], list[tuple[Role, Path]]] = {}
    for folder in dict.fromkeys(path.parent for path in paths):
        for other in sorted(folder.iterdir()):
            role = role_in_name(other) if is_image_name(other) else None
            if role is not None and other.is_file():
                beside.setdefault((folder, stem_without_role(other)), []).append((role, other))
    found: dict[Path, dict[Role, Path]] = {}
    for path in paths:
        found[path] = {}
        for role, other in beside.get((path.parent, stem_without_role(path)), []):
            if other != path and found[path].setdefault(role, other) != other:
                first = found[path][role].name
                raise AgezError(f"{path}: two files of {role} beside it: {first} and {other.name}; keep one")
    return found


def headers_of(path: Path, files: ImageHeaders, *, extension: str | None = None) -> tuple[Any, ...]:
    """Headers of the science extension and of the primary, without the pixels; none if the file cannot be read."""
    hdus = files.hdus(path)
    if not any(is_two_dimensional(hdu) for hdu in hdus):
        return ()
    return (science_hdu(hdus, path, extension=extension).header, hdus[0].header)


def read_raw_image(
    path: Path, files: ImageHeaders, *, beside: dict[Role, Path], extension: str | None = None
) -> RawImage:
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
    with files.reading(path) as hdus:
        hdu = science_hdu(hdus, path, extension=extension)
        science = pixels_of(hdu)
        headers = (hdu.header, hdus[0].header)
        for role, other in layer_hdus(hdus, hdu, path).items():
            layers[role] = pixels_of(other)
            read.append(f"{path.name}[{other.name}]")
        wcs = files.wcs(headers[0], path)
    for role, other_path in beside.items():
        if role in layers:
            raise AgezError(
                f"{path}: it has an extension with {role}, and {other_path.name} stands beside it; keep one"
            )
        with files.reading(other_path) as hdus:
            layers[role] = pixels_of(only_image(hdus, other_path, words=ROLE_WORDS[role], what=f"the {role}"))
        read.append(other_path.name)
    for role, layer in layers.items():
        if layer.shape != science.shape:
            raise AgezError(
                f"{beside.get(role, path)}: the {role} has {layer.shape[1]} x {layer.shape[0]} pixels, the image "
                f"{path.name} {science.shape[1]} x {science.shape[0]}; give the one that belongs to it"
            )
    mask = layers.pop("mask", np.zeros(science.shape)) != 0  # NaN, too
    return RawImage(path, headers, science, layers, mask, wcs, tuple(read))
