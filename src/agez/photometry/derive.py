"""For maintainers: makes the shipped tables of bands from measured curves (``python -m agez.photometry.derive``)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from agez.photometry.air import air_to_vacuum
from agez.photometry.compare import magnitude_differences
from agez.photometry.curves_io import read_curves
from agez.photometry.filters import load_filters, replace_curves
from agez.photometry.names import BANDS_OF_SET
from agez.photometry.profiles import Profile, fit_profile, flat_profile, full_width_half_maximum, pivot_wavelength
from agez.runtime.files import whole_file
from agez.types import Floats

#: Measured curves of each set: file, who measured them.
MEASURED = {
    "jpas": (
        "jpas_measured_2017.csv",
        "measured total throughput of the J-PAS filters, CEFCA 2017-03-16 (J. Varela, A. Marin-Franch); "
        "iSDSS: SDSS reference response, Doi et al. 2010, AJ 139, 1628, as in speclite's sdss2010-i",
    ),
    "jplus": (
        "jplus_total_2015.csv",
        "measured total throughput (filter x CCD x atmosphere) of the J-PLUS filters, CEFCA 2015-05-19 (J. Varela, "
        "A. Marin-Franch, C. Iniguez)",
    ),
    "splus": (
        "splus_measured.csv",
        "measured transmission x atmosphere x mirror x CCD of the S-PLUS T80S filters, S-PLUS collaboration",
    ),
}
#: Width [Angstrom] of the 20 bands, Aparicio Villegas et al. 2010, AJ 139, 1242; the centres are the bands' names.
ALHAMBRA_FWHM = (
    279, 330, 342, 332, 356, 326, 297, 324, 320, 357, 314, 332, 304, 354, 312, 296, 369, 303, 308, 319,
)  # fmt: skip
_TOP_DEGREE = {"J1007": 6, "J0760": 4, "J0900": 4, "uJAVA": 4, "gSDSS": 4, "rSDSS": 4, "iSDSS": 4, "zSDSS": 6}
_NARROW_DEGREE = 2
#: Bands that the detector's fall shapes, by set: how their profile is fitted.
_FALLING: dict[tuple[str, str], dict[str, float]] = {
    ("jplus", "zSDSS"): {"degree": 10, "edge_level": 0.05, "widest_edge": 80.0},
}


def measured_set(name: str, folder: Path) -> dict[str, tuple[Floats, Floats]]:
    """Measured curves of the set ``name`` in a folder that has them; iSDSS of J-PAS comes from speclite."""
    curves = read_curves(folder / MEASURED[name][0], counting="photon")
    if name == "jpas":
        from speclite.filters import load_filter

        sdss = load_filter("sdss2010-i")
        curves["iSDSS"] = (np.asarray(sdss.wavelength, dtype=float), np.asarray(sdss.response, dtype=float))
    return {band: curves[band] for band in BANDS_OF_SET[name]}


def derive_table(name: str, folder: Path | None) -> Table:
    """The shipped table of one set: pivots, FWHM and profile numbers of its bands."""
    rows: list[tuple[str, float, float, Profile]] = []
    if name == "alhambra":
        source = "nominal centres and FWHM, Aparicio Villegas et al. 2010, AJ 139, 1242; flat profile"
        for band, fwhm in zip(BANDS_OF_SET[name], ALHAMBRA_FWHM, strict=True):
            centre = 10.0 * int(band[1:4])
            rows.append((band, centre, float(fwhm), flat_profile(centre, float(fwhm))))
    else:
        assert folder is not None
        source = MEASURED[name][1]
        for band, (wave, response) in measured_set(name, folder).items():
            even = np.arange(wave[0], wave[-1] + 0.5, 1.0)  # the fit wants even steps
            sampled = np.interp(even, wave, response)
            how: dict[str, Any] = {"degree": _TOP_DEGREE.get(band, _NARROW_DEGREE)}
            profile = fit_profile(even, sampled, **(how | _FALLING.get((name, band), {})))
            rows.append((band, pivot_wavelength(even, sampled), full_width_half_maximum(even, sampled), profile))
    size = max(len(row[3].top) for row in rows) or 1
    top = np.zeros((len(rows), size))
    for i, (_, _, _, profile) in enumerate(rows):
        top[i, : len(profile.top)] = np.round(profile.top, 4)
    table = Table({"band": [row[0] for row in rows]})
    for column, values in {
        "pivot": [row[1] for row in rows],
        "fwhm": [row[2] for row in rows],
        "low_edge": [row[3].low_edge for row in rows],
        "low_width": [row[3].low_width for row in rows],
        "high_edge": [row[3].high_edge for row in rows],
        "high_width": [row[3].high_width for row in rows],
    }.items():
        table[column] = np.round(values, 2) * u.Angstrom
    table["top"] = top
    table.meta = {
        "filter_set": name,
        "source": source,
        "medium": "vacuum",
        "counting": "photon",
        "columns": "pivot and fwhm are those of the source; the others are a fit, see agez.photometry.profiles.Profile",
    }
    return table


def template_spectra(*, thin: int = 1) -> tuple[Floats, Floats]:
    """E-MILES at all ages and metallicities, without dust and with A_V = 1 (a power law in wavelength, index -0.9).

    Vacuum wavelengths [Angstrom] and f_lambda (n, p); only every ``thin``-th pixel.
    """
    from agez.spectra.templates import load_templates  # for maintainers only: rooms never import to the right

    grid = load_templates("emiles").cut(2600.0, 11500.0)
    wave = air_to_vacuum(grid.wave_angstrom)[::thin]
    flux = grid.flux.reshape(-1, len(grid.wave_angstrom))[:, ::thin].astype(float)
    flux = flux[(flux > 0).all(axis=1)]
    return wave, np.concatenate([flux, flux * 10 ** (-0.4 * (wave / 5500.0) ** -0.9)])


def shipped_against_measured(name: str, folder: Path, *, thin: int = 1) -> tuple[tuple[str, ...], Floats]:
    """Bands of a set, and magnitude differences (n, b) of its shipped profiles from its measured curves."""
    wave, flux = template_spectra(thin=thin)
    shipped = load_filters(name)
    measured = replace_curves(shipped, measured_set(name, folder), source=str(folder))
    differences = magnitude_differences(shipped, measured, wave, flux, redshifts=(0.0, 0.03, 0.06, 0.1))
    return shipped.names, differences


def report(folder: Path) -> None:
    """Print, set by set, the rms difference of shipped profiles from measured curves over E-MILES."""
    for name in MEASURED:
        names, differences = shipped_against_measured(name, folder, thin=2)
        rms = np.sqrt(np.nanmean(differences**2, axis=0))
        whole = np.sqrt(np.nanmean(differences**2))
        worst = int(np.argmax(rms))
        print(
            f"{name}: shipped - measured over E-MILES, rms {whole:.4f} mag; worst band {names[worst]} "
            f"{rms[worst]:.4f} mag; largest single difference {np.nanmax(np.abs(differences)):.4f} mag"
        )


def main() -> None:
    """Write the four tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of measured curves")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "data")
    parser.add_argument("--report", action="store_true", help="only compare the shipped tables with the curves")
    options = parser.parse_args()
    if options.report:
        report(options.folder)
        return
    for name in BANDS_OF_SET:
        table = derive_table(name, options.folder)
        with whole_file(options.out / f"{name}.ecsv") as part:
            table.write(part, format="ascii.ecsv", overwrite=True)
        print(f"{name}: {len(table)} bands")


if __name__ == "__main__":
    main()
