"""A model judged on a test set of one's own: residuals, calibration in bins, out-of-distribution share, overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import agez
from agez.analysis.calibration_metrics import calibration, calibration_in_bins
from agez.analysis.metrics import evaluate, json_number, json_numbers
from agez.analysis.pit import pit_shape
from agez.bench.text import number, percent
from agez.distributions.marginals import crps
from agez.distributions.mixture import Mixture
from agez.errors import AgezError
from agez.flags import count_flags
from agez.mixture_network.calibrated_scores import pit_in_intervals
from agez.mixture_network.calibration import signal_to_noise
from agez.models.features import normalised
from agez.models.model import Model
from agez.models.predict import in_model_order, predict
from agez.samples.labelled_table import LabelledTable
from agez.samples.training_rows import TRAINING_GALAXIES, TRAINING_ROWS, row_digests, seen_galaxies
from agez.types import Bools, Floats, Prediction

SCHEMA = "agez.evaluation/1"
#: Fewer answered rows tell nothing.
LEAST_ROWS = 10
#: Bootstrap samples, fewer where there are many galaxies, and the numbers that they are held to.
N_BOOTSTRAP, LEAST_BOOTSTRAP, MOST_DRAWS = 200, 20, 2_000_000
#: Rows at most whose answers are kept for figures, evenly spaced.
MOST_POINTS = 5000
#: Words of the quantities of bins.
BINS = {"snr": "S/N per band", "redshift": "redshift", "label": "label", "prediction": "prediction"}


def evaluate_model(model: Model, table: LabelledTable, *, seed: int = 1) -> dict[str, Any]:
    """Judge a model's answers by the labels of a table.

    Parameters
    ----------
    table : LabelledTable
        Of some of the model's targets; all of its rows count, those with flags too, if they are answered.
    seed : int
        Of the bootstrap over galaxies, from which errors are.

    Returns
    -------
    dict
        Strict JSON: ``schema``, ``model``, ``source``, counts of rows and flags, ``in_training`` and
        ``galaxies_in_training``; ``targets``, by name
        ``scores`` of all answered rows and of those that are good, ``overall``, ``pit`` and ``bins``
        (:mod:`agez.analysis.calibration_metrics`), ``label_err``, and ``points`` for figures; ``losses`` and
        ``size_curve`` of the training, where the model has them.

    Raises
    ------
    AgezError
        If the model has none of the quantities, or answers too few rows.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.table import Table
    >>> import agez
    >>> from agez.bench.evaluation import evaluate_model
    >>> model, rng = agez.load_model("splus"), np.random.default_rng(1)
    >>> mine = Table({f"mag_{band}": rng.normal(18, 0.1, 50) for band in model.bands.names})
    >>> mine["log_age_lw"] = rng.normal(9.5, 0.3, 50)
    >>> test = agez.read_labelled_table(mine, ["log_age_lw"], filters="splus", redshift=0.02)
    >>> found = evaluate_model(model, test)
    >>> found["n_rows"], sorted(found["targets"])
    (50, ['log_age_lw'])
    """
    names = [target.name for target in table.targets]
    known = [target.name for target in model.targets]
    unknown = [name for name in names if name not in known]
    source = str(table.meta.get("source", "table"))
    if unknown:
        raise AgezError(
            f"{source}: label {unknown[0]!r} is none of model {model.name!r}, which predicts {', '.join(known)}; say "
            f"which column is which: --labels {known[0]}=COLUMN"
        )
    order = [names.index(name) for name in known if name in names]
    labels, label_err = table.values[:, order], table.errors[:, order]
    prediction = predict(model, table.photometry, targets=[names[k] for k in order])
    answered = prediction.answered
    if answered.sum() < LEAST_ROWS:
        told = ", ".join(f"{name} {n}" for name, n in count_flags(prediction.flags).items())
        raise AgezError(
            f"{source}: {int(answered.sum())} of {len(table)} rows are answered; at least "
            f"{LEAST_ROWS} are needed ({told or 'no flags'})"
        )
    own, quantities = _distributions(model, prediction), _quantities(model, table)
    learned = np.stack([
        np.arcsinh(labels[:, k]) if one.scale == "arcsinh" else labels[:, k] for k, one in enumerate(prediction.targets)
    ], axis=1)  # fmt: skip
    tail = np.ones(len(order))
    if prediction.mixture is not None:
        tail = model.kind.network.calibration.tail[[known.index(one.name) for one in prediction.targets]]
    pit, scores = pit_in_intervals(own, learned, tail), crps(own, learned)
    galaxy = table.rows.galaxy_id
    n_bootstrap = int(np.clip(MOST_DRAWS / len(np.unique(galaxy)), LEAST_BOOTSTRAP, N_BOOTSTRAP))
    how: dict[str, Any] = {"rng": np.random.default_rng(seed), "n_bootstrap": n_bootstrap}
    step = max(1, -(-len(table) // MOST_POINTS))
    targets = {}
    for k, target in enumerate(prediction.targets):
        mean, sigma, label = prediction.mean[:, k], getattr(prediction, f"{target.name}_err"), labels[:, k]
        rows = (pit[:, k], scores[:, k], sigma, galaxy)
        binned = {**quantities, "label": label, "prediction": mean}
        targets[target.name] = {
            "unit": target.unit, "symbol": target.symbol,
            "scores": {"all": _scores(mean, label, answered), "good": _scores(mean, label, prediction.good)},
            "label_err": json_number(float(np.nanmedian(label_err[:, k]))) if np.isfinite(label_err[:, k]).any()
            else None,
            "overall": calibration(*rows, **how).to_json(),
            "pit": pit_shape(pit[:, k], galaxy, **how).to_json(),
            "bins": {
                name: _binned(values, rows, mean - label, how)
                for name, values in binned.items() if _varies(values[answered])
            },
            "points": {
                "label": json_numbers(label[::step]), "prediction": json_numbers(mean[::step]),
                "err": json_numbers(sigma[::step]),
            },
        }  # fmt: skip
    training = model.header["training"]
    return {
        "schema": SCHEMA, "version": agez.__version__, "model": model.name, "source": source,
        "seed": seed, "n_rows": len(table), "n_galaxies": len(np.unique(galaxy)), "n_answered": int(answered.sum()),
        "n_good": int(prediction.good.sum()), "flags": count_flags(prediction.flags),
        "out_of_distribution": json_number(
            float(np.mean(prediction.ood[answered] > float(model.header["ood_threshold"])))
        ),
        "in_training": in_training(model, table), "galaxies_in_training": galaxies_in_training(model, table),
        "distribution": "gaussian" if prediction.mixture is None else
        "mixture", "targets": targets, "losses": training.get("losses"), "size_curve": training.get("size_curve"),
    }  # fmt: skip


def in_training(model: Model, table: LabelledTable) -> int | None:
    """How many rows have the photometry of rows that the model was trained on; None where the model cannot tell."""
    seen = model.arrays.get(TRAINING_ROWS)
    return None if seen is None else int(np.isin(row_digests(table.photometry, model.bands), seen).sum())


def galaxies_in_training(model: Model, table: LabelledTable) -> int | None:
    """How many galaxies the model was trained on, too, by their names; None where model or table does not name any."""
    seen = model.arrays.get(TRAINING_GALAXIES)
    if seen is None or not table.meta.get("says_galaxies"):
        return None
    return seen_galaxies(seen, table.rows.galaxy_id)


def warnings_of(block: Mapping[str, Any]) -> list[str]:
    """What must be known before the scores are believed."""
    seen, n = block["in_training"], block["n_rows"]
    if not seen:
        galaxies = block.get("galaxies_in_training")
        return [
            f"warning: {galaxies} of {block['n_galaxies']} galaxies are also in the training set: the scores may be "
            "better than on new galaxies"
        ] if galaxies else []  # fmt: skip
    return [
        f"warning: {seen} of {n} rows are of the model's own training: the scores are better than on new galaxies; "
        "those of the cross-validation are in 'agez models MODEL'"
    ]


def evaluation_lines(block: Mapping[str, Any]) -> list[str]:
    """Tables and sentences of a block, for a person and for the page."""
    lines = [
        f"{block['n_answered']} of {block['n_rows']} rows ({block['n_galaxies']} galaxies) answered, {block['n_good']} "
        f"good; out of distribution {100 * (block['out_of_distribution'] or 0):.1f} %",
        "| target | rows | sigma_mad | bias | RMSE | in 68 % | in 95 % | median error | error of labels |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in block["targets"].items():
        for which, words in (("all", ""), ("good", ", good rows")):
            score, overall = one["scores"][which], one["overall"]
            bias = number(score["bias"], "+.3f")
            calibrated = [percent(overall[key]) for key in ("coverage_68", "coverage_95")]
            calibrated += [number(overall["sharpness"]["value"]), number(one["label_err"])]
            lines.append(
                f"| `{name}`{words} | {score['n']} | {number(score['sigma_mad'])} | {bias} | "
                f"{number(score['rmse'])} | {' | '.join(calibrated if which == 'all' else ['', '', '', ''])} |"
            )
    return lines


def bin_lines(one: Mapping[str, Any]) -> list[str]:
    """Tables of one target's bins."""
    lines = []
    for name, binned in one["bins"].items():
        lines += [f"| {BINS[name]} | rows | sigma_mad | bias | in 68 % | in 95 % |", "|---|---|---|---|---|---|"]
        for k, row in enumerate(binned["bins"]):
            (low, high), bias = binned["edges"][k : k + 2], number(row["bias"], "+.3f")
            lines.append(
                f"| {low:.4g} to {high:.4g} | {row['n']} | {number(row['sigma_mad'])} | {bias} "
                f"| {percent(row['coverage_68'])} | {percent(row['coverage_95'])} |"
            )
        lines.append("")
    return lines


