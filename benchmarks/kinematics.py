"""Velocity and dispersion of mock spectra against truth, by signal-to-noise ratio and type, and what may spoil them.

Mock galaxies of CALIFA's kind with emission lines, noise added to give the stated S/N per Angstrom at 5500 A; then the
same spectra with a wrong redshift, with strong lines, with cosmic rays that no mask knows of.  One thread::

    python benchmarks/kinematics.py [--templates emiles] [--galaxies 3] [--spectra 100]
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from agez.mocks import observation
from agez.mocks.galaxies import MockGalaxy, make_galaxy
from agez.mocks.plan import survey_plan
from agez.spectra.kinematics import Kinematics, fit_kinematics, velocity_stretch
from agez.spectra.lines import EMISSION_LINES, SODIUM_LINES, SPEED_OF_LIGHT_KMS, near_lines
from agez.spectra.rebin import PixelSums, noise_correlation, pixel_edges
from agez.spectra.template_basis import TemplateBasis, prepare_basis, resolution_at_rest
from agez.spectra.templates import SSPGrid, load_templates
from agez.types import Floats, Spectra

SNR = (5.0, 10.0, 15.0, 30.0, 60.0)
#: Draws of the noise of each spectrum.
NOISES = 4
FIT_RANGE = (3750.0, 7000.0)
LINE_MASK_KMS = 700.0


@dataclass(frozen=True, eq=False)
class Case:
    """Spectra of one mock galaxy with their true motion."""

    spectra: Spectra
    velocity_kms: Floats
    sigma_kms: Floats


def noisy(galaxy: MockGalaxy, snr: float, rng: np.random.Generator) -> Case:
    """A perfect mock galaxy with noise added."""
    spectra = galaxy.spectra
    level = spectra.flux[:, np.abs(spectra.wave_angstrom / (1 + spectra.redshift[0]) - 5500) < 50].mean(axis=1)
    error = observation.noise_level(spectra.flux, level, np.full(len(level), snr))
    flux = spectra.flux + error * rng.standard_normal(error.shape, dtype=np.float32)
    return Case(replace(spectra, flux=flux, flux_err=error), galaxy.truth.velocity_kms, galaxy.truth.sigma_kms)


def basis_of(spectra: Spectra, grid: SSPGrid) -> TemplateBasis:
    """Templates at the resolution of ``spectra``."""
    wave = spectra.wave_angstrom
    return prepare_basis(
        grid, fit_range_angstrom=FIT_RANGE,
        velocity_step_kms=SPEED_OF_LIGHT_KMS * float(np.median(np.diff(wave) / wave[1:])),
        fwhm_rest_angstrom=resolution_at_rest(
            wave, spectra.fwhm_angstrom, redshift=float(np.median(spectra.redshift)), fit_range_angstrom=FIT_RANGE
        ),
        medium=spectra.medium,
    )  # fmt: skip


def fit(spectra: Spectra, grid: SSPGrid) -> Kinematics:
    """The kinematic fit alone, as the spectral fit does it."""
    basis, wave = basis_of(spectra, grid), spectra.wave_angstrom
    usable = ~near_lines(
        basis.wave_angstrom, (*EMISSION_LINES, *SODIUM_LINES), medium=spectra.medium, half_width_kms=LINE_MASK_KMS
    )
    scale = np.median(spectra.flux, axis=1, keepdims=True).astype(float)
    edges = pixel_edges(wave)
    sums = PixelSums.of(edges, spectra.flux / scale, (spectra.flux_err / scale) ** 2, ~spectra.mask)

    def shifted(velocity_kms: Floats) -> tuple[Floats, Floats]:
        stretch = (1.0 + spectra.redshift) * velocity_stretch(velocity_kms)
        flux, variance, good = sums.rebin(basis.edges_angstrom, stretch)
        return flux, np.where(good, 1.0 / variance, 0.0).astype(np.float32)

    return fit_kinematics(
        shifted, basis, len(spectra), usable=usable,
        correlation=noise_correlation(edges, basis.edges_angstrom, 1.0 + float(np.median(spectra.redshift))),
    )  # fmt: skip


def fit_all(cases: list[Case], grid: SSPGrid) -> tuple[Floats, float]:
    """(4, n) of measured rows: dV and the error given, dsigma and the error given; and the share not measured."""
    parts, lost, total = [], 0, 0
    for case in cases:
        found = fit(case.spectra, grid)
        use = found.measured
        lost, total = lost + np.sum(~use), total + len(use)
        parts.append(
            np.stack([
                found.velocity_kms - case.velocity_kms, found.velocity_err_kms,
                found.sigma_kms - case.sigma_kms, found.sigma_err_kms,
            ])[:, use]
        )  # fmt: skip
    return np.concatenate(parts, axis=1), lost / total


def row(name: str, cases: list[Case], grid: SSPGrid) -> str:
    """A row of the table."""
    difference, lost = fit_all(cases, grid)
    cells = []
    for value, error in (difference[:2], difference[2:]):
        spread = 1.4826 * np.median(np.abs(value - np.median(value)))
        inside = np.mean(np.abs(value) < error)
        cells.append(f"{np.median(value):+6.1f} | {spread:5.1f} | {np.median(error):5.1f} | {100 * inside:3.0f}")
    return f"| {name} | {' | '.join(cells)} | {100 * lost:4.1f} |"


def main() -> int:
    """Print the table and the rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", default="emiles")
    parser.add_argument("--galaxies", type=int, default=3, help="of each type")
    parser.add_argument("--spectra", type=int, default=100, help="of each galaxy, about")
    options = parser.parse_args()
    grid = load_templates(options.templates)
    plan = survey_plan(8 * options.galaxies, 8 * options.galaxies * options.spectra, seed=3)
    rng = np.random.default_rng(7)
    galaxies = {
        kind: [
            make_galaxy(plan, int(i), grid, perfect=True)
            for i in np.flatnonzero(plan.galaxies.morphology == kind)[: options.galaxies]
        ]
        for kind in ("early", "late")
    }
    print(f"{grid.name}; errors [km/s]: median, sigma_mad, median of the error given, % within it; % not measured\n")
    print("| | dV | mad | error | in | dsigma | mad | error | in | lost |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with threadpool_limits(1):
        for kind, some in galaxies.items():
            for snr in SNR:
                cases = [noisy(one, snr, rng) for _ in range(NOISES) for one in some]
                print(row(f"{kind}, S/N {snr:.0f}", cases, grid))
            print(row(f"{kind}, no noise", [noisy(one, 3000.0, rng) for one in some], grid))
        for kind, some in galaxies.items():
            cases = [noisy(one, 15.0, rng) for _ in range(NOISES) for one in some]
            for name, change in (("cosmic rays", cosmic_rays), ("lines of EW(Ha) 300 A", strong_lines)):
                print(row(f"{kind}, S/N 15, {name}", [change(case, rng) for case in cases], grid))
            for wrong in (-300.0, 300.0, 500.0):
                print(row(f"{kind}, S/N 15, z wrong by {wrong:+.0f}", [moved(case, wrong) for case in cases], grid))
                strong = [moved(strong_lines(case, rng), wrong) for case in cases]
                print(row(f"{kind}, the same and strong lines", strong, grid))
        cases = [noisy(one, 30.0, rng) for one in galaxies["late"]]
        fit_all(cases, grid)
        start = time.process_time()
        fit_all(cases, grid)
        per_row = (time.process_time() - start) / sum(len(case.spectra) for case in cases)
        print(f"\n{1e3 * per_row:.2f} ms of processor time a spectrum")
    return 0


def moved(case: Case, kms: float) -> Case:
    """The same spectra with a catalogue redshift that is too small by ``kms``."""
    z = case.spectra.redshift
    wrong = (1 + z) * np.exp(-kms / SPEED_OF_LIGHT_KMS) - 1
    # c ln(1 + z) adds up, and so the true velocity of a row is its own and the redshift's error
    return replace(case, spectra=replace(case.spectra, redshift=wrong), velocity_kms=case.velocity_kms + kms)


def cosmic_rays(case: Case, rng: np.random.Generator) -> Case:
    """Ten pixels of each spectrum hit, which no mask knows of."""
    flux = case.spectra.flux.copy()
    n, p = flux.shape
    at = rng.integers(0, p, (n, 10))
    rows = np.arange(n)[:, None]
    flux[rows, at] += case.spectra.flux_err[rows, at] * rng.uniform(10, 300, at.shape).astype(np.float32)
    return replace(case, spectra=replace(case.spectra, flux=flux))


def strong_lines(case: Case, rng: np.random.Generator) -> Case:
    """Lines of a giant HII region on top, moving with the stars within 50 km/s; noise as before."""
    flux = case.spectra.flux.copy()
    level = np.median(flux, axis=1)
    strength = {"Halpha": 300, "NII6583": 90, "NII6548": 30, "Hbeta": 100, "OIII5007": 300, "OIII4959": 100,
                "OII3726": 120, "OII3729": 150, "Hgamma": 45, "Hdelta": 25, "SII6716": 40, "SII6731": 30}  # fmt: skip
    fluxes = np.array([strength.get(line.name, 0.0) for line in EMISSION_LINES]) * level[:, None]
    observation.add_lines(
        flux, fluxes, redshift=float(case.spectra.redshift[0]),
        velocity_kms=case.velocity_kms + rng.normal(0, 50, len(flux)), sigma_kms=np.full(len(flux), 60.0),
        fwhm_angstrom=observation.FWHM_ANGSTROM,
    )  # fmt: skip
    return replace(case, spectra=replace(case.spectra, flux=flux))


if __name__ == "__main__":
    sys.exit(main())
