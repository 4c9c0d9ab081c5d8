"""How near a network is to the best that its photometry allows: its posterior against exact importance weights.

Run ``python benchmarks/bayes_limit.py jpas [--redshift 0.05]`` (half an hour).  Galaxies of the model's recipe, at one
redshift that is exactly known, are observed in all bands with equal noise, and with the recipe's errors of calibration,
zero points and reported noise.  The network's calibrated distribution is compared with the exact posterior: importance
weights over an independent library of the same recipe (``exact_posterior.py``, a part of this script).  Rows with an
effective sample size below 20 are left out, and counted.

CRPS: mean over rows in the units that networks learn, and the ratio network / exact (1: nothing is left to gain).  Log
density: mean [nats], and the difference exact - network; ``exact_toy.py`` prints how far that of a finite sample is too
low.  Errors are from bootstraps over rows.  Truth and library have the small errors that labels have in training
(``LABEL_JITTER``).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from exact_posterior import LEAST_EFFECTIVE, Problem, Process, Row, RowScores, score_row, start

from agez.distributions.marginals import crps
from agez.distributions.mixture import Mixture, log_density, marginal_of
from agez.errors import AgezError
from agez.mixture_network.mixture_model import MixtureNetwork, network_of
from agez.models.features import NormalisedPhotometry, normalised
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.runtime.files import write_json
from agez.runtime.worker_pool import each_done
from agez.targets import network_values
from agez.training.recipe_seds import many_seds
from agez.training.recipes import Recipe, recipe
from agez.training.sed_batches import LABEL_JITTER, labels_as_seen
from agez.training_seds.observe import Survey, observe
from agez.training_seds.seds import TrainingSeds
from agez.types import Floats

#: SEDs from which each test row is drawn: neighbours share template library and velocity dispersion.
DRAWN_FOR_EACH = 100
BOOTSTRAPS = 1000


def recipe_of(model: Model, name: str | None) -> Recipe:
    """The recipe of that name, or the model's own."""
    if name is not None:
        return recipe(name)
    content = model.header["training"].get("recipe")
    if content is None:
        raise AgezError(f"model {model.header['name']!r} was not trained on training SEDs: give --recipe")
    return Recipe.from_dict(content)


def mixture_network(model: Model) -> MixtureNetwork:
    """Its network; AgezError if it is of another kind."""
    if not model.gives_distribution:
        raise AgezError(f"model {model.header['name']!r} gives no distributions; give one of a mixture network")
    return network_of(model)


def clear_survey(survey: Survey, snr: float) -> Survey:
    """All bands, equal noise, exact redshifts; calibration errors and errors of the noise as they are."""
    return replace(survey.even(snr), redshift_known=1.0, redshift_unknown=0.0)


def at_redshift(whole: Recipe, redshift: float) -> Recipe:
    """The same galaxies at one redshift."""
    low, high = whole.redshift_range
    if not low <= redshift <= high:
        raise AgezError(f"--redshift {redshift:g}: the recipe {whole.name!r} has {low:g} to {high:g}")
    spaxels = whole.spaxel_share if redshift == low == 0 else 0.0  # those are in the rest frame
    return replace(whole, redshift_range=(redshift, redshift), near_share=0.0, rest_share=0.0, spaxel_share=spaxels)


def complete(seds: TrainingSeds) -> TrainingSeds:
    """Those with all bands."""
    return seds if seds.present.all() else seds.take(seds.present.all(axis=1))


def library(seds: TrainingSeds, chosen: Sequence[int]) -> tuple[Floats, Floats]:
    """Fluxes (n, b), and values (n, d) of the chosen targets as networks learn them, at unit flux."""
    nothing = np.zeros(len(seds))
    values = network_values(seds.targets, seds.labels, log_flux=nothing, redshift_unit=(nothing, nothing + 1))
    return seds.flux, values[:, chosen]


