"""Scores of answers about a table of galaxies that need no labels: types, masses, flags, steadiness, repeats."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from agez.analysis.metrics import evaluate, json_number, json_numbers
from agez.bench.answers import Answers
from agez.bench.bench_set import BenchSet
from agez.bench.published import published_slope
from agez.bench.rows import BenchRows, Known
from agez.bench.scores import (
    Measured,
    order_kept,
    probability_above,
    pull_width,
    repeat_differences,
    share,
    slope,
    slope_beside,
)
from agez.models.luminosity import log_distance_factor
from agez.photometry.synthesis import ab_magnitude
from agez.types import Bools, Floats, Photometry

#: The quantities that are judged.
JUDGED = ("log_age_lw", "mh_lw")
#: Edges of the bins in which the share of flagged rows is given.
REDSHIFT_EDGES = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
MAGNITUDE_EDGES = (0.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 30.0)
COLOUR_EDGES = (-5.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 5.0)
#: Wavelengths [Angstrom] of the two bands whose colour stands beside the ages, and of the one of brightness.
BLUE_ANGSTROM, RED_ANGSTROM = 4770.0, 6230.0
#: Distances follow from redshifts above this.
LEAST_REDSHIFT = 0.003
QUANTILES = (0.16, 0.5, 0.84)


def magnitude_near(photometry: Photometry, wave_angstrom: float) -> tuple[str, Floats]:
    """Name of the broadest of the bands near a wavelength, and AB magnitudes (n,) in it; NaN where not detected."""
    pivot, width = np.array(photometry.bands.pivot_angstrom), np.array(photometry.bands.fwhm_angstrom)
    k = int(np.argmin(np.abs(pivot - wave_angstrom) - 0.5 * width))
    flux = np.where(photometry.flux[:, k] > 0, photometry.flux[:, k], np.nan)
    return photometry.bands.names[k], ab_magnitude(flux)[0]


def absolute_magnitude(answers: Answers, photometry: Photometry) -> Floats:
    """M_r [mag] of the answers, else of brightness and redshift alone, without a K-correction; NaN where unknown."""
    if answers.has("absmag_r"):
        return answers["absmag_r"]
    z = np.where(photometry.redshift > LEAST_REDSHIFT, photometry.redshift, np.nan)
    return magnitude_near(photometry, RED_ANGSTROM)[1] - 2.5 * log_distance_factor(z)


def answer_scores(
    one: BenchSet, rows: BenchRows, answers: Answers, chosen: Bools, rng: np.random.Generator
) -> dict[str, Any]:
    """All scores of answers about a table of photometry, as strict JSON; None where the set knows too little.

    Parameters
    ----------
    chosen : (n,) bool
        Rows that are judged.  All scores but the share of flagged rows are of those without a fault.
    """
    assert rows.photometry is not None
    known, photometry = rows.known, rows.photometry
    good = chosen & answers.good
    mass, luminosity = answers["log_mass"], absolute_magnitude(answers, photometry)
    return {
        "n": {"rows": len(rows), "chosen": int(chosen.sum()), "good": int(good.sum())},
        "flagged": flagged_shares(known, photometry, answers, chosen),
        "chi2": _by_kind(known, good, lambda where: _median(answers["chi2"][where])),
        "kinds": _by_kind(known, good, lambda where: _kind_of(answers, where)),
        "older": older_scores(one, known, photometry, answers, good, rng),
        "mass_metallicity": {
            kind: {
                "log_mass": {**slope(mass[where], answers["mh_lw"][where], rng=rng).to_json(),
                             "published": json_number(published_slope(mass[where]))},
                "absmag_r": slope(luminosity[where], answers["mh_lw"][where], rng=rng).to_json(),
            }
            for kind, where in kinds_of(known, good).items()
        },
        "steady": {
            kind: {
                name: slope_beside(
                    photometry.redshift[where], answers[name][where], luminosity[where], rng=rng
                ).to_json()
                for name in JUDGED
            }
            for kind, where in kinds_of(known, good).items()
        },
        "trend": {
            kind: {name: slope(photometry.redshift[where], answers[name][where], rng=rng).to_json() for name in JUDGED}
            for kind, where in kinds_of(known, good).items()
        },
        "tilt": tilt_scores(known, answers, good, rng),
        "repeats": repeat_scores(known, answers, good, rng),
        "known": known_scores(known, answers, good, rng),
        "order": order_score(one, known, answers, good),
    }  # fmt: skip


def kinds_of(known: Known, where: Bools) -> dict[str, Bools]:
    """Rows of each kind, and of all as ``all``."""
    names = [kind for kind in np.unique(known.kind).tolist() if kind]
    return {"all": where} | {kind: where & (known.kind == kind) for kind in names}


def _by_kind(known: Known, where: Bools, score: Any) -> dict[str, Any]:
    return {kind: score(rows) for kind, rows in kinds_of(known, where).items()}


def _median(values: Floats) -> float | None:
    return json_number(float(np.nanmedian(values))) if np.isfinite(values).any() else None


def _kind_of(answers: Answers, where: Bools) -> dict[str, Any]:
    """Number, and of each judged quantity 16, 50, 84 % of the answers and their median error."""
    out: dict[str, Any] = {"n": int(where.sum())}
    for name in JUDGED:
        values = answers[name][where]
        known = values[np.isfinite(values)]
        out[name] = json_numbers(np.quantile(known, QUANTILES)) if len(known) else [None] * len(QUANTILES)
        out[f"{name}_err"] = _median(answers[f"{name}_err"][where])
    return out


def flagged_shares(known: Known, photometry: Photometry, answers: Answers, chosen: Bools) -> dict[str, Any]:
    """Shares of rows with a fault: of all, by kind, redshift, brightness and colour; and how many carry each flag."""
    bad = ~answers.good
    _, magnitude = magnitude_near(photometry, RED_ANGSTROM)
    colour = magnitude_near(photometry, BLUE_ANGSTROM)[1] - magnitude

    def bins(values: Floats, edges: tuple[float, ...]) -> list[dict[str, Any]]:
        out = []
        for low, high in pairwise(edges):
            with np.errstate(invalid="ignore"):
                inside = chosen & (values >= low) & (values < high)
            if inside.any():
                out.append({"low": low, "high": high, **share(bad[inside]).to_json()})
        return out

    return {
        **share(bad[chosen]).to_json(),
        "by_kind": {kind: share(bad[where]).to_json() for kind, where in kinds_of(known, chosen).items()},
        "by_redshift": bins(photometry.redshift, REDSHIFT_EDGES),
        "by_magnitude": bins(magnitude, MAGNITUDE_EDGES),
        "by_colour": bins(colour, COLOUR_EDGES),
        "flags": dict(answers.flags),
    }


def older_scores(
    one: BenchSet, known: Known, photometry: Photometry, answers: Answers, good: Bools, rng: np.random.Generator
) -> dict[str, Any] | None:
    """How often a member of the older kind is older than one of the younger, and redder: the same by colour alone."""
    if one.older is None:
        return None
    first, second = (good & (known.kind == kind) for kind in one.older)
    blue, red = magnitude_near(photometry, BLUE_ANGSTROM), magnitude_near(photometry, RED_ANGSTROM)
    colour = blue[1] - red[1]
    age = answers["log_age_lw"]
    return {
        "first": one.older[0], "second": one.older[1],
        "n_first": int(first.sum()), "n_second": int(second.sum()),
        "age": probability_above(age[first], age[second], rng=rng).to_json(),
        "colour": probability_above(colour[first], colour[second], rng=rng).to_json(),
        "colour_name": f"{blue[0]} - {red[0]}",
    }  # fmt: skip


def tilt_scores(known: Known, answers: Answers, good: Bools, rng: np.random.Generator) -> dict[str, Any] | None:
    """Trends of the answers with inclination [dex / 90 degree]: populations do not know how their galaxy is seen."""
    if not np.isfinite(known.inclination).any():
        return None
    return {
        kind: {name: slope(known.inclination[where] / 90, answers[name][where], rng=rng).to_json() for name in JUDGED}
        for kind, where in kinds_of(known, good).items()
    }


def repeat_scores(known: Known, answers: Answers, good: Bools, rng: np.random.Generator) -> dict[str, Any] | None:
    """Differences of repeated observations, in units of their errors: 1 where errors are those of the noise alone.

    Answers share the errors of their templates, which repeats cannot see, so that below 1 is right.
    """
    if not (known.repeat != "").any():
        return None
    out = {}
    for name in JUDGED:
        values = np.where(good, answers[name], np.nan)
        out[name] = pull_width(*repeat_differences(values, answers[f"{name}_err"], known.repeat), rng=rng).to_json()
    return out


def known_scores(known: Known, answers: Answers, good: Bools, rng: np.random.Generator) -> dict[str, Any] | None:
    """Against values from elsewhere, where the set has any: scatter, offset, and differences over their errors."""
    out: dict[str, Any] = {}
    for name, values, err in (("log_age_lw", known.log_age, known.log_age_err), ("mh_lw", known.mh, known.mh_err)):
        where = good & np.isfinite(values)
        if where.any():
            difference = (answers[name] - values)[where]
            joint = np.hypot(answers[f"{name}_err"], np.nan_to_num(err))[where]
            out[name] = {
                **evaluate(answers[name][where], values[where]).to_json(),
                "pull": pull_width(difference, joint, rng=rng).to_json(),
            }
    return out or None


def order_score(one: BenchSet, known: Known, answers: Answers, good: Bools) -> dict[str, Any] | None:
    """Whether median ages fall along the kinds that the set orders."""
    if not one.order:
        return None
    medians: Mapping[str, Any] = {
        kind: _median(answers["log_age_lw"][good & (known.kind == kind)]) for kind in one.order
    }
    kept: Measured = order_kept([np.nan if value is None else value for value in medians.values()])
    return {"log_age_lw": dict(medians), "kept": kept.to_json()}
