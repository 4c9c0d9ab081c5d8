"""A claim of the paper and whether a run bears it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Verdict = Literal["supported", "not supported", "cannot tell"]

#: The three verdicts; "cannot tell" where errors or the size of the sample do not allow a decision.
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
#: Fewer galaxies do not allow any decision.
MIN_GALAXIES = 20


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, judged.

    Attributes
    ----------
    figure : str
        Where the paper shows it: ``figure 13``, ``table 1``.
    claim : str
        The claim, one line.
    verdict : str
        ``supported``, ``not supported`` or ``cannot tell``.
    how : str
        How it was decided, with the numbers; at most two lines.

    Raises
    ------
    ValueError
        For another verdict or an empty text: a mistake of the program, not of the user's data.
    """

    figure: str
    claim: str
    verdict: Verdict
    how: str

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict {self.verdict!r} of {self.figure}: it is one of {', '.join(VERDICTS)}")
        for name in ("figure", "claim", "how"):
            text = getattr(self, name)
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"a claim needs its {name}: {self!r}")
        if "\n" in self.claim or self.how.count("\n") > 1:
            raise ValueError(f"{self.figure}: a claim has one line, how it was decided at most two")

    def to_json(self) -> dict[str, Any]:
        """Plain types, for ``summary.json`` and the report."""
        return {"figure": self.figure, "claim": self.claim, "verdict": self.verdict, "how": self.how}


def verdict_of(supported: bool | None) -> Verdict:
    """``supported``, ``not supported`` or, for None, ``cannot tell``."""
    if supported is None:
        return "cannot tell"
    return "supported" if supported else "not supported"


def all_of(decisions: Sequence[bool | None]) -> bool | None:
    """True if all are, False if one is not, None if that cannot be told (or there are none)."""
    if any(decision is False for decision in decisions):
        return False
    return True if decisions and all(decision is True for decision in decisions) else None
