"""Targets: the quantities that a model predicts, each one record of what tables, figures and training need of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from agez.errors import AgezError

if TYPE_CHECKING:
    from agez.arrays import Floats


#: What networks learn of a target: its value; the inverse hyperbolic sine of it; or, of a redshift, its departure from
#: the given one in units of its error (:func:`agez.models.features.redshift_unit`).
SCALES = ("linear", "arcsinh", "redshift")


@dataclass(frozen=True)
class Target:
    """One quantity that a model predicts.

    Examples
    --------
    >>> import agez
    >>> age = agez.load_model("splus").targets[0]
    >>> age.name, age.unit, age.symbol_alone
    ('log_age_lw', 'dex', 'log age')
    """

    name: str  #: Its column; the columns ``NAME_err``, ``NAME_p16`` and so on follow from it.
    unit: str | None = None  #: As FITS spells it, ``dex`` for decimal logarithms.
    description: str = ""  #: The comment of its column.
    symbol: str = ""  #: With the unit, the label of an axis.
    word: str = ""  #: In figure titles, scores and ``summary.json``.
    short: str = ""  #: In the tables and sentences of model cards; default: the word.
    ucd: str = ""  #: Of the IVOA's vocabulary UCD1+.
    colour_map: str = "viridis"  #: Of its maps.
    scale: str = "linear"  #: What networks learn of it: ``linear``, or ``arcsinh`` of its number of units.
    #: The value of a galaxy whose flux is 10**x times larger is ``x * per_flux`` higher: 1 for the logarithm of a mass,
    #: -2.5 for a magnitude, 0 for what does not depend on the flux.
    per_flux: float = 0.0
    #: Labels at or below it say no more than that (left-censored): they stand for zero, which has no logarithm.
    zero_below: float | None = None
    #: Targets that it is the sum of: it is none of a network's own, and follows from them in every draw.
    sum_of: tuple[str, ...] = ()
    #: The truth (n,) of ``n`` mock galaxies: a function of :class:`agez.populations.history.History`; that of targets
    #: which agez knows is in :mod:`agez.populations.truth`.
    from_history: Callable[[Any], Floats] | None = field(default=None, compare=False)
    #: The value (n,) that a sample's networks learn, a function of :class:`agez.label_types.Labels`; default: the
    #: column of the target's name.
    from_labels: Callable[[Any], Floats] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise AgezError(f"target {self.name!r}: expected a name of letters, digits and underscores for its column")
        if self.scale not in SCALES:
            raise AgezError(f"target {self.name!r}: scale {self.scale!r}; expected one of {', '.join(SCALES)}")
        if self.zero_below is not None and (self.per_flux or self.scale != "linear" or self.sum_of):
            raise AgezError(f"target {self.name!r}: zero_below is for targets that networks learn as they are")
        for name in ("description", "symbol", "word"):
            if not getattr(self, name):
                object.__setattr__(self, name, self.name)
        if not self.short:
            object.__setattr__(self, "short", self.word)
        object.__setattr__(self, "sum_of", tuple(self.sum_of))  # a list in JSON and TOML

    def __reduce__(self) -> tuple[Any, ...]:
        """Workers get the words, and the functions of targets that agez knows: others' may be no module's."""
        if self == KNOWN_TARGETS.get(self.name):
            return known_target, (self.name,)
        return Target.from_dict, (self.to_dict(),)

    @property
    def symbol_alone(self) -> str:
        """The symbol without its unit."""
        return self.symbol.partition(" [")[0]

    @property
    def is_extensive(self) -> bool:
        """Whether a part of a galaxy has another value for being a part: masses, rates, magnitudes."""
        return bool(self.per_flux) or any(KNOWN_TARGETS[name].per_flux for name in self.sum_of if name in KNOWN_TARGETS)

    @property
    def is_plain(self) -> bool:
        """Whether networks learn its value, and not one per unit of flux or on another scale."""
        return self.scale == "linear" and not self.per_flux

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


def zero_limits(targets: Sequence[Target]) -> Floats:
    """(d,) ``zero_below`` of each target, -inf where it has none."""
    return np.array([-np.inf if target.zero_below is None else target.zero_below for target in targets])


#: How LaTeX of axis labels is written without LaTeX.
_LETTERS = {r"\star": "\u2217", r"\odot": "\u2609", r"\alpha": "\u03b1", r"\AA": "\u00c5", r"\rm": ""}


def plain_label(symbol: str) -> list[list[str]]:
    r"""An axis label of LaTeX as pieces of text, each with ``sub``, ``sup`` or nothing.

    Examples
    --------
    >>> plain_label(r"log $M_\star$ [log$_{10}$ M$_\odot$]")
    [['log M', ''], ['∗', 'sub'], [' [log', ''], ['10', 'sub'], [' M', ''], ['☉', 'sub'], [']', '']]
    """
    text = symbol.replace("$", "").replace(" - ", " \u2212 ")
    for word, letter in _LETTERS.items():
        text = text.replace(word, letter)
    out: list[list[str]] = []
    for piece in re.findall(r"_\{[^}]*\}|\^\{[^}]*\}|_.|\^.|[^_^]+", text):
        where = {"_": "sub", "^": "sup"}.get(piece[0], "")
        words = piece[1:].strip("{}").strip() if where else piece
        out.append([words.replace("-", "\u2212") if where == "sup" else words, where])
    return out


#: By name: the targets that agez knows, whose records need not stand in a model's header.
KNOWN_TARGETS: dict[str, Target] = {
    str(record["name"]): Target(**record)
    for record in tomllib.loads((files("agez") / "data/targets.toml").read_text(encoding="utf-8"))["target"]
}
#: What a survey's catalogue needs, in the order of the networks' distributions; and what follows from those.
CATALOGUE_TARGETS = tuple(target for target in KNOWN_TARGETS.values() if not target.sum_of)
DERIVED_TARGETS = tuple(target for target in KNOWN_TARGETS.values() if target.sum_of)
LOG_AGE_LW, MH_LW = KNOWN_TARGETS["log_age_lw"], KNOWN_TARGETS["mh_lw"]
#: Those of networks that users train on samples, and of the paper's.
SHIPPED_TARGETS = (LOG_AGE_LW, MH_LW)
#: Names of the two that the paper's networks predict.
PAPER_TARGETS = ("log_age_lw", "mh_lw")
#: Their words, as in ``summary.json``.
TARGET_WORDS = {name: KNOWN_TARGETS[name].word for name in PAPER_TARGETS}


def network_values(
    targets: Sequence[Target], values: Floats, *, log_flux: Floats, redshift_unit: tuple[Floats, Floats]
) -> Floats:  # fmt: skip
    """What networks learn of values (n, d) of galaxies whose flux is 10**log_flux (n,) units.

    arcsinh(x) of targets of that scale, (z - origin) / unit of redshifts, and ``x - per_flux log_flux``, the value at
    unit flux.
    """
    out = np.array(values, dtype=float)
    for t, target in enumerate(targets):
        if target.scale == "arcsinh":
            out[..., t] = np.arcsinh(out[..., t])
        if target.scale == "redshift":
            out[..., t] = (out[..., t] - redshift_unit[0]) / redshift_unit[1]
        if target.per_flux:
            out[..., t] -= target.per_flux * log_flux
    return out


def derived_of(targets: Sequence[Target]) -> tuple[Target, ...]:
    """The targets that follow from some of ``targets``."""
    names = {target.name for target in targets}
    return tuple(one for one in DERIVED_TARGETS if names.issuperset(one.sum_of))


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
