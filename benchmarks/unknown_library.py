"""Galaxies and single ages of a template library that a network has never seen: do its intervals hold?

Run ``python benchmarks/unknown_library.py MODEL [--left-out NAME ...] [--kept FOLDER] [--out FILE.md]``.

For each library in turn a smaller network is trained and calibrated that has not seen it (nor libraries that it
completes), one of those by which the intervals of the shipped model are widened: six minutes of one core each, kept in
FOLDER (that of ``tools/make_models.py --kept`` has them).  Its intervals are widened in the same way, as the others of
them say.  It answers galaxies of the recipe's kind that are made of the unknown library alone, and single-age
populations of that library (log age 8.5 to 10.1, [M/H] -0.8 to +0.2), at known redshifts below 0.1, with noise but
without errors of the calibration: the network has no other excuse.  The rows "as seen" have the noise and the errors
of the recipe's survey, at all of its redshifts.  ``--shipped`` answers with the model that ships, which knows all
libraries.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from catalogue import SCALE, cells, rows_of, seen_by, truth_of

from agez.mixture_network.mixture_model import Network
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.photometry.response import build_matrix
from agez.training.recipe_seds import seds_of_recipe
from agez.training.recipes import Recipe, recipe
from agez.training.shipped_training import finished_model, networks_left_out
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.libraries import common_wave
from agez.types import Floats, Photometry, Prediction, Rows

SNRS = (30.0, 100.0)
REDSHIFTS = (0.005, 0.1)
#: Populations of one age that are tested, log age [yr] and [M/H].
AGES, METALS = (8.5, 10.1), (-0.8, 0.2)
#: Redshift and velocity dispersion [km/s] of these.
AT, SIGMA_KMS = 0.02, 150.0
#: Galaxies by which the small models are calibrated.
N_CALIBRATION = 40_000
#: Each is seen so often that a library has at least this many rows.
LEAST_ROWS = 300
HEAD = ("library", "S/N", "what", "rows", "bias age", "bias [M/H]", "68 % age", "68 % [M/H]", "95 % age", "95 % [M/H]")


def model_without(whole: Recipe, name: str, networks: Mapping[str, Network], workers: int) -> Model:
    """The small model that has not seen a library, widened by how the others of its kind fail."""
    small = replace(whole.without(name), n_calibration=N_CALIBRATION)
    # of the two that complete the others, nothing is left without both
    others = {other: networks[other] for other in small.main_libraries if small.libraries_without(other)}
    return finished_model(small, (networks[name],), left_out=others, workers=workers)


def rows(flux: Floats, redshift: Floats, model: Model, snr: float, rng: np.random.Generator) -> Photometry:
    """Rows of equal noise in all bands, otherwise perfect."""
    flux = SCALE * flux / flux.mean(axis=1, keepdims=True)
    error = np.full_like(flux, SCALE / snr)
    n = len(flux)
    return Photometry(
        model.bands, flux + error * rng.standard_normal(flux.shape), error, np.ones(flux.shape, bool), Rows.numbered(n),
        redshift, np.zeros(n, np.int32), {}, redshift_err=np.zeros(n),
    )  # fmt: skip


def galaxies(whole: Recipe, name: str, n: int, seed: int) -> tuple[Floats, Floats, dict[str, Floats]]:
    """Fluxes, redshifts and truth of galaxies of one library."""
    alone = replace(
        whole.of_library(name), redshift_range=REDSHIFTS, near_share=0.0, rest_share=0.0,
        targets=("log_age_lw", "mh_lw"), main_targets=(), first_targets=0, tell_library=False,
    )  # fmt: skip
    sky = seds_of_recipe(alone, n, np.random.default_rng(seed))
    return sky.flux.astype(float), sky.redshift, {"log_age_lw": sky.labels[:, 0], "mh_lw": sky.labels[:, 1]}


def single_ages(whole: Recipe, name: str) -> tuple[Floats, Floats, dict[str, Floats]]:
    """The same of a library's own populations of one age and metallicity."""
    (library,) = load_libraries([next(iter(whole.of_library(name).libraries))])
    seen = common_wave() * (1 + AT)
    log_age, mh = (grid.ravel() for grid in np.meshgrid(library.log_age, library.mh, indexing="ij"))
    kept = (log_age >= AGES[0]) & (log_age <= AGES[1]) & (mh >= METALS[0]) & (mh <= METALS[1])
    spectra = library.broadened(SIGMA_KMS).reshape(len(log_age), -1)[kept]
    flux = (spectra * (seen * seen)) @ build_matrix(seen, whole.filters()).weights.T
    times = -(-LEAST_ROWS // int(kept.sum()))
    truth = {"log_age_lw": np.tile(log_age[kept], times), "mh_lw": np.tile(mh[kept], times)}
    return np.tile(flux, (times, 1)).astype(float), np.full(times * int(kept.sum()), AT), truth


def lines(model: Model, whole: Recipe, name: str, n: int) -> list[str]:
    """Rows of the table of one library."""
    out, rng = [], np.random.default_rng(5)
    for words, (flux, redshift, truth) in (
        ("galaxies", galaxies(whole, name, n, 3)), ("single ages", single_ages(whole, name))
    ):  # fmt: skip
        for snr in SNRS:
            found = predict(model, rows(flux, redshift, model, snr, rng), targets=["log_age_lw", "mh_lw"])
            out.append(f"| {name} | {snr:g} | {words} | {len(flux)} | {numbers(found, truth)} |")
    sky = seds_of_recipe(replace(whole.of_library(name), near_share=0.0, rest_share=0.0), n, np.random.default_rng(4))
    for snr in SNRS:
        found = predict(model, rows_of(sky, seen_by(whole, snr), 6))
        out.append(f"| {name} | {snr:g} | as seen | {n} | {numbers(found, truth_of(sky))} |")
    return out


def numbers(found: Prediction, truth: dict[str, Floats]) -> str:
    """Cells of bias and coverage."""
    (_, *age), (_, *metals) = (cells(found, truth, target) for target in ("log_age_lw", "mh_lw"))
    out = [f"{age[0]:+.3f}", f"{metals[0]:+.3f}"]
    return " | ".join([*out, *(f"{100 * one[k]:.0f}" for k in (1, 2) for one in (age, metals))])


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="whose recipe is taken")
    parser.add_argument("--left-out", nargs="+", metavar="NAME", help="default: every library in turn")
    parser.add_argument("--shipped", action="store_true", help="the model that ships, which knows all libraries")
    parser.add_argument("--galaxies", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kept", type=Path, help="folder for the small networks, to go on from")
    parser.add_argument("--out", type=Path, help="also write the table here")
    options = parser.parse_args(arguments)
    whole = recipe(options.model)
    names = options.left_out or list(whole.main_libraries)
    networks = {} if options.shipped else networks_left_out(whole, workers=options.workers, kept=options.kept)
    table = [f"| {' | '.join(HEAD)} |", "|---|---:|---|" + "---:|" * (len(HEAD) - 3)]
    print("\n".join(table), flush=True)
    for name in names:
        model = load_model(options.model) if options.shipped else model_without(whole, name, networks, options.workers)
        found = lines(model, whole, name, options.galaxies)
        print("\n".join(found), flush=True)
        table += found
    if options.out is not None:
        options.out.write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
