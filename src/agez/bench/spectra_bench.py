"""One set of spectra judged: the spectral fit, models on their photometry in several surveys, and what is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from agez.analysis.metrics import json_number
from agez.bench.answer_scores import JUDGED
from agez.bench.bench_set import BenchSet
from agez.bench.rows import BenchRows
from agez.bench.scores import order_kept, pull_width, share, share_within
from agez.flags import Flag, count_flags, has_flag, is_good
from agez.label_types import Labels
from agez.models.model import Model
from agez.models.predict import predict_spectra
from agez.spectra.fitting import fit_labels
from agez.spectra.templates import SSPGrid
from agez.types import Bools, Floats, Prediction, Spectra

#: Solar 12 + log(O/H) (Asplund et al. 2009, ARA&A 47, 481), for [M/H] of gas.
SOLAR_OH = 8.69
#: Differences of networks and fit, and of surveys, count as agreement within so many of their joint errors.
AGREE_SIGMA = 2.0


def fitted(spectrum: Spectra, templates: SSPGrid | str) -> tuple[Spectra, Labels]:
    """The fit of one spectrum; where its errors are those of its scatter alone, a second one, to which chi2 is 1.

    The scatter of neighbouring pixels knows nothing of their common noise, nor of errors of the calibration.
    """
    labels = fit_labels(spectrum, templates)
    chi2 = float(labels.chi2[0])
    if not has_flag(spectrum.flags, Flag.ERROR_ASSUMED)[0] or not np.isfinite(chi2) or chi2 <= 1:
        return spectrum, labels
    spectrum = replace(spectrum, flux_err=np.where(spectrum.mask, spectrum.flux_err, spectrum.flux_err * np.sqrt(chi2)))
    return spectrum, fit_labels(spectrum, templates)


def bench_spectra(
    one: BenchSet, rows: BenchRows, *, models: Mapping[str, Model], templates: SSPGrid | str, seed: int = 1
) -> dict[str, Any]:
    """Judge the spectral fit and models on a set of spectra.

    Parameters
    ----------
    models : mapping of str to Model
        By name, the main one first; each sees the spectra through its own bands, in the rest frame.

    Returns
    -------
    dict
        Strict JSON: see docs/real_sky.md.
    """
    rng = np.random.default_rng(seed)
    made = [fitted(spectrum, templates) for spectrum in rows.spectra]
    labels = Labels.concatenate([label for _, label in made])
    predictions = {
        name: [predict_spectra(model, spectrum) for spectrum, _ in made] for name, model in models.items()
    }  # fmt: skip
    answers = {"fit": _columns(labels), **{name: _predicted(found) for name, found in predictions.items()}}
    main = next(iter(models))
    block: dict[str, Any] = {
        "set": one.name, "title": one.title, "citation": one.citation, "licence": one.licence, "kind": "spectra",
        "answers": main, "models": list(models), "templates": str(labels.meta.get("templates", "")),
        "n": {"rows": len(rows)},
        "rows": [_row(rows, answers, k) for k in range(len(rows))],
        "flagged": _flagged(rows, answers),
        "fit_network": {name: _agreement(rows, answers["fit"], answers[name], rng) for name in models},
        "surveys": _surveys(answers, list(models), rng),
        "known": _known(rows, answers, rng),
        "gas": _gas(rows, answers),
        "order": _order(one, rows, answers),
    }  # fmt: skip
    return block


def _columns(labels: Labels) -> dict[str, Any]:
    names = [column for name in JUDGED for column in (name, f"{name}_err")]
    more = {name: np.asarray(getattr(labels, name), float) for name in ("av", "chi2", "snr")}
    return {name: np.asarray(getattr(labels, name), float) for name in names} | more | {"flags": labels.flags}


def _predicted(found: list[Prediction]) -> dict[str, Any]:
    out: dict[str, Any] = {"flags": np.concatenate([one.flags for one in found])}
    for name in (column for one in (*JUDGED, "av") for column in (one, f"{one}_err")):
        out[name] = np.concatenate([np.asarray(getattr(one, name, np.full(len(one), np.nan)), float) for one in found])
    return out


def _row(rows: BenchRows, answers: Mapping[str, Any], k: int) -> dict[str, Any]:
    known = rows.known
    row: dict[str, Any] = {"name": str(known.name[k]), "kind": str(known.kind[k])}
    of_set = ("log_age", "log_age_err", "mh", "mh_err", "gas_oh")
    row["known"] = {name: json_number(float(getattr(known, name)[k])) for name in of_set}
    for name, columns in answers.items():
        row[name] = {
            column: json_number(round(float(values[k]), 4)) for column, values in columns.items() if column != "flags"
        }
        row[name]["flags"] = list(count_flags(columns["flags"][k : k + 1]))
        row[name]["good"] = bool(is_good(columns["flags"][k : k + 1])[0])
    return row


def _flagged(rows: BenchRows, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Share of rows with a fault, by who answers and kind."""
    kinds = np.unique(rows.known.kind).tolist()
    return {
        name: {
            "all": share(~is_good(columns["flags"])).to_json(),
            **{kind: share(~is_good(columns["flags"][rows.known.kind == kind])).to_json() for kind in kinds if kind},
        }
        for name, columns in answers.items()
    }


