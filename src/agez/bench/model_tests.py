"""Tests of a model on real photometry that need no labels: its bands, half of the bands, more noise, other dust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agez.analysis.metrics import json_number, sigma_mad
from agez.bench.answer_scores import JUDGED, older_scores
from agez.bench.answers import answers_of
from agez.bench.bench_set import BenchSet
from agez.bench.matched_mocks import matched_mocks, training_seds_near
from agez.bench.rows import Known
from agez.bench.scores import line_slope, mean_of, pull_width, share, slope
from agez.errors import AgezError
from agez.models.model import Model
from agez.models.predict import predict
from agez.photometry.dereddening import deredden
from agez.photometry.zero_points import MIN_ROWS, ZeroPoints, iterate_zero_points
from agez.training.recipes import Recipe
from agez.types import Bools, Floats, Photometry, Prediction

#: E(B-V) added to that of the set, for its sensitivity.
EBV_STEPS = (-0.05, 0.05)
#: Share of the rows that must have a band, for it to be one of those that are halved.
LEAST_COVERED = 0.5
#: Rows that are drawn where there are more: widths are then known to 2 %.
MOST_ROWS = 5_000
#: With more bands than these no single one decides, and leaving out each in turn would take long.
MOST_BANDS = 20
#: Noise of the rows that are observed again, fainter, in units of their own.
MORE_NOISE = 3.0


def answer(model: Model, photometry: Photometry) -> Prediction:
    """All targets of a model, the judged ones if it knows no others."""
    return predict(model, photometry, targets=("all",))


def band_scores(photometry: Photometry, model: Model, known: Known, chosen: Bools, good: Bools) -> list[dict[str, Any]]:
    """Each band against what the model expects of it from the others: offset and scatter [mag], pull, zero point.

    The offset is observed minus expected, above 0 where the band is fainter, of all rows without a fault and by kind:
    zero points do not know what they look at, stars do.  The pull is the robust width of (observed - expected) / error
    about its median.  ``zero_point_mag`` is to be added to magnitudes: zero points that no galaxy can imitate
    (:func:`agez.photometry.zero_points.iterate_zero_points`).  ``flagged_without`` is the share of the chosen rows that
    have a fault if the band is left out, of models of few bands.
    """
    fine = photometry.take(np.flatnonzero(good))
    expected, err = model.expected(fine)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where((fine.flux > 0) & (expected > 0), fine.flux / expected, np.nan)
        pull = (fine.flux - expected) / np.hypot(fine.flux_err, err)
    offset = -2.5 * np.log10(ratio)
    zero_points = _zero_points(fine, model)
    errors = None if zero_points is None else zero_points.magnitude_offset_err
    without = _flagged_without(photometry.take(np.flatnonzero(chosen)), model)
    kind = known.kind[good]
    out = []
    for k, name in enumerate(fine.bands.names):
        out.append({
            "band": name, "pivot_angstrom": fine.bands.pivot_angstrom[k], "n": int(np.isfinite(offset[:, k]).sum()),
            "offset_mag": _middle(offset[:, k]),
            "offset_mag_by_kind": {one: _middle(offset[kind == one, k]) for one in np.unique(kind).tolist() if one},
            "scatter_mag": json_number(sigma_mad(offset[:, k])),
            "pull": json_number(sigma_mad(pull[:, k])),
            "zero_point_mag": None if zero_points is None else float(zero_points.magnitude_offset[k]),
            "zero_point_mag_err": None if errors is None else json_number(float(errors[k])),
            "flagged_without": without.get(name),
        })  # fmt: skip
    return out


def _middle(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _flagged_without(photometry: Photometry, model: Model) -> dict[str, dict[str, Any]]:
    """By band: the share of rows with a fault in answers without it."""
    names = photometry.bands.names
    if len(names) > MOST_BANDS or not model.kind.most_missing():
        return {}
    out = {}
    for name in names:
        rest = photometry.select_bands([other for other in names if other != name])
        out[name] = share(~predict(model, rest, targets=JUDGED).good).to_json()
    return out


def _zero_points(photometry: Photometry, model: Model) -> ZeroPoints | None:
    """None where there are too few rows to tell."""
    if len(photometry) < MIN_ROWS:
        return None
    try:
        return iterate_zero_points(photometry, model.expected)
    except AgezError:  # fewer than two bands with enough rows
        return None


def band_halves(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every second band, and the others, in order of wavelength: two instruments that see the same galaxy."""
    return tuple(names[0::2]), tuple(names[1::2])


