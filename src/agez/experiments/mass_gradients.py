"""Section 4.6, figure 14: gradients of age and metallicity against stellar mass, early and late types.

From labels, from Set A and from Set B, on the same galaxies: those whose gradient is known in all of them.  Binned
means with standard errors, in order of mass, in bins of 6 early and 10 late types, as the paper bins them; galaxies
left over are a bin of their own if they are at least half a bin, else they join the last one (our reading).

A set is held against the labels galaxy by galaxy: the error of a bin's difference is that of the mean of the
galaxies' own differences, so what galaxies have in common cancels.  The paper's figure has the age alone; the
metallicity is measured as well.  The abstract's "irrespective of their morphology" is judged here, too, of Set A.  In
the caption the bins' values are means with standard deviations; section 4.6 calls them medians.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agez.analysis.gradients import GradientTable
from agez.analysis.metrics import json_number, json_numbers, sigma_mad
from agez.analysis.trends import (
    COVERAGE,
    N_BOOTSTRAP,
    bins_in_order,
    holm,
    line_slope,
    mean_and_error,
    spearman,
)
from agez.errors import AgezError
from agez.experiments.claims import MIN_GALAXIES as MIN_TO_JUDGE
from agez.experiments.claims import Claim
from agez.experiments.decisions import SIGNIFICANT_P, below, judged
from agez.experiments.result import SetResult
from agez.label_types import Sample
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats, Ints

#: Galaxies in a bin.
BIN_SIZES = {"early": 6, "late": 10}
#: Differences below this share of the labels' own spread from galaxy to galaxy (a small effect, Cohen 1988) are tiny.
TINY = 0.2
#: Scatter of early and late types counts as equal if their ratio is certainly within the first factor, and as
#: different if it is certainly not 1 and beyond the second.
EQUAL_WITHIN, DIFFERENT_BEYOND = 2.0, 1.5
#: Above and below this log mass [log10 solar masses] section 4.6 sees other trends.
TURNING_MASS = 10.5
#: Fewer galaxies of a type say nothing of a relation with mass.
MIN_GALAXIES = 6


def mass_gradients(
    sample: Sample,
    results: Mapping[str, SetResult],
    *,
    rng: np.random.Generator,
    n_bootstrap: int = N_BOOTSTRAP,
) -> dict[str, Any]:
    """The block of figure 14.

    Parameters
    ----------
    sample : Sample
        Its galaxy table gives ``log_mass`` and ``morphology``; galaxies without either are left out.
    results : mapping of 'set_a', 'set_b' to SetResult

    Returns
    -------
    dict
        ``published``, ``measured``, ``points``.  ``measured`` holds for labels, each set and, if there is one, truth,
        each target and type: ``n_galaxies``, ``spearman``, ``mean_gradient``, ``mass_slope`` (of the straight line of
        gradient against log mass, [dex/Re per dex]), each with ``_err``, and ``bins``.  ``against_labels`` holds for
        each set, target and type what :func:`_against` says; ``by_morphology`` the ratio of the scatters.
    """
    if not results:
        raise AgezError("mass gradients: no set was given; expected set_a, set_b or both")
    first = next(iter(results.values()))
    ids = first.label_gradients.galaxy_id
    for name, result in results.items():
        for table in (result.label_gradients, result.predicted_gradients):
            if not np.array_equal(table.galaxy_id, ids) or table.names != PAPER_TARGETS:
                raise AgezError(f"mass gradients: the gradients of {name} are of other galaxies or quantities")
    at = sample.galaxies.rows_of(ids)
    log_mass = np.asarray(sample.galaxies.log_mass, dtype=float)[at]
    morphology = np.asarray(sample.galaxies.morphology, dtype=str)[at]

    tables: dict[str, GradientTable] = {"labels": first.label_gradients}
    tables |= {name: result.predicted_gradients for name, result in results.items()}
    if first.truth_gradients is not None:
        tables["truth"] = first.truth_gradients
    measured: dict[str, Any] = {"bin_sizes": dict(BIN_SIZES)}
    measured |= {name: {} for name in tables} | {"against_labels": {n: {} for n in results}}
    measured["by_morphology"] = {name: {} for name in results}
    compared: list[dict[str, Any]] = []
    for t, target in enumerate(PAPER_TARGETS):
        word = TARGET_WORDS[target]
        known = np.isfinite(log_mass) & np.all([np.isfinite(table.slope[:, t]) for table in tables.values()], axis=0)
        kinds = {kind: np.flatnonzero(known & (morphology == kind)) for kind in BIN_SIZES}
        bins = {kind: [own[b] for b in bins_in_order(log_mass[own], size=BIN_SIZES[kind])]
                for kind, own in kinds.items()}  # fmt: skip
        for name, table in tables.items():
            measured[name][word] = {
                kind: _relation(log_mass, table.slope[:, t], own, bins[kind], rng, n_bootstrap)
                for kind, own in kinds.items()
            }
        for name, result in results.items():
            label = result.label_gradients.slope[:, t]  # on the points that the set has
            difference = result.predicted_gradients.slope[:, t] - label
            measured["against_labels"][name][word] = against = {
                kind: _against(log_mass, label, difference, own, bins[kind], rng) for kind, own in kinds.items()
            }
            compared.extend(against.values())
            measured["by_morphology"][name][word] = _ratio(
                *(difference[kinds[kind]] for kind in ("early", "late")), rng=rng, n_bootstrap=n_bootstrap
            )
    corrected = holm([math.nan if one["p_value"] is None else one["p_value"] for one in compared])
    for one, p in zip(compared, corrected.tolist(), strict=True):
        one["p_holm"] = json_number(p)
    points = {"galaxy_id": [str(i) for i in ids], "morphology": morphology.tolist(), "log_mass": json_numbers(log_mass)}
    for name, table in tables.items():
        points[name] = {
            TARGET_WORDS[target]: {
                "slope": json_numbers(table.slope[:, t]),
                "slope_scatter": json_numbers(table.slope_scatter[:, t]),
            }
            for t, target in enumerate(PAPER_TARGETS)
        }
    return {"published": {"bin_sizes": dict(BIN_SIZES)}, "measured": measured, "points": points}


def claims(block: Mapping[str, Any]) -> list[Claim]:
    """What section 4.6 says of age gradients along the masses, and the abstract of gradients of either type."""
    measured, out = block["measured"], list[Claim]()
    against = measured["against_labels"]
    if "set_a" in against:
        out += [_irrespective(measured["by_morphology"]["set_a"]), _follows(against["set_a"]["age"])]
    if "set_b" in against:
        out.append(_departs(against["set_b"]["age"]))
    n = sum(one["n_galaxies"] for one in measured["labels"]["age"].values())
    if n < MIN_TO_JUDGE:
        out = [replace(claim, verdict="cannot tell", how=f"{claim.how}; {n} galaxies are too few") for claim in out]
    return [*out, *_of_the_fit(measured, block["points"])]


def _relation(
    log_mass: Floats, slope: Floats, own: Ints, bins: Sequence[Ints], rng: np.random.Generator, n_bootstrap: int
) -> dict[str, Any]:
    """Gradients of one type of galaxies against mass."""
    mean, error = mean_and_error(slope[own])
    line, line_error = line_slope(log_mass[own], slope[own])
    found = [mean_and_error(slope[members]) for members in bins]
    return {
        "n_galaxies": len(own),
        "spearman": spearman(log_mass[own], slope[own], rng=rng, n_bootstrap=n_bootstrap).to_json(),
        "mean_gradient": json_number(mean),
        "mean_gradient_err": json_number(error),
        "mass_slope": json_number(line),
        "mass_slope_err": json_number(line_error),
        "bins": {
            "log_mass": [json_number(float(log_mass[members].mean())) for members in bins],
            "mean": [json_number(mean) for mean, _ in found],
            "err": [json_number(error) for _, error in found],
            "n": [len(members) for members in bins],
        },
    }


def _against(
    log_mass: Floats, label: Floats, difference: Floats, own: Ints, bins: Sequence[Ints], rng: np.random.Generator
) -> dict[str, Any]:
    """Differences (set - labels) of the binned means, in units of their paired errors.

    ``rms_in_errors`` is the rms over bins of mean difference / error; ``p_value`` how often bins of so few galaxies
    give as much by chance (each bin Student's t with n - 1 degrees of freedom, drawn 20 000 times); ``rms_dex``
    and ``err_dex`` the rms of the differences and of their errors; ``spread`` the labels' sigma_mad from galaxy to
    galaxy; ``scatter`` the sigma_mad of the galaxies' differences; ``mass_slope`` the change of the difference
    with log mass: the difference of the two relations' slopes.  All in dex/Re.
    """
    usable = [members for members in bins if len(members) > 1]
    means, errors = np.array([mean_and_error(difference[members]) for members in usable]).reshape(-1, 2).T
    mean, error = mean_and_error(difference[own])
    line, line_error = line_slope(log_mass[own], difference[own])
    rms = p_value = math.nan
    if len(usable) and np.all(errors > 0):
        rms = _rms(means / errors)
        degrees = np.array([len(members) - 1 for members in usable])
        by_chance = np.sqrt(np.mean(rng.standard_t(degrees, size=(20_000, len(usable))) ** 2, axis=1))
        p_value = float((np.sum(by_chance >= rms) + 1) / (len(by_chance) + 1))
    numbers = {
        "rms_in_errors": rms,
        "p_value": p_value,
        "rms_dex": _rms(means),
        "err_dex": _rms(errors),
        "spread": sigma_mad(label[own]),
        "scatter": sigma_mad(difference[own]),
        "mean_difference": mean,
        "mean_difference_err": error,
        "mass_slope": line,
        "mass_slope_err": line_error,
    }
    return {"n_galaxies": len(own), "n_bins": len(usable)} | {key: json_number(v) for key, v in numbers.items()}


def _ratio(early: Floats, late: Floats, *, rng: np.random.Generator, n_bootstrap: int) -> dict[str, float | None]:
    """sigma_mad of the early types' differences over that of the late types', with a bootstrap over galaxies."""
    numbers = dict.fromkeys(("early_over_late", "low", "high"), math.nan)
    if min(len(early), len(late)) >= MIN_GALAXIES and sigma_mad(late) > 0:
        numbers["early_over_late"] = sigma_mad(early) / sigma_mad(late)
        drawn = [
            sigma_mad(early[rng.integers(len(early), size=len(early))])
            / max(sigma_mad(late[rng.integers(len(late), size=len(late))]), np.finfo(float).tiny)
            for _ in range(n_bootstrap)
        ]
        numbers["low"], numbers["high"] = np.quantile(drawn, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]).tolist()
    return {key: json_number(value) for key, value in numbers.items()}


def _follows(kinds: Mapping[str, Any]) -> Claim:
    """Supported where the binned means agree within errors, or differ by little, in both types."""
    decisions = {kind: _agrees(one) for kind, one in kinds.items()}
    return judged("follows", list(decisions.values()), _differences(kinds), listed=_listed(decisions))


def _departs(kinds: Mapping[str, Any]) -> Claim:
    """Supported where the binned means of a type certainly differ, refuted where those of both agree."""
    agree = [_agrees(one) for one in kinds.values()]
    return judged("departs", True if False in agree else False if all(agree) else None, _differences(kinds))


def _differences(kinds: Mapping[str, Any]) -> str:
    told = [f"{kind} types {one['rms_dex']:.3f} dex/Re ({_errors(one['rms_in_errors'])})"
            for kind, one in kinds.items() if one["rms_dex"] is not None]  # fmt: skip
    return "; ".join(told) or "too few galaxies with gradients"


def _of_the_fit(measured: Mapping[str, Any], points: Mapping[str, Any]) -> list[Claim]:
    """What section 4.6 says of the fit's own age gradients: a mock survey (it has truth) judges nothing of nature."""
    mass, slope = (np.asarray(one, dtype=float) for one in (points["log_mass"], points["labels"]["age"]["slope"]))
    kind = np.asarray(points["morphology"], dtype=str)
    known, real = np.isfinite(mass) & np.isfinite(slope), "truth" not in measured
    heavy, light = known & (mass >= TURNING_MASS), known & (mass < TURNING_MASS)
    early, late = (mean_and_error(slope[heavy & (kind == word)]) for word in ("early", "late"))
    lower = late[0] - early[0], math.hypot(late[1], early[1])
    tilt = line_slope(mass[light & (kind == "late")], slope[light & (kind == "late")])
    why = "Not judged on a mock survey, whose gradients were put in" if not real else "Needed: certain at 2 errors"
    told = f"late minus early types {lower[0]:+.3f} +- {lower[1]:.3f} dex/Re", (
        f"{tilt[0]:+.3f} +- {tilt[1]:.3f} dex/Re per dex of mass")  # fmt: skip
    decisions = [below(value, 0.0, error) if real else None for value, error in (lower, tilt)]
    return [
        judged("late_lower", decisions[0], told[0], why=why),
        judged("late_tilt", decisions[1], told[1], why=why),
        judged("like_sanchez_blazquez", None),
        judged("above_gonzalez_delgado", None),
    ]


def _agrees(one: Mapping[str, Any]) -> bool | None:
    if one["n_galaxies"] < MIN_GALAXIES or one["p_holm"] is None or one["spread"] is None:
        return None
    if one["rms_dex"] < TINY * one["spread"]:
        return True
    if one["p_holm"] < SIGNIFICANT_P:
        return False
    # errors as large as half of what is to be seen decide nothing
    return True if one["err_dex"] < 0.5 * one["spread"] else None


def _irrespective(ratios: Mapping[str, Any]) -> Claim:
    """Supported where the scatter about the labels is the same, within a factor, in early and late types."""
    decisions, hows = {}, []
    for word, one in ratios.items():
        decisions[word] = _equal(one)
        if one["early_over_late"] is not None:
            hows.append(f"{word} {one['early_over_late']:.2f} ({one['low']:.2f} to {one['high']:.2f})")
    how = "scatter about the labels, early over late (95 %): " + "; ".join(hows) if hows else "too few galaxies"
    return judged("irrespective", list(decisions.values()), hows, how=f"{how}\n{_listed(decisions)}")


def _equal(one: Mapping[str, Any]) -> bool | None:
    ratio, low, high = one["early_over_late"], one["low"], one["high"]
    if ratio is None or low is None or high is None:
        return None
    if (low > 1 or high < 1) and not 1 / DIFFERENT_BEYOND <= ratio <= DIFFERENT_BEYOND:
        return False
    return True if low > 1 / EQUAL_WITHIN and high < EQUAL_WITHIN else None


def _listed(decisions: Mapping[str, bool | None]) -> str:
    words = {True: "yes", False: "no", None: "cannot tell"}
    return "borne out: " + "; ".join(f"{what}: {words[decision]}" for what, decision in decisions.items())


def _errors(rms: float | None) -> str:
    return "no errors" if rms is None else f"{rms:.1f} errors"


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else math.nan
