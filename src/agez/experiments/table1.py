"""Table 1: networks trained on early or on late types only, applied to galaxies of either type.

The paper trains on 33 of its 44 early types and 114 of its 146 late types and applies the networks to the rest of
each; here this is repeated over random draws of the galaxies.  In every draw a network is trained on the early
types, one on the late types, and one on both together ("full"), and all are applied to the same test galaxies.
Validation galaxies come out of the training galaxies.  Galaxies of unknown morphology take no part.

Draws share galaxies, so std / sqrt(draws) is too small an error of what another survey would give: cells, and the
differences between them, have the corrected one of :mod:`agez.analysis.repeats`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agez.analysis.metrics import bias, json_number, json_numbers, sigma_mad
from agez.analysis.repeats import mean_over_divisions
from agez.analysis.trends import mean_and_error
from agez.errors import AgezError
from agez.experiments.claims import MIN_GALAXIES as MIN_TO_JUDGE
from agez.experiments.claims import Claim
from agez.experiments.decisions import SIGNIFICANT, WIDEST, Decision, below, judged
from agez.experiments.paper import ROUNDING, TABLE_1
from agez.label_types import Sample
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture
from agez.paper_network.jobs import TrainingJob, TrainingSettings
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import PreparedSplit, TrainingData, prepare_split, training_data
from agez.runtime.progress import progress
from agez.samples.splits import VALIDATION_PARTS, Split, deal_galaxies, row_morphology
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Ints, Strings

KINDS = ("early", "late")
#: Share of the galaxies of each type that the paper trains on.
TRAIN_SHARE = {"early": 33 / 44, "late": 114 / 146}
#: What each network is trained on.
TRAINED_ON = {"early": ("early",), "late": ("late",), "full": KINDS}
#: Cells of the table: the network and the types it is applied to.
CELLS = {
    "early-early": ("early", ("early",)),
    "early-late": ("early", ("late",)),
    "late-early": ("late", ("early",)),
    "late-late": ("late", ("late",)),
    "full": ("full", KINDS),
}
#: The full network by type: not in the paper's table.
FULL_BY_KIND = {"full-early": ("full", ("early",)), "full-late": ("full", ("late",))}
_OTHERS = ("late-early", "early-late", "late-late")
#: Differences between cells that the claims are about: each other training minus the same type's, each cell minus the
#: best, the full network minus early types alone.
DIFFERENCES = {
    "early_own": ("late-early", "early-early"),
    "late_own": ("early-late", "late-late"),
    **{f"{cell}_over_best": (cell, "early-early") for cell in _OTHERS},
    "full_over_early": ("full", "early-early"),
}
#: At least so many galaxies of each type, for two to train and watch on and one to test, with one to choose.
MIN_GALAXIES = 4
#: Networks do "about as well" if their sigma_mad differ by less [dex]: half of the published loss in age of networks
#: that were trained on early types (0.16 on late types against 0.10 on early ones).
ABOUT_AS_WELL = 0.03


def table1(
    sample: Sample,
    trainer: Trainer,
    *,
    settings: TrainingSettings,
    n_draws: int,
    seed: int,
    architectures: Mapping[str, Architecture] = PAPER_ARCHITECTURES,
) -> dict[str, Any]:
    """The block of table 1: ``6 n_draws`` networks.

    Parameters
    ----------
    trainer : Trainer
        If it keeps networks, an interrupted run goes on where it was.
    n_draws : int
        Random draws of training galaxies.
    architectures : mapping
        For each of ``PAPER_TARGETS``.

    Returns
    -------
    dict
        ``published``; ``measured`` with, for each quantity and cell, the mean over the draws of sigma_mad [dex] of all
        test spectra, its corrected standard error ``err``, its standard deviation ``spread``, and the mean bias;
        ``full_by_kind``; ``differences`` of cells with 95 % intervals; ``points`` with the values of each draw.
        Where the sample has too few galaxies of a type, ``measured`` holds only ``not_run``: why.
    """
    if n_draws < 1:
        raise AgezError(f"table 1: n_draws is {n_draws}; expected at least 1")
    count = galaxies_of_kind(sample)
    short = [f"only {n} {kind} types" for kind, n in count.items() if n < MIN_GALAXIES]
    if short:
        reason = f"{' and '.join(short)} in the sample; at least {MIN_GALAXIES} of each are needed"
        return {"published": TABLE_1, "measured": {"not_run": reason}, "points": {}}
    n_train = {kind: n_training_galaxies(kind, n) for kind, n in count.items()}
    cells = CELLS | FULL_BY_KIND
    values = {w: {cell: {"sigma_mad": np.full(n_draws, np.nan), "bias": np.full(n_draws, np.nan)} for cell in cells}
              for w in TARGET_WORDS.values()}  # fmt: skip
    morphology, data = row_morphology(sample), training_data(sample)
    waiting: dict[int, tuple[int, PreparedSplit]] = {}  # what a network is scored on when it comes back
    with progress(total=len(TRAINED_ON) * len(PAPER_TARGETS) * n_draws, title="table 1: networks") as bar:
        jobs = _jobs(sample, data, n_train, n_draws, seed, settings, architectures, waiting)
        for number, network in trainer.train_each(jobs):
            draw, prepared = waiting.pop(number)
            t = PAPER_TARGETS.index(str(network.tags["target"]))
            residual = prepared.predict(network) - prepared.labels[prepared.test, t]
            for cell, (trained, applied) in cells.items():
                if trained == network.tags["trained_on"]:
                    own = residual[np.isin(morphology[prepared.test], applied)]
                    found = values[TARGET_WORDS[PAPER_TARGETS[t]]][cell]
                    found["sigma_mad"][draw], found["bias"][draw] = sigma_mad(own), bias(own)
            bar.update(1)
    measured: dict[str, Any] = {"n_draws": n_draws, "full_by_kind": {}, "differences": {}}
    measured |= {f"n_train_{kind}": n for kind, n in n_train.items()}
    measured |= {f"n_test_{kind}": count[kind] - n for kind, n in n_train.items()}
    test_to_train = (sum(count.values()) - sum(n_train.values())) / sum(n_train.values())
    for word, by_cell in values.items():
        scored = {cell: _cell(**one, test_to_train=test_to_train) for cell, one in by_cell.items()}
        measured[word] = {cell: scored[cell] for cell in CELLS}
        measured["full_by_kind"][word] = {cell: scored[cell] for cell in FULL_BY_KIND}
        measured["differences"][word] = _differences(
            {cell: one["sigma_mad"] for cell, one in by_cell.items()}, TABLE_1[word], test_to_train
        )
    points = {w: {cell: {key: json_numbers(v) for key, v in one.items()} for cell, one in found.items()}
              for w, found in values.items()}  # fmt: skip
    return {"published": TABLE_1, "measured": measured, "points": points}


def galaxies_of_kind(sample: Sample) -> dict[str, int]:
    """Number of galaxies with spectra, early and late."""
    _, first = np.unique(sample.rows.galaxy_id, return_index=True)
    morphology = row_morphology(sample)[first]
    return {kind: int((morphology == kind).sum()) for kind in KINDS}


def n_training_galaxies(kind: str, n: int) -> int:
    """How many of ``n`` galaxies of a type are trained on: the paper's share, at least two, one left to test."""
    return min(max(round(TRAIN_SHARE[kind] * n), 2), n - 1)


