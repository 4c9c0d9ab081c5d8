"""Opening FITS files so that damaged ones are refused in one line, and reading the pointing from headers."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.sky_offsets import celestial_wcs, sky_offsets
from agez.spectra.formats_common import header_number, header_text
from agez.types import Floats

_COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}
_AGAIN = "copy or download it again"


def _opener(path: Path) -> Any | None:
    """What decompresses a file, known by its first bytes; None where it is not compressed."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((opener for magic, opener in _COMPRESSED.items() if start.startswith(magic)), None)


def read_content(path: Path) -> bytes | None:
    """The decompressed content of a ``.gz`` or ``.bz2`` file (known by its first bytes); None if not compressed."""
    opener = _opener(path)
    return None if opener is None else _decompressed(path, opener, -1)


def start_of(path: Path, size: int) -> bytes:
    """The first bytes of a file, decompressed."""
    opener = _opener(path)
    if opener is not None:
        return _decompressed(path, opener, size)
    with path.open("rb") as file:
        return file.read(size)


def _decompressed(path: Path, opener: Any, size: int) -> bytes:
    try:
        with opener(path, "rb") as file:
            return bytes(file.read(size))
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise AgezError(f"{path} is truncated or damaged: its compressed content ends early; {_AGAIN}") from error


@contextmanager
def open_fits(path: Path, content: bytes | None = None) -> Iterator[fits.HDUList]:
    """Open a FITS file, from ``content`` if it was compressed.

    A truncated or damaged file is refused here: every header is read, and the length of the file
    is compared with what the headers promise.  No warning of astropy leaves this block.
    """
    # The file is opened here, not by astropy, which leaves it open when it meets a damaged header.
    with (
        warnings.catch_warnings(record=True) as caught,
        path.open("rb") if content is None else io.BytesIO(content) as file,
    ):
        warnings.simplefilter("always")
        try:
            hdus = fits.open(file, lazy_load_hdus=False, memmap=content is None)
            if content is None and any(_is_scaled(hdu) for hdu in hdus):  # astropy maps no such images into memory
                hdus.close(closed=False)
                file.seek(0)
                hdus = fits.open(file, lazy_load_hdus=False, memmap=False)
        except Exception as error:  # astropy raises any of a dozen kinds
            raise AgezError(f"{path} is truncated or not a valid FITS file ({error}); {_AGAIN}") from error
        with hdus:
            for warning in caught:
                text = str(warning.message)
                if "truncated" in text or "validating header" in text:
                    raise AgezError(f"{path} is truncated or damaged after HDU {len(hdus) - 1}; {_AGAIN}")
            try:
                yield hdus
            except AgezError:
                raise
            except Exception as error:  # headers that contradict the data, found when those are asked for
                raise AgezError(
                    f"{path} is damaged: its headers and data disagree ({type(error).__name__}: {error}); {_AGAIN}"
                ) from error


def _is_scaled(hdu: Any) -> bool:
    """Whether an image's pixels are stored as other numbers than they mean: unsigned, signed bytes, scaled, blank."""
    return bool(hdu.is_image) and any(key in hdu.header for key in ("BZERO", "BSCALE", "BLANK"))


def has(hdus: fits.HDUList, *names: str) -> bool:
    """True if all of the named extensions are there."""
    present = {hdu.name.upper() for hdu in hdus}
    return all(name in present for name in names)


