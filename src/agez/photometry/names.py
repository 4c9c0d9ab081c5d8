"""Names of bands: the survey's own, from any spelling in use."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from agez.errors import AgezError
from agez.surveys.paper import PAPER_BANDS
from agez.surveys.registry import surveys, without_survey

__all__ = ["PAPER_BANDS", "canonical_band_name", "find_band"]


def canonical_band_name(name: str, known: Collection[str] | None = None) -> str:
    """The survey's own name of a band, from any spelling that a survey's record has.

    Understood: another case; ``J0348`` for ``uJAVA``; ``u g r i z``; S-PLUS's ``F378`` and ``F0378``;
    ALHAMBRA's ``F365W``; a survey's name in front (``JPLUS_J0378``); the paper's ``JPAS4000_145``,
    whose first number is the centre [Angstrom] on the nominal grid.  A name that none of this fits
    comes back unchanged.

    Parameters
    ----------
    known : sequence of str, optional
        Bands to choose from; AgezError if the name is none of them in any spelling.

    Examples
    --------
    >>> from agez.photometry.names import canonical_band_name
    >>> canonical_band_name("JPAS4000_145"), canonical_band_name("F378")
    ('J0400', 'J0378')
    """
    if known is None:
        return next(_readings(name), name)
    band = find_band(name, known)
    if band is None:
        raise AgezError(f"band {name!r} is unknown; the bands are {', '.join(known)}")
    return band


def find_band(name: str, known: Collection[str]) -> str | None:
    """The band of ``known`` that a name means, in any spelling; None if it is none of them."""
    if name in known:
        return name
    by_case = {band.lower(): band for band in known}
    return by_case.get(name.lower()) or next((band for band in _readings(name) if band in known), None)


def _readings(name: str) -> Iterator[str]:
    """What the surveys take a name for: names before spellings, spellings before rules."""
    if any(name in record.bands for record in surveys()):
        yield name
    word = without_survey(name.strip().upper())
    yield from (record.spellings[word] for record in surveys() if word in record.spellings)
    rules = (record.respell(word) for record in surveys() if record.respell is not None)
    yield from (band for band in rules if band is not None)
