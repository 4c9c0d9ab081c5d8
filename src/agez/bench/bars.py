"""What is demanded of the scores: each bar with its reason, and whether it is met."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from agez.bench.published import ECALIFA
from agez.bench.spectra_bench import AGREE_SIGMA
from agez.bench.text import WORDS
from agez.flags import FAULTS, Flag

#: Galaxies of a shallow survey are ordinary: one in twenty is what the flag takes of mocks, and a little is dirt.
MOST_FLAGGED = 0.06
#: Ages must say more of the type than g - r, which gives 0.87 for the rows of S-PLUS.  Ages of full spectra of eCALIFA
#: give 0.90, and classifiers trained on the classes of S-PLUS themselves 0.89 with all colours, 0.90 with the redshift
#: (benchmarks/ecalifa_relations.py, type_ceiling.py).
LEAST_OLDER = 0.90
#: A mass-metallicity relation is seen in every sample of spirals: beyond chance, and of the published size.
LEAST_SLOPE_SIGMA, SLOPE_FACTOR = 5.0, 2.0
#: Halves of the bands of real galaxies shall differ as those of mocks do: within a fifth, beyond which errors would
#: have to be corrected for it.
HALVES_RATIO = (0.8, 1.2)
#: Two ways to one answer: 95 % within two sigma where all is right, and ten to thirty galaxies to see it.
LEAST_AGREEMENT = 0.90
#: Young stars have the metals of their gas, within the scatter of scales of O/H (Kewley & Ellison 2008, ApJ 681, 1183).
GAS_DEX = 0.35
#: An old cluster of solar metallicity is the easiest of all targets.
CLUSTER_DEX = 0.10


class Bar(NamedTuple):
    """One demand: what, what was measured, and whether it is met; None where it could not be measured."""

    what: str
    demanded: str
    measured: str
    met: bool | None


def bars_of(block: Mapping[str, Any]) -> list[Bar]:
    """The bars of a shipped set; none for sets of a user's own."""
    judge = _JUDGES.get(str(block["set"]))
    return [] if judge is None else judge(block)


def at_least(what: str, least: float, value: float | None, form: str) -> Bar:
    """A value that must be ``least`` or more."""
    met = None if value is None else value >= least
    return Bar(what, f">= {form.format(least)}", _said(value, form), met)


def at_most(what: str, most: float, value: float | None, form: str) -> Bar:
    """A value that must be ``most`` or less."""
    met = None if value is None else value <= most
    return Bar(what, f"<= {form.format(most)}", _said(value, form), met)


def between(what: str, limits: tuple[float, float], value: float | None, form: str) -> Bar:
    """A value that must be inside limits."""
    met = None if value is None else limits[0] <= value <= limits[1]
    return Bar(what, f"{form.format(limits[0])} to {form.format(limits[1])}", _said(value, form), met)


def _said(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _value(content: Any, *keys: str) -> float | None:
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return float(content) if isinstance(content, int | float) else None


def _ratio(first: float | None, second: float | None) -> float | None:
    return first / second if first is not None and second else None


def _splus(block: Mapping[str, Any]) -> list[Bar]:
    slope = block["mass_metallicity"].get("S", {}).get("log_mass", {})
    value, err, published = (_value(slope, key) for key in ("value", "err", "published"))
    limits = (1 / SLOPE_FACTOR, SLOPE_FACTOR)
    bars = [
        at_least("P(ellipticals older than spirals)", LEAST_OLDER, _value(block, "older", "age", "value"), "{:.3f}"),
        at_least("[M/H]-mass slope of spirals over its error", LEAST_SLOPE_SIGMA, _ratio(value, err), "{:.1f}"),
        between("the slope over that of eCALIFA", limits, _ratio(value, ECALIFA["S"].slope[0]), "{:.2f}"),
        between("the slope over that of Gallazzi et al. (2005)", limits, _ratio(value, published), "{:.2f}"),
    ]
    if "bands" not in block:
        return bars
    gain = _value(block, "halves", "mh_lw", "gain", "value")
    shown = _ratio(_ratio(value, published), gain)
    bars.append(between("the slope over that of Gallazzi et al. times the gain", limits, shown, "{:.2f}"))
    for name, word in WORDS.items():
        ratio = _value(block, "halves", name, "ratio", "value")
        bars.append(between(f"half-band differences, real over mock: {word}", HALVES_RATIO, ratio, "{:.2f}"))
    low, high = block["redshift_range"]
    flagged = at_most(
        f"rows with a fault, {low:g} < z < {high:g}", MOST_FLAGGED, _value(block, "flagged", "value"), "{:.1%}"
    )
    return [flagged, *bars]


def _atlas(block: Mapping[str, Any]) -> list[Bar]:
    agreement = block["fit_network"][block["answers"]].get("starburst", {})
    bars = []
    for name, word in WORDS.items():
        what = f"starbursts: fit and {block['answers']} within {AGREE_SIGMA:g} sigma in {word}"
        bars.append(at_least(what, LEAST_AGREEMENT, _value(agreement, name, "within", "value"), "{:.0%}"))
    for galaxy, value in (block["gas"] or {}).get("fit", {}).items():
        what = f"{galaxy}: [M/H] of the fit less that of the gas"
        bars.append(between(what, (-GAS_DEX, GAS_DEX), value, "{:+.2f}"))
    return bars


def _clusters(block: Mapping[str, Any]) -> list[Bar]:
    bars = []
    for row in block["rows"]:
        for who in ("fit", block["answers"]):
            for (column, word), known in zip(WORDS.items(), ("log_age", "mh"), strict=True):
                found, true = row[who][column], row["known"][known]
                off = None if found is None or true is None else found - true
                bars.append(between(f"{row['name']}, {who}: {word}", (-CLUSTER_DEX, CLUSTER_DEX), off, "{:+.2f}"))
            good = row[who]["good"]
            faults = ", ".join(name for name in row[who]["flags"] if Flag[name] & FAULTS)
            bars.append(Bar(f"{row['name']}, {who}: without a fault", "yes", "yes" if good else faults, good))
    return bars


_JUDGES: dict[str, Callable[[Mapping[str, Any]], list[Bar]]] = {
    "splus": _splus,
    "atlas": _atlas,
    "clusters": _clusters,
}