def draw_splits(
    galaxy_id: Strings, morphology: Strings, n_train: Mapping[str, int], rng: np.random.Generator
) -> dict[str, Split]:
    """One draw: rows for the networks of ``TRAINED_ON``, all with the same test rows.

    Parameters
    ----------
    galaxy_id, morphology : (n,) str
        Of each row.
    n_train : mapping of kind to int
        Galaxies to train on, validation included.
    """
    roles: dict[str, list[Ints]] = {}
    for kind in KINDS:
        rows = np.flatnonzero(morphology == kind)
        names, own, sizes = np.unique(galaxy_id[rows], return_inverse=True, return_counts=True)
        shuffled = rng.permutation(len(names))
        chosen = np.sort(shuffled[: n_train[kind]])
        parts = min(VALIDATION_PARTS, len(chosen))
        watched = deal_galaxies(np.full(len(chosen), kind), sizes[chosen], parts, rng) == 0
        role = np.full(len(names), 2)
        role[chosen], role[chosen[watched]] = 0, 1
        roles[kind] = [rows[role[own] == r] for r in (0, 1, 2)]

    def together(kinds: tuple[str, ...], r: int) -> Ints:
        return np.sort(np.concatenate([roles[kind][r] for kind in kinds]))

    return {
        name: Split(together(kinds, 0), together(kinds, 1), together(KINDS, 2)) for name, kinds in TRAINED_ON.items()
    }


def claims(block: Mapping[str, Any]) -> list[Claim]:
    """What section 4.4 says of table 1."""
    measured = block["measured"]
    galaxies = sum(value for key, value in measured.items() if key.startswith(("n_train_", "n_test_")))
    if "not_run" in measured or galaxies < MIN_TO_JUDGE:
        why = measured.get("not_run", f"{galaxies} galaxies are too few for any decision")
        keys = ("same_type", "early_best", "early_to_a_tenth", "late_about_as_well", "early_better_than_full")
        return [judged(key, None, how=why) for key in keys]
    age = {"age": measured["differences"]["age"]}
    return [
        _claim("same_type", _larger, {"early applied": "early_own", "late applied": "late_own"}, age),
        _claim("early_best", _larger, {name: f"{name}_over_best" for name in _OTHERS}, age),
        _to_a_tenth(measured["age"]["early-early"]),
        _claim("late_about_as_well", _not_larger, {"": "late_own"}, measured["differences"]),
        _claim("early_better_than_full", _larger, {"": "full_over_early"}, measured["differences"]),
    ]


