"""The shipped sets of spectra: nearby galaxies, a star cluster, SDSS galaxies, mean spectra by type."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from agez.bench.bench_set import BenchSet
from agez.bench.rows import BenchRows, Known
from agez.errors import AgezError
from agez.flags import Flag
from agez.spectra.formats_common import Options, assemble, one_galaxy_rows
from agez.spectra.noise_estimate import scatter_error
from agez.spectra.readers import read_spectra
from agez.spectral_units import FluxUnit
from agez.tables.table_columns import number_column, text_column
from agez.tables.table_files import read_table
from agez.types import Bools, Floats, Medium, Spectra

#: Optical part of the spectra of the atlas and of its means; below is IUE's, of another aperture and S/N [Angstrom].
OPTICAL_ANGSTROM = 3200.0
#: Resolution of the atlas [Angstrom]: 8 to 10 below 6400, 5.5 above (Storchi-Bergmann et al. 1995, ApJS 98, 103).
ATLAS_FWHM = (9.0, 5.5, 6400.0)
#: Galaxies of the atlas whose measured redshifts are worthless (docs of the data).
ATLAS_WITHOUT_REDSHIFT = ("ngc3115", "ngc4579")
#: Classes of the atlas' own list, by the headings there; later ones go before earlier ones, as nuclei that are of two
#: classes are dominated by the active one.
ATLAS_KINDS = {
    "Ellipticals": "elliptical", "Spirals and later types": "spiral", "Starbursts/HII": "starburst",
    "LINERs/mixed types": "LINER", "Seyferts": "Seyfert",
}  # fmt: skip
_NONE = float("nan")
#: From the literature **by memory: check before they are published**: log age, its error, [M/H], its error, and
#: 12 + log(O/H).
ATLAS_KNOWN: dict[str, tuple[float, float, float, float, float]] = {
    "ngc205": (8.50, 0.50, -0.70, 0.20, _NONE),
    "ngc584": (9.55, 0.15, 0.30, 0.10, _NONE),
    "ngc1316": (9.39, 0.09, 0.20, 0.10, _NONE),
    "ngc1404": (10.00, 0.05, 0.20, 0.10, _NONE),
    "ngc5253": (_NONE, _NONE, _NONE, _NONE, 8.2),
    "ngc5236": (_NONE, _NONE, _NONE, _NONE, 9.1),
}
#: M 67: 4.0 Gyr and solar (Schiavon et al. 2004, ApJ 608, L33); radial velocity 34 km/s.
M67_LOG_AGE, M67_MH, M67_REDSHIFT = 9.60, 0.00, 34.0 / 299792.458
#: Mean spectra by type, by falling age; of starbursts the dust rises at about constant age (Kinney et al. 1996).
KC96 = ("elliptical", "bulge", "s0", "sa", "sb", "sc", "starb1", "starb2", "starb3", "starb4", "starb5", "starb6")
#: Galaxies of SDSS, and what they are.
SDSS_KINDS = {
    "0414.51901.393.cxt": "star-forming", "0784.52327.478.cxt": "passive",
    "spec-2101-53858-0220.fits": "post-starburst", "spSpec-52143-0650-457.fit": "old",
}  # fmt: skip
#: Spectra of STARLIGHT's examples are of one Angstrom a pixel, at SDSS's resolution.
SDSS_FWHM = 2.76


def without_errors(
    path: Path, wave: Floats, flux: Floats, bad: Bools, *, medium: Medium, redshift: float, fwhm: Any
) -> Spectra:
    """A spectrum of a file that has no errors, with those of its own scatter (f_lambda)."""
    error = scatter_error(flux, bad)
    return assemble(
        Options(path), wave_angstrom=wave, flux=flux[None, :], error=error[None, :], bad=bad[None, :],
        rows=one_galaxy_rows(["0"], path.stem), medium=medium, unit=FluxUnit("lambda", 1.0), redshift=redshift,
        fwhm_angstrom=fwhm, flags=np.array([int(Flag.ERROR_ASSUMED)], np.int32), meta={"format": "bench", "survey": ""},
    )  # fmt: skip


def atlas_kinds(text: str) -> dict[str, str]:
    """Class of each galaxy by the list at the end of the atlas' README, with names as its files have them."""
    found: dict[str, tuple[int, str]] = {}
    kind: str | None = None
    order = list(ATLAS_KINDS.values())
    for line in text.splitlines():
        heading = re.fullmatch(r"\s*\d[a-c]\.\s*(.+?)\s*", line)
        word = line.strip().replace("-", "_").replace("mkn", "mrk")
        if heading:
            kind = ATLAS_KINDS.get(heading[1])
        elif kind and re.fullmatch(r"[a-z]*\d+[a-z_\d]*", word):
            rank = order.index(kind)
            if found.get(word, (-1, ""))[0] < rank:
                found[word] = rank, kind
    return {name: kind for name, (_, kind) in found.items()}


