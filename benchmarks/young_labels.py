"""Labels of star-forming galaxies by E-MILES and by E-MILES continued to young stars: tables in Markdown.

Real nuclei of the atlas of Storchi-Bergmann, Calzetti & Kinney, against the network ``jpas`` and the gas; and mock
spectra whose stars, old and young, are those of other libraries, against truth::

    python benchmarks/young_labels.py [--sky ../shared/data/sky] [--spectra 80] [--donors]

Without the folder of --sky only mocks are shown.  Bars: fit and network within 2 sigma in 90 % of star-forming nuclei;
[M/H] of the fit within 0.35 dex of the gas'; galaxies without star formation within 0.03 dex of the fit with E-MILES;
less than 5 % of ordinary mock spectra flagged ON_GRID_EDGE.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from label_accuracy import make_cases
from real_spectra import sources
from scipy.ndimage import gaussian_filter1d

import agez
from agez.bench.registry import find_sets
from agez.bench.spectra_bench import SOLAR_OH, fitted
from agez.errors import AgezError
from agez.experiments.diverse_galaxies import mock_library
from agez.flags import Flag, has_flag
from agez.label_types import Labels
from agez.mocks.nebular_continuum import continuum_over_halpha
from agez.models.model_file import load_model
from agez.models.predict import predict_spectra
from agez.photometry.air import air_to_vacuum, to_medium
from agez.spectra.combined_templates import continued_to_young_ages, interpolated_along
from agez.spectra.dust import attenuation_curve
from agez.spectra.fit_settings import FitSettings
from agez.spectra.templates import SSPGrid, load_templates
from agez.spectra.young_templates import YOUNG_LOG_AGES
from agez.types import Floats, Rows, Spectra

SETS = ("emiles", "emiles-young")
#: Libraries that mock spectra are made with.
LIBRARIES = ("popstar", "mastar", "bc03-miles")
#: log age and EW(Ha) [Angstrom] of a burst (Leitherer et al. 1999, ApJS 123, 3, figure 83).
NEBULAR = ([6.5, 6.6, 6.7, 6.8, 6.9, 7.0, 7.1], [2000.0, 1000.0, 500.0, 200.0, 60.0, 20.0, 0.0])
#: Nuclei with strong star formation that the atlas lists elsewhere, quiet ones that it lists as LINERs, and one that is
#: neither: NGC 205 is an elliptical with young stars.
ALSO_FORMING, ALSO_QUIET, NEITHER = ("ngc3077", "ngc6221"), ("ngc1052", "ngc1433"), ("ngc205",)
#: Photometry of spectra that are flux-calibrated to this.
CALIBRATION = 0.03
#: Of the spectra beside the atlas one has young stars; those below this S/N per pixel are left out.
YOUNG, LEAST_SNR = ("NGC 3073, SDSS",), 5.0
#: Light fractions of young stars of the mocks; wavelengths [Angstrom], FWHM and S/N per Angstrom.
YOUNG_SHARES = (0.0, 0.2, 0.5, 0.8)
WAVE, FWHM, SNR = np.arange(3650.0, 7400.0, 2.0), 6.0, 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sky", type=Path, default=Path("../shared/data/sky"), help="folder of real spectra")
    parser.add_argument("--spectra", type=int, default=80, help="mock spectra of each library")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--donors", action="store_true", help="also E-MILES continued with each of the libraries")
    options = parser.parse_args()
    grids = {name: load_templates(name) for name in SETS}
    if (options.sky / "atlas").is_dir():
        real(options.sky, grids)
    else:
        print(f"no real spectra: {options.sky}/atlas is not there (--sky)\n")
    if options.donors:
        grids |= donors(grids["emiles"].cut(3660.0, 7500.0))
    mocks(grids, options.spectra, options.seed)
    flagged({name: grids[name] for name in SETS}, options.seed)


# ---------------------------------------------------------------- real spectra


def real(sky: Path, grids: dict[str, SSPGrid]) -> None:
    """Tables of the atlas."""
    model = load_model("jpas")
    print("**Star-forming nuclei**: log age, [M/H]; last columns: emiles-young less network over both errors\n")
    header = ["nucleus", "S/N", *(f"{name}" for name in SETS), "young light", "calibrated continuum", "network", "gas",
              "d log age", "d [M/H]", "flags, emiles", "flags, emiles-young"]  # fmt: skip
    row(header), row(["---"] * len(header))
    inside, near_gas, glowing, edge = [], [], [], {name: [] for name in SETS}
    gas_too = with_nebular_continuum(grids["emiles-young"])
    forming, quiet = atlas(sky, grids["emiles"])
    for name, spectra, gas_mh in forming:
        labels = {one: agez.fit_labels(spectra, grid) for one, grid in grids.items()}
        calibrated = agez.fit_labels(spectra, grids["emiles-young"], settings=FitSettings(continuum="calibrated"))
        level = np.abs(spectra.flux) * CALIBRATION
        found = predict_spectra(model, replace(spectra, flux_err=np.maximum(spectra.flux_err, level)))
        ours = labels["emiles-young"]
        glow = agez.fit_labels(spectra, gas_too)
        glowing.append([float(getattr(glow, one)[0] - getattr(ours, one)[0]) for one in ("log_age_lw", "mh_lw")])
        pulls = [
            float((getattr(ours, one) - getattr(found, one))[0])
            / float(np.hypot(getattr(ours, f"{one}_err"), getattr(found, f"{one}_err"))[0])
            for one in ("log_age_lw", "mh_lw")
        ]
        inside.append(max(map(abs, pulls)) < 2)
        for one in SETS:
            edge[one].append(bool(has_flag(labels[one].flags, Flag.ON_GRID_EDGE)[0]))
        if np.isfinite(gas_mh):
            near_gas.append((name, float(ours.mh_lw[0]) - gas_mh))
        assert ours.weights is not None
        young = float(ours.weights[0][grids["emiles-young"].log_age < 7.75].sum())
        row([
            name, f"{ours.snr[0]:.0f}", *(words(labels[one]) for one in SETS), f"{young:.2f}", words(calibrated),
            words(found), f"{gas_mh:+.2f}" if np.isfinite(gas_mh) else "-", *(f"{pull:+.1f}" for pull in pulls),
            *("ON_GRID_EDGE" if edge[one][-1] else "-" for one in SETS),
        ])  # fmt: skip
    print(f"\nwithin 2 sigma of the network: {sum(inside)} of {len(inside)} (bar: 90 %)")
    print("[M/H] less the gas' (bar: 0.35): " + ", ".join(f"{name} {value:+.2f}" for name, value in near_gas))
    print("flagged ON_GRID_EDGE: " + ", ".join(f"{one} {sum(edge[one])} of {len(edge[one])}" for one in SETS) + "\n")
    middle, most = np.median(glowing, axis=0), np.abs(glowing).max(axis=0)
    print(
        "nebular continuum in templates younger than 12 Myr moves log age by "
        f"{middle[0]:+.3f} (median; at most {most[0]:.2f}) and [M/H] by {middle[1]:+.3f} ({most[1]:.2f})\n"
    )
    print("**Without star formation**: log age, [M/H]; difference of the two sets (bar: 0.03)\n")
    header = ["galaxy", "S/N", *SETS, "network", "d log age", "d [M/H]"]
    row(header), row(["---"] * len(header))
    moved = []
    for name, spectra in (*((name, spectra) for name, spectra, _ in quiet), *readable(sky)):
        labels = {one: agez.fit_labels(spectra, grid) for one, grid in grids.items()}
        level = np.abs(spectra.flux) * CALIBRATION
        found = predict_spectra(model, replace(spectra, flux_err=np.maximum(spectra.flux_err, level)))
        moves = [
            float((getattr(labels["emiles-young"], one) - getattr(labels["emiles"], one))[0])
            for one in ("log_age_lw", "mh_lw")
        ]
        moved.append(max(map(abs, moves)) < 0.03)
        row([
            name, f"{labels['emiles'].snr[0]:.0f}", *(words(labels[one]) for one in SETS), words(found),
            *(f"{move:+.3f}" for move in moves),
        ])  # fmt: skip
    print(f"\nmoved by less than 0.03 dex in both: {sum(moved)} of {len(moved)}\n")


def atlas(sky: Path, grid: SSPGrid) -> tuple[list[tuple[str, Spectra, float]], ...]:
    """Nuclei with and without star formation: names, spectra with errors by which ``grid`` fits them, [M/H] of gas."""
    (one,) = find_sets(["atlas"])
    rows = one.rows(str(sky))
    name, kind, gas_mh = rows.known.name, rows.known.kind, rows.known.gas_oh - SOLAR_OH
    forming = (kind == "starburst") | np.isin(name, ALSO_FORMING)
    quiet = np.isin(kind, ("elliptical", "spiral")) | np.isin(name, ALSO_QUIET)
    return tuple(
        [(str(name[k]), fitted(rows.spectra[k], grid)[0], float(gas_mh[k])) for k in np.flatnonzero(chosen)]
        for chosen in (forming, quiet & ~forming & ~np.isin(name, NEITHER))
    )


def readable(sky: Path) -> list[tuple[str, Spectra]]:
    """Spectra of SDSS and MaNGA with errors of their own, in the folder and in packages."""
    found = [(path.name, path) for path in sorted((sky / "spectra").glob("sp*.fit*"))]
    found += [(one.name, one.path) for one in sources(None) if one.path is not None and one.name not in YOUNG]
    out = []
    for name, path in found:
        spectra = agez.read_spectra(path)
        noise = np.nanmedian(np.where(spectra.mask, np.nan, spectra.flux / spectra.flux_err), axis=1)
        bright = np.flatnonzero(noise > LEAST_SNR)
        out += [(name if len(spectra) == 1 else f"{name}, {i + 1}", spectra.take([i])) for i in bright]
    return out


def with_nebular_continuum(grid: SSPGrid) -> SSPGrid:
    """The templates with the light of the gas that they ionise, by their age alone."""
    wave, log_age = grid.wave_angstrom, grid.log_age
    width = np.interp(log_age, *NEBULAR, right=0.0)
    at_halpha = grid.flux[..., np.abs(wave - 6530.0) < 20].mean(axis=-1)
    over_halpha = continuum_over_halpha(air_to_vacuum(wave), np.array([1e4]))[0]
    gas = (width[:, None] * at_halpha)[..., None] * over_halpha
    return replace(grid, name=f"{grid.name}, gas", flux=(grid.flux + gas).astype(np.float32))


def words(answer: object) -> str:
    """The first row's log age and [M/H]."""
    age, age_err, mh, mh_err = (float(getattr(answer, f"{name}{end}")[0])
                                for name in ("log_age_lw", "mh_lw") for end in ("", "_err"))  # fmt: skip
    return f"{age:.2f} ± {age_err:.2f}, {mh:+.2f} ± {mh_err:.2f}"