def differences_of_halves(model: Model, photometry: Photometry) -> dict[str, tuple[Floats, Floats]]:
    """By quantity, the difference of the answers from two halves of the bands, and the quadrature of both errors."""
    one, other = (
        predict(model, photometry.select_bands(half), targets=JUDGED) for half in band_halves(photometry.bands.names)
    )
    usable = one.answered & other.answered
    out = {}
    for name in JUDGED:
        difference = np.where(usable, getattr(one, name) - getattr(other, name), np.nan)
        out[name] = difference, np.hypot(getattr(one, f"{name}_err"), getattr(other, f"{name}_err"))
    return out


def half_scores(
    model: Model, photometry: Photometry, good: Bools, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, list[float | None]]]:
    """Answers from half of the bands against those from the other half: on real rows, and on mocks that match them.

    The two share the prior, the redshift and the model's own faults, so that the width of their difference over its
    error is not 1 even where all is right.  What it should be, mocks of the model's own training SEDs say, with the
    same redshifts, magnitudes, missing bands and errors: the ratio of both is 1 where real galaxies are as the model
    thinks.  ``gain`` is the slope of mock answers from all bands on the truth: the part of a difference in age or [M/H]
    that answers show.

    Returns
    -------
    scores : dict
        ``n``, by quantity ``real``, ``mock``, ``ratio``, ``gain``; ``missing``: why there are no mocks, or None.
    points : dict
        Differences over their errors, for figures.
    """
    photometry = photometry.select_bands(_usual_bands(photometry, good))
    rows = np.flatnonzero(good & photometry.covered.all(axis=1) & np.isfinite(photometry.redshift))
    if len(rows) < MIN_ROWS:
        return {"n": len(rows), "missing": f"only {len(rows)} rows have a redshift and all bands"}, {}
    if len(rows) > MOST_ROWS:
        rows = np.sort(rng.choice(rows, MOST_ROWS, replace=False))
    needed = len(model.bands) - model.kind.most_missing()
    if len(photometry.bands) // 2 < needed:
        words = f"half of {len(photometry.bands)} bands are fewer than the {needed} that model {model.name} needs"
        return {"n": len(rows), "missing": words}, {}
    real = photometry.take(rows)
    found = differences_of_halves(model, real)
    scores: dict[str, Any] = {"n": len(rows), "missing": None, "first": list(band_halves(real.bands.names)[0])}
    points: dict[str, list[float | None]] = {}
    for name in JUDGED:
        scores[name] = {"real": pull_width(*found[name], rng=rng).to_json(), "mock": None, "ratio": None, "gain": None}
        points[f"{name}_real"] = _pulls(found[name])
    try:
        seds = training_seds_near(model, real.redshift, rng)
    except AgezError as error:
        return scores | {"missing": str(error)}, points
    survey = Recipe.from_dict(model.header["training"]["recipe"]).survey
    mocks = matched_mocks(real, seds, survey, rng)
    whole = predict(model, mocks.photometry, targets=JUDGED)
    fine = whole.good & mocks.photometry.covered.all(axis=1)
    seen = differences_of_halves(model, mocks.photometry.take(np.flatnonzero(fine)))
    for t, name in enumerate(JUDGED):
        width = pull_width(*seen[name], rng=rng)
        scores[name]["mock"] = width.to_json()
        real_width = scores[name]["real"]
        ratio = real_width["value"] / width.value
        relative = np.hypot(real_width["err"] / real_width["value"], width.err / width.value)
        scores[name]["ratio"] = {"value": json_number(ratio), "err": json_number(ratio * float(relative)), "n": width.n}
        scores[name]["gain"] = slope(mocks.truth[fine, t], getattr(whole, name)[fine], rng=rng).to_json()
        points[f"{name}_mock"] = _pulls(seen[name])
    scores["mock_flagged"] = share(~whole.good).to_json()
    return scores, points