def read_atlas(folder: Path) -> BenchRows:
    """Nearby galaxies through an aperture of 10 by 20 arcsec, their optical parts."""
    table = read_table(folder / "atlas/redshifts.csv")
    z = dict(
        zip(text_column(table, "file").tolist(), number_column(table, "redshift", source="redshifts.csv"), strict=True)
    )
    kinds = atlas_kinds((folder / "atlas/README_original.txt").read_text(encoding="utf-8", errors="replace"))
    paths = [path for path in sorted((folder / "atlas").glob("*.fits")) if path.stem not in ATLAS_WITHOUT_REDSHIFT]
    spectra = []
    for path in paths:
        if path.name not in z:
            raise AgezError(f"{folder / 'atlas/redshifts.csv'}: no row of {path.name!r}; add one")
        spectra.append(_atlas_spectrum(path, float(z[path.name])))
    known = np.array([ATLAS_KNOWN.get(path.stem, (_NONE,) * 5) for path in paths])
    columns = dict(zip(("log_age", "log_age_err", "mh", "mh_err", "gas_oh"), known.T, strict=True))
    names = [path.stem for path in paths]
    kind = [kinds.get(name.removeprefix("g") if name.startswith("g1050") else name, "") for name in names]
    return BenchRows(Known.of(names, kind=kind, **columns), spectra=tuple(spectra))


def _atlas_spectrum(path: Path, redshift: float) -> Spectra:
    whole = read_spectra(path, redshift=redshift)
    blue, red, border = ATLAS_FWHM
    return _optical(whole, np.where(whole.wave_angstrom < border, blue, red))


def _optical(whole: Spectra, fwhm: Floats) -> Spectra:
    keep = whole.wave_angstrom >= OPTICAL_ANGSTROM
    return Spectra(
        whole.wave_angstrom[keep], whole.flux[:, keep], whole.flux_err[:, keep], whole.mask[:, keep], whole.medium,
        whole.rows, whole.redshift, fwhm[keep], whole.flux_unit, whole.flags, whole.meta,
    )  # fmt: skip


def read_clusters(folder: Path) -> BenchRows:
    """The integrated spectrum of M 67."""
    path = folder / "clusters/m67_nobs.dat"
    try:
        wave, flux, error = np.loadtxt(path, usecols=(0, 1, 2), unpack=True)
    except ValueError as error_of:
        raise AgezError(
            f"{path} is no table of wavelength, flux, error ({error_of}); take the file as it was published"
        ) from None
    spectrum = assemble(
        Options(path), wave_angstrom=wave, flux=flux[None, :], error=error[None, :], bad=np.zeros((1, len(wave)), bool),
        rows=one_galaxy_rows(["0"], "M67"), medium="air", unit=FluxUnit("lambda", 1.0), redshift=M67_REDSHIFT,
        fwhm_angstrom=SDSS_FWHM, meta={"format": "bench", "survey": ""},
    )  # fmt: skip
    known = Known.of(["m67"], kind=["cluster"], log_age=[M67_LOG_AGE], mh=[M67_MH])
    return BenchRows(known, spectra=(spectrum,))


