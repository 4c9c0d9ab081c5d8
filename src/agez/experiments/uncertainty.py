"""Past the paper: distributions of age and metallicity in the same folds, and whether they hold what they promise.

The paper's networks give a bare number.  Here networks that give distributions answer every spectrum of the same folds
unseen, calibrated on the other folds.  If agez comes with a model of the sample's bands they go on from it: it knows
mock galaxies that the paper's networks have never seen, and ``start`` says so; else they are trained from scratch.

Coverage is that of the intervals which users are given, with the stretched tails of
:func:`agez.mixture_network.calibration.calibrated_probabilities`; CRPS is that of the stored mixtures.  The claims are
ours: the paper makes none of this kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from agez.analysis.calibration_metrics import COVERAGE_LEVELS, calibration_block
from agez.analysis.metrics import evaluate, json_number, residual_pcc
from agez.distributions.marginals import crps, quantiles
from agez.distributions.mixture import Mixture, moments
from agez.errors import AgezError
from agez.experiments.claims import MIN_GALAXIES, Claim
from agez.experiments.decisions import SIGNIFICANT, judged
from agez.experiments.paper import SETS, set_title
from agez.experiments.peer_scores import Answers, differences
from agez.experiments.result import target_columns
from agez.label_types import Sample
from agez.mixture_network.calibrated_scores import pit_in_intervals
from agez.mixture_network.calibration import signal_to_noise
from agez.models.model import Model
from agez.models.model_file import available_models, load_model
from agez.runtime.progress import progress
from agez.runtime.worker_pool import each_done
from agez.samples.splits import Split
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.training.cross_fitting import FRESH_SETTINGS, TUNED_SETTINGS, CrossFit, cross_fit, held_out
from agez.training.sample_batches import SampleRows, networks_to_teach, sample_rows, with_redshifts_found
from agez.types import Floats

#: The model that networks go on from, where agez comes with it and it knows the sample's bands.
START = "paper"
#: Fewer rows, or galaxies for four folds, tell nothing of intervals.
LEAST_ROWS, LEAST_GALAXIES = 200, 8
#: How far off coverage may be.
ALLOWED = 0.02
#: sigma_mad may certainly be larger than the network's by no more than this part of it, to be called no worse.
MARGIN = 0.05
_LEVELS = dict(zip(("coverage_68", "coverage_95"), COVERAGE_LEVELS, strict=True))


@dataclass(frozen=True)
class UncertaintySize:
    """How much is spent."""

    steps: int = 500  #: Of each network; never more than ``agez train`` takes.
    members: int = 1  #: Networks of each fold.
    n_bootstrap: int = 200  #: Resamplings of the galaxies, for the errors.


class HeldOut(NamedTuple):
    """What networks say of ``n`` rows that they have not seen."""

    mixture: Mixture
    tail: Floats  #: (n, 2) Of the calibration of each row's fold.


def shipped_start(sample: Sample, name: str = START) -> Model | None:
    """The model of that name, if agez comes with it and it knows all bands and redshifts of the sample; else None."""
    path = available_models().get(name)
    if path is None:
        return None
    model, seen = load_model(path), sample.photometry
    if not model.gives_distribution or model.bands.filter_set != seen.bands.filter_set:
        return None
    low, high = model.header["redshift_range"]
    slack = float(model.header["redshift_tolerance"])
    known = seen.redshift[np.isfinite(seen.redshift)]
    inside = not known.size or (known.min() >= low - slack and known.max() <= high + slack)
    enough = len(seen.bands) >= int(model.header["least_bands"])
    return model if inside and enough and set(seen.bands.names) <= set(model.bands.names) else None


def uncertainty(
    sample: Sample,
    networks: Mapping[str, Floats],
    *,
    splits: Mapping[str, Sequence[Split]],
    start: Model | None = None,
    size: UncertaintySize | None = None,
    seed: int = 1,
    workers: int = 2,
) -> dict[str, Any]:
    """Train, calibrate and judge distributions in the folds of the paper's networks.

    Parameters
    ----------
    networks : mapping of 'set_a', 'set_b' to (n, 2) float
        What the paper's networks of this run say of each row.
    splits : mapping
        The folds of each set.
    start : Model, optional
        A model to go on from: see :func:`shipped_start`.
    seed, workers : int
        The numbers do not depend on ``workers``.

    Returns
    -------
    dict
        ``published`` (empty), ``measured`` and ``points``, strict JSON.  ``measured`` holds ``start``, ``n_galaxies``,
        and for each set and quantity the scores, ``coverage_68``, ``coverage_95``, ``crps`` and ``sharpness`` (each
        ``value`` and ``err``), the PIT's ``departure`` and ``departure_95``, ``network_sigma_mad``, ``ratio`` of
        sigma_mad to it and ``gain`` (network minus this, with its 95 % interval); for each set ``residual_pcc`` and
        ``correlation``, the median of the predicted ones.  ``points`` holds, for each set, what
        :func:`agez.analysis.calibration_metrics.calibration_block` gives.  Where the sample does not allow it,
        ``measured`` holds only ``not_run``: why.
    """
    size = size or UncertaintySize()
    n_galaxies = len(np.unique(sample.rows.galaxy_id))
    if len(sample) < LEAST_ROWS or n_galaxies < LEAST_GALAXIES:
        return _not_run(
            f"{len(sample)} spectra of {n_galaxies} galaxies are too few for distributions; at least {LEAST_ROWS} "
            f"of {LEAST_GALAXIES} are needed"
        )
    try:
        data = sample_rows(sample, start.bands if start is not None else None)
        data = data if start is None else with_redshifts_found(data, start)
        found = _train(data, splits, start, size, seed, workers)
    except AgezError as error:
        return _not_run(str(error))
    measured: dict[str, Any] = {"start": _name(start), "n_galaxies": n_galaxies, "size": vars(size)}
    points = {}
    for number, (name, answers) in enumerate(found.items()):
        rng = np.random.default_rng([seed, 15, number])
        points[name] = _calibration(sample, data, answers, rng, size.n_bootstrap)
        measured[name] = _scores(data.labels, answers.mixture, points[name])
    _compare(measured, sample, {name: moments(one.mixture)[0] for name, one in found.items()}, networks, size, seed)
    return {"published": {}, "measured": measured, "points": points}


def pit_of_intervals(answers: HeldOut, labels: Floats) -> Floats:
    """Probability integral transform (n, 2) of labels in the intervals that are reported."""
    return pit_in_intervals(answers.mixture, labels, answers.tail)


def _not_run(reason: str) -> dict[str, Any]:
    return {"published": {}, "measured": {"not_run": reason}, "points": {}}


def _name(start: Model | None) -> str:
    return "" if start is None else str(start.header.get("name", ""))


def _train(
    data: SampleRows, splits: Mapping[str, Sequence[Split]], start: Model | None, size: UncertaintySize, seed: int,
    workers: int,
) -> dict[str, HeldOut]:  # fmt: skip
    """Networks of every fold of every set, one set after the other; then their calibration, sets beside each other."""
    settings = FRESH_SETTINGS if start is None else TUNED_SETTINGS
    settings = replace(settings, steps=min(size.steps, settings.steps))
    members = () if start is None else networks_to_teach(start)
    crosses = {}
    total = size.members * sum(len(of_set) for of_set in splits.values())
    with progress(total=total, title="distributions: networks") as bar:
        for name, of_set in splits.items():
            crosses[name] = cross_fit(
                data, of_set, start=members, settings=settings, members=size.members, seed=seed, workers=workers,
                progress=bar.update,
            )  # fmt: skip
    jobs = [(name, cross, data) for name, cross in crosses.items()]
    done = {job[0]: found for job, found in each_done(_calibrated, jobs, workers=workers)}
    return {name: done[name] for name in crosses}


def _calibrated(job: tuple[str, CrossFit, SampleRows]) -> HeldOut:
    _, cross, data = job
    mixture, calibrations = held_out(cross, data)
    return HeldOut(mixture, np.stack([one.tail for one in calibrations])[cross.fold])


def _calibration(
    sample: Sample, data: SampleRows, answers: HeldOut, rng: np.random.Generator, n_bootstrap: int
) -> dict[str, Any]:
    """The block of figures: everything in bins of what is known of a row."""
    mean, _, _ = moments(answers.mixture)
    ends = np.array([float(ndtr(-1)), float(ndtr(1))])
    width = np.stack([quantiles(answers.mixture, ends, t) for t in range(len(PAPER_TARGETS))], axis=1)
    galaxies = sample.galaxies
    av = sample.truth.av if sample.truth is not None else galaxies.av[galaxies.rows_of(sample.rows.galaxy_id)]
    quantities = {
        "snr": signal_to_noise(data.seds()),
        "n_bands": data.covered.sum(axis=1).astype(float),
        **{target: mean[:, t] for t, target in enumerate(PAPER_TARGETS)},
        "av": np.asarray(av, dtype=float),
    }
    return calibration_block(
        pit_of_intervals(answers, data.labels), crps(answers.mixture, data.labels), (width[..., 1] - width[..., 0]) / 2,
        sample.rows.galaxy_id, {name: x for name, x in quantities.items() if _varies(x)}, rng=rng,
        n_bootstrap=n_bootstrap,
    )  # fmt: skip


def _varies(x: Floats) -> bool:
    """Whether a quantity has bins: what is the same in all rows, or not known, has none."""
    return len(np.unique(x[np.isfinite(x)])) > 1


def _scores(labels: Floats, mixture: Mixture, block: Mapping[str, Any]) -> dict[str, Any]:
    mean, _, correlation = moments(mixture)
    off = mean - labels
    out: dict[str, Any] = {
        "residual_pcc": json_number(residual_pcc(off[:, 0], off[:, 1])),
        "correlation": json_number(float(np.nanmedian(correlation))) if np.isfinite(correlation).any() else None,
    }
    for t, target in enumerate(PAPER_TARGETS):
        part = block[TARGET_WORDS[target]]
        kept = {name: part["overall"][name] for name in (*_LEVELS, "crps", "sharpness")}
        kept |= {name: part["pit"][name] for name in ("departure", "departure_95")}
        out[TARGET_WORDS[target]] = evaluate(mean[:, t], labels[:, t]).to_json() | kept
    return out


def _compare(
    measured: dict[str, Any], sample: Sample, means: Mapping[str, Floats], networks: Mapping[str, Floats],
    size: UncertaintySize, seed: int,
) -> None:  # fmt: skip
    """Put beside each score what the paper's networks reach on the rows that both answer."""
    labels = target_columns(sample.labels)
    answers = {
        "network": {name: Answers(networks[name]) for name in means},
        "distributions": {name: Answers(mean) for name, mean in means.items()},
    }
    found = differences(
        answers, labels, sample.rows.galaxy_id, n_bootstrap=size.n_bootstrap, rng=np.random.default_rng([seed, 16])
    )
    for name, mean in means.items():
        for t, target in enumerate(PAPER_TARGETS):
            word, theirs = TARGET_WORDS[target], networks[name][:, t]
            common = np.isfinite(theirs) & np.isfinite(mean[:, t])
            network = evaluate(theirs[common], labels[common, t]).sigma_mad
            own = evaluate(mean[common, t], labels[common, t]).sigma_mad
            measured[name][word] |= {
                "network_sigma_mad": json_number(network),
                "ratio": json_number(own / network) if network > 0 else None,
                "gain": found[name][word]["distributions"],
            }


