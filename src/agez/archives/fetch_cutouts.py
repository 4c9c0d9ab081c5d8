"""Cut-outs of a galaxy in all bands from a survey's own archive, named as ``agez map`` reads them.

CEFCA: the images at a place by TAP, then ``get_fits_cutout`` (with the weights) and ``get_psf_by_position`` of its
image service.  splus.cloud: ``stamp_by_coordinates``, images and weights, as the packages splusdata and adss do it.
Tried against local servers only, as :mod:`agez.archives.fetch_rows` is.
"""

from __future__ import annotations

import csv
import json
import os
import urllib.parse
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from agez.archives.fetch_rows import archive_of
from agez.archives.login import login_headers, refusals_explained
from agez.archives.selections import Circle
from agez.archives.tap_query import SILENCE, ask_tap, columns_there, need_pyvo
from agez.errors import AgezError
from agez.images.band_images import PSF_KEYWORDS
from agez.images.image_extensions import is_two_dimensional, role_of
from agez.images.pixel_units import ZERO_POINT_KEYWORDS, first_number
from agez.runtime.downloads import fetch_each, fetch_file, fetch_text
from agez.runtime.files import make_folder
from agez.runtime.retries import Downloads, NotThereError, UnreachableError
from agez.surveys.archive import Archive, Release
from agez.surveys.record import SurveyRecord
from agez.surveys.registry import image_keywords
from agez.tables.table_columns import number_column, text_column
from agez.tables.table_files import write_table
from agez.tables.whole_fits import whole_fits

#: How far the centre of an image that has a place may be from it [degree]: half a diagonal of the widest camera.
_IMAGE_RADIUS = 1.0
DEFAULT_SIZE_ARCSEC = 120.0


@dataclass(frozen=True)
class FetchedCutouts:
    """What was fetched."""

    #: fetched, present: Files that were fetched, and those that were there already, whole.
    fetched: tuple[Path, ...]
    present: tuple[Path, ...]
    problems: dict[str, str]  #: Files that could not be had, and why.
    n_bytes: int
    #: zero_points, psf: Tables for ``agez map --zero-points`` and ``--psf``, where the archive has what headers lack.
    zero_points: Path | None
    psf: Path | None
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Image:
    """What is asked for one band: its files by name, the image first, each with its address and what is sent."""

    files: Mapping[str, tuple[str, bytes | None]]
    zero_point: float = np.nan
    psf_fwhm: float = np.nan

    @property
    def name(self) -> str:
        return next(iter(self.files))


def fetch_cutouts(
    survey: SurveyRecord,
    out: str | os.PathLike[str],
    ra: float,
    dec: float,
    size_arcsec: float = DEFAULT_SIZE_ARCSEC,
    *,
    release: str | None = None,
    base_url: str | None = None,
    overwrite: bool = False,
    how: Downloads | None = None,
) -> FetchedCutouts:
    """Fetch square cut-outs around a place [degree] into a folder; see :func:`agez.runtime.downloads.fetch_file`.

    A band that cannot be had is told of, and the others are fetched.  PSFs are put into a folder ``psf`` inside, where
    the archive gives them: ``agez map`` takes the widths that headers or the table ``psf.csv`` say.

    Raises
    ------
    AgezError
        If there is no image of that place, or the archive cannot be asked.
    """
    how = how or Downloads(timeout=SILENCE)
    archive, url = archive_of(survey, base_url)
    chosen = archive.release(release)
    if not (0 <= ra <= 360 and -90 <= dec <= 90 and 1 <= size_arcsec <= 3600):
        raise AgezError(
            f"--cutout {ra:g},{dec:g},{size_arcsec:g}: expected RA of 0 to 360, DEC of -90 to 90 degrees, and a "
            "size of 1 to 3600 arcsec"
        )
    place = Circle(ra, dec, _IMAGE_RADIUS)
    folder = make_folder(out)
    if chosen.needs_login or archive.kind == "splus.cloud":
        needed = f"{survey.title} {chosen.name}" if chosen.needs_login else ""
        how = replace(how, headers=login_headers(archive, url, how, needed=needed))
    asks = _cefca_images if archive.kind == "cefca" else _splus_images
    stem = f"{survey.name}_{chosen.name}_ra{ra:.5f}_dec{dec:.5f}_{size_arcsec:g}arcsec"
    with refusals_explained(archive, url):
        images = asks(stem, place, size_arcsec, chosen, url, how)
    wanted = {name: request for image in images.values() for name, request in image.files.items()}
    present = [name for name in wanted if not overwrite and _is_whole(folder / name)]

    def job(name: str) -> Callable[[], int]:
        address, body = wanted[name]

        def fetch() -> int:
            with refusals_explained(archive, url):
                return fetch_file(address, folder / name, how, check=_check_fits, body=body)

        return fetch

    n_bytes, failed = fetch_each({name: job(name) for name in wanted if name not in present})
    problems = {
        name: _what_to_do(error, archive).replace(wanted[name][0], "the archive") for name, error in failed.items()
    }
    there = [name for name in wanted if name not in failed]
    bands = {band: folder / image.name for band, image in images.items() if image.name in there}
    if archive.kind == "splus.cloud" and chosen.name in archive.zero_points:
        images, remarks = _with_zero_points(images, bands, f"{url}/{archive.zero_points[chosen.name]}", how)
    else:
        remarks = []
    lacking = [band for band in chosen.bands if band not in images]
    remarks += [f"no image of {', '.join(lacking)}"] if lacking else []
    bare = [band for band, path in bands.items() if not _has_weight(path, there)]
    remarks += [f"without weights: {', '.join(bare)}"] if bare else []
    return FetchedCutouts(
        tuple(folder / name for name in there if name not in present),
        tuple(folder / name for name in present),
        problems,
        n_bytes,
        _table(folder / "zero_points.csv", "zero_point", bands, {b: one.zero_point for b, one in images.items()}),
        _table(folder / "psf.csv", "psf_fwhm", bands, {b: one.psf_fwhm for b, one in images.items()}),
        tuple(remarks),
    )


