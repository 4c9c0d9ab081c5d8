"""Whether errors of gradients, profiles and central values hold: mock galaxies mapped, against the truth of regions.

Run ``python benchmarks/gradient_errors.py [--models splus jpas paper labels] [--galaxies N] [--seed 27 28]
[--cache DIR]`` (half an hour on one core).  ``--learn`` prints ``src/agez/analysis/data/shared_errors.toml`` instead,
the numbers that errors are made with: from galaxies of other seeds, never from those that judge.

Galaxies are those of the mock survey, as images of S/N 5 to 50 a pixel at 1 Re (``splus``, ``jpas``, ``jplus``) or as
cubes (``paper``: synthetic photometry of bins; ``labels``: their spectral fits).  The true slope is that of a straight
line of least squares through the true means of the same regions inside Re.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from gradient_learning import learned
from gradient_trials import Regions, regions_of_galaxies

from agez.analysis.gradients import MAX_RADIUS, galaxy_gradients, gradients_with_errors
from agez.analysis.region_errors import ANY, SHARED_ERRORS, mean_error, shared_errors
from agez.targets import PAPER_TARGETS
from agez.types import Floats

WORDS = ("age", "[M/H]")
RING_RE = 0.25
#: Of pairs of regions: differences of radii, regions of a galaxy at most, and pulls beyond which they count as this.
APART_RE, MOST_REGIONS, MOST_PULL = (0.0, 0.2, 0.5, 1.0, 2.0), 60, 4.0
KINDS = {"paper": "spectra", "labels": "labels"}


def galaxies_of(model: str, n: int, seeds: Sequence[int], cache: Path | None) -> list[Regions]:
    """Those of all mock surveys."""
    return [one for seed in seeds for one in galaxies_of_survey(model, n, seed, cache)]


def galaxies_of_survey(model: str, n: int, seed: int, cache: Path | None) -> list[Regions]:
    """Made, or kept by an earlier run of the same name."""
    folder = None if cache is None else cache / f"{model}_{n}_{seed}"
    if folder is not None and (folder / "done").exists():
        return [Regions.load(path) for path in sorted(folder.glob("*.npz"))]
    found = []
    for one in regions_of_galaxies(model, n, seed=seed):
        found.append(one)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            one.save(folder)
    if folder is not None:
        (folder / "done").touch()
    return found


def pulls(galaxies: Sequence[Regions], name: str) -> dict[str, list[list[Floats]]]:
    """Differences from the truth and errors: for each of three things, for age and [M/H], an array (n, 2)."""
    origin = {"kind": KINDS.get(name, "images"), "model": name}
    out: dict[str, list[list[Floats]]] = {what: [[], []] for what in ("slope", "central value", "profile")}
    for one in galaxies:
        ids, rng = np.full(len(one.r_re), one.galaxy), np.random.default_rng(1)
        values = np.where(one.good[:, None] & np.isfinite(one.truth), one.value, np.nan)
        found = gradients_with_errors(ids, one.r_re, values, one.err, names=PAPER_TARGETS, rng=rng, **origin)
        for k, target in enumerate(PAPER_TARGETS):
            used = np.isfinite(values[:, k]) & (one.err[:, k] > 0) & (one.r_re <= MAX_RADIUS)
            if used.sum() < 3:
                continue
            slope, centre = np.polyfit(one.r_re[used], one.truth[used, k], 1)
            out["slope"][k].append(np.array([found.slope[0, k] - slope, found.slope_err[0, k]]))
            out["central value"][k].append(np.array([found.intercept[0, k] - centre, found.intercept_err[0, k]]))
            for low in np.arange(0, 2, RING_RE):
                ring = np.isfinite(values[:, k]) & (one.r_re >= low) & (one.r_re < low + RING_RE)
                if ring.any():
                    difference = np.median(values[ring, k]) - np.median(one.truth[ring, k])
                    error = mean_error(one.r_re[ring], one.err[ring, k], shared_errors(target, **origin))
                    out["profile"][k].append(np.array([difference, error]))
    return out


def table(model: str, method: str, galaxies: Sequence[Regions]) -> list[str]:
    """Rows of the table of coverage."""
    rows = []
    for what, both in pulls(galaxies, model).items():
        for word, found in zip(WORDS, both, strict=True):
            off, error = np.array(found).T
            pull = np.abs(off / error)
            rows.append(
                f"| {model}, {method} | {what} of {word} | {len(off)} | {np.sqrt(np.mean(off**2)):.3f} | "
                f"{np.median(error):.3f} | {100 * np.mean(pull < 1):.0f} % | {100 * np.mean(pull < 2):.0f} % |"
            )
    return rows


def together(found: Mapping[str, Sequence[Regions]]) -> list[str]:
    """The rows of all models together, without annuli and spectral fits: of each galaxy one map."""
    rows = []
    of_models = [
        pulls([one for one in galaxies if one.method != "annuli"], name)
        for name, galaxies in found.items()
        if name != "labels"
    ]
    for what in of_models[0] if of_models else ():
        for word, chosen in zip((*WORDS, "both quantities"), ((0,), (1,), (0, 1)), strict=True):
            pull = np.array([one[0] / one[1] for each in of_models for k in chosen for one in each[what][k]])
            rows.append(
                f"| all models | {what} of {word} | {len(pull)} | | | {100 * np.mean(np.abs(pull) < 1):.0f} % | "
                f"{100 * np.mean(np.abs(pull) < 2):.0f} % |"
            )
    return rows


def correlations(model: str, galaxies: Sequence[Regions]) -> list[str]:
    """Correlation of the errors of two regions of a galaxy, by how far their radii and their populations are apart."""
    rows = []
    for k, word in enumerate(WORDS):
        pairs = []
        for one in galaxies:
            use = np.flatnonzero(one.good & np.isfinite(one.truth).all(axis=1) & (one.err[:, k] > 0) & (one.r_re < 2))
            use = np.random.default_rng(1).permutation(use)[:MOST_REGIONS]
            pull = np.clip((one.value - one.truth)[use, k] / one.err[use, k], -MOST_PULL, MOST_PULL)
            i, j = np.triu_indices(len(use), 1)
            apart = np.abs(one.r_re[use][i] - one.r_re[use][j])
            unlike = np.linalg.norm(one.truth[use][i] - one.truth[use][j], axis=1)
            pairs.append(np.stack([apart, unlike, pull[i] * pull[j], 0.5 * (pull[i] ** 2 + pull[j] ** 2)]))
        apart, unlike, product, square = np.concatenate(pairs, axis=1)
        for low, high in itertools.pairwise(APART_RE):
            here = (apart >= low) & (apart < high)
            third = np.searchsorted(np.quantile(unlike[here], [1 / 3, 2 / 3]), unlike)
            shares = [product[at].sum() / square[at].sum() for at in (here & (third == one) for one in range(3))]
            told = " | ".join(f"{share:.2f}" for share in shares)
            rows.append(f"| {model} | {word} | {low:g}-{high:g} | {int(here.sum())} | {told} |")
    return rows


def budget(model: str, galaxies: Sequence[Regions]) -> list[str]:
    """What slopes of plain least squares are wrong by, step by step, and what weighing by errors gains."""
    rows = []
    for k, word in enumerate(WORDS):
        kinds: dict[str, list[float]] = {"plain": [], "perfect": [], "noiseless": [], "scatter": [], "true": []}
        for one in galaxies:
            used = one.good & np.isfinite(one.truth[:, k]) & (one.r_re <= MAX_RADIUS)
            used &= np.isfinite(one.value[:, k]) & np.isfinite(one.perfect[:, k]) & np.isfinite(one.noiseless[:, k])
            if used.sum() < 3:
                continue
            true = np.polyfit(one.r_re[used], one.truth[used, k], 1)[0]
            kinds["true"].append(true)
            for what, values in (("plain", one.value), ("perfect", one.perfect), ("noiseless", one.noiseless)):
                kinds[what].append(np.polyfit(one.r_re[used], values[used, k], 1)[0] - true)
            papers = galaxy_gradients(
                np.zeros(int(used.sum())), one.r_re[used], one.value[used][:, [k]], rng=np.random.default_rng(1),
                min_inside=3, min_outside=0,
            )  # fmt: skip
            kinds["scatter"].append(float(papers.slope_scatter[0, 0]))
        rms = {what: float(np.sqrt(np.mean(np.square(values)))) for what, values in kinds.items()}
        rows.append(
            f"| {model} | {word} | {len(kinds['true'])} | {np.std(kinds['true']):.3f} | {rms['noiseless']:.3f} | "
            f"{rms['perfect']:.3f} | {rms['plain']:.3f} | {np.median(kinds['scatter']):.3f} |"
        )
    return rows


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["splus", "jpas", "paper", "labels"])
    parser.add_argument("--galaxies", type=int, default=30, help="of each model and seed")
    parser.add_argument("--seed", type=int, nargs="+", default=[27, 28])
    parser.add_argument("--cache", type=Path, help="folder in which galaxies are kept, and looked for")
    parser.add_argument("--learn", action="store_true", help="print the numbers that errors are made with")
    options = parser.parse_args()
    found = {name: galaxies_of(name, options.galaxies, options.seed, options.cache) for name in options.models}
    if options.learn:
        print("# How errors of a galaxy's regions go together: see region_errors.py.  Printed by")
        models, seeds = " ".join(options.models), " ".join(map(str, options.seed))
        print(f"# benchmarks/gradient_errors.py --learn --models {models} --galaxies {options.galaxies} --seed {seeds}")
        for kind in SHARED_ERRORS:
            of_kind = {name: ours for name, ours in found.items() if KINDS.get(name, "images") == kind}
            of_all = [one for ours in of_kind.values() for one in ours]
            for name, ours in {ANY: of_all, **(of_kind if len(of_kind) > 1 else {})}.items():
                for k, target in enumerate(PAPER_TARGETS if ours else ()):
                    print(f"\n[{kind}.{name}.{target}]")
                    print("\n".join(f"{name} = {value}" for name, value in vars(learned(ours, k)).items()), flush=True)
        return
    print("| regions | what | n | rms error | predicted error, median | inside 1 sigma | inside 2 sigma |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name, galaxies in found.items():
        for method in sorted({one.method for one in galaxies}):
            ours = [one for one in galaxies if one.method == method]
            print("\n".join(table(name, method, ours)), flush=True)
    print("\n".join(together(found)), flush=True)
    print(
        "\nCorrelation of the errors of two regions of a galaxy; populations: distance of true age and [M/H], thirds:\n"
    )
    print("| model | of | radii apart [Re] | pairs | similar populations | middle | unlike |")
    print("|---|---|---|---:|---:|---:|---:|")
    for name, galaxies in found.items():
        print("\n".join(correlations(name, [one for one in galaxies if one.method != "annuli"])), flush=True)
    if all(name in KINDS for name in found):
        return
    print("\nSlopes of plain least squares through Voronoi regions [dex/Re], rms error:\n")
    print("| model | of | galaxies | scatter of true slopes | true fluxes | with the images' noise | as measured "
          "| scatter of subsets (paper), median |")  # fmt: skip
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name, galaxies in found.items():
        if KINDS.get(name, "images") == "images":
            print("\n".join(budget(name, [one for one in galaxies if one.method == "voronoi"])), flush=True)


if __name__ == "__main__":
    main()
