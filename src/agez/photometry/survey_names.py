"""Columns of photometry as surveys' archives name them (``r_auto``, ``MAG_AUTO_J0378``), a column a band and aperture.

How each survey names them is in its record (:class:`agez.surveys.record.TableFacts`).  Names count in any case, with a
table's name in front (``dual.r_auto``) and with the suffixes that joins of tables leave (``r_auto_dual``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agez.surveys.record import ColumnForm, SurveyRecord
from agez.surveys.registry import surveys
from agez.tables.join_suffixes import SUFFIXES

_JOINED = "|".join(sorted((re.escape(one) for one in SUFFIXES if one), key=len, reverse=True))


@dataclass(frozen=True)
class SurveyColumn:
    """One column of a survey's photometry, and the column of its errors."""

    name: str
    band: str  #: As the survey's record has it.
    aperture: str  #: As the record spells it.
    suffix: str
    form: ColumnForm
    error: str | None
    relative_error: bool


def has_survey_columns(names: Sequence[str]) -> bool:
    """Whether any column is a survey's photometry of a band."""
    return bool(columns_by_survey(tuple(names), surveys()))


def most_bands(names: Sequence[str]) -> int:
    """The largest number of bands that a survey's photometry has in one aperture; 0 if there is none."""
    return max(map(n_bands, columns_by_survey(tuple(names), surveys()).values()), default=0)


def n_bands(columns: Sequence[SurveyColumn]) -> int:
    """Bands of the largest group of columns of one aperture; there must be a column."""
    groups: dict[tuple[str, str], set[str]] = {}
    for one in columns:
        groups.setdefault((one.aperture, one.suffix), set()).add(one.band)
    return max(map(len, groups.values()))


def photometric_columns(names: Sequence[str]) -> list[SurveyColumn]:
    """Every column that is photometry of a band in the dialect of any survey, once."""
    every = {one.name: one for columns in columns_by_survey(tuple(names), surveys()).values() for one in columns}
    return list(every.values())


@lru_cache(maxsize=32)
def columns_by_survey(names: tuple[str, ...], known: tuple[SurveyRecord, ...]) -> dict[str, tuple[SurveyColumn, ...]]:
    """Columns by the dialect of each survey that has any."""
    by_lower = {name.lower(): name for name in reversed(names)}
    found = {}
    for survey in known:
        patterns = _patterns(survey) if survey.tables.forms else ()
        columns = []
        for name in names:
            match = next(((m, form) for pattern, form in patterns if (m := pattern.fullmatch(name))), None)
            if match is not None:
                columns.append(_column(name, *match, survey, by_lower))
        if columns:
            found[survey.name] = tuple(columns)
    return found


@lru_cache(maxsize=32)
def _patterns(survey: SurveyRecord) -> tuple[tuple[re.Pattern[str], ColumnForm], ...]:
    facts = survey.tables
    parts = {
        "{band}": "|".join(sorted(map(re.escape, _spelled(survey)), key=len, reverse=True)),
        "{aperture}": "|".join(sorted(map(re.escape, facts.apertures), key=len, reverse=True)),
    }
    made = []
    for form in facts.forms:
        template = re.escape(form.value).replace(r"\{", "{").replace(r"\}", "}")
        for part, words in parts.items():
            template = template.replace(part, f"(?P<{part.strip('{}')}>{words})")
        pattern = rf"(?P<table>(?:\w+\.)*){template}(?P<suffix>(?:{_JOINED})?)"
        made.append((re.compile(pattern, re.IGNORECASE), form))
    return tuple(made)


def _spelled(survey: SurveyRecord) -> Mapping[str, str]:
    """What bands are called in columns, and which they are."""
    return survey.tables.band_names or {name: name for name in survey.bands}


def _column(
    name: str, match: re.Match[str], form: ColumnForm, survey: SurveyRecord, by_lower: Mapping[str, str]
) -> SurveyColumn:
    bands = {spelled.lower(): band for spelled, band in _spelled(survey).items()}
    apertures = {one.lower(): one for one in survey.tables.apertures}
    way, suffix = match["aperture"], match["suffix"].lower()

    def there(template: str) -> str | None:
        # corrected apertures may come with the errors of uncorrected ones
        for spelled in dict.fromkeys((way, re.sub("_COR_", "_", way, flags=re.IGNORECASE))):
            plain = template.format(band=match["band"], aperture=spelled)
            wanted = f"{match['table']}{plain}{suffix}".lower()
            if wanted in by_lower:
                return by_lower[wanted]
        return None

    error = next((one for template in form.errors if (one := there(template))), None)
    relative = next((one for template in form.relative_errors if (one := there(template))), None)
    return SurveyColumn(
        name, bands[match["band"].lower()], apertures[way.lower()], suffix, form, error or relative,
        error is None and relative is not None,
    )  # fmt: skip