def _cefca_images(
    stem: str, place: Circle, size_arcsec: float, release: Release, url: str, how: Downloads
) -> dict[str, _Image]:
    """The image of each band whose centre is next to the place."""
    need_pyvo()
    tap, schema = f"{url}/{release.tap}", release.table.partition(".")[0]
    filters, _ = ask_tap(tap, f"SELECT FILTER_ID, NAME FROM {schema}.Filter", how, most=1000)
    names = {name.upper(): name for name in filters.colnames}
    numbers = number_column(filters, names["FILTER_ID"], source=tap).astype(int).tolist()
    spelled = dict(zip(numbers, text_column(filters, names["NAME"]).tolist(), strict=True))
    columns = columns_there(tap, f"{schema}.TileImage", ("TILE_ID", "FILTER_ID", "RA", "DEC", "FWHMG", "ZPT"), how)
    lacking = [name for name in ("TILE_ID", "FILTER_ID", "RA", "DEC") if name not in columns]
    if lacking:
        raise AgezError(f"{tap}: its table {schema}.TileImage has no column {', '.join(lacking)}")
    select = ", ".join(f"m.{there} AS {wanted}" for wanted, there in columns.items())
    inside = place.contains(replace(release, position=(columns["RA"], columns["DEC"])))
    tiles, _ = ask_tap(tap, f"SELECT {select} FROM {schema}.TileImage AS m WHERE {inside}", how, most=10_000)
    nearest = _nearest(tiles, place)
    found = {}
    for band, named in release.bands.items():
        row = next((one for number, one in nearest.items() if spelled.get(number, "").lower() == named.lower()), None)
        if row is None:
            continue
        image = {"id": int(row["TILE_ID"]), "filter": int(row["FILTER_ID"]), "ra": place.ra, "dec": place.dec}
        degrees = round(size_arcsec / 3600, 6)
        cutout = urllib.parse.urlencode({**image, "width": degrees, "height": degrees, "weight": 1})
        base = f"{url}/{release.images}"
        found[band] = _Image(
            {
                f"{stem}_{band}.fits": (f"{base}/get_fits_cutout?{cutout}", None),
                f"psf/{stem}_{band}_psf.fits": (f"{base}/get_psf_by_position?{urllib.parse.urlencode(image)}", None),
            },
            zero_point=float(row.get("ZPT", np.nan)),
            psf_fwhm=float(row.get("FWHMG", np.nan)),
        )
    if not found:
        raise AgezError(f"no image of {release.name} has RA {place.ra:g}, DEC {place.dec:g} ({tap})")
    return found


def _nearest(tiles: Table, place: Circle) -> dict[int, dict[str, Any]]:
    """Of each filter, the image whose centre is next to a place."""
    names = {name.upper(): name for name in tiles.colnames}
    rows = [{upper: row[name] for upper, name in names.items()} for row in tiles]

    def distance(row: Mapping[str, Any]) -> float:
        east = ((float(row["RA"]) - place.ra + 180) % 360 - 180) * np.cos(np.radians(place.dec))
        return float(np.hypot(east, float(row["DEC"]) - place.dec))

    return {int(row["FILTER_ID"]): row for row in sorted(rows, key=distance, reverse=True)}