def bayes_limit(
    model: Model, whole: Recipe, *, redshift: float, n_library: int, n_test: int, snrs: Sequence[float],
    targets: Sequence[str], seed: int, workers: int,
) -> dict[str, Any]:  # fmt: skip
    """Scores by S/N and target; see the module."""
    network, fixed = mixture_network(model), at_redshift(whole, redshift)
    chosen = [_place(whole, model, name) for name in targets]
    begun = time.monotonic()
    drawn = many_seds(fixed, n_test * DRAWN_FOR_EACH, (seed, 1), workers=workers)
    test = complete(drawn)
    if not len(test):
        raise AgezError(f"recipe {whole.name!r}: at redshift {redshift:g} no template library reaches all bands")
    n_drawn = n_library * len(drawn) // len(test)
    rng = np.random.default_rng((seed, 2))
    test = test.take(rng.choice(len(test), min(n_test, len(test)), replace=False))
    flux, values = library(complete(many_seds(fixed, n_drawn, (seed, 0), workers=workers)), chosen)
    jitter = LABEL_JITTER * network.members[0].scaling.label_std[chosen]
    values += jitter * rng.standard_normal(values.shape)
    _progress(f"{len(flux)} SEDs and {len(test)} test rows", begun)
    z, zero = np.full(len(test), redshift), np.zeros(len(test))
    per_flux = np.array([test.targets[t].per_flux for t in chosen])
    pivot, out = np.array(test.bands.pivot_angstrom), {}
    for snr in snrs:
        begun = time.monotonic()
        survey = replace(clear_survey(whole.survey, snr), bad_band=0.0)
        seds = normalised(*observe(test.flux, test.present, pivot, rng, survey=survey))
        truth = labels_as_seen(test, seds, z, zero, whole.redshift_range, rng)[:, chosen]
        truth = truth + jitter * rng.standard_normal(truth.shape)
        mixture = marginal_of(network.answer(seds, z, zero), chosen)
        exact = exact_scores(Problem(flux, values, per_flux, Process.of(survey, pivot)), seds, truth, workers=workers)
        out[f"{snr:g}"] = compared(mixture, exact, truth, targets, rng)
        _progress(f"S/N {snr:g}", begun)
    return out


