"""Real spectra of nearby galaxies of known kinds, for benchmarks: the atlas of Storchi-Bergmann, Calzetti & Kinney.

The files are IRAF 1-D FITS without errors, which `agez.read_spectra` refuses; here the errors are those of the scatter
about a first fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from scipy.ndimage import median_filter

import agez
from agez.spectra.templates import SSPGrid
from agez.types import Rows, Spectra

#: Nuclei with strong star formation (types of the atlas: starbursts and HII galaxies, and NGC 3077), and galaxies
#: without (ellipticals and spirals that the atlas calls quiescent; NGC 205, which has young stars, is left out).
STARBURSTS = (
    "eso296_11", "g1050_04", "ic1586", "mrk309", "mrk542", "ngc1510", "ngc1614", "ngc1808", "ngc3049", "ngc3077",
    "ngc3256", "ngc4385", "ngc4861", "ngc5236", "ngc5253", "ngc5860", "ngc5996", "ngc6090", "ngc6221", "ngc7250",
    "ngc7552", "ngc7673", "t1941_543", "ugc9560",
)  # fmt: skip
QUIET = (
    "ngc210", "ngc584", "ngc1023", "ngc1052", "ngc1316", "ngc1404", "ngc1433", "ngc2768", "ngc6340", "ngc6868",
    "ngc7196",
)  # fmt: skip
#: 12 + log(O/H) of the gas less the Sun's 8.69.
GAS_MH = {"ngc5236": 9.1 - 8.69, "ngc5253": 8.2 - 8.69}
#: What is used of the spectra [Angstrom], their FWHM below and above 6400 A, and the error of a first fit.
_RANGE, _FWHM, _FIRST_ERROR = (3250.0, 7600.0), (9.0, 7.0), 0.02


def atlas_spectra(sky: Path, names: tuple[str, ...]) -> Iterator[tuple[str, Spectra]]:
    """Spectra of the atlas by name, with a first guess of their errors."""
    table = Table.read(sky / "atlas" / "redshifts.csv")
    redshifts = {str(row["file"]).removesuffix(".fits"): float(row["redshift"]) for row in table}
    for name in names:
        yield name, _read(sky / "atlas" / f"{name}.fits", redshifts[name])


def _read(path: Path, redshift: float) -> Spectra:
    with fits.open(path) as hdus:
        header, flux = hdus[0].header, np.asarray(hdus[0].data, dtype=float).ravel()
    wave = header["CRVAL1"] + header["CD1_1"] * (np.arange(len(flux)) + 1 - header["CRPIX1"])
    inside = (wave > _RANGE[0]) & (wave < _RANGE[1])
    wave, flux = wave[inside], flux[inside]
    bad = ~(flux > 0)
    flux = flux / np.median(flux[~bad])
    level = median_filter(np.where(bad, 1.0, flux), 101)
    nan = np.array([np.nan])
    return Spectra(
        wave_angstrom=wave, flux=flux[None].astype(np.float32),
        flux_err=(_FIRST_ERROR * level)[None].astype(np.float32), mask=bad[None], medium="air",
        rows=Rows(np.array([path.stem]), np.array([path.stem]), nan, nan), redshift=np.array([redshift]),
        fwhm_angstrom=np.where(wave < 6400, *_FWHM), flux_unit="erg / (s cm2 Angstrom)",
        flags=np.zeros(1, dtype=np.int32), meta={"source": path.name},
    )  # fmt: skip


def with_errors(spectra: Spectra, grid: SSPGrid) -> Spectra:
    """The spectrum with errors that make the reduced chi2 of a fit with ``grid`` 1."""
    chi2 = float(agez.fit_labels(spectra, grid).chi2[0])
    return replace(spectra, flux_err=(spectra.flux_err * np.sqrt(max(chi2, 1e-6))).astype(np.float32))
