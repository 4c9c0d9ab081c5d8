"""Which survey's photometry a table has, and in which aperture, of columns named as in the archives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agez.errors import AgezError, UnclearFiltersError
from agez.photometry.band_columns import BandColumn, band_column, band_names, given_bands
from agez.photometry.filters import FilterSet, load_filters
from agez.photometry.names import find_band
from agez.photometry.survey_names import SurveyColumn, columns_by_survey, n_bands
from agez.surveys.record import SurveyRecord
from agez.surveys.registry import all_bands, filter_sets, surveys, surveys_in_text
from agez.tables.join_suffixes import SUFFIXES
from agez.types import Bands


@dataclass(frozen=True)
class SurveyPhotometry:
    """Photometry of one survey, one aperture: what is read of a table, and what else it has."""

    survey: SurveyRecord
    aperture: str
    suffix: str
    columns: tuple[SurveyColumn, ...]
    others: tuple[str, ...]  #: Other apertures that the table has.

    @property
    def named(self) -> str:
        """The aperture as it is told: with the suffix of its columns."""
        return f"{self.aperture}{self.suffix}".rstrip("_")


def survey_photometry(
    names: Sequence[str],
    *,
    source: str = "table",
    meta: Mapping[str, Any] | None = None,
    filters: str | Bands | FilterSet | None = None,
    model: Bands | None = None,
    aperture: str | None = None,
) -> SurveyPhotometry | None:
    """The photometry of a table whose columns are named as a survey's; None if they are not.

    The survey is that of ``filters``, of the file's key FILTERS, or the one whose dialect names most columns; among
    several that do, that of ``model``, or of which the file's name or header speaks.  Where agez's own columns
    (``mag_<band>``) are of as many bands, those count.

    Parameters
    ----------
    aperture : str, optional
        Way of measuring, in any case (``aper_6``, ``APER_COR_3_0``), or with a suffix (``auto_single``); without it,
        the record's recommendation for galaxies.

    Raises
    ------
    UnclearFiltersError
        If several surveys name columns so, and nothing tells.
    AgezError
        If there is no such aperture.
    """
    found = columns_by_survey(tuple(names), surveys())
    if not found:
        return None
    given = given_bands(filters)
    of_set = given or model
    own = {find_band(spelled, of_set.names if of_set else all_bands()) for spelled in band_names(names).values()}
    most = max(n_bands(one) for one in found.values())
    if aperture is None and len(own - {None}) >= most:
        return None
    name = _which_survey(found, most, source=source, meta=meta or {}, given=given, model=model)
    survey = next(one for one in surveys() if one.name == name)
    groups: dict[tuple[str, str], list[SurveyColumn]] = {}
    for one in found[name]:
        groups.setdefault((one.aperture, one.suffix), []).append(one)
    chosen = _chosen_group(groups, survey, source=source, aperture=aperture)
    columns: dict[str, SurveyColumn] = {}
    for one in groups[chosen]:
        first = columns.setdefault(one.band, one)
        if first is not one:
            raise AgezError(
                f"{source}: columns {first.name} and {one.name} are both of band {one.band}; drop one of them"
            )
    several = len({suffix for _, suffix in groups}) > 1
    others = [group for group in sorted(groups, key=_rank(survey)) if group != chosen]
    called = dict.fromkeys(f"{way}{suffix if several else ''}".rstrip("_") for way, suffix in others)
    return SurveyPhotometry(survey, *chosen, tuple(columns.values()), tuple(called))


def survey_bands(
    found: SurveyPhotometry,
    *,
    source: str,
    units: Mapping[str, str],
    filters: str | Bands | FilterSet | None = None,
    model: Bands | None = None,
) -> tuple[Bands, tuple[BandColumn, ...]]:
    """The bands of a survey's photometry in the order of their set, and their columns.

    Raises
    ------
    AgezError
        If no band is of the set, or it cannot be known what the numbers are.
    """
    given = given_bands(filters)
    known = given or (
        model if model is not None and _counts_as(model, found) else load_filters(found.survey.name).bands
    )
    columns = {find_band(one.band, known.names): one for one in found.columns}
    inside = [name for name in known.names if name in columns]
    if not inside:
        raise AgezError(
            f"{source}: none of the columns {', '.join(one.name for one in found.columns[:6])} is of a band of "
            f"{known.filter_set!r}, which are {', '.join(known.names)}; give the --filters of the table"
        )
    bands = known.select(inside)
    made = []
    for name, pivot in zip(inside, bands.pivot_angstrom, strict=True):
        one = columns[name]
        if one.form.quantity != "magnitude" and not units.get(one.name):
            raise unknown_unit(one, found.survey, source=source)
        of_values = {key: unit for key, unit in units.items() if not (one.relative_error and key == one.error)}
        column = band_column(
            name, one.name, one.error, source=source, units=of_values, pivot_angstrom=pivot,
            magnitude=one.form.quantity == "magnitude",
        )  # fmt: skip
        made.append(replace(column, relative_error=one.relative_error and not column.magnitude))
    return bands, tuple(made)


def survey_remarks(found: SurveyPhotometry, names: Sequence[str]) -> list[str]:
    """What is to be said of photometry that was recognised: whose it is, which aperture, what was left."""
    first = found.columns[0]
    error = f", errors {first.error}, ..." if first.error else ", without errors"
    words = f"photometry: columns of {found.survey.title}, {found.named} ({first.name}, ...{error})"
    if found.aperture == found.survey.tables.apertures[0] and found.survey.tables.advice:
        words += f": {found.survey.tables.advice}"
    if found.others:
        words += f"; also there: {', '.join(found.others)} (--aperture)"
    taken = [column for column, spelled in band_names(names).items() if find_band(spelled, all_bands())]
    why = f"left out, since {found.survey.title}'s own columns are of more bands"
    left = [f"{', '.join(taken)}: {why}"] if taken else []
    without = [one.name for one in found.columns if one.error is None]
    alone = [f"{', '.join(without)}: no column of errors"] if without and first.error else []
    return [words, *left, *alone]


def unknown_unit(column: SurveyColumn, survey: SurveyRecord, *, source: str) -> AgezError:
    """The error where nothing tells what the numbers of a column are."""
    units = dict.fromkeys([survey.tables.either_unit or "uJy", *survey.table_units.values()])
    choices = [f"--unit '{unit}'" for unit in units]
    if column.form.quantity == "either":
        choices.insert(0, "--unit mag")
    return AgezError(
        f"{source}: column {column.name} says no unit, and its numbers do not tell; say it for all columns that have "
        f"none: {', or '.join(choices)}"
    )


def _counts_as(model: Bands, found: SurveyPhotometry) -> bool:
    """Whether a model's bands are those of a survey, or curves of the user's own for them."""
    if model.filter_set == found.survey.name:
        return True
    return model.filter_set not in filter_sets() and all(find_band(one.band, model.names) for one in found.columns)


def _which_survey(
    found: Mapping[str, Sequence[SurveyColumn]], most: int, *, source: str, meta: Mapping[str, Any],
    given: Bands | None, model: Bands | None,
) -> str:  # fmt: skip
    """Whose dialect the columns are in: it is the bands that they are of, unless ``--filters`` says other ones."""
    said = given.filter_set if given is not None else ""
    said = said or str({str(key).upper(): value for key, value in meta.items()}.get("FILTERS", "")).strip()
    best = [name for name, columns in found.items() if n_bands(columns) == most]
    if said in best or (said in found and given is None):
        return said
    upper = {str(key).upper(): str(value) for key, value in meta.items()}
    words = " ".join([re.split(r"[/\\]", source)[-1], upper.get("EXTNAME", ""), upper.get("SURVEY", "")])
    for named in ({"" if model is None else model.filter_set}, surveys_in_text(words, words=True)):
        both = [name for name in best if name in named]
        if len(both) == 1:
            return both[0]
    if len(best) == 1 or given is not None:
        return best[0]
    columns = ", ".join(one.name for one in found[best[0]][:3])
    raise UnclearFiltersError(
        f"{source}: columns are named so ({columns}, ...) in tables of {', '.join(best)}, and the file does not say "
        f"which it is; add --model {best[0]} --filters {best[0]} to the command, or those of "
        f"{' or '.join(best[1:])}",
        tuple(best),
    )


def _rank(survey: SurveyRecord) -> Any:
    ways = survey.tables.apertures
    return lambda group: (ways.index(group[0]), SUFFIXES.index(group[1]))


def _chosen_group(
    groups: Mapping[tuple[str, str], Sequence[SurveyColumn]], survey: SurveyRecord, *, source: str, aperture: str | None
) -> tuple[str, str]:
    """The aperture and suffix that are taken: those that are named, or of those with (nearly) all bands the best."""
    ordered = sorted(groups, key=_rank(survey))
    if aperture is not None:
        wanted = aperture.lower().rstrip("_")
        for group in ordered:
            if wanted in (group[0].lower(), f"{group[0]}{group[1]}".lower().rstrip("_")):
                return group
        there = ", ".join(dict.fromkeys(f"{way}{suffix}".rstrip("_") for way, suffix in ordered))
        raise AgezError(f"{source}: --aperture is {aperture!r}, which is not there; there are {there}")
    most = max(len({one.band for one in columns}) for columns in groups.values())
    whole = [group for group in ordered if 2 * len({one.band for one in groups[group]}) > most]
    return whole[0]