def _splus_images(
    stem: str, place: Circle, size_arcsec: float, release: Release, url: str, how: Downloads
) -> dict[str, _Image]:
    base = f"{url}/adss/v1/images/collections"
    try:
        collections = {str(one["name"]): int(one["id"]) for one in json.loads(fetch_text(f"{base}/", how))}
    except (ValueError, KeyError, TypeError) as error:
        raise AgezError(f"{base}/ is no list of collections; is it splus.cloud?") from error
    fitting = [name for name in (release.images, *collections) if name in collections and release.images in name]
    if not fitting:
        raise AgezError(f"{base}/ has no collection {release.images}; it has {', '.join(collections) or 'none'}")
    address = f"{base}/{collections[fitting[0]]}/stamp_by_coordinates"
    stamp = {"ra": place.ra, "dec": place.dec, "size": size_arcsec, "size_unit": "arcsec", "format": "fits"}
    found = {}
    for band, named in release.bands.items():
        body = {**stamp, "filter": named.replace("J0", "F").upper()}
        found[band] = _Image(
            {
                f"{stem}_{band}.fits": (address, json.dumps(body).encode()),
                f"{stem}_{band}_weight.fits": (address, json.dumps({**body, "pattern": "weight"}).encode()),
            }
        )
    return found


def _with_zero_points(
    images: Mapping[str, _Image], bands: Mapping[str, Path], url: str, how: Downloads
) -> tuple[dict[str, _Image], list[str]]:
    """The images with the zero points of their field, of a table (``Field``, ``ZP_u``, ...)."""
    fields = {
        str(header.get(key, "")).strip().upper().replace("_", "-")
        for path in bands.values()
        for header in _headers(path)
        for key in ("FIELD", "OBJECT")
    }
    try:
        rows = list(csv.DictReader(fetch_text(url, how).splitlines()))
    except AgezError as error:
        return dict(images), [f"no zero points: {error}"]
    row = next((one for one in rows if str(one.get("Field")).upper().replace("_", "-") in fields), None)
    if row is None:
        return dict(images), [f"no zero points: {url} has none of the field {', '.join(sorted(fields - {''}))}"]
    numbers = {name.upper(): text for name, text in row.items() if name}
    found = {}
    for band, image in images.items():
        word = band.removesuffix("SDSS").removesuffix("JAVA")
        try:
            found[band] = replace(image, zero_point=float(numbers[f"ZP_{word.upper()}"]))
        except (KeyError, TypeError, ValueError):
            found[band] = image
    return found, []


def _table(path: Path, column: str, bands: Mapping[str, Path], numbers: Mapping[str, float]) -> Path | None:
    """The numbers that the archive knows, as a table a row a band; without those that the headers have."""
    common = ZERO_POINT_KEYWORDS if column == "zero_point" else PSF_KEYWORDS
    keywords = (*image_keywords(column), *common)
    left = {
        band: numbers[band]
        for band, image in bands.items()
        if np.isfinite(numbers[band]) and not np.isfinite(first_number(_headers(image), keywords))
    }
    if not left:
        return None
    write_table(path, Table({"band": list(left), column: list(left.values())}), describe=False)
    return path


def _headers(path: Path) -> list[fits.Header]:
    with _opened(path) as hdus:
        return [hdu.header for hdu in hdus]


def _has_weight(path: Path, there: list[str]) -> bool:
    if f"{path.stem}_weight.fits" in there:
        return True
    with _opened(path) as hdus:
        return any(role_of(hdu) == "weight" for hdu in hdus)


def _opened(path: Path) -> fits.HDUList:
    with warnings.catch_warnings(action="ignore"):  # of headers that are not by the book
        return fits.open(path, lazy_load_hdus=False)


def _check_fits(path: Path) -> None:
    """ValueError unless a file is a whole FITS file that holds an image or a table."""
    with whole_fits(path, path.stat().st_size) as hdus:
        if not any(is_two_dimensional(hdu) or isinstance(hdu, fits.BinTableHDU) for hdu in hdus):
            raise ValueError("it holds no image")


def _is_whole(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        _check_fits(path)
    except ValueError:
        return False
    return True


def _what_to_do(error: AgezError | None, archive: Archive) -> str:
    if error is None:
        return "not tried"
    if isinstance(error, NotThereError):
        return f"{error}: the archive has no such cut-out"
    if isinstance(error, UnreachableError):
        return f"{error}; check the network, or say with --base-url where {archive.url} is"
    return str(error)
