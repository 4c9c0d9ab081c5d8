"""What happens to answers as less is known: a band's error grows, the redshift's error grows, rows of a real survey.

Run ``python benchmarks/less_known.py [--models splus jpas] [--galaxies 400] [--splus splus_dr4_dual.csv]`` (minutes).

*Bands*: the error of one band of a mock galaxy grows to q times that of the others, its flux with it; printed is the
mean change of the log density of the truth against the band missing, with the band fully believed and as agez answers.
*Redshifts*: median errors and coverage with an exact redshift, with errors, and without any.  *Real rows*: the same
with S-PLUS photometry (a file of the survey's DR4, its columns renamed here) inside the model's range.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table
from catalogue import rows_of

from agez.distributions.mixture import Mixture, log_density, marginal_of
from agez.mixture_network.calibrated_scores import normal_scores
from agez.mixture_network.mixture_model import network_of
from agez.models.features import normalised
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.photometry.tables import table_to_photometry
from agez.training.recipe_seds import seds_of_recipe
from agez.training.recipes import recipe
from agez.types import Photometry, Prediction

FACTORS = (1.0, 2.0, 3.0, 5.0, 10.0, 100.0)
REDSHIFT_ERRORS = (0.0, 0.003, 0.01, 0.03)


def mock_rows(name: str, n: int, snr: float, seed: int) -> tuple[Photometry, np.ndarray]:
    """Galaxies of the model's own kind, all bands of one error, and their truth."""
    rng, how = np.random.default_rng(seed), recipe(name)
    sky = seds_of_recipe(how, n, rng)
    return rows_of(sky, how.survey.even(snr), rng), sky.labels[:, :2]


def bands_table(name: str, n: int, snr: float) -> list[str]:
    """One row a factor."""
    model = load_model(name)
    rows, truth = mock_rows(name, n, snr, 5)
    rng, parts = np.random.default_rng(6), network_of(model)
    step = max(len(model.bands) // 12, 1)
    gain = np.zeros((len(FACTORS), 2))
    bands = range(0, len(model.bands), step)
    for b in bands:
        covered = rows.covered.copy()
        covered[:, b] = False
        flux, error = (np.where(covered, part, np.nan) for part in (rows.flux, rows.flux_err))
        without = replace(rows, flux=flux, flux_err=error, covered=covered)
        missing = log_density(ages_of(model.kind.answer(without).mixture), truth)
        for k, factor in enumerate(FACTORS):
            flux, error = rows.flux.copy(), rows.flux_err.copy()
            flux[:, b] += np.sqrt(factor**2 - 1) * error[:, b] * rng.standard_normal(len(rows))
            error[:, b] *= factor
            ours = model.kind.answer(replace(rows, flux=flux, flux_err=error)).mixture
            full = parts.answer(normalised(flux, error, rows.covered), rows.redshift, rows.redshift_err)
            gain[k] += [np.mean(log_density(ages_of(one), truth) - missing) for one in (full, ours)]
    gain /= len(bands)
    return [
        f"| {name} | {snr:g} | {factor:g} | {full:+.3f} | {ours:+.3f} |"
        for factor, (full, ours) in zip(FACTORS, gain, strict=True)
    ]


def ages_of(mixture: Mixture) -> Mixture:
    """The distribution of age and [M/H]."""
    return marginal_of(mixture, [0, 1])


def widths(found: Prediction) -> str:
    """Median errors."""
    return f"{np.nanmedian(found.log_age_lw_err):.3f} | {np.nanmedian(found.mh_lw_err):.3f}"


def redshift_table(name: str, n: int, snr: float) -> list[str]:
    """One row for each error of the redshift."""
    model, rng = load_model(name), np.random.default_rng(7)
    rows, truth = mock_rows(name, n, snr, 8)
    low, high = model.header["redshift_range"]
    lines = []
    for error in (*REDSHIFT_ERRORS, None):
        z = np.full(len(rows), np.nan)
        if error is not None:
            z = np.clip(rows.redshift + error * rng.standard_normal(len(rows)), low, high)
        found = model.kind.answer(replace(rows, redshift=z, redshift_err=np.full(len(rows), error or 0.0)))
        inside = np.mean(np.abs(normal_scores(ages_of(found.mixture), truth)) < 1, axis=0)
        known = "unknown" if error is None else f"{error:g}"
        lines.append(f"| {name} | {snr:g} | {known} | {widths(found)} | {inside[0]:.2f} | {inside[1]:.2f} |")
    return lines


def real_rows(path: Path, model: Model) -> list[str]:
    """S-PLUS rows inside the model's range: redshifts as they are and unknown, fewer bands, larger errors."""
    table = Table.read(path, format="ascii.csv", converters={"_hipscat_index": str})
    columns = {"redshift": table["zb_"]}
    survey = {"uJAVA": "u", "gSDSS": "g", "rSDSS": "r", "iSDSS": "i", "zSDSS": "z"}
    for band in model.bands.names:
        own = survey.get(band, band)
        columns[f"mag_{band}"], columns[f"mag_{band}_err"] = table[f"{own}_auto_dual"], table[f"e_{own}_auto_dual"]
    rows = table_to_photometry(Table(columns), filters="splus", redshift_err=0.01)
    rows = rows.take((rows.redshift < model.header["redshift_range"][1]) & (rows.covered.sum(axis=1) == 12))
    nan = np.full(len(rows), np.nan)
    fewer = rows.covered.copy()
    fewer[:, 1:5:2] = False
    flux, error = (np.where(fewer, part, np.nan) for part in (rows.flux, rows.flux_err))
    ways = {
        "as they are": rows, "redshift unknown": replace(rows, redshift=nan),
        "without J0378 and J0410": replace(rows, flux=flux, flux_err=error, covered=fewer),
        "errors three times as large": replace(rows, flux_err=3 * rows.flux_err),
    }  # fmt: skip
    lines = []
    for way, one in ways.items():
        found = model.kind.answer(one)
        flagged = 100 * np.mean(found.ood[found.answered] > 1)
        lines.append(f"| {len(rows)} rows, {way} | {widths(found)} | {flagged:.1f} % |")
    return lines


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["splus", "jpas"])
    parser.add_argument("--galaxies", type=int, default=400)
    parser.add_argument("--splus", type=Path, help="the survey's photometry, for the real rows")
    options = parser.parse_args()
    print("| model | S/N | q | band used as given | as treated by agez |\n|---|---:|---:|---:|---:|")
    for name in options.models:
        for snr in (10.0, 30.0, 100.0):
            print("\n".join(bands_table(name, options.galaxies, snr)), flush=True)
    print("\n| model | S/N | redshift error | age error | [M/H] error | age in 68 % | [M/H] in 68 % |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in options.models:
        for snr in (10.0, 100.0):
            print("\n".join(redshift_table(name, 2 * options.galaxies, snr)), flush=True)
    if options.splus is not None:
        print("\n| S-PLUS | age error | [M/H] error | flagged |\n|---|---:|---:|---:|")
        print("\n".join(real_rows(options.splus, load_model("splus"))))


if __name__ == "__main__":
    main()
