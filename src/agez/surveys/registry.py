"""The records that agez knows: those that ship, and those that a user registers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agez.arguments import takes
from agez.errors import AgezError
from agez.surveys.alhambra import ALHAMBRA
from agez.surveys.jpas import JPAS
from agez.surveys.jplus import JPLUS
from agez.surveys.paper import PAPER
from agez.surveys.record import SurveyRecord
from agez.surveys.splus import SPLUS

_SHIPPED = {record.name: record for record in (JPAS, JPLUS, SPLUS, ALHAMBRA, PAPER)}
_RECORDS = dict(_SHIPPED)


@takes(record="SurveyRecord")
def register_survey(record: SurveyRecord) -> None:
    """Add a survey to those that agez knows, in this process; a user's record of the same name is replaced.

    Raises
    ------
    AgezError
        If a survey of this name ships, or the one that it is part of is unknown.

    Examples
    --------
    >>> import agez
    >>> nominal = ((4800.0, 1400.0), (6200.0, 1400.0))
    >>> agez.register_survey(agez.SurveyRecord(name="two", title="TWO", bands=("g", "r"), nominal=nominal))
    >>> agez.load_filters("two").names
    ('g', 'r')
    """
    if record.name in _SHIPPED:
        raise AgezError(f"survey {record.name!r} comes with agez; choose another name")
    if record.part_of and record.part_of not in filter_sets():
        raise AgezError(f"survey {record.name!r} is part of {record.part_of!r}; there are {', '.join(filter_sets())}")
    _RECORDS[record.name] = record


def surveys() -> tuple[SurveyRecord, ...]:
    """All records, those that ship first."""
    return tuple(_RECORDS.values())


def find_survey(name: str) -> SurveyRecord | None:
    """The record of a name; None if there is none."""
    return _RECORDS.get(name)


def filter_sets() -> tuple[str, ...]:
    """Names of the filter sets that load by name."""
    return tuple(record.name for record in surveys() if not record.part_of)


def all_bands() -> frozenset[str]:
    """The bands of all filter sets."""
    return frozenset(band for record in surveys() for band in record.bands)


def image_keywords(kind: str) -> tuple[str, ...]:
    """Keywords of the surveys' own image headers: ``band``, ``psf_fwhm``, ``psf_beta`` or ``zero_point``."""
    return tuple(dict.fromkeys(word for record in surveys() for word in getattr(record.images, kind)))


def without_survey(word: str) -> str:
    """A band's spelling in upper case without the survey's name in front: ``JPLUS_J0378`` is ``J0378``."""
    names = "|".join(sorted((re.escape(name.upper()) for name, _ in _written()), key=len, reverse=True))
    return re.sub(rf"^({names})[_.\-]?(?=[A-Z])", "", word)


def surveys_in_text(text: str, *, words: bool = False) -> set[str]:
    """Filter sets whose names are in a text, in any case; with ``words``, as words of it."""
    form = "(?<![a-z0-9]){}(?![a-z0-9])" if words else "{}"
    return {survey for name, survey in _written() if re.search(form.format(re.escape(name)), text.lower())}


def survey_of_camera(text: str) -> str | None:
    """The filter set of a telescope or instrument that a header's text names; None if it names none."""
    lower = text.lower()
    for kind in ("telescopes", "instruments"):
        found = [(len(word), one.name) for one in surveys() for word in getattr(one.images, kind) if word in lower]
        if found:
            return max(found)[1]
    return None


def _written() -> Iterator[tuple[str, str]]:
    """Names and titles of the filter sets in lower case, and the sets that they are of."""
    for record in surveys():
        if not record.part_of:
            yield from dict.fromkeys(((record.name.lower(), record.name), (record.title.lower(), record.name)))