def _distributions(model: Model, prediction: Prediction) -> Mixture:
    """The distribution of each row; of models that give none, a Gaussian of the answer's error about its median."""
    if prediction.mixture is not None:
        return prediction.mixture
    n, d = prediction.mean.shape
    covariance = np.zeros((n, 1, d * (d + 1) // 2))
    for k in range(d):
        sigma = (prediction.quantiles[:, k, 2] - prediction.quantiles[:, k, 0]) / 2
        covariance[:, 0, k * (k + 1) // 2 + k] = sigma**2
    lost = np.where(prediction.answered, 1.0, np.nan)
    return Mixture(lost[:, None], prediction.quantiles[:, None, :, 1], covariance)


def _quantities(model: Model, table: LabelledTable) -> dict[str, Floats]:
    """What answers are looked at in bins of, beside label and prediction."""
    p = in_model_order(model, table.photometry)
    return {"snr": signal_to_noise(normalised(p.flux, p.flux_err, p.covered)), "redshift": np.asarray(p.redshift)}


def _varies(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    return len(known) > 1 and bool(np.ptp(known) > 0)


def _binned(values: Floats, rows: Sequence[Any], residual: Floats, how: Mapping[str, Any]) -> dict[str, Any]:
    """Calibration in bins, with the residuals' scores in each."""
    binned = calibration_in_bins(values, *rows, **how)
    block, edges = binned.to_json(), binned.edges
    for k, row in enumerate(block["bins"]):
        last = k == len(block["bins"]) - 1
        with np.errstate(invalid="ignore"):
            inside = (values >= edges[k]) & ((values <= edges[k + 1]) if last else (values < edges[k + 1]))
        row |= _scores(residual, np.zeros(len(residual)), inside)
    return block


def _scores(mean: Floats, label: Floats, rows: Bools) -> dict[str, Any]:
    return evaluate(mean[rows], label[rows]).to_json()
