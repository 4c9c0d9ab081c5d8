"""How a number with its error decides a claim: certainly above or below a limit, or neither.

Spectra of one galaxy are not independent, so the number of galaxies stands for the number of independent errors; for
Set A that is careful.  Standard errors are those of Gaussian errors: 1.167 sigma / sqrt(n) of a sigma_mad and 1.253
sigma / sqrt(n) of a median (Maronna, Martin & Yohai 2006, Robust Statistics); a correlation has Fisher's interval.
Everything is decided at two standard errors, and None ("cannot tell") is what lies between.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from agez.experiments.claims import MIN_GALAXIES, OURS, Claim, all_of, verdict_of

#: Standard errors that a decision needs.
SIGNIFICANT = 2.0
#: P-value, corrected for the number of tests, below which an effect is there.
SIGNIFICANT_P = 0.05
#: An interval wider than this on both sides, as a part of its middle, meets too much.
WIDEST = 0.4
#: Relative error of sigma_mad, and error of the median in sigma, times sqrt(n).
OF_SIGMA_MAD, OF_MEDIAN = 1.167, 1.253

Decision = bool | None

_WORDS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    (files("agez") / "experiments/data/claims.toml").read_text(encoding="utf-8")
)


def judged(
    key: str, decisions: Decision | Sequence[Decision], told: str | Sequence[str] = "", *, n: int | None = None,
    how: str = "", published: str = "", **values: Any,
) -> Claim:  # fmt: skip
    """The claim ``key`` of ``data/claims.toml``, judged.

    Parameters
    ----------
    decisions : bool or None, or a sequence of them
        The claim is supported where all are true.
    told : str or sequence of str
        This run's numbers.
    n : int, optional
        Galaxies: ``{few}`` says where they are too few for a decision.
    how, published : str
        In place of the file's own.
    **values
        What fills the file's words.
    """
    words = _in_full(key)
    measured = told if isinstance(told, str) else "; ".join(told)
    values = {"told": measured or "not known", "n": n, "few": few(n) if n is not None else "", "published": published,
              "significant": SIGNIFICANT} | values  # fmt: skip
    return Claim(
        words["figure"], words["claim"].format(**values),
        verdict_of(all_of(decisions) if isinstance(decisions, Sequence) else decisions),
        how or words["how"].format(**values), words.get("section", OURS),
        published or words.get("published", "").format(**values), measured,
    )  # fmt: skip


def _in_full(key: str) -> dict[str, str]:
    """The words of a claim, with those of the one that it is like."""
    own = _WORDS[key]
    return {**(_in_full(own["like"]) if "like" in own else {}), **own}


def above(value: float, limit: float, error: float) -> Decision:
    """Whether a value is above a limit; None within two errors of it."""
    return value > limit if abs(value - limit) > SIGNIFICANT * error else None


def below(value: float, limit: float, error: float) -> Decision:
    """Whether a value is below a limit; None within two errors of it."""
    return value < limit if abs(value - limit) > SIGNIFICANT * error else None


def meets(low: float, high: float, lowest: float, highest: float) -> Decision:
    """Whether an interval meets a range: False if they are apart; None if it is too wide for that to mean anything."""
    if low > highest or high < lowest:
        return False
    return True if high - low < WIDEST * (high + low) else None


def error_of_scatter(sigma_mad: float, n: int) -> float:
    """Standard error of a sigma_mad over ``n`` galaxies."""
    return sigma_mad * OF_SIGMA_MAD / math.sqrt(n)


def error_of_median(sigma: float, n: int) -> float:
    """Standard error of a median over ``n`` galaxies."""
    return sigma * OF_MEDIAN / math.sqrt(n)


def ratio_of_scatters(a: float | None, b: float | None, n: int) -> tuple[float, float] | None:
    """b / a, and the error of its logarithm; None where it is not known or there are too few galaxies."""
    if a is None or b is None or not a > 0 or not b > 0 or n < MIN_GALAXIES:
        return None
    return b / a, math.sqrt(2.0 / n) * OF_SIGMA_MAD


def log_interval(ratio: float, error: float) -> tuple[float, float]:
    """Two errors of the logarithm on both sides of a ratio."""
    return ratio * math.exp(-SIGNIFICANT * error), ratio * math.exp(SIGNIFICANT * error)


def correlation_interval(value: float | None, n: int) -> tuple[float, float] | None:
    """Fisher's interval, two errors on both sides, of a correlation over ``n`` galaxies; None with too few."""
    if value is None or n < MIN_GALAXIES or not abs(value) < 1:
        return None
    half = SIGNIFICANT / math.sqrt(n - 3)
    return math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)


def interval_below(part: Mapping[str, Any], limit: float) -> Decision:
    """Whether ``low`` to ``high`` of a block lies below a limit (True), above it (False), or holds it."""
    if part["low"] is None or part["high"] is None:
        return None
    return True if part["high"] < limit else False if part["low"] > limit else None


def interval_above(part: Mapping[str, Any], limit: float) -> Decision:
    """Whether ``low`` to ``high`` of a block lies above a limit (True), below it (False), or holds it."""
    decision = interval_below(part, limit)
    return None if decision is None else not decision


def interval_rises(part: Mapping[str, Any], limit: float, little: float) -> Decision:
    """Whether ``low`` to ``high`` of a block lies above a limit (True), or below what is hardly more (False)."""
    return True if interval_above(part, limit) else False if interval_below(part, little) else None


def with_interval(part: Mapping[str, Any], form: str = "{:.2f}") -> str:
    """``0.85 (0.70 to 1.02)`` of a block with value, low and high; ``unknown`` where there is no value."""
    if part["value"] is None:
        return "unknown"
    if part["low"] is None or part["high"] is None:
        return form.format(part["value"])
    return f"{form} ({form} to {form})".format(part["value"], part["low"], part["high"])


def few(n: int) -> str:
    """What is added to how a claim was decided, where nothing can be decided."""
    return f"; {n} galaxies are too few for any decision" if n < MIN_GALAXIES else ""