def _agreement(
    rows: BenchRows, fit: Mapping[str, Any], network: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """The network on photometry of a spectrum against the fit of the same spectrum: by kind, of rows good in both."""
    good = is_good(fit["flags"]) & is_good(network["flags"])
    out: dict[str, Any] = {}
    for kind in ("all", *(one for one in np.unique(rows.known.kind).tolist() if one)):
        where = good if kind == "all" else good & (rows.known.kind == kind)
        out[kind] = {"n": int(where.sum())}
        for name in JUDGED:
            out[kind][name] = _apart(network, fit, name, where, rng)
    return out


def _apart(
    first: Mapping[str, Any], second: Mapping[str, Any], name: str, rows: Bools, rng: np.random.Generator
) -> dict[str, Any]:
    """How far two answers are apart: median, width over their joint errors, and share within them."""
    difference, err = (first[name] - second[name])[rows], np.hypot(first[f"{name}_err"], second[f"{name}_err"])[rows]
    return {
        "offset": json_number(float(np.median(difference))) if rows.any() else None,
        "pull": pull_width(difference, err, rng=rng).to_json(),
        "within": share_within(difference, err, AGREE_SIGMA).to_json(),
    }


def _surveys(answers: Mapping[str, Any], models: list[str], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two surveys on one galaxy, all pairs: differences of their answers over their joint errors, of rows good in both.

    The errors that they share (template libraries) make less than 1 right, as with halves of the bands.
    """
    out = []
    for i, first in enumerate(models):
        for second in models[i + 1 :]:
            good = is_good(answers[first]["flags"]) & is_good(answers[second]["flags"])
            apart = {name: _apart(answers[first], answers[second], name, good, rng) for name in JUDGED}
            out.append({"first": first, "second": second, "n": int(good.sum()), **apart})
    return out


def _known(rows: BenchRows, answers: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any] | None:
    known = rows.known
    out: dict[str, Any] = {}
    for who, columns in answers.items():
        for name, values, err in (("log_age_lw", known.log_age, known.log_age_err), ("mh_lw", known.mh, known.mh_err)):
            where = np.isfinite(values) & np.isfinite(columns[name])
            if where.any():
                difference = (columns[name] - values)[where]
                joint = np.hypot(columns[f"{name}_err"], np.nan_to_num(err))[where]
                out.setdefault(who, {})[name] = {
                    "n": int(where.sum()), "offset": json_number(float(np.median(difference))),
                    "largest": json_number(float(np.max(np.abs(difference)))),
                    "within": share_within(difference, joint, AGREE_SIGMA).to_json(),
                }  # fmt: skip
    return out or None


def _gas(rows: BenchRows, answers: Mapping[str, Any]) -> dict[str, Any] | None:
    """[M/H] of stars less that of the gas, log(O/H) over solar, of each row whose gas is known."""
    gas = rows.known.gas_oh - SOLAR_OH
    at = np.flatnonzero(np.isfinite(gas))
    if not len(at):
        return None
    return {
        who: {str(rows.known.name[k]): json_number(float(columns["mh_lw"][k] - gas[k])) for k in at}
        for who, columns in answers.items()
    }


def _order(one: BenchSet, rows: BenchRows, answers: Mapping[str, Any]) -> dict[str, Any] | None:
    """Whether ages fall, and dust rises, along the kinds that the set orders: share of pairs in the right order."""
    if not (one.order or one.dust_order):
        return None

    def medians(values: Floats, kinds: tuple[str, ...]) -> list[float]:
        of_kind = [values[(rows.known.kind == kind) & np.isfinite(values)] for kind in kinds]
        return [float(np.median(found)) if len(found) else np.nan for found in of_kind]

    return {
        who: {
            "age": order_kept(medians(columns["log_age_lw"], one.order)).to_json(),
            "dust": order_kept(medians(-columns["av"], one.dust_order)).to_json(),
        }
        for who, columns in answers.items()
    }
