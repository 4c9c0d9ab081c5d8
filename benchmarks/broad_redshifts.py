"""Rows of broad and unknown redshift: what the redshift that is found is worth, and what a photometric one does.

Run ``python benchmarks/broad_redshifts.py [jpas splus] [--galaxies 3000]`` (minutes).

*Found*, of models that answer near galaxies at the redshift that is found: CRPS of these answers over that of answers
of unknown redshift times the given one, by redshift and signal-to-noise ratio.  *Given twice*: the model's own redshift
and error, given back as if it had been measured otherwise; median errors and coverage, against those without redshift.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from catalogue import cells, rows_of, truth_of

from agez.distributions.marginals import crps
from agez.mixture_network.mixture_model import network_of
from agez.models.model_file import load_model
from agez.training.recipe_seds import seds_of_recipe
from agez.training.recipes import recipe
from agez.training.sed_batches import labels_as_seen, seen_by
from agez.training_seds.seds import TrainingSeds

BINS = ((0.0, 0.05), (0.05, 0.1), (0.1, 0.15), (0.15, 0.3), (0.3, 1.0))
SNRS = (10.0, 30.0, 100.0)
SHOWN = ("log_age_lw", "mh_lw", "redshift_phot", "av", "log_mass", "ew_ha", "ur_rest")


def galaxies(name: str, n: int, redshift_range: tuple[float, float], seed: int) -> TrainingSeds:
    """Galaxies of a model's recipe, evenly in a range of redshifts."""
    how = replace(recipe(name), redshift_range=redshift_range, near_share=0.0, rest_share=0.0)
    return seds_of_recipe(how, n, np.random.default_rng(seed))


def found_table(name: str, n: int) -> list[str]:
    """One row a bin of redshift and signal-to-noise ratio."""
    how, network = recipe(name), network_of(load_model(name))
    found = network.of_unknown
    assert found is not None
    times = replace(found, at_found=None)
    lines, at = [], [how.targets.index(one) for one in SHOWN]
    for number, (low, high) in enumerate(one for one in BINS if one[0] < how.redshift_range[1]):
        sky, rng = galaxies(name, n, (low, high), 20 + number), np.random.default_rng(30 + number)
        nothing = np.full(n, np.nan)
        for snr in SNRS:
            seen = seen_by(sky, rng, how.survey.even(snr))
            truth = labels_as_seen(sky, seen, nothing, nothing, how.redshift_range, rng)
            of_each = [crps(one.answer(seen, nothing, nothing), truth).mean(axis=0)[at] for one in (found, times)]
            ratios = " | ".join(f"{one:.2f}" for one in of_each[0] / of_each[1])
            lines.append(f"| {name} | {low:g} to {high:g} | {snr:g} | {ratios} |")
    return lines


def given_twice(name: str, n: int, snr: float) -> list[str]:
    """Two rows: without a redshift, and with the model's own given back."""
    how, model = recipe(name), load_model(name)
    sky = galaxies(name, n, how.redshift_range, 7)
    rows, truth = rows_of(sky, how.survey.even(snr), 8, known=False), truth_of(sky)
    own = model.kind.answer(rows)
    back = model.kind.answer(replace(rows, redshift=own.redshift_phot, redshift_err=own.redshift_phot_err))
    lines = []
    for word, one in (("unknown", own), ("the model's own", back)):
        parts = []
        for column in ("redshift_phot", "log_age_lw", "mh_lw"):
            half_width = np.median(getattr(one, f"{column}_p84") - getattr(one, f"{column}_p16")) / 2
            parts.append(f"{half_width:.4f} | {cells(one, truth, column)[2]:.2f}")
        lines.append(f"| {name} | {snr:g} | {word} | {' | '.join(parts)} |")
    return lines


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["jpas", "splus"])
    parser.add_argument("--galaxies", type=int, default=3000)
    options = parser.parse_args()
    some = [name for name in options.models if load_model(name).header.get("answers_at_found_redshift")]
    if some:
        print(f"| model | z | S/N | {' | '.join(SHOWN)} |\n|---|---|---:|{'---:|' * len(SHOWN)}")
    for name in some:
        print("\n".join(found_table(name, options.galaxies)), flush=True)
    columns = ("redshift error", "in 68 %", "age error", "in 68 %", "[M/H] error", "in 68 %")
    print(f"\n| model | S/N | given redshift | {' | '.join(columns)} |\n|---|---:|---|{'---:|' * len(columns)}")
    for name in options.models:
        for snr in (10.0, 30.0):
            print("\n".join(given_twice(name, options.galaxies, snr)), flush=True)


if __name__ == "__main__":
    main()