def image(path: Path, hdus: fits.HDUList, name: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """The pixels of the image extension ``name``; AgezError if missing or not of ``shape``."""
    if not has(hdus, name):
        raise AgezError(f"{path}: extension {name} is missing; the file may have been cut short: {_AGAIN}")
    data = hdus[name].data
    if not isinstance(data, np.ndarray) or data.dtype.names is not None:
        raise AgezError(f"{path}: extension {name} holds no image; expected one")
    if shape is not None and data.shape != shape:
        raise AgezError(f"{path}: extension {name} has shape {data.shape}; expected {shape}, that of the flux")
    return data


#: Keywords of the two sky axes that a map of the same field needs.
_SKY_KEYWORDS = [
    *(f"{word}{axis}" for word in ("CTYPE", "CUNIT", "CRPIX", "CRVAL", "CDELT") for axis in (1, 2)),
    *(f"{word}{i}_{j}" for word in ("CD", "PC") for i in (1, 2) for j in (1, 2)),
    *(f"PV{i}_{m}" for i in (1, 2) for m in range(40)),
    *("CROTA1", "CROTA2", "LONPOLE", "LATPOLE", "RADESYS", "RADECSYS", "EQUINOX"),
]


def sky_header(header: fits.Header) -> dict[str, Any]:
    """The WCS keywords of axes 1 and 2, for the header of a map."""
    return {key: header[key] for key in _SKY_KEYWORDS if key in header}


def spaxel_offsets(
    header: Mapping[str, Any],
    x_pixel: Floats,
    y_pixel: Floats,
    source: Path | str,
    centre: tuple[float, float] | None = None,
) -> tuple[Floats, Floats]:
    """Offsets of spaxels [arcsec]: x to the west, y to the north, from the reference pixel or a ``centre`` on the sky.

    Pixels count from 0; ``centre`` is (ra, dec) [degree].  Celestial axes go by their WCS
    (:func:`agez.sky_offsets.sky_offsets`).  Other axes (CALIFA's first data release) are offsets on the detector, in
    their CUNIT, or in arcsec without one; of axes without a step, or in pixels, the offsets are unknown: NaN.
    """
    if not has_sky_axes(header):
        return _detector_offsets(header, x_pixel, y_pixel)
    from astropy.coordinates import SkyCoord

    wcs = celestial_wcs({key: header[key] for key in _SKY_KEYWORDS if key in header}, source)
    return sky_offsets(wcs, x_pixel, y_pixel, None if centre is None else SkyCoord(*centre, unit="deg"))


def object_position(*headers: Mapping[str, Any]) -> tuple[float, float] | None:
    """OBJRA and OBJDEC [degree, ICRS] of the first header that has both as numbers; None where none has."""
    for header in headers:
        ra, dec = header_number(header, "OBJRA"), header_number(header, "OBJDEC")
        if np.isfinite(ra) and np.isfinite(dec):
            return ra, dec
    return None


#: Names of celestial axes: of right ascension, of longitudes and latitudes of any system, and of declination.
_CELESTIAL = re.compile(r"\s*(RA|DEC|[A-Z]{2}L[NT]|[A-Z]LON|[A-Z]LAT)\s*(-|$)", re.IGNORECASE)


def has_sky_axes(header: Mapping[str, Any]) -> bool:
    """Whether one of the first two axes is named as a celestial one."""
    return any(_CELESTIAL.match(str(header.get(f"CTYPE{axis}", ""))) for axis in (1, 2))


def _detector_offsets(header: Mapping[str, Any], x_pixel: Floats, y_pixel: Floats) -> tuple[Floats, Floats]:
    size = []
    for axis in (1, 2):
        unit = header_text(header, f"CUNIT{axis}") or "arcsec"
        try:
            size.append(float(u.Unit(unit).to(u.arcsec)))
        except (ValueError, TypeError):
            size.append(float("nan"))
        if "PIX" in str(header.get(f"CTYPE{axis}", "")).upper():
            size[-1] = float("nan")
    dx = x_pixel + 1.0 - float(header.get("CRPIX1", 1.0))
    dy = y_pixel + 1.0 - float(header.get("CRPIX2", 1.0))
    if "CD1_1" in header or "CD2_2" in header:
        matrix = np.array([[float(header.get(f"CD{i}_{j}", 0.0)) for j in (1, 2)] for i in (1, 2)])
    elif "CDELT1" in header or "PC1_1" in header:
        rotation = np.array([[float(header.get(f"PC{i}_{j}", float(i == j))) for j in (1, 2)] for i in (1, 2)])
        matrix = np.diag([float(header.get(f"CDELT{i}", 1.0)) for i in (1, 2)]) @ rotation
    else:
        matrix = np.full((2, 2), np.nan)
    first, second = (size[i] * (matrix[i, 0] * dx + matrix[i, 1] * dy) for i in (0, 1))
    return (-first if str(header.get("CTYPE1", "")).upper().startswith("RA") else first), second
