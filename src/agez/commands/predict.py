"""``agez predict``: tables and catalogues of photometry by the engine, spectra by way of their photometry."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agez.commands.answers import Answer, asked_of, check_any_answered, few_rows, reasons
from agez.commands.show import run_of
from agez.errors import AgezError, PartlyDoneError
from agez.flags import count_flags
from agez.tables.table_files import check_table_output

if TYPE_CHECKING:
    from agez.catalogues.catalogue import Catalogue
    from agez.engine.answer import AnswerJob
    from agez.engine.reports import RunReport
    from agez.engine.tally import Tally
    from agez.models.asked import Asked
    from agez.models.model import Model

#: From so many rows on, their rate is told.
_MANY = 10_000
#: Columns of answers that a FITS table has place for, beside those of the input.
MOST_FITS_COLUMNS = 900
#: Partitions that were set aside are named one by one up to so many.
_NAMED = 20


def predict(options: Namespace) -> Answer:
    """``agez predict``."""
    from agez.commands.corrections import check_corrections
    from agez.engine.inputs import open_input

    _check_output(options)
    check_corrections(options)
    if options.picture is not None:
        from agez.report.catalogue_picture import check_picture

        check_picture(options.picture)
    if options.page is not None:
        from agez.report.answer_page import check_page

        check_page(options.page)
    catalogue = open_input(
        options.input, model=options.model, filters=options.filters, aperture=options.aperture,
        filter_table=options.filter_table, unit=options.unit, rows_per_part=options.rows_per_part,
    )  # fmt: skip
    return _spectra(options, catalogue) if isinstance(catalogue, str) else _photometry(options, catalogue)


def _check_output(options: Namespace) -> None:
    """What can be said of the output before the input is opened."""
    if Path(options.input).is_dir() and not Path(options.out).suffix:
        return  # a catalogue of many files to another one: what runs it looks at the place
    check_table_output(options.out)


def _photometry(options: Namespace, catalogue: Catalogue) -> Answer:
    from agez.commands.corrections import corrections_of, estimated_zero_points
    from agez.engine.answer import make_job
    from agez.engine.inputs import catalogue_remarks
    from agez.engine.run import run_catalogue
    from agez.runtime.compiled import LEAST_ROWS, jit_is_off

    corrections = corrections_of(options)
    job = make_job(
        catalogue, options.model, filters=options.filters, redshift=options.redshift, corrections=corrections,
        distribution=options.distribution, asked=asked_of(options), keep=_kept(options), id_column=options.id,
        run=run_of(options),
    )  # fmt: skip
    _check_columns_of_fits(options, job.asked, job.answering)
    estimated, found = (None, list[str]())
    if options.estimate_zero_points is not None:
        estimated, found = estimated_zero_points(options, job, catalogue)
    try:
        report = run_catalogue(
            catalogue, job, options.out, workers=options.workers, scheduler=options.scheduler, fresh=options.fresh
        )
    except KeyboardInterrupt:
        from agez.engine.pieces import pieces_folder

        folder = pieces_folder(Path(options.out))
        if folder.is_dir():
            print(f"agez: finished partitions are kept in {folder}; the same command goes on", file=sys.stderr)
        raise
    slow = []
    if jit_is_off() and len(catalogue) >= LEAST_ROWS:
        slow = ["NUMBA_DISABLE_JIT is set, so that nothing is compiled: numpy answers, several times as slow"]
    remarks = [*slow, *catalogue_remarks(catalogue, job, report), *found]
    content = {
        **_content(report, remarks),
        "corrections": job.corrections.to_json(report.ebv),
        **({} if estimated is None else {"estimated_zero_points": estimated}),
    }
    lines = [*remarks, *_lines(report)]
    if options.picture is not None:
        content["picture"] = options.picture
        lines += _picture(options.picture, report.tally, report.flags, report.n_rows, title=str(options.input))
    if options.page is not None:
        content["page"] = options.page
        lines += _page(options, job, catalogue)
    if not report.failed:
        check_any_answered(report.n_answered, report.n_rows, "rows", options.out, report.flags, (content, lines))
        return content, lines
    first = report.failed[0]
    more = f" and {len(report.failed) - 1} more" if len(report.failed) > 1 else ""
    raise PartlyDoneError(
        f"{len(report.failed)} of {report.n_partitions} partitions set aside: {first[1]}{more}; {report.output} holds "
        f"the others; mend or remove the files and give the same command again: only they are answered then",
        content=content,
        lines=lines,
    )


def _check_columns_of_fits(options: Namespace, asked: Asked, model: Model) -> None:
    """AgezError for a whole distribution of more columns than a FITS table can have."""
    if (
        not options.distribution
        or not model.gives_distribution
        or Path(options.out).suffix.lower() not in (".fits", ".fit", ".fts")
    ):
        return
    from agez.distributions.mixture import numbers_per_component

    d = len(asked.targets(model))
    n = int(model.header["architecture"]["components"]) * numbers_per_component(d) + 8 * d
    if n > MOST_FITS_COLUMNS:
        raise AgezError(
            f"{options.out}: the distribution of {d} quantities takes {n} columns, and a FITS table has 999; write "
            ".parquet, or name fewer in --columns"
        )


def _kept(options: Namespace) -> tuple[str, ...] | str:
    if options.keep is None or options.keep.strip() == "all":
        return options.keep.strip() if options.keep else ()
    return tuple(name.strip() for name in options.keep.split(",") if name.strip())


def _content(report: RunReport, remarks: list[str]) -> dict[str, Any]:
    return {
        "output": report.output,
        "n_rows": report.n_rows,
        "n_answered": report.n_answered,
        "n_good": report.n_good,
        "flags": dict(report.flags),
        "remarks": remarks,
        "seconds": round(report.seconds, 3),
        "rows_per_second": round(report.rows_per_second, 1),
        "n_partitions": report.n_partitions,
        "resumed": report.resumed,
        "workers": report.n_workers,
        "set_aside": [{"partition": name, "reason": reason} for name, reason in report.failed],
        "kept": report.kept,
    }


def _lines(report: RunReport) -> list[str]:
    lines = [f"{report.output}: {report.n_answered} of {report.n_rows} rows answered, {report.n_good} of them good"]
    if report.resumed:
        lines.append(f"{report.resumed} of {report.n_partitions} partitions were done by an earlier run")
    if report.n_rows >= _MANY:
        by = f" by {report.n_workers} processes" if report.n_workers > 1 else ""
        lines.append(f"{report.seconds:.1f} s, {report.rows_per_second:.0f} rows/s{by}")
    if report.few is not None:
        lines += few_rows(report.few)
    lines += reasons(report.flags)
    lines += [f"set aside: {name}: {reason}" for name, reason in report.failed[:_NAMED]]
    if len(report.failed) > _NAMED:
        lines.append(f"set aside: {len(report.failed) - _NAMED} more; --json names all")
    return lines


def _picture(path: str, tally: Tally, flags: Any, n_rows: int, *, title: str) -> list[str]:
    from agez.report.catalogue_picture import catalogue_picture

    catalogue_picture(path, tally, flags, n_rows=n_rows, title=title)
    return [f"{path}: picture of the answers"]


def _page(options: Namespace, job: AnswerJob, catalogue: Catalogue) -> list[str]:
    """The page of the rows, or of some of them, which are answered again."""
    from agez.engine.sampling import some_rows
    from agez.models.predict import predict_asked
    from agez.report.answer_page import write_answer_page
    from agez.report.page_content import MOST_ROWS, content_of_rows
    from agez.runtime.compiled import is_available

    rows = some_rows(job, catalogue, at_most=MOST_ROWS)
    model = job.answering
    prediction = predict_asked(model, rows, job.asked, compiled=job.compiled and is_available())
    some = f"{len(rows)} rows, evenly spaced among {len(catalogue)}" if len(rows) < len(catalogue) else "all rows"
    notes = () if len(rows) == len(catalogue) else (f"The page shows {some}.",)
    title = Path(str(options.input)).name
    write_answer_page(options.page, content_of_rows(rows, prediction, model, title=title, notes=notes))
    return [f"{options.page}: page of {some}"]


def _spectra(options: Namespace, no_catalogue: str) -> Answer:
    """A file of spectra, or a cube; if it is none, it is said why it is no catalogue, either."""
    from agez.commands.corrections import given_for_tables
    from agez.engine.inputs import answer_spectra
    from agez.engine.tally import tally
    from agez.models.model_file import load_model
    from agez.tables.prediction_files import write_prediction

    check_table_output(options.out)
    model, asked = load_model(options.model), asked_of(options)
    asked.check(model)
    _check_columns_of_fits(options, asked, model)
    prediction, data, remarks = answer_spectra(
        model, options.input, given=given_for_tables(options), filters=options.filters, asked=asked,
        no_catalogue=no_catalogue,
    )  # fmt: skip
    prediction = replace(prediction, meta={**prediction.meta, "run": run_of(options)})
    if not options.distribution:
        prediction = replace(prediction, mixture=None)
    elif prediction.mixture is None:
        raise AgezError("--distribution: this model is of the paper's kind and gives none; leave it out")
    write_prediction(options.out, prediction)
    answered = int(prediction.answered.sum())
    flags = count_flags(prediction.flags)
    content: dict[str, Any] = {
        "output": options.out, "n_rows": len(prediction), "n_answered": answered,
        "n_good": int(prediction.good.sum()), "flags": flags, "remarks": remarks,
    }  # fmt: skip
    told = f"{options.out}: {answered} of {len(prediction)} rows answered, {content['n_good']} of them good"
    lines = [*remarks, told, *few_rows(prediction), *reasons(flags)]
    if options.picture is not None:
        content["picture"] = options.picture
        counted = tally(prediction, np.asarray(data.redshift))
        lines += _picture(options.picture, counted, flags, len(prediction), title=str(options.input))
    check_any_answered(answered, len(prediction), "rows", options.out, flags, (content, lines))
    return content, lines
