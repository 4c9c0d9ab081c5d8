"""A claim of the paper and whether a run bears it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Verdict = Literal["supported", "not supported", "cannot tell"]

#: The three verdicts; "cannot tell" where errors or the size of the sample do not allow a decision.
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
#: The section of a claim that the paper does not make.
OURS = "ours"
#: Fewer galaxies do not allow any decision.
MIN_GALAXIES = 20


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, judged.

    Raises
    ------
    ValueError
        For another verdict or an empty text: a mistake of the program, not of the user's data.
    """

    figure: str  #: Where the paper, or the report, shows it: ``figure 13``, ``table 1``, ``peers``.
    claim: str  #: The claim, one line.
    verdict: Verdict  #: ``supported``, ``not supported`` or ``cannot tell``.
    how: str  #: How it was decided, with the numbers; at most two lines.
    #: Sections of the paper that make the claim (``4.1``, ``abstract, 4.2``); ``ours`` where it makes none.
    section: str = OURS
    published: str = ""  #: The paper's number, with its unit; '' where it gives none.
    measured: str = ""  #: This run's number, as short; '' where there is none.

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict {self.verdict!r} of {self.figure}: it is one of {', '.join(VERDICTS)}")
        for name in ("figure", "claim", "how", "section"):
            text = getattr(self, name)
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"a claim needs its {name}: {self!r}")
        if "\n" in self.claim + self.published + self.measured or self.how.count("\n") > 1:
            raise ValueError(f"{self.figure}: a claim has one line, how it was decided at most two")

    def to_json(self) -> dict[str, Any]:
        """Plain types, for ``summary.json`` and the report."""
        return asdict(self)


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
