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
    from agez.surveys.registry import filter_sets, find_survey  # their records, which most answers need not read

    if not {ours, theirs} <= set(filter_sets()):
        return
    record = find_survey(theirs)
    shipped = record is not None and record.model is not None and option == "--model"
    use = f"give --model {theirs}" if shipped else f"use a model of {theirs!r}"
    words = f"{source}: its bands are those of {theirs!r}, not those of the model ({option} of {ours!r})"
    if sum(name in model.names for name in bands.names) < 0.75 * len(bands):
        raise AgezError(f"{words}: these are {len(bands)}, the model has {len(model)}; {use}")
    raise AgezError(
        f"{words}, though they have the same names; {use}; or, if they really are bands of {ours!r}, say --filters "
        f"{ours}"
    )
