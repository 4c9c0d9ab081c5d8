"""Information in photometry on each target of a model, in bits, beyond what is known of galaxies before.

Run ``python benchmarks/information.py jpas``.  Galaxies of the model's recipe are observed in all bands that their
template libraries reach, with equal noise, at exact redshifts and then at unknown ones.  Printed is the mean of
log2 p(label | photometry) - log2 p(label).  One bit halves the range of a value.

The first density is the marginal of the calibrated mixture.  Labels are those that networks learn: a mass per unit
of flux, arcsinh of an equivalent width, a redshift in units of its error (there is nothing to learn of an exact one).
The second is the density of labels in the whole population at all redshifts, so what an exact redshift says counts as
information.  It is a histogram with bins of 20 labels each, made from one half of the galaxies and taken at the others;
that of redshifts is made from more draws of the recipe.

Many labels are bounds (no dust, no lines).  All have errors of ``LABEL_JITTER`` of the labels' width, as in training:
otherwise information would have no limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from bayes_limit import clear_survey, mixture_network, model_parser, recipe_of
from scipy.special import digamma

from agez.distributions.mixture import log_density, marginal_of
from agez.errors import AgezError
from agez.mixture_network.found_redshift import NEAR
from agez.mixture_network.mixture_model import MixtureNetwork
from agez.models.features import REDSHIFT_FLOOR, NormalisedPhotometry, normalised, redshift_unit
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.runtime.files import write_json
from agez.training.recipe_seds import many_seds
from agez.training.recipes import Recipe
from agez.training.sed_batches import LABEL_JITTER, labels_as_seen
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.seds import CHUNK as SEDS_TOGETHER
from agez.training_seds.seds import TrainingSeds
from agez.types import Floats

#: Labels in each bin of the histogram.
IN_BIN = 20
#: Redshifts in that of redshifts.
REDSHIFTS = 100_000
#: Rows whose distributions are in memory together.
CHUNK = 4000


def log_histogram_density(known: Floats, values: Floats) -> Floats:
    """Log density at ``values`` of a histogram of ``known`` with bins of equal numbers; beyond its ends, that there.

    Between two of N ordered labels that are m apart lies a probability that is Beta(m, N + 1 - m); its log, weighted by
    itself as for new labels, has the mean psi(m + 1) - psi(N + 2).
    """
    ordered = np.sort(known)
    at = np.linspace(0, len(ordered) - 1, max(len(ordered) // IN_BIN, 1) + 1).round().astype(int)
    density = digamma(np.diff(at) + 1) - digamma(len(ordered) + 2) - np.log(np.diff(ordered[at]))
    return density[np.clip(np.searchsorted(ordered[at], values, side="right") - 1, 0, len(density) - 1)]


def held_out_log_density(labels: Floats, rng: np.random.Generator) -> Floats:
    """(n, d) log density of each label by the histogram of the half of the rows to which it does not belong.

    Rows that were made together, with one library and redshift, are in one half.
    """
    groups = np.arange(len(labels)) // SEDS_TOGETHER
    first = rng.permutation(groups[-1] + 1)[groups] <= groups[-1] // 2
    out = np.empty(labels.shape)
    for own in (first, ~first):
        for t in range(labels.shape[1]):
            out[own, t] = log_histogram_density(labels[~own, t], labels[own, t])
    return out


def redshift_labels(whole: Recipe, n: int, survey: Survey, rng: np.random.Generator) -> Floats:
    """(n,) labels of redshifts as :func:`agez.training_seds.seds.make_training_seds` draws them.

    It draws one for many galaxies: too few values for a histogram.
    """
    low, high = whole.redshift_range
    near, rest = rng.uniform(size=(2, n)) < [[whole.near_share], [whole.rest_share]]
    z = rng.uniform(low, np.where(near, min(high, NEAR), high))
    z[rest] = low
    origin, unit = redshift_unit(*observe_redshift(z, whole.redshift_range, rng, survey=survey), whole.redshift_range)
    return (z - origin + REDSHIFT_FLOOR * (1 + z) * rng.standard_normal(n)) / unit


def gains(
    network: MixtureNetwork, whole: Recipe, seds: TrainingSeds, survey: Survey, rng: np.random.Generator
) -> Floats:
    """(n, d) log2 of the ratio of both densities."""
    seen = normalised(*observe(seds.flux, seds.present, np.array(seds.bands.pivot_angstrom), rng, survey=survey))
    z, z_err = observe_redshift(seds.redshift, whole.redshift_range, rng, survey=survey)
    labels = labels_as_seen(seds, seen, z, z_err, whole.redshift_range, rng)
    jitter = LABEL_JITTER * network.members[0].scaling.label_std
    labels += jitter * rng.standard_normal(labels.shape)
    out = -held_out_log_density(labels, rng)
    for t, target in enumerate(seds.targets):
        if target.scale == "redshift":
            known = redshift_labels(whole, REDSHIFTS, survey, rng) + jitter[t] * rng.standard_normal(REDSHIFTS)
            out[:, t] = -log_histogram_density(known, labels[:, t])
    for start in range(0, len(seds), CHUNK):
        rows = slice(start, start + CHUNK)
        mixture = network.answer(NormalisedPhotometry(*(part[rows] for part in seen)), z[rows], z_err[rows])
        for t in range(labels.shape[1]):
            out[rows, t] += log_density(marginal_of(mixture, [t]), labels[rows, t, None])
    return out / np.log(2)


def information(
    model: Model, whole: Recipe, *, n: int, snrs: Sequence[float], unknown_snr: float, seed: int, workers: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Mean and its error [bits], by way of seeing and target."""
    network, names = mixture_network(model), tuple(model.header["targets"])
    if n < 4 * SEDS_TOGETHER:
        raise AgezError(f"--galaxies {n}: expected at least {4 * SEDS_TOGETHER}")
    if names != whole.targets:
        raise AgezError(f"the model has other targets than the recipe {whole.name!r}: {', '.join(whole.targets)}")
    seds = many_seds(whole, n, (seed, 3), workers=workers)
    ways = {f"S/N {snr:g}": clear_survey(whole.survey, snr) for snr in snrs}
    if model.header.get("knows_unknown_redshift"):
        unknown = replace(clear_survey(whole.survey, unknown_snr), redshift_known=0.0, redshift_unknown=1.0)
        ways[f"S/N {unknown_snr:g}, redshift unknown"] = unknown
    rng, out = np.random.default_rng((seed, 4)), {}
    for way, survey in ways.items():
        found = gains(network, whole, seds, survey, rng)
        # those that are made together share library and redshift
        groups = np.array([part.mean(axis=0) for part in np.array_split(found, n // SEDS_TOGETHER)])
        errors = groups.std(axis=0, ddof=1) / np.sqrt(len(groups))
        out[way] = {
            name: {"bits": float(mean), "bits_err": float(error)}
            for name, mean, error in zip(names, found.mean(axis=0), errors, strict=True)
        }
    return out


def table(found: dict[str, dict[str, dict[str, float]]], names: Sequence[str]) -> str:
    """As Markdown, [bits]."""
    lines = [f"| target | {' | '.join(found)} |", "|---" + "|---:" * len(found) + "|"]
    rows = ([f"{way[name]['bits']:.2f}" for way in found.values()] for name in names)
    lines += [f"| `{name}` | {' | '.join(row)} |" for name, row in zip(names, rows, strict=True)]
    largest = max(one["bits_err"] for way in found.values() for one in way.values())
    return "\n".join([*lines, "", f"Bits; standard errors are at most {largest:.2f}."])


def main() -> None:
    """Run and print."""
    parser = model_parser(__doc__)
    parser.add_argument("--galaxies", type=int, default=40_000)
    parser.add_argument("--snr", type=float, nargs="+", default=[3.0, 10.0, 30.0, 100.0])
    parser.add_argument("--unknown-snr", type=float, default=30.0, help="S/N of the rows of unknown redshift")
    options = parser.parse_args()
    try:
        model = load_model(options.model)
        found = information(
            model, recipe_of(model, options.recipe), n=options.galaxies, snrs=options.snr,
            unknown_snr=options.unknown_snr, seed=options.seed, workers=options.workers,
        )  # fmt: skip
    except AgezError as error:
        raise SystemExit(f"information.py: {error}") from None
    print(table(found, model.header["targets"]))
    if not model.header.get("knows_unknown_redshift"):
        print("\nThe model was not trained on rows of unknown redshift: they are left out.")
    if options.out is not None:
        settings = {key: value for key, value in vars(options).items() if key != "out"}
        write_json(options.out, {"settings": settings, "information": found})


if __name__ == "__main__":
    main()