def claims(block: Mapping[str, Any]) -> list[Claim]:
    """What a user of distributions asks; the paper claims nothing of it.

    Coverage holds within ``ALLOWED`` or one standard error, and does not if it is further off by two errors.  sigma_mad
    is no worse if it is certainly (95 %) larger by no more than ``MARGIN``, worse if it is certainly larger.  Fewer
    than ``MIN_GALAXIES`` galaxies decide nothing.
    """
    measured = block["measured"]
    if "not_run" in measured:
        keys = ("intervals_hold", "distributions_no_worse")
        return [judged(key, None, how=measured["not_run"], of_set="") for key in keys]
    enough = measured["n_galaxies"] >= MIN_GALAXIES
    few = "" if enough else f"  {measured['n_galaxies']} galaxies are too few for any decision."
    found = [_no_worse(name, measured[name], measured["start"], few) for name in SETS if name in measured]
    return ([_holds(measured["set_b"], few)] if "set_b" in measured else []) + found


def _holds(scores: Mapping[str, Any], few: str) -> Claim:
    decisions: list[bool | None] = []
    told = []
    for word in TARGET_WORDS.values():
        for name, level in _LEVELS.items():
            value, err = scores[word][name]["value"], scores[word][name]["err"]
            if value is None:
                decisions.append(None)
                continue
            told.append(f"{word} {100 * value:.1f}" + ("" if err is None else f" +- {100 * err:.1f}") + " %")
            decisions.append(None if few or err is None else _near(abs(value - level), err))
    nominal = " and ".join(f"{100 * level:.2f}" for level in COVERAGE_LEVELS)
    return judged(
        "intervals_hold", decisions, ", ".join(told), nominal=nominal, allowed=100 * ALLOWED, few=few
    )  # fmt: skip


def _near(off: float, err: float) -> bool | None:
    if off <= max(ALLOWED, err):
        return True
    return False if off - ALLOWED > SIGNIFICANT * err else None


def _no_worse(name: str, scores: Mapping[str, Any], start: str, few: str) -> Claim:
    decisions: list[bool | None] = []
    told = []
    for word in TARGET_WORDS.values():
        one = scores[word]
        low, high, network = one["gain"]["low"], one["gain"]["high"], one["network_sigma_mad"]
        if None in (low, high, network, one["ratio"]):
            decisions.append(None)
            continue
        told.append(f"{word} {one['sigma_mad']:.3f} against {network:.3f} (gain {low:+.3f} to {high:+.3f})")
        decisions.append(None if few else True if low >= -MARGIN * network else False if high < 0 else None)
    begun = f"fine-tuned from model {start!r}" if start else "trained from scratch"
    of_set = f" ({set_title(name)})"
    return judged("distributions_no_worse", decisions, told, of_set=of_set, margin=100 * MARGIN, begun=begun, few=few)
