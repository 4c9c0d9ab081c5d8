"""CALIFA's cubes from the public archive: how galaxies are named there, where their files are, and fetching them."""

from __future__ import annotations

import gzip
import io
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agez.errors import AgezError
from agez.runtime.checksums import Checksum, check_gzip, read_checksums
from agez.runtime.downloads import fetch_each, fetch_file, fetch_text
from agez.runtime.files import check_input, make_folder
from agez.runtime.retries import Downloads, NotThereError, UnreachableError
from agez.spectra.formats_califa import is_cube
from agez.tables.whole_fits import whole_fits

#: Where the cubes of each data release are.  Written down from memory: this could not be tried on the live server.  Its
#: archive is public by ftp, too (ftp://ftp.caha.es/CALIFA/reduced).  If it is elsewhere by now, give ``base_url``.
#: Third release: Sanchez et al. 2016, A&A 594, A36.
BASE_URLS = {"DR3": "http://ftp.caha.es/CALIFA/reduced"}
#: Folder below that, by setup (from memory, as above).
FOLDERS = {"DR3": {name: f"{name}/reduced_v2.2" for name in ("V500", "V1200", "COMB")}}
#: Files of checksums that are looked for beside the cubes.
CHECKSUM_FILES = ("SHA256SUMS", "MD5SUMS")
#: Digits of numbers in the names of catalogues.
_DIGITS = {"NGC": 4, "IC": 4, "UGC": 5}
_SHORT = {"N": "NGC", "U": "UGC", "I": "IC"}


@dataclass(frozen=True)
class FetchRun:
    """What was fetched."""

    #: fetched, present: Files that were fetched, and those that were there already, whole.
    fetched: tuple[Path, ...]
    present: tuple[Path, ...]
    problems: dict[str, str]  #: Galaxies that could not be had, and why.
    n_bytes: int  #: That came over the network.
    #: Where the checksums are from; '' if there are none (gzip's own, and FITS', are always looked at).
    checked_by: str


def califa_name(name: str) -> str:
    """A galaxy's name as CALIFA's files have it: ``ngc1``, ``NGC 1`` and ``N0001`` are ``NGC0001``.

    Numbers have four digits in NGC and IC, five in UGC; other names are put in capitals without blanks.

    Raises
    ------
    AgezError
        For what cannot be part of a file name.
    """
    word = re.sub(r"\s+", "", name).upper()
    found = re.fullmatch(r"(NGC|UGC|IC|N|U|I)[-_]?0*([1-9]\d*)([A-Z]?)", word)
    if found:
        catalogue = _SHORT.get(found[1], found[1])
        return f"{catalogue}{found[2].zfill(_DIGITS[catalogue])}{found[3]}"
    if not re.fullmatch(r"[A-Z0-9][A-Z0-9+._-]*", word):
        raise AgezError(f"{name!r} is not the name of a galaxy; expected such as NGC0001, 'UGC 5' or MCG-01-01-012")
    return word


def cube_file_name(name: str, *, setup: str = "V500") -> str:
    """``NGC0001.V500.rscube.fits.gz``."""
    return f"{califa_name(name)}.{setup}.rscube.fits.gz"


def folder_url(*, setup: str = "V500", release: str = "DR3", base_url: str | None = None) -> str:
    """Address of the folder of one setup's cubes; AgezError for a release or setup that is not known."""
    if release not in FOLDERS:
        raise AgezError(f"CALIFA has no release {release!r} here; choose {', '.join(FOLDERS)}")
    if setup not in FOLDERS[release]:
        raise AgezError(f"CALIFA {release} has no setup {setup!r}; choose {', '.join(FOLDERS[release])}")
    base = (base_url or BASE_URLS[release]).rstrip("/")
    if not re.match(r"https?://[^/]+", base):
        raise AgezError(f"--base-url is {base!r}; expected http://... or https://...")
    return f"{base}/{FOLDERS[release][setup]}"