def _to_a_tenth(cell: Mapping[str, Any]) -> Claim:
    value, error, paper = cell["sigma_mad"], cell["err"], TABLE_1["age"]["early-early"]
    told = "unknown" if value is None else f"{value:.3f} dex" if error is None else f"{value:.3f} +- {error:.3f} dex"
    decision: Decision = None
    if value is not None and error is not None:
        precise = SIGNIFICANT * error < WIDEST * value
        decision = precise or None if value <= paper + ROUNDING else below(value, paper + ROUNDING, error)
    return judged("early_to_a_tenth", decision, told, published=f"{paper:.2f} dex", widest=WIDEST)


def _jobs(
    sample: Sample,
    data: TrainingData,
    n_train: Mapping[str, int],
    n_draws: int,
    seed: int,
    settings: TrainingSettings,
    architectures: Mapping[str, Architecture],
    waiting: dict[int, tuple[int, PreparedSplit]],
) -> Iterator[TrainingJob]:
    """Every network to be trained, made when it is asked for; its split waits under the job's number."""
    galaxy_id, morphology, number = sample.rows.galaxy_id, row_morphology(sample), 0
    for draw in range(n_draws):
        # the last number is never 0, as SeedSequence takes no notice of zeros at the end
        rng = np.random.default_rng(np.random.SeedSequence((seed, draw, 1)))
        for s, (name, split) in enumerate(draw_splits(galaxy_id, morphology, n_train, rng).items()):
            try:
                prepared = prepare_split(data, split)
            except AgezError:  # its few galaxies lack a band, say: this network's cells of the draw stay empty
                continue
            for t, target in enumerate(PAPER_TARGETS):
                own_seed = int(np.random.SeedSequence((seed, draw, s + 2, t + 1)).generate_state(1)[0])
                waiting[number] = draw, prepared
                number += 1
                yield prepared.job(
                    target,
                    architecture=architectures[target],
                    settings=settings,
                    seed=own_seed,
                    tags={"trained_on": name, "draw": draw},
                )


def _cell(sigma_mad: ArrayLike, bias: ArrayLike, *, test_to_train: float) -> dict[str, Any]:
    scatter, shift = (v[np.isfinite(v)] for v in (np.asarray(sigma_mad, float), np.asarray(bias, float)))
    mean, error = mean_and_error(scatter)
    over = mean_over_divisions(scatter, test_to_train=test_to_train)
    return {
        "sigma_mad": json_number(mean),
        "err": json_number(over.err),
        "spread": json_number(error * math.sqrt(len(scatter))),
        "bias": json_number(mean_and_error(shift)[0]),
        "n_draws": len(scatter),
    }


def _differences(found: Mapping[str, Any], paper: Mapping[str, float], test_to_train: float) -> dict[str, Any]:
    """What the claims compare, draw by draw: sigma_mad of one cell minus that of another [dex]."""
    out = {}
    for name, (cell, other) in DIFFERENCES.items():
        over = mean_over_divisions(found[cell] - found[other], test_to_train=test_to_train)
        numbers = {key: json_number(getattr(over, key)) for key in ("mean", "err", "low", "high")}
        out[name] = {**numbers, "n_draws": over.n, "published": round(paper[cell] - paper[other], 10)}
    return out


def _larger(one: Mapping[str, Any]) -> bool | None:
    """Certainly above zero; or certainly below half of what was published; or neither."""
    if one["low"] is None:
        return None
    return True if one["low"] > 0 else False if one["high"] < one["published"] / 2 else None


def _not_larger(one: Mapping[str, Any]) -> bool | None:
    """Certainly below ``ABOUT_AS_WELL``; or certainly above; or neither."""
    if one["low"] is None:
        return None
    return True if one["high"] < ABOUT_AS_WELL else False if one["low"] > ABOUT_AS_WELL else None


def _claim(key: str, decide: Any, cells: Mapping[str, str], differences: Mapping[str, Any]) -> Claim:
    decisions, hows, published = [], [], []
    for word, found in differences.items():
        for name, cell in cells.items():
            one, title = found[cell], f"{word} {name}".strip()
            decisions.append(decide(one))
            interval = "no error" if one["low"] is None else f"95 %: {one['low']:+.3f} to {one['high']:+.3f}"
            mean = "unknown" if one["mean"] is None else f"{one['mean']:+.3f} dex"
            hows.append(f"{title} {mean} ({interval})")
            published.append(f"{title} {one['published']:+.2f}")
    pairs = ", ".join(" minus ".join(DIFFERENCES[cell]) for cell in cells.values())
    return judged(
        key, decisions, hows, published="; ".join(published), pairs=pairs, about_as_well=ABOUT_AS_WELL
    )  # fmt: skip
