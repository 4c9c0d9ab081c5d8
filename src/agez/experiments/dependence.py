"""Section 4.4, figures 10-12: do the residuals depend on the galaxies' star formation, inclination, dust or bulge?

For every galaxy the median and the sigma_mad of its spectra's residuals (predicted - label), against four
properties of the galaxy table, for both sets and both targets, with medians in bins of 16 galaxies.  Figure 10 is the
specific star-formation rate, 11 the inclination, 12 A_V; of the bulge fraction the paper speaks in words only.

A trend is tested with Spearman's rho: 4 properties x 2 sets x 2 targets x 2 statistics are 32 tests, so p-values
are corrected by Holm's method.  With thousands of spectra a trend can be real and without
consequence: its size is the change of the median from the third of galaxies with the lowest to the third with
the highest property, and it is called tiny below ``TINY`` of the set's sigma_mad (a small effect in the words of
Cohen 1988, Statistical Power Analysis).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agez.analysis.metrics import json_number, json_numbers, sigma_mad
from agez.analysis.trends import (
    N_BOOTSTRAP,
    binned_medians,
    chance_range,
    difference_of_thirds,
    group_medians,
    holm,
    spearman,
)
from agez.errors import AgezError
from agez.experiments.claims import MIN_GALAXIES, Claim
from agez.experiments.decisions import SIGNIFICANT_P, interval_rises, judged
from agez.experiments.paper import set_title
from agez.experiments.result import target_columns
from agez.label_types import Sample
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats

#: Galaxies in a bin.
BIN_SIZE = 16
PROPERTIES = ("log_ssfr", "inclination", "av", "bulge_fraction")
STATISTICS = ("median", "sigma_mad")
#: A galaxy with fewer spectra than this has no median and no sigma_mad worth comparing.
MIN_SPECTRA = 5
#: Where no trend is found but the interval allows a larger rho than this, nothing can be told.
HIDDEN_RHO = 0.5
#: A rank correlation that is certainly below this is no rise.
NO_RISE = 0.1
#: Share of the set's sigma_mad below which a trend is tiny.
TINY = 0.2


def published() -> dict[str, Any]:
    """What the paper says: it shows figures, and gives no number of a trend."""
    return {"bin_size": BIN_SIZE, "trend": False}


def dependence(
    sample: Sample,
    predicted: Mapping[str, Floats],
    *,
    rng: np.random.Generator,
    n_bootstrap: int = N_BOOTSTRAP,
) -> dict[str, Any]:
    """The block of figures 10-12.

    Parameters
    ----------
    predicted : mapping of 'set_a', 'set_b' to (n, 2) float
        Out-of-sample log_age_lw and mh_lw of every spectrum; NaN if none.

    Returns
    -------
    dict
        ``published``, ``measured``, ``points``.  Beside rho with its 95 % interval, each statistic of ``measured``
        has: ``p_value`` of its own and ``p_holm`` corrected for all tests; ``trend`` (None where it cannot be told);
        ``rho_limit``, the largest absolute rho in the interval; ``change_dex``, the range of the medians of bins, with
        ``change_by_chance_dex``, its median where galaxies are in random order; ``difference_dex``, upper
        third minus lower third, with ``difference_err``; ``share``, that difference over the set's sigma_mad;
        ``tiny``.  ``measured["sigma_mad"]`` holds the sets' own.
    """
    ids, galaxy = np.unique(sample.rows.galaxy_id, return_inverse=True)
    at = sample.galaxies.rows_of(ids)
    properties = {name: np.asarray(getattr(sample.galaxies, name), dtype=float)[at] for name in PROPERTIES}
    labels = target_columns(sample.labels)

    measured: dict[str, Any] = {"bin_size": BIN_SIZE, "min_spectra": MIN_SPECTRA, "sigma_mad": {}}
    points: dict[str, Any] = {
        "galaxy_id": [str(one) for one in ids],
        "morphology": [str(one) for one in sample.galaxies.morphology[at]],
        "properties": {name: json_numbers(values) for name, values in properties.items()},
        "bins": {},
    }
    tests: list[tuple[int, dict[str, Any]]] = []
    for name, values in predicted.items():
        if np.shape(values) != labels.shape:
            raise AgezError(f"dependence: predictions of {name} have shape {np.shape(values)}; expected {labels.shape}")
        residuals = np.asarray(values, dtype=float) - labels
        for part in (measured, points, points["bins"], measured["sigma_mad"]):
            part[name] = {}
        for t, target in enumerate(PAPER_TARGETS):
            word, residual = TARGET_WORDS[target], residuals[:, t]
            scale = sigma_mad(residual)
            per_galaxy = dict(zip(STATISTICS, group_medians(galaxy, residual, min_members=MIN_SPECTRA), strict=True))
            points[name][word] = {statistic: json_numbers(y) for statistic, y in per_galaxy.items()}
            measured["sigma_mad"][name][word] = json_number(scale)
            measured[name][word], points["bins"][name][word] = {}, {}
            for key, x in properties.items():
                bins: dict[str, list[float | None]] = {}
                used = np.isfinite(x) & np.isfinite(per_galaxy["median"])
                block: dict[str, Any] = {"n_galaxies": int(used.sum())}
                for statistic, y in per_galaxy.items():
                    middle, medians, spread = binned_medians(x[used], y[used], size=BIN_SIZE)
                    bins |= {"x": json_numbers(middle), statistic: json_numbers(medians)}
                    bins[f"{statistic}_spread"] = json_numbers(spread)
                    block[statistic] = _test(x[used], y[used], medians, scale, n_bootstrap, rng)
                    tests.append((block["n_galaxies"], block[statistic]))
                measured[name][word][key], points["bins"][name][word][key] = block, bins
    _decide(tests)
    return {"published": published(), "measured": measured, "points": points}


def claims(block: Mapping[str, Any]) -> list[Claim]:
    """What section 4.4 says of each property, in both sets and both targets."""
    measured = block["measured"]
    others = [_claim(measured, key, ("median",) if key == "log_ssfr" else STATISTICS) for key in PROPERTIES]
    return [_growing(measured), *others]


def _test(
    x: Floats, y: Floats, medians: Floats, scale: float, n_bootstrap: int, rng: np.random.Generator
) -> dict[str, Any]:
    """One statistic of the galaxies against one property; ``trend`` and ``p_holm`` come when all tests are done."""
    found = spearman(x, y, rng=rng, n_bootstrap=n_bootstrap)
    difference, error = difference_of_thirds(x, y, rng=rng, n_bootstrap=n_bootstrap)
    return {
        **found.to_json(),
        "p_holm": None,
        "trend": None,
        "rho_limit": json_number(found.limit),
        "change_dex": json_number(float(np.ptp(medians))) if len(medians) > 1 else None,
        "change_by_chance_dex": json_number(chance_range(y, size=BIN_SIZE, rng=rng)),
        "difference_dex": json_number(difference),
        "difference_err": json_number(error),
        "share": json_number(difference / scale) if scale > 0 else None,
        "tiny": abs(difference) < TINY * scale if np.isfinite(difference) and scale > 0 else None,
    }


def _decide(tests: list[tuple[int, dict[str, Any]]]) -> None:
    """Correct all p-values together, and say where there is a trend; each test comes with its number of galaxies."""
    corrected = holm([np.nan if test["p_value"] is None else test["p_value"] for _, test in tests])
    for (n, test), p in zip(tests, corrected.tolist(), strict=True):
        test["p_holm"] = json_number(p)
        if test["p_holm"] is None or test["rho_limit"] is None or n < MIN_GALAXIES:
            continue
        if p < SIGNIFICANT_P:
            test["trend"] = True
        elif test["rho_limit"] <= HIDDEN_RHO:
            test["trend"] = False


def _growing(measured: Mapping[str, Any]) -> Claim:
    """The scatter grows "slightly" with the specific star-formation rate: in every set and target."""
    tests = _tests(measured, "log_ssfr", ("sigma_mad",))
    n = min(measured[name][word]["log_ssfr"]["n_galaxies"] for name in measured["sigma_mad"] for word in measured[name])
    decisions = [interval_rises(test, 0.0, NO_RISE) if n >= MIN_GALAXIES else None for test in tests.values()]
    told = "; ".join(f"{title.removeprefix('sigma_mad of ')} rho {test['rho']:+.2f}, {_dex(test['difference_dex'])}"
                     for title, test in tests.items() if test["rho"] is not None) or "not known"  # fmt: skip
    return judged("growing", decisions, told, no_rise=NO_RISE)


def _tests(measured: Mapping[str, Any], key: str, statistics: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    return {
        f"{statistic} of {word}, {set_title(name)}": measured[name][word][key][statistic]
        for name in measured["sigma_mad"]
        for word in measured[name]
        for statistic in statistics
    }


def _claim(measured: Mapping[str, Any], key: str, statistics: Sequence[str]) -> Claim:
    tests = _tests(measured, key, statistics)
    known = {title: test for title, test in tests.items() if test["rho"] is not None}
    if not known:
        return judged(key, None, how="the sample does not know this property of enough galaxies")
    trends = {title: test for title, test in known.items() if test["trend"]}
    large = {title: test for title, test in trends.items() if not test["tiny"]}
    open_ = [title for title, test in tests.items() if test["trend"] is None]
    supported = False if large else None if open_ else True
    if trends:
        shown = large or trends
        worst = max(shown, key=lambda title: abs(shown[title]["share"] or 0.0))
        test = shown[worst]
        told = f"{len(trends)} of {len(known)} tests find a trend, {len(large)} of them not tiny"
        how = (
            f"{len(trends)} of {len(known)} tests find a trend (p < {SIGNIFICANT_P} after Holm), {len(large)} of them "
            f"not tiny; largest: {worst}, rho {test['rho']:+.2f}, {_dex(test['difference_dex'])} "
            f"from lowest to highest third ({_percent(test['share'])} of sigma_mad)"
        )
    else:
        limit = max(test["rho_limit"] for test in known.values())
        told = f"no trend in {len(known) - len(open_)} of {len(tests)} tests"
        how = f"{told} (p > {SIGNIFICANT_P} after Holm)"
        how += f"; the data could hide |rho| up to {limit:.2f}"
    if open_ and not large:
        how += f"; {len(open_)} cannot be told: fewer than {MIN_GALAXIES} galaxies, or |rho| may exceed {HIDDEN_RHO}"
    return judged(key, supported, told, how=how)


def _dex(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.3f} dex"


def _percent(share: float | None) -> str:
    return "unknown share" if share is None else f"{abs(share):.0%}"