def check_cube_file(path: Path) -> None:
    """ValueError unless a file is a whole, gzipped CALIFA cube: gzip's CRC, all of FITS, DATASUM if it has it."""
    check_gzip(path)
    with gzip.open(path) as file:
        content = file.read()
    with whole_fits(io.BytesIO(content), len(content)) as hdus:
        if not is_cube(hdus):
            raise ValueError("it is not a cube with its ERROR extension")


def fetch_cubes(
    names: Sequence[str],
    out: str | os.PathLike[str],
    *,
    setup: str = "V500",
    release: str = "DR3",
    base_url: str | None = None,
    checksums: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    how: Downloads | None = None,
) -> FetchRun:
    """Fetch the cubes of galaxies into a folder; see :func:`agez.runtime.downloads.fetch_file`.

    A galaxy that cannot be had is told of, and the others are fetched; without an answer from the server, the rest is
    not tried.

    Parameters
    ----------
    names : sequence of str
        As :func:`califa_name` knows them; named twice is fetched once.
    checksums : path, optional
        File of md5sum, sha256sum or the like; else what the server has of :data:`CHECKSUM_FILES` beside the cubes.
    overwrite : bool
        Fetch again what is there.

    Raises
    ------
    AgezError
        For a name, release, setup or checksum file that cannot be.
    """
    how = how or Downloads()
    url = folder_url(setup=setup, release=release, base_url=base_url)
    files = {name: cube_file_name(name, setup=setup) for name in dict.fromkeys(map(califa_name, names))}
    if not files:
        raise AgezError("no galaxy to fetch; give names, or --galaxies TABLE")
    given = _given_checksums(checksums, files)
    folder = make_folder(out)
    present: list[Path] = []
    problems: dict[str, str] = {}
    known, source = given, "" if checksums is None else str(checksums)
    missing = []
    for name, file in files.items():
        if not overwrite and _is_whole(folder / file, known.get(file)):
            present.append(folder / file)
        else:
            missing.append(name)
    if missing and checksums is None:
        try:
            known, source = _checksums_of_server(url, how)
        except UnreachableError as error:
            return FetchRun((), tuple(present), dict.fromkeys(missing, _what_to_do(error)), 0, "")

    def fetch(name: str) -> Callable[[], int]:
        url_of_file, path, checksum = f"{url}/{files[name]}", folder / files[name], known.get(files[name])
        return lambda: fetch_file(url_of_file, path, how, checksum=checksum, check=check_cube_file)

    n_bytes, failed = fetch_each({name: fetch(name) for name in missing})
    fetched = [folder / files[name] for name in missing if name not in failed]
    for name, why in failed.items():
        problems[name] = "not tried" if why is None else str(why)
        if isinstance(why, NotThereError):
            problems[name] += f": no such galaxy in CALIFA's {release} with {setup}, or another --base-url"
        elif isinstance(why, UnreachableError):
            problems[name] = _what_to_do(why)
    return FetchRun(tuple(fetched), tuple(present), problems, n_bytes, source if known else "")


def _what_to_do(error: UnreachableError) -> str:
    return f"{error}; check the network, or say with --base-url where the archive is"


def _is_whole(path: Path, checksum: Checksum | None) -> bool:
    if not path.is_file():
        return False
    try:
        check_cube_file(path)
    except ValueError:
        return False
    return checksum is None or checksum.of(path)


def _given_checksums(path: str | os.PathLike[str] | None, files: dict[str, str]) -> dict[str, Checksum]:
    if path is None:
        return {}
    text = check_input(path).read_text(encoding="utf-8", errors="replace")
    found = read_checksums(text, source=str(path))
    lacking = [file for file in files.values() if file not in found]
    if lacking:
        raise AgezError(f"{path}: no checksum of {', '.join(lacking[:3])}; give a file that has all, or none")
    return found


def _checksums_of_server(url: str, how: Downloads) -> tuple[dict[str, Checksum], str]:
    """What the server says that its files hash to, and where; nothing if it does not say."""
    for name in CHECKSUM_FILES:
        try:
            return read_checksums(fetch_text(f"{url}/{name}", how), source=f"{url}/{name}"), f"{url}/{name}"
        except UnreachableError:
            raise
        except AgezError:
            continue  # not there, or a page of words: nothing to compare with
    return {}, ""
