"""Make the tables of band profiles that ship: ``python tools/derive_filters.py FOLDER [-o OUT] [--report]``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from scipy.optimize import least_squares

from agez.photometry.air import air_to_vacuum
from agez.photometry.curves_io import read_curves
from agez.photometry.filters import FilterSet, load_filters, replace_curves
from agez.photometry.profiles import Profile, full_width_half_maximum, pivot_wavelength
from agez.photometry.response import build_matrix
from agez.runtime.files import whole_file
from agez.spectra.templates import load_templates
from agez.surveys.record import DATA
from agez.surveys.registry import surveys
from agez.types import Floats

#: Surveys whose profiles are fitted to measured curves.
FITTED = {survey.name: survey for survey in surveys() if survey.profiles is not None}
#: Degree of the top, where the table's header says none.
_DEGREE = 2


def header_of(name: str) -> dict[str, Any]:
    """The header of a shipped table: which curves it is fitted to (``measured``, ``source``, ``speclite``), and how.

    ``fits`` are arguments of :func:`fit_profile` by band, ``speclite`` bands whose curves speclite has.  The header of
    a new table is written by hand, with one row of any numbers.
    """
    return dict(Table.read(FITTED[name].profiles.read_text(encoding="utf-8"), format="ascii.ecsv").meta)


def measured_set(name: str, folder: Path) -> dict[str, tuple[Floats, Floats]]:
    """Measured curves of the set ``name`` in a folder that has them; some bands come from speclite."""
    header = header_of(name)
    curves = read_curves(folder / header["measured"], counting="photon")
    for band, theirs in header.get("speclite", {}).items():
        from speclite.filters import load_filter

        found = load_filter(theirs)
        curves[band] = (np.asarray(found.wavelength, dtype=float), np.asarray(found.response, dtype=float))
    return {band: curves[band] for band in FITTED[name].bands}


def derive_table(name: str, folder: Path) -> Table:
    """The shipped table of one set: pivots, FWHM and profile numbers of its bands, under the header that it had."""
    header = header_of(name)
    rows: list[tuple[str, float, float, Profile]] = []
    for band, (wave, response) in measured_set(name, folder).items():
        even = np.arange(wave[0], wave[-1] + 0.5, 1.0)  # the fit wants even steps
        sampled = np.interp(even, wave, response)
        profile = fit_profile(even, sampled, **({"degree": _DEGREE} | header.get("fits", {}).get(band, {})))
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
    table.meta = header
    return table


def fit_profile(
    wave_angstrom: Floats, response: Floats, degree: int, *, edge_level: float = 0.5, widest_edge: float = np.inf
) -> Profile:
    """The profile with a top of the given degree nearest to a measured curve, with the same pivot wavelength.

    Least squares on the curve, then a shift (a few tenths of an Angstrom) that makes the pivots equal.

    Parameters
    ----------
    wave_angstrom, response : (m,) float
        Measured photon response; vacuum wavelengths, evenly spaced.
    degree : int
        Of the Legendre polynomial of the top; 0 is flat.
    edge_level : float
        The edges are looked for from where the response has this height; a band that falls off slowly, as detectors do
        in the red, wants its edge at the foot, and a top that falls.
    widest_edge : float
        Largest logistic scale of an edge [Angstrom].
    """
    scaled = response / np.percentile(response[response > 0.5 * response.max()], 50)
    above = wave_angstrom[scaled > edge_level]
    start = np.concatenate([[above[0], 6.0, above[-1], 6.0, 1.0], np.zeros(degree)])

    def build(theta: Floats) -> Profile:
        top = tuple(float(c) for c in theta[5:])
        return Profile(float(theta[0]), float(abs(theta[1])) + 0.5, float(theta[2]), float(abs(theta[3])) + 0.5, top)

    highest = np.full(len(start), np.inf)
    highest[[1, 3]] = widest_edge

    def residual(theta: Floats) -> Floats:
        return np.asarray(theta[4] * build(theta).response(wave_angstrom) - scaled)

    scale = np.concatenate([[5.0, 2.0, 5.0, 2.0, 0.1], np.full(degree, 0.1)])
    best = build(least_squares(residual, start, x_scale=scale, max_nfev=400, bounds=(-highest, highest)).x)
    wanted = pivot_wavelength(wave_angstrom, response)
    for _ in range(4):
        shift = wanted - pivot_wavelength(*best.curve())
        best = Profile(best.low_edge + shift, best.low_width, best.high_edge + shift, best.high_width, best.top)
    return best


def magnitude_differences(
    first: FilterSet, second: FilterSet, wave_angstrom: Floats, flux: Floats, *, redshifts: tuple[float, ...]
) -> Floats:
    """AB magnitudes of spectra in ``first`` minus those in ``second``, which has the same bands.

    Parameters
    ----------
    first, second : FilterSet
    wave_angstrom : (p,) float
        Vacuum, rest frame.
    flux : (n, p) float
        f_lambda, any unit.
    redshifts : tuple of float
        At which the bands see the spectra.

    Returns
    -------
    (n * len(redshifts), b) float
        [mag]; NaN where a band is not covered or a flux is not positive.
    """
    f_nu, out = flux * wave_angstrom**2, []
    for redshift in redshifts:
        seen = []
        for filters in (first, second):
            matrix = build_matrix(wave_angstrom * (1 + redshift), filters)
            mean = f_nu @ matrix.weights.T
            seen.append(
                np.where((matrix.coverage > 0.98) & (mean > 0), mean / np.maximum(matrix.coverage, 0.5), np.nan)
            )
        out.append(-2.5 * np.log10(seen[0] / seen[1]))
    return np.concatenate(out)


def template_spectra(*, thin: int = 1) -> tuple[Floats, Floats]:
    """E-MILES at all ages and metallicities, without dust and with A_V = 1 (a power law in wavelength, index -0.9).

    Vacuum wavelengths [Angstrom] and f_lambda (n, p); only every ``thin``-th pixel.
    """
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
    for name in FITTED:
        names, differences = shipped_against_measured(name, folder, thin=2)
        rms = np.sqrt(np.nanmean(differences**2, axis=0))
        whole = np.sqrt(np.nanmean(differences**2))
        worst = int(np.argmax(rms))
        print(
            f"{name}: shipped - measured over E-MILES, rms {whole:.4f} mag; worst band {names[worst]} "
            f"{rms[worst]:.4f} mag; largest single difference {np.nanmax(np.abs(differences)):.4f} mag"
        )


def main() -> None:
    """Write the tables, or compare those that ship with the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of measured curves")
    parser.add_argument("-o", "--out", type=Path, default=DATA)
    parser.add_argument("--report", action="store_true", help="only compare the shipped tables with the curves")
    options = parser.parse_args()
    if options.report:
        report(options.folder)
        return
    for name in FITTED:
        table = derive_table(name, options.folder)
        with whole_file(options.out / f"{name}.ecsv") as part:
            table.write(part, format="ascii.ecsv", overwrite=True)
        print(f"{name}: {len(table)} bands")


if __name__ == "__main__":
    main()
