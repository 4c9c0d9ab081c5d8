"""Targets: the quantities that a model predicts, each one record of what tables, figures and training need of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from agez.errors import AgezError

if TYPE_CHECKING:
    from agez.arrays import Floats


@dataclass(frozen=True)
class Target:
    """One quantity that a model predicts.

    Attributes
    ----------
    name : str
        Its column; the columns ``NAME_err``, ``NAME_p16`` and so on follow from it.
    unit : str or None
        As FITS spells it, ``dex`` for decimal logarithms.
    description : str
        The comment of its column.
    symbol : str
        With the unit, the label of an axis.
    word : str
        In figure titles, scores and ``summary.json``.
    short : str
        In the tables and sentences of model cards; default: the word.
    ucd : str
        Of the IVOA's vocabulary UCD1+.
    colour_map : str
        Of its maps.
    from_history : callable, optional
        The truth (n,) of ``n`` mock galaxies: a function of :class:`agez.populations.history.History`.
    from_labels : callable, optional
        The value (n,) that a sample's networks learn, a function of :class:`agez.types.Labels`; default: the column
        of the target's name.
    """

    name: str
    unit: str | None = None
    description: str = ""
    symbol: str = ""
    word: str = ""
    short: str = ""
    ucd: str = ""
    colour_map: str = "viridis"
    from_history: Callable[[Any], Floats] | None = field(default=None, compare=False)
    from_labels: Callable[[Any], Floats] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise AgezError(f"target {self.name!r}: expected a name of letters, digits and underscores for its column")
        for name in ("description", "symbol", "word"):
            if not getattr(self, name):
                object.__setattr__(self, name, self.name)
        if not self.short:
            object.__setattr__(self, "short", self.word)

    def __reduce__(self) -> tuple[Any, ...]:
        """Workers get the words, and the functions of targets that agez knows: others' may be no module's."""
        if self == KNOWN_TARGETS.get(self.name):
            return known_target, (self.name,)
        return Target.from_dict, (self.to_dict(),)

    @property
    def symbol_alone(self) -> str:
        """The symbol without its unit."""
        return self.symbol.partition(" [")[0]

    def of_labels(self, labels: Any) -> Floats:
        """(n,) values of a sample's labels; AgezError if they have none."""
        if self.from_labels is not None:
            return self.from_labels(labels)
        if not hasattr(labels, self.name):
            raise AgezError(f"target {self.name!r} is no column of the labels, and its record has no from_labels")
        values: Floats = getattr(labels, self.name)
        return values

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form: the words, not the functions."""
        return {one.name: getattr(self, one.name) for one in fields(self) if not one.name.startswith("from_")}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Target:
        """What :meth:`to_dict` described."""
        known = {one.name for one in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})


def _light_weighted(axis: str) -> Callable[[Any], Floats]:
    def mean(history: Any) -> Floats:
        values: Floats = history.light_weighted(axis)
        return values

    return mean


LOG_AGE_LW = Target(
    "log_age_lw", "dex", "light-weighted mean log10(age/yr)", "log age [log$_{10}$ yr]", "age",
    ucd="time.age;stat.mean",
    from_history=_light_weighted("log_age"),
)  # fmt: skip
MH_LW = Target(
    "mh_lw", "dex", "light-weighted mean [M/H], dex", "[M/H] [dex]", "metallicity", "[M/H]",
    "phys.abund.Z;stat.mean", "cividis", from_history=_light_weighted("mh"),
)  # fmt: skip
#: Those of the shipped models, in the order of their files.
SHIPPED_TARGETS = (LOG_AGE_LW, MH_LW)
#: By name: the targets whose records need not stand in a model's header.
KNOWN_TARGETS: dict[str, Target] = {one.name: one for one in SHIPPED_TARGETS}
#: Names of the two that the paper's networks predict.
PAPER_TARGETS = ("log_age_lw", "mh_lw")
#: Their words, as in ``summary.json``.
TARGET_WORDS = {name: KNOWN_TARGETS[name].word for name in PAPER_TARGETS}


def targets_of_header(header: Mapping[str, Any]) -> tuple[Target, ...]:
    """The targets of a model, from its header: known ones by name, others by the records that it holds."""
    records = header.get("target_records", {})
    return tuple(
        Target.from_dict(records[name]) if name in records else KNOWN_TARGETS.get(name, Target(name))
        for name in header["targets"]
    )


def header_of_targets(targets: Sequence[Target]) -> dict[str, Any]:
    """What a model's header says of its targets."""
    own = {one.name: one.to_dict() for one in targets if one != KNOWN_TARGETS.get(one.name)}
    return {"targets": [one.name for one in targets], **({"target_records": own} if own else {})}


def word_of(name: str) -> str:
    """The word of a target, its name if it is not one of agez's."""
    return KNOWN_TARGETS[name].word if name in KNOWN_TARGETS else name


def known_target(name: str) -> Target:
    """The target of agez's own with a name."""
    return KNOWN_TARGETS[name]