def _progress(what: str, begun: float) -> None:
    print(f"{what}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def _place(whole: Recipe, model: Model, name: str) -> int:
    for has, what in ((whole.targets, f"the recipe {whole.name!r}"), (model.header["targets"], "the model")):
        if name not in has:
            raise AgezError(f"--targets {name}: {what} has {', '.join(has)}")
    if whole.targets != tuple(model.header["targets"]):
        raise AgezError(f"the model has other targets than the recipe {whole.name!r}: {', '.join(whole.targets)}")
    if name == "redshift_phot":
        raise AgezError("--targets redshift_phot: the redshift is exactly known here, and nothing is left to learn")
    return whole.targets.index(name)


def exact_scores(problem: Problem, seds: NormalisedPhotometry, truth: Floats, *, workers: int) -> list[RowScores]:
    """Of each row's exact posterior; fluxes are in units of their scale, as networks see them."""
    rows = [Row(k, seds.flux[k], seds.flux_err[k], truth[k]) for k in range(len(truth))]
    scores = {row.number: found for row, found in each_done(
        score_row, rows, workers=workers, start=start, start_with=(problem,)
    )}  # fmt: skip
    return [scores[k] for k in range(len(truth))]


def compared(
    mixture: Mixture, exact: Sequence[RowScores], truth: Floats, targets: Sequence[str], rng: np.random.Generator
) -> dict[str, Any]:
    """The scores of a mixture over the ``targets`` beside those of exact posteriors."""
    effective = np.array([one.effective for one in exact])
    kept = np.flatnonzero(effective >= LEAST_EFFECTIVE)
    out: dict[str, Any] = {
        "n": len(exact), "n_used": len(kept), "share_left_out": 1 - len(kept) / len(exact),
        "effective_median": float(np.median(effective)), "effective_p16": float(np.quantile(effective, 0.16)),
        "last_half_median": float(np.median([one.last_half for one in exact])),
        "last_half_largest": max(one.last_half for one in exact), "targets": {},
    }  # fmt: skip
    if len(kept) < 2:
        return out
    own_crps = crps(mixture, truth)
    again = rng.integers(len(kept), size=(BOOTSTRAPS, len(kept)))
    for t, name in enumerate(targets):
        one = np.array([[exact[k].crps[t], exact[k].log_density[t]] for k in kept]).T
        other = np.array([own_crps[kept, t], log_density(marginal_of(mixture, [t]), truth[:, [t]])[kept]])
        ratios = other[0][again].mean(axis=1) / one[0][again].mean(axis=1)
        gain = one[1] - other[1]
        out["targets"][name] = {
            "crps_network_all_rows": own_crps[:, t].mean(),
            "crps_network": other[0].mean(), "crps_exact": one[0].mean(),
            "crps_ratio": other[0].mean() / one[0].mean(), "crps_ratio_err": ratios.std(),
            "log_density_network": other[1].mean(), "log_density_exact": one[1].mean(),
            "log_density_difference": gain.mean(), "log_density_difference_err": gain[again].mean(axis=1).std(),
        }  # fmt: skip
        out["targets"][name] = {key: float(value) for key, value in out["targets"][name].items()}
    return out


def table(scores: dict[str, Any]) -> str:
    """As Markdown."""
    lines = [
        "| S/N | target | CRPS, network | exact | ratio | log density, network | exact | difference | n used "
        "| effective size, median | 16 % | left out |",
        "|---:|---|" + "---:|" * 10,
    ]
    for snr, part in scores.items():
        sizes = f"{part['effective_median']:.0f} | {part['effective_p16']:.0f} | {100 * part['share_left_out']:.0f} %"
        lines += [
            f"| {snr} | {name} | {one['crps_network']:.4f} | {one['crps_exact']:.4f} "
            f"| {one['crps_ratio']:.3f} ± {one['crps_ratio_err']:.3f} | {one['log_density_network']:+.3f} "
            f"| {one['log_density_exact']:+.3f} | {one['log_density_difference']:+.3f} ± "
            f"{one['log_density_difference_err']:.3f} | {part['n_used']} | {sizes} |"
            for name, one in part["targets"].items()
        ] or [f"| {snr} | none: too few rows are left |" + " - |" * 6 + f" {part['n_used']} | {sizes} |"]
    return "\n".join(lines)


def model_parser(description: str) -> argparse.ArgumentParser:
    """Options of a command that judges a model by galaxies of its recipe."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("model", help="name of a shipped model, or its file")
    parser.add_argument("--recipe", help="of that name (default: the recipe in the model's file)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, help="FILE.json, for the numbers")
    return parser


def main() -> None:
    """Run and print."""
    parser = model_parser(__doc__)
    parser.add_argument("--redshift", type=float, default=0.05)
    parser.add_argument("--n-library", type=int, default=500_000)
    parser.add_argument("--n-test", type=int, default=300)
    parser.add_argument("--snr", type=float, nargs="+", default=[10.0, 30.0, 100.0])
    parser.add_argument("--targets", nargs="+", default=["log_age_lw", "mh_lw"])
    options = parser.parse_args()
    try:
        model = load_model(options.model)
        scores = bayes_limit(
            model, recipe_of(model, options.recipe), redshift=options.redshift, n_library=options.n_library,
            n_test=options.n_test, snrs=options.snr, targets=options.targets, seed=options.seed,
            workers=options.workers,
        )  # fmt: skip
    except AgezError as error:
        raise SystemExit(f"bayes_limit.py: {error}") from None
    print(table(scores))
    if options.out is not None:
        settings = {key: value for key, value in vars(options).items() if key != "out"}
        write_json(options.out, {"settings": settings, "scores": scores})


if __name__ == "__main__":
    main()
