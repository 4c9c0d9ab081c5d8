"""What ``agez predict`` and :func:`agez.predict` are given: a catalogue of photometry, or spectra; and what is said."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agez.apply.corrections import Corrections
from agez.arguments import LARGEST_REDSHIFT, LEAST_REDSHIFT
from agez.catalogues.catalogue import Catalogue
from agez.catalogues.open_catalogue import ROWS_PER_PARTITION, open_catalogue
from agez.catalogues.read_partition import photometry_layout
from agez.engine.answer import AnswerJob
from agez.engine.reports import Counts
from agez.errors import AgezError, NoPhotometryError
from agez.hints import named_among
from agez.labelling.input_files import complete_redshifts, is_photometry, read_one, remarks_on
from agez.models.asked import Asked
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.models.predict import check_redshift_inside, distance_remarks, predict_spectra
from agez.photometry.band_columns import left_out
from agez.photometry.error_columns import error_remarks
from agez.photometry.filters import FilterSet, load_filters
from agez.photometry.same_set import check_same_set
from agez.photometry.tables import set_names
from agez.photometry.unknown_columns import looks_like_photometry
from agez.runtime.files import check_input
from agez.surveys.registry import filter_sets
from agez.tables.table_files import READABLE, column_names, extension
from agez.types import Prediction, Spectra

#: Columns that are E(B-V) by their names, of which is reminded.
_LIKE_EBV = re.compile(
    r"((mw|gal|sfd|map)_?)?(ebv|e_bv|e\(b[-_]v\))(_?(mw|gal|sfd|sf11|sch|map|planck|csfd))?", re.IGNORECASE
)
#: A table with more columns, and none that looks like wavelengths, is one of objects.
_MOST_OF_SPECTRA, _LIKE_WAVELENGTH = 8, re.compile(r"wave|lam|^wl|spectral_axis|loglam|freq", re.IGNORECASE)
#: E(B-V) [mag] above which fields are of the Milky Way's plane, not of galaxies.
LARGEST_USUAL_EBV = 2.0


def open_input(
    path: str | os.PathLike[str],
    *,
    model: Model | str | os.PathLike[str],
    filters: Any = None,
    aperture: str | None = None,
    filter_table: str | os.PathLike[str] | None = None,
    unit: str | None = None,
    rows_per_part: int | None = None,
) -> Catalogue | str:
    """The catalogue that a file or folder is; if it may hold spectra, why it is none.

    Bands are those that agez knows, and those of the model that is to answer, which are named where the table has none.
    """

    def opened() -> Catalogue:
        try:
            return open_catalogue(
                path, rows_per_partition=rows_per_part or ROWS_PER_PARTITION, photometry=aperture,
                filter_table=filter_table, filters=filters, unit=unit,
            )  # fmt: skip
        except NoPhotometryError as error:
            known = model if isinstance(model, Model) else load_model(model)
            raise AgezError(
                f"{error}; bands of the model {known.header.get('name', '')!r}: {named_among(known.bands.names)}"
            ) from error

    path = Path(path)
    if path.is_dir():
        return opened()
    check_input(path)
    own = filters is not None and (not isinstance(filters, str) or filters not in filter_sets())
    only_tables = READABLE.get(extension(path)) in ("parquet", "votable")
    if own or aperture or unit or filter_table or only_tables or is_photometry(path):
        return opened()
    answering = model if isinstance(model, Model) else load_model(model)
    if is_photometry(path, answering.bands.names):
        return opened()
    try:
        found = opened()
    except AgezError as error:
        names = list(column_names(path))
        many = len(names) > _MOST_OF_SPECTRA and not any(_LIKE_WAVELENGTH.search(name) for name in names)
        if many or looks_like_photometry(names):
            raise
        return str(error)
    return found if found.vectors else f"{path} has no columns of photometry"


def catalogue_remarks(catalogue: Catalogue, job: AnswerJob, counts: Counts) -> list[str]:
    """What a user is told of a catalogue that was answered, and of what was done to its photometry."""
    bands, columns = photometry_layout(catalogue, filters=job.filters, model=job.answering.bands)
    of_set = [*job.answering.bands.names, *set_names(bands, job.filters)]
    return [
        *catalogue.remarks, *job.remarks, *left_out(catalogue.columns, bands, of_set=of_set),
        *error_remarks(catalogue.columns, columns), *counts.remarks,
        *correction_lines(job.corrections, counts, catalogue),
    ]  # fmt: skip


def correction_lines(corrections: Corrections, counts: Counts, catalogue: Catalogue) -> list[str]:
    """What was done to the photometry, for a person."""
    lines = []
    if corrections.zero_points is not None:
        lines.append(f"zero points of {corrections.zero_points_file} applied")
    if corrections.ebv is not None:
        lines.append(counts.ebv.words(corrections.ebv))
        if counts.ebv.n_unknown:
            lines.append(
                f"{counts.ebv.n_unknown} rows have no E(B-V) in {corrections.ebv}, and so no flux without dust: they "
                "are not answered; give them one, or '--ebv 0' for all"
            )
        if counts.n_rows and not counts.any_redshift:
            lines.append("every redshift is 0: dereddened as if the bands had been observed so; SEDs that were brought "
                         "to the rest frame had other light behind the dust")  # fmt: skip
        if counts.ebv.median is not None and counts.ebv.median > LARGEST_USUAL_EBV:
            lines.append(
                f"a median E(B-V) above {LARGEST_USUAL_EBV:g} mag is found only near the Milky Way's plane: is it "
                "E(B-V) in magnitudes?"
            )
    else:
        like = [name for name in catalogue.columns if _LIKE_EBV.fullmatch(name)]
        # agez's own tables, and SEDs in the rest frame, are synthetic or were corrected before
        if like or (counts.any_redshift and "FILTERS" not in catalogue.meta):
            column = f"{like[0]}, a column of the table," if like else "COLUMN or a number"
            lines.append(f"not dereddened: the Milky Way's dust is left in; --ebv {column} takes it out")
    if corrections.error_floor is not None:
        lines.append(f"error floor: {corrections.error_floor:g} of the flux")
    return lines


def refuse_for_spectra(given: Mapping[str, Any], *, source: str) -> None:
    """AgezError if an option is given that makes sense for photometry only; ``redshift`` is a number or 'auto'."""
    for name, value in given.items():
        if name != "redshift" and value is not None and value is not False:
            raise AgezError(
                f"--{name.replace('_', '-')} is for tables of photometry, but {source} holds spectra; make "
                "photometry of them first: agez synth"
            )
    redshift = given["redshift"]
    if redshift is not None and redshift != "auto" and not isinstance(redshift, int | float):
        raise AgezError(
            f"--redshift is {redshift!r}, but {source} holds spectra, which have no columns; expected a number, or auto"
        )


def answer_spectra(
    model: Model,
    spectra: Spectra | str | Path,
    *,
    given: Mapping[str, Any],
    filters: str | FilterSet | None = None,
    asked: Asked,
    no_catalogue: str = "",
) -> tuple[Prediction, Spectra, list[str]]:
    """Answer spectra, or those of a file, by way of their photometry: answers, spectra, and what a user is told.

    Parameters
    ----------
    given : mapping
        Options, None where they were not given; those of tables are refused.
    no_catalogue : str
        Why the file is no catalogue of photometry: said if it holds no spectra, either.
    """
    asked.check(model)
    redshift = given["redshift"]
    if isinstance(redshift, int | float) and not LEAST_REDSHIFT <= redshift <= LARGEST_REDSHIFT:
        check_redshift_inside(model, redshift)
    if isinstance(spectra, Spectra):
        refuse_for_spectra(given, source=spectra.source)
    else:
        path = Path(spectra)
        try:
            spectra = read_one(path, redshift=redshift if isinstance(redshift, int | float) else None)
        except AgezError as error:
            raise AgezError(f"{error}.  Nor is it a catalogue: {no_catalogue}") from error
        refuse_for_spectra(given, source=str(path))
    spectra = complete_redshifts(spectra, auto=redshift == "auto")
    remarks = remarks_on(spectra)
    curves = filters if filters is None or isinstance(filters, FilterSet) else load_filters(filters)
    if curves is not None:
        check_same_set(model.bands, curves.bands, source="--filters")
    prediction = predict_spectra(model, spectra, filters=curves, asked=asked)
    return prediction, spectra, remarks + distance_remarks(prediction)