def read_sdss(folder: Path) -> BenchRows:
    """Four galaxies of SDSS: star-forming, passive, post-starburst, and one with STECKMAP's own answer."""
    paths = [folder / "spectra" / name for name in SDSS_KINDS]
    spectra = [_starlight(path) if path.suffix == ".cxt" else read_spectra(path) for path in paths]
    return BenchRows(Known.of(list(SDSS_KINDS), kind=list(SDSS_KINDS.values())), spectra=tuple(spectra))


def _starlight(path: Path) -> Spectra:
    """STARLIGHT's input: wavelength in the rest frame, flux, error, flag (2 and more are bad)."""
    wave, flux, error, flag = np.loadtxt(path, unpack=True)
    bad = (flag >= 2) | (error <= 0)
    return assemble(
        Options(path), wave_angstrom=wave, flux=flux[None, :], error=error[None, :], bad=bad[None, :],
        rows=one_galaxy_rows(["0"], path.stem), medium="air", unit=FluxUnit("lambda", 1.0), redshift=0.0,
        fwhm_angstrom=SDSS_FWHM, meta={"format": "bench", "survey": "SDSS"},
    )  # fmt: skip


def read_kc96(folder: Path) -> BenchRows:
    """Mean spectra of galaxies by type, in the rest frame."""
    spectra = []
    for name in KC96:
        path = folder / f"kc96_templates/{name}.fits"
        with fits.open(path) as hdus:
            wave, flux = (np.array(hdus[1].data[column], dtype=float) for column in ("WAVELENGTH", "FLUX"))
        order = np.unique(wave, return_index=True)[1]
        wave, flux = wave[order], flux[order]
        keep = wave >= OPTICAL_ANGSTROM
        wave, flux = wave[keep], flux[keep]
        spectra.append(without_errors(path, wave, flux, flux <= 0, medium="air", redshift=0.0, fwhm=10.0))
    return BenchRows(Known.of(KC96, kind=KC96), spectra=tuple(spectra))


_ATLAS = BenchSet(
    "atlas",
    "47 nearby galaxies, flux-calibrated spectra of their centres",
    ("atlas/redshifts.csv", "atlas/README_original.txt"),
    read_atlas,
    "jpas",
    citation="Storchi-Bergmann, Calzetti & Kinney 1994, ApJ 429, 572; McQuade, Calzetti & Kinney 1995, ApJS 97, 331; "
    "Storchi-Bergmann, Kinney & Challis 1995, ApJS 98, 103",
    licence="blanton144/kcorrect, BSD-3",
)
_CLUSTERS = BenchSet(
    "clusters",
    "integrated spectrum of M 67",
    ("clusters/m67_nobs.dat",),
    read_clusters,
    "jpas",
    citation="Schiavon, Caldwell & Rose 2004, AJ 127, 1513",
    licence="bd-j/speccal",
)
_SDSS = BenchSet(
    "sdss",
    "four galaxies of SDSS",
    tuple(f"spectra/{name}" for name in SDSS_KINDS),
    read_sdss,
    "jpas",
    citation="SDSS; Cid Fernandes et al. 2005, MNRAS 358, 363 (STARLIGHT); "
    "Ocvirk et al. 2006, MNRAS 365, 46 (STECKMAP)",
    licence="mvcduarte/jobmanager, bd-j/exspect, ccatalan/astro-containers",
)
_KC96 = BenchSet(
    "kc96",
    "mean spectra of galaxies by type",
    tuple(f"kc96_templates/{name}.fits" for name in KC96),
    read_kc96,
    "jpas",
    order=KC96[:7],
    dust_order=KC96[6:],
    citation="Kinney et al. 1996, ApJ 467, 38",
    licence="AstarVienna/speXtra, MIT",
)
SPECTRA_SETS = (_ATLAS, _CLUSTERS, _SDSS, _KC96)
