"""Whether bands are those of a model: surveys share names of bands that are different filters."""

from __future__ import annotations

from agez.errors import AgezError
from agez.types import Bands


def check_same_set(model: Bands, bands: Bands, *, source: str, option: str = "--model") -> None:
    """AgezError if bands are of another survey's set than a model's, though they have the same names.

    Sets of the user's own are known by their curves alone, and are not judged here.
    """
    ours, theirs = model.filter_set, bands.filter_set
    if ours == theirs:
        return
    from agez.surveys.registry import filter_sets  # the surveys' records, which most answers need not read

    if {ours, theirs} <= set(filter_sets()):
        raise AgezError(
            f"{source}: its bands are those of {theirs!r}, not those of the model ({option} of {ours!r}), though they "
            f"have the same names; use a model of {theirs!r}, or, if they are in truth {ours!r}'s, say --filters {ours}"
        )