def _usual_bands(photometry: Photometry, good: Bools) -> list[str]:
    """Bands that at least half of the rows have."""
    share_covered = photometry.covered[good].mean(axis=0) if good.any() else np.zeros(len(photometry.bands))
    return [name for name, part in zip(photometry.bands.names, share_covered, strict=True) if part >= LEAST_COVERED]


def _pulls(of: tuple[Floats, Floats]) -> list[float | None]:
    with np.errstate(invalid="ignore"):
        return [json_number(round(float(value), 3)) for value in of[0] / of[1] if np.isfinite(value)]


def fainter_scores(
    model: Model, photometry: Photometry, prediction: Prediction, good: Bools, rng: np.random.Generator
) -> dict[str, Any]:
    """The same galaxies observed again with more noise: the answers must stay, within what the larger errors allow.

    ``shift`` is the mean change of the answers [dex], ``pull`` the width of the change over sqrt(e2^2 - e1^2), the part
    of the new error that is new (over the old error at least): 1 for calibrated errors, below where the prior draws all
    answers to its middle.
    """
    rows = np.flatnonzero(good)
    if len(rows) < MIN_ROWS:
        return {"n": len(rows)}
    bright = photometry.take(rows)
    added = np.sqrt(MORE_NOISE**2 - 1) * np.nan_to_num(bright.flux_err) * rng.standard_normal(bright.flux.shape)
    faint = replace(bright, flux=bright.flux + added, flux_err=MORE_NOISE * bright.flux_err)
    again = predict(model, faint, targets=JUDGED)
    out: dict[str, Any] = {"n": len(rows), "noise": MORE_NOISE, "flagged": share(~again.good).to_json()}
    for name in JUDGED:
        first, second = getattr(prediction, f"{name}_err")[rows], getattr(again, f"{name}_err")
        change = getattr(again, name) - getattr(prediction, name)[rows]
        grown = np.sqrt(np.maximum(second**2 - first**2, (0.3 * first) ** 2))
        out[name] = {
            "shift": mean_of(change).to_json(),
            "pull": pull_width(change, grown, rng=rng).to_json(),
        }  # fmt: skip
    return out


def dust_scores(
    one: BenchSet, known: Known, photometry: Photometry, model: Model, chosen: Bools, rng: np.random.Generator
) -> dict[str, Any]:
    """What changes with the E(B-V) of the Milky Way: flagged share, medians, the older kind, the slope with mass."""
    out: dict[str, Any] = {}
    if one.ebv is None:
        return out
    for ebv in (one.ebv, *(round(max(one.ebv + step, 0.0), 3) for step in EBV_STEPS)):
        seen = deredden(photometry, ebv) if ebv else photometry
        answers = answers_of(answer(model, seen), source=model.name)
        good = chosen & answers.good
        older = older_scores(one, known, seen, answers, good, rng)
        young = good & (known.kind == one.older[1]) if one.older else good
        finite = young & np.isfinite(answers["log_mass"]) & np.isfinite(answers["mh_lw"])
        out[f"{ebv:g}"] = {
            "flagged": share(~answers.good[chosen]).to_json(),
            "older": None if older is None else older["age"],
            **{name: _middle(answers[name][good]) for name in JUDGED},
            "mh_slope": json_number(line_slope(answers["log_mass"][finite], answers["mh_lw"][finite]))
            if finite.sum() > 2 else None,
        }  # fmt: skip
    return out
