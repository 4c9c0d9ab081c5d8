"""Maps of one galaxy in FITS, in the layout that MaNGA's MAPS files made familiar: writing and reading.

An empty primary; for each property an image with ``<NAME>_IVAR`` and ``<NAME>_MASK`` beside it, bound together by
HDUCLASS, ERRDATA, QUALDATA and SCIDATA; ``BINID``; and what is known of each spaxel, ``SPX_*``.  Source of the layout:
Westfall et al. 2019, AJ 158, 231 (the MaNGA data analysis pipeline).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from agez.arguments import takes
from agez.errors import AgezError
from agez.tables.maps import BinMap, MapBit, MapFrame, MapImage
from agez.tables.table_columns import native
from agez.tables.table_files import open_fits
from agez.types import Floats

_FORMAT_CLASS = ("SDSS", "layout of MaNGA's MAPS files")
_SKY_WORDS = "offsets: X to the EAST, Y to the north; x of tables: to the WEST"
_SNR_OF = "signal-to-noise ratio "
_COLOUR = "SPX_COLOUR"
_PLANES = {
    "SPX_SKYCOO": (("On-sky X, to the east", "arcsec"), ("On-sky Y, to the north", "arcsec")),
    "SPX_ELLCOO": (("Elliptical radius", "arcsec"), ("R/Re", ""), ("Elliptical azimuth", "deg")),
}


def maps_hdus(maps: Sequence[BinMap], frame: MapFrame) -> list[fits.ImageHDU]:
    """The image extensions of some maps, for :func:`agez.tables.table_files.write_fits`.

    Raises
    ------
    AgezError
        If a map has another number of bins than ``frame`` shows, or two maps share a name.
    """
    names = [one.name for one in maps]
    if len(set(names)) < len(names):
        raise AgezError(f"two maps share a name: {', '.join(names)}")
    n_bins = int(frame.bin_id.max(initial=-1)) + 1
    for one in maps:
        if len(one.values) < n_bins:
            raise AgezError(f"map {one.name} has {len(one.values)} values; BINID counts {n_bins} bins")
    hdus = _spaxel_hdus(frame)
    for one in maps:
        hdus += _property_hdus(one, frame)
    return hdus


def _spaxel_hdus(frame: MapFrame) -> list[fits.ImageHDU]:
    nan = np.full((3, *frame.bin_id.shape), np.nan)
    ellcoo = nan if frame.ellcoo is None else frame.ellcoo
    hdus = [_image("BINID", np.asarray(frame.bin_id, np.int32), frame, comment="number of the bin; -1 = unused")]
    if frame.offsets is not None:
        east = np.stack([-frame.offsets[0], frame.offsets[1]])
        hdus.append(_image("SPX_SKYCOO", np.float32(east), frame, comment=_SKY_WORDS))
    words = "in the plane of the disc; NaN: geometry not known"
    hdus.append(_image("SPX_ELLCOO", np.float32(ellcoo), frame, comment=words))
    if frame.mean_flux is not None:
        hdus.append(
            _image(
                "SPX_MFLUX",
                np.float32(frame.mean_flux),
                frame,
                unit=frame.flux_unit,
                comment="median, around 5500 A",
            )
        )
    if frame.snr is not None:
        hdus.append(_image("SPX_SNR", np.float32(frame.snr), frame, comment=f"{_SNR_OF}{frame.snr_of}"))
    if frame.stars is not None:
        hdus.append(_image("SPX_STAR", frame.stars.astype(np.uint8), frame, comment="1 = foreground star, left out"))
    if frame.colour is not None:
        words = "colour picture, arcsinh: red, green, blue"
        hdus.append(_image(_COLOUR, frame.colour.astype(np.uint8), frame, comment=words))
        for number, band in enumerate(frame.colour_of, start=1):
            hdus[-1].header[f"C{number:02d}"] = band
    for hdu in hdus:
        for number, (name, unit) in enumerate(_PLANES.get(hdu.name, ()), start=1):
            hdu.header[f"C{number:02d}"] = name
            hdu.header[f"U{number:02d}"] = unit
    return hdus


def _property_hdus(one: BinMap, frame: MapFrame) -> list[fits.ImageHDU]:
    """The image of a property, its inverse variance if it has errors, and its mask."""
    values = frame.painted(one.values)
    inside = np.broadcast_to(frame.bin_id >= 0, values.shape)
    known = np.isfinite(values)
    image = np.where(known, values, one.fill).astype(np.int32) if _is_whole(one.values) else np.float32(values)
    mask = np.where(inside, np.where(known, 0, MapBit.NO_VALUE), MapBit.NO_COVERAGE).astype(np.int32)
    mask[~known] |= int(MapBit.DO_NOT_USE)
    if frame.stars is not None:
        mask[..., frame.stars] |= int(MapBit.FOREGROUND_STAR)
    if one.unreliable is not None:
        doubtful = frame.painted(_as_wide(one.unreliable, one.values)) > 0
        mask[doubtful] |= int(MapBit.UNRELIABLE)
    beside = {"ERRDATA": f"{one.name}_IVAR", "QUALDATA": f"{one.name}_MASK"}
    if one.errors is None:
        beside.pop("ERRDATA")
    hdus = [_image(one.name, image, frame, unit=one.unit, comment=one.comment, kind="DATA", beside=beside)]
    if one.errors is not None:
        errors = frame.painted(_as_wide(one.errors, one.values))
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            ivar = np.where(known & (errors > 0) & np.isfinite(errors), errors**-2.0, 0.0).astype(np.float32)
        ivar = np.where(np.isfinite(ivar), ivar, np.float32(0.0))
        unit = f"({one.unit})-2" if one.unit else ""
        beside = {"SCIDATA": one.name, "QUALDATA": f"{one.name}_MASK"}
        hdus.append(_image(f"{one.name}_IVAR", ivar, frame, unit=unit, kind="ERROR", detail="INVMSE", beside=beside))
    beside = {"SCIDATA": one.name, **({"ERRDATA": f"{one.name}_IVAR"} if one.errors is not None else {})}
    hdus.append(_image(f"{one.name}_MASK", mask, frame, kind="QUALITY", detail="FLAG32BIT", beside=beside))
    for hdu in hdus:
        for number, channel in enumerate(one.channels, start=1):
            hdu.header[f"C{number:02d}"] = channel
    return hdus


def _is_whole(values: Any) -> bool:
    return np.asarray(values).dtype.kind in "iub"


def _as_wide(part: Any, values: Any) -> Floats:
    """One number a bin for all channels, as one for each."""
    part = np.asarray(part, dtype=float)
    return part if part.ndim == values.ndim else np.repeat(part[:, None], values.shape[1], axis=1)


def _image(
    name: str,
    data: Any,
    frame: MapFrame,
    *,
    unit: str = "",
    comment: str = "",
    kind: str = "",
    detail: str = "",
    beside: Mapping[str, str] | None = None,
) -> fits.ImageHDU:
    hdu = fits.ImageHDU(data, name=name)
    for key, value in frame.wcs.items():
        hdu.header[key] = value
    if data.ndim == 3:  # a number for each channel: a header that describes two of three axes is not valid
        if "WCSAXES" in frame.wcs:
            hdu.header["WCSAXES"] = 3
        hdu.header["CTYPE3"] = ("CHANNEL", "see C01, C02, ...")
        hdu.header["CRPIX3"], hdu.header["CRVAL3"] = 1.0, 1.0
        hdu.header["CD3_3" if "CD1_1" in frame.wcs or "CD2_2" in frame.wcs else "CDELT3"] = 1.0
    hdu.header["BUNIT"] = fits_unit(unit)
    hdu.header["HDUCLASS"] = _FORMAT_CLASS
    hdu.header["HDUCLAS1"] = ("CUBE" if data.ndim == 3 else "IMAGE", "kind of data")
    if kind:
        hdu.header["HDUCLAS2"] = kind
    if detail:
        hdu.header["HDUCLAS3"] = detail
    words = {"ERRDATA": "inverse variance", "QUALDATA": "mask", "SCIDATA": "values"}
    for key, extension in (beside or {}).items():
        hdu.header[key] = (extension, f"extension with the {words[key]}")
    if comment:
        hdu.header["CONTENT"] = comment
    return hdu


def fits_unit(unit: str) -> str:
    """A unit as the FITS standard spells it, where it can; ``(...)-2`` means to the power of -2.

    ``dex``, which the standard lacks, stays as it is, and ``dex-2``: astropy reads both.
    """
    inverse = unit.startswith("(") and unit.endswith(")-2")
    inner = unit[1:-3] if inverse else unit
    if inner == "dex":
        return "dex-2" if inverse else "dex"
    try:
        return str((u.Unit(inner) ** (-2 if inverse else 1)).to_string("fits"))
    except (ValueError, TypeError):
        return unit.encode("ascii", "replace").decode()


@takes(path="path")
def read_maps(path: str | os.PathLike[str]) -> tuple[dict[str, MapImage], MapFrame]:
    """Read maps from a file of `agez map` or a file of labels.

    Raises
    ------
    AgezError
        If the file cannot be read, or has no ``BINID``.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> from agez.tables.maps import BinMap, MapFrame
    >>> from agez.tables.maps_files import maps_hdus
    >>> from agez.tables.table_files import write_fits
    >>> frame = MapFrame(np.array([[0, 1, -1], [0, 1, 1]]))
    >>> ages = BinMap("LOG_AGE_LW", np.array([9.5, 9.75]), unit="dex")
    >>> write_fits("maps.fits", maps_hdus([ages], frame))
    >>> maps, frame = agez.read_maps("maps.fits")
    >>> maps["LOG_AGE_LW"].values
    array([[9.5 , 9.75,  nan],
           [9.5 , 9.75, 9.75]])
    """
    with open_fits(path) as hdus:
        if "BINID" not in hdus:
            raise AgezError(f"{path} holds no maps (there is no extension BINID); they come from cubes")
        frame = _read_frame(hdus)
        found = [_read_property(hdus, hdu) for hdu in hdus if hdu.header.get("HDUCLAS2") == "DATA" and hdu.is_image]
        images = {one.name: one for one in found}
        wrong = next((name for name, one in images.items() if one.values.shape[-2:] != frame.bin_id.shape), None)
        if wrong:
            raise AgezError(f"{path}: extension {wrong} is not of the size of BINID; make the file again")
        return images, frame


def _read_frame(hdus: fits.HDUList) -> MapFrame:
    def image(name: str) -> Any:
        return native(hdus[name].data) if name in hdus else None

    header = hdus["BINID"].header
    of = str(hdus["SPX_SNR"].header.get("CONTENT", "")) if "SPX_SNR" in hdus else ""
    sky, star = image("SPX_SKYCOO"), image("SPX_STAR")
    return MapFrame(
        bin_id=native(hdus["BINID"].data),
        wcs={key: header[key] for key in header if key.startswith(_WCS_WORDS)},
        offsets=None if sky is None else np.stack([-sky[0], sky[1]]),
        ellcoo=image("SPX_ELLCOO"),
        snr=image("SPX_SNR"),
        mean_flux=image("SPX_MFLUX"),
        flux_unit=str(hdus["SPX_MFLUX"].header.get("BUNIT", "")) if "SPX_MFLUX" in hdus else "",
        stars=None if star is None else star.astype(bool),
        snr_of=of.removeprefix(_SNR_OF) if of.startswith(_SNR_OF) else MapFrame.snr_of,
        colour=image(_COLOUR),
        colour_of=tuple(str(hdus[_COLOUR].header[f"C{number:02d}"]) for number in (1, 2, 3)) if _COLOUR in hdus else (),
    )


#: Names that maps of labels had before they were those of maps of predictions.
_OLD_NAMES = {
    "STELLAR_AGE_LW": "LOG_AGE_LW", "STELLAR_AGE_MW": "LOG_AGE_MW", "STELLAR_MH_LW": "MH_LW", "STELLAR_MH_MW": "MH_MW",
}  # fmt: skip
_WCS_WORDS = (
    "CTYPE", "CUNIT", "CRPIX", "CRVAL", "CDELT", "CD1_", "CD2_", "PC1_", "PC2_", "CROTA", "LONPOLE", "LATPOLE",
    "RADESYS", "RADECSYS", "EQUINOX",
)  # fmt: skip


def _read_property(hdus: fits.HDUList, hdu: Any) -> MapImage:
    header = hdu.header
    values = native(hdu.data)
    values = values if _is_whole(values) else values.astype(float)
    mask = native(hdus[header["QUALDATA"]].data)
    ivar = native(hdus[header["ERRDATA"]].data).astype(float) if "ERRDATA" in header else np.zeros(values.shape)
    errors = np.full(values.shape, np.nan)
    errors[ivar > 0] = ivar[ivar > 0] ** -0.5
    channels = [str(header[f"C{number:02d}"]) for number in range(1, 100) if f"C{number:02d}" in header]
    if not _is_whole(values):
        values[(mask & int(MapBit.DO_NOT_USE)) != 0] = np.nan
    unit, comment = str(header.get("BUNIT", "")), str(header.get("CONTENT", ""))
    return MapImage(_OLD_NAMES.get(hdu.name, hdu.name), values, errors, mask, unit, tuple(channels), comment)
