"""What a job takes of a survey's table without being asked, and whether its photometry can be in its unit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agez.catalogues.catalogue import Catalogue
from agez.catalogues.read_partition import head_rows, photometry_layout, survey_layout
from agez.errors import AgezError
from agez.models.model import Model
from agez.photometry.error_columns import zero_errors
from agez.photometry.survey_columns import survey_remarks
from agez.photometry.survey_rows import judged_columns, taken_columns
from agez.photometry.survey_units import HEAD_ROWS, check_plausible
from agez.photometry.swapped_columns import check_swapped
from agez.photometry.tables import rows_to_photometry
from agez.surveys.registry import find_survey
from agez.types import Bands

if TYPE_CHECKING:
    from agez.engine.answer import AnswerJob


def with_survey_columns(job: AnswerJob, model: Bands) -> AnswerJob:
    """The job with redshifts, E(B-V) and identifiers of a survey's table where nothing is said of them."""
    catalogue, corrections = job.catalogue, job.corrections
    of_survey = survey_layout(catalogue, filters=job.filters, model=model)
    if of_survey is None and not catalogue.vectors:
        return job
    bands, _ = photometry_layout(catalogue, filters=job.filters, model=model)
    survey = find_survey(bands.filter_set) if of_survey is None else of_survey.survey
    if survey is None:
        return job
    numbers = [name for name in catalogue.columns if catalogue.types.get(name) not in ("vector", "other", "text")]
    taken = taken_columns(
        job.row_options, survey, catalogue.columns, numbers=numbers, ebv=corrections.ebv,
        head=head_rows(catalogue, judged_columns(survey, numbers)),
    )  # fmt: skip
    said = () if of_survey is None else survey_remarks(of_survey, catalogue.columns)
    corrections = replace(
        corrections, redshift_err=taken.options.redshift_err,
        ebv=corrections.ebv if taken.ebv is None else taken.ebv,
    )  # fmt: skip
    return replace(
        job, redshift=taken.options.redshift, id_column=taken.options.id, corrections=corrections,
        remarks=(*said, *taken.remarks),
    )  # fmt: skip


def check_units(job: AnswerJob, catalogue: Catalogue, model: Model) -> list[str]:
    """AgezError if the first rows have magnitudes of no galaxy; agez's own columns are judged if they say no unit.

    Remarks are of columns that may hold something else than their names say.
    """
    of_survey = bool(catalogue.vectors) or survey_layout(catalogue, filters=job.filters, model=model.bands) is not None
    bands, columns = photometry_layout(catalogue, filters=job.filters, model=model.bands)
    silent = None if of_survey else [one.value for one in columns if not catalogue.units.get(one.value)]
    head = head_rows(catalogue, [name for one in columns for name in (one.value, one.error) if name is not None])
    if head is None or not len(head):
        return []
    zero = [] if job.row_options.zero_errors_are_unknown else zero_errors(head, columns, source=catalogue.path)
    if zero and len(head) < HEAD_ROWS:  # all rows
        raise AgezError(f"{catalogue.path}: {zero[0]}")
    if silent == [] or (not of_survey and "FILTERS" in catalogue.meta):  # agez's own tables are in microjansky
        return zero
    remarks = zero + check_swapped(head, columns, source=catalogue.path, silent=silent or ())
    photometry = rows_to_photometry(head, bands, columns, source=catalogue.path)
    check_plausible(photometry, columns, source=catalogue.path, silent=silent)
    return remarks