def row(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


# ---------------------------------------------------------------- mocks


@dataclass(frozen=True, eq=False)
class Mocks:
    """Mock spectra, and what they were made with."""

    spectra: Spectra
    young_share: Floats
    log_age: Floats
    mh: Floats


def donors(emiles: SSPGrid) -> dict[str, SSPGrid]:
    """E-MILES continued with each library, to choose among them."""
    return {
        f"emiles + {name}": continued_to_young_ages(emiles, library(name), log_ages=YOUNG_LOG_AGES)
        for name in LIBRARIES
    }


def library(name: str) -> SSPGrid:
    """A library of mock spectra: PopStar with the fine detail of E-MILES."""
    return mock_library(name, False)[0] if name == "popstar" else load_templates(name)


def make_mocks(name: str, n: int, rng: np.random.Generator) -> Mocks:
    """Stars formed at a constant rate in the last 6 to 300 Myr, with a share of the light, over an older history.

    [M/H] of the young ones is uniform in -0.65 to 0.2, that of the older ones up to 0.2 dex lower; A_V is up to 1 mag;
    no emission lines.
    """
    grid = library(name)
    wave = to_medium(grid.wave_angstrom, grid.medium, "air")
    flux = np.asarray(interpolated_along(grid.flux.astype(float), wave, WAVE, 2))
    log_age = np.arange(max(grid.log_age[0], 6.3), min(grid.log_age[-1], 10.12), 0.05)
    age = 10**log_age
    step, last = float(WAVE[1] - WAVE[0]), 10**10.12

    def seen(mass: Floats, mh: float) -> tuple[Floats, Floats]:
        metals = [interpolated_along(values, grid.mh, np.array([mh]), 1)[:, 0] for values in (flux, grid.light)]
        spectrum, light = (interpolated_along(values, grid.log_age, log_age, 0) for values in metals)
        return mass @ spectrum, mass * light

    curve = attenuation_curve(WAVE, "calzetti")
    sigma = np.hypot(np.sqrt(max(FWHM**2 - grid.fwhm_angstrom**2, 0.0)) / 2.355, 100 / 3e5 * 5500)
    fluxes, truth = [], []
    for i in range(n):
        share, mh = YOUNG_SHARES[i % len(YOUNG_SHARES)], rng.uniform(-0.65, 0.2)
        older = mh - 0.2 * rng.random()
        duration, decline = 10 ** rng.uniform(6.8, 8.5), 10 ** rng.uniform(9, 10)
        young, light_young = seen(np.where(age <= duration, age, 0.0), mh)
        old, light_old = seen(np.where(age > duration, age * np.exp((age - last) / decline), 0.0), older)
        parts = share / light_young.sum(), (1 - share) / light_old.sum()
        light = parts[0] * light_young + parts[1] * light_old
        truth.append((share, light @ log_age, share * mh + (1 - share) * older))
        one = (parts[0] * young + parts[1] * old) * 10 ** (-0.4 * rng.uniform(0, 1) * curve)
        fluxes.append(gaussian_filter1d(one / np.median(one), sigma / step))
    error = np.full((n, len(WAVE)), 1 / SNR / np.sqrt(step))
    seen_flux = np.array(fluxes) + error * rng.standard_normal(error.shape)
    spectra = Spectra(
        wave_angstrom=WAVE, flux=seen_flux.astype(np.float32), flux_err=error.astype(np.float32),
        mask=np.zeros(error.shape, dtype=bool), medium="air", rows=Rows.numbered(n), redshift=np.zeros(n),
        fwhm_angstrom=np.full(len(WAVE), FWHM), flux_unit="erg / (s cm2 Angstrom)", flags=np.zeros(n, dtype=np.int32),
        meta={"source": name},
    )  # fmt: skip
    return Mocks(spectra, *np.array(truth).T)


def mocks(grids: dict[str, SSPGrid], n: int, seed: int) -> None:
    """Table of mocks of each library fitted with each set."""
    print("**Mock spectra of other libraries**: median error (sigma_mad); rms of error over the error given\n")
    header = ["stars of", "fitted with", "young light", "log age", "[M/H]", "log age, pull", "[M/H], pull"]
    row(header), row(["---"] * len(header))
    rng = np.random.default_rng(seed)
    for name in LIBRARIES:
        try:
            made = make_mocks(name, n, rng)
        except AgezError as error:
            print(f"| {name} | {error} |")
            continue
        for title, grid in grids.items():
            labels = agez.fit_labels(made.spectra, grid)
            for share in YOUNG_SHARES:
                chosen = made.young_share == share
                row([name, title, f"{share:g}", *_scores(labels, made, chosen)])
    print()


def _scores(labels: Labels, made: Mocks, chosen: np.ndarray) -> list[str]:
    spread, pulls = [], []
    for name, truth in (("log_age_lw", made.log_age), ("mh_lw", made.mh)):
        off = (getattr(labels, name) - truth)[chosen]
        mad = 1.4826 * np.median(np.abs(off - np.median(off)))
        spread.append(f"{np.median(off):+.2f} ({mad:.2f})")
        pulls.append(f"{np.sqrt(np.mean((off / getattr(labels, name + '_err')[chosen]) ** 2)):.1f}")
    return spread + pulls


def flagged(grids: dict[str, SSPGrid], seed: int) -> None:
    """How many ordinary mock spectra lean on the edge of the grid, and how wrong they are."""
    print("**Spectra of the mock survey** (E-MILES, S/N 15 to 60) with and without ON_GRID_EDGE: rms of the error\n")
    header = ["fitted with", "ON_GRID_EDGE", "share", "log age", "[M/H]", "log age, pull", "[M/H], pull"]
    row(header), row(["---"] * len(header))
    cases = make_cases(grids["emiles"], 100, seed=seed)
    for name, grid in grids.items():
        labels = agez.fit_labels(cases.spectra, grid)
        edge = has_flag(labels.flags, Flag.ON_GRID_EDGE)
        for word, chosen in (("yes", edge), ("no", ~edge)):
            cells = []
            for of in (lambda d, e: d, lambda d, e: d / e):
                for label in ("log_age_lw", "mh_lw"):
                    off = getattr(labels, label) - getattr(cases.truth, label)
                    cells.append(f"{np.sqrt(np.nanmean(of(off, getattr(labels, label + '_err'))[chosen] ** 2)):.2f}")
            row([name, word, f"{chosen.mean():.3f}", *cells])


if __name__ == "__main__":
    main()
