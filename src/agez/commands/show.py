"""``agez show``: one object seen: a catalogue's row, an answer, a map's region, or the fit of a labelled spectrum."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from agez.commands.answers import Answer, asked_of, few_rows
from agez.errors import AgezError
from agez.flags import count_flags
from agez.runtime.files import check_input, check_png
from agez.runtime.optional_packages import check_installed
from agez.types import Prediction

#: How far numbers of an answer that is given again may be off those of a file, in their errors.
_SAME = 1e-3
#: Options that a file of answers records, and that cannot be said again.
_RECORDED = (
    "model", "filters", "redshift", "redshift_err", "redshift_grid", "id", "ebv", "no_recalibration", "error_floor",
    "zero_points", "unit", "aperture", "filter_table", "columns", "cosmology", "library",
)  # fmt: skip


def run_of(options: Namespace) -> dict[str, Any]:
    """What a file of answers records of the command that made it, so that a row can be answered again.

    Of a pipe nothing: it cannot be read again.
    """
    if set(getattr(options, "pipes", ())) & {"input", *_RECORDED}:
        return {}
    given = {name: getattr(options, name) for name in _RECORDED}
    return {"input": str(options.input)} | {name: value for name, value in given.items() if value not in (None, False)}


def show(options: Namespace) -> Answer:
    """``agez show``."""
    from agez.commands.corrections import check_recalibration

    check_png(options.out, option="-o/--out")
    check_installed("matplotlib", extra="report", purpose="agez show")
    check_recalibration(options)
    path = Path(options.input)
    if not path.is_dir():
        check_input(path)
    kind = _kind(path)
    if kind == "labels":
        return _label(options, path)
    if kind == "maps":
        return _region(options, path)
    if kind == "predictions":
        return _again(options, path)
    prediction, remarks = _row(options)
    return _drawn(options, prediction, remarks)


def _kind(path: Path) -> str:
    """What a file is, by its extensions and its columns."""
    from agez.tables.table_files import READABLE, column_names, extension, open_fits

    if path.is_dir():
        return "catalogue"
    if READABLE.get(extension(path)) == "fits":
        with open_fits(path) as hdus:
            names = {hdu.name for hdu in hdus}
        if "LABELS" in names:
            return "labels"
        if {"BINID", "PREDICTIONS"} <= names:
            return "maps"
        if "PREDICTIONS" in names:
            return "predictions"
        return "catalogue"
    names = set(column_names(path)) if extension(path) in READABLE else set()
    return "predictions" if {"log_age_lw_p16", "ood", "flags"} <= names else "catalogue"


def _row(options: Namespace) -> tuple[Prediction, list[str]]:
    """Answer the row of a catalogue, or of spectra."""
    from agez.commands.corrections import corrections_of, given_for_tables
    from agez.engine.answer import make_job
    from agez.engine.inputs import answer_spectra, open_input
    from agez.engine.one_row import answer_row
    from agez.models.model_file import load_model
    from agez.report.row_figures import row_number

    catalogue = open_input(
        options.input, model=options.model or "jpas", filters=options.filters, aperture=options.aperture,
        filter_table=options.filter_table, unit=options.unit,
    )  # fmt: skip
    model = load_model(options.model or "jpas")
    if isinstance(catalogue, str):
        given = given_for_tables(options)
        prediction, _, remarks = answer_spectra(
            model, options.input, given=given, filters=options.filters, asked=asked_of(options), no_catalogue=catalogue
        )
        if options.row is None and len(prediction) > 1:
            some = ", ".join(prediction.rows.spec_id[:5].tolist())
            raise AgezError(f"{options.input} has {len(prediction)} spectra; name one with --row: {some}, ...")
        return prediction[0 if options.row is None else row_number(prediction, options.row)], remarks
    job = make_job(
        catalogue, model, filters=options.filters, redshift=options.redshift, corrections=corrections_of(options),
        distribution=model.gives_distribution, asked=asked_of(options), id_column=options.id,
    )  # fmt: skip
    return answer_row(catalogue, job, options.row), [*catalogue.remarks, *job.remarks]


def _drawn(options: Namespace, prediction: Prediction, remarks: list[str]) -> Answer:
    """Draw the row and say its numbers."""
    from agez.tables.prediction_files import table_of_answers

    prediction.show(0, options.out)
    table = table_of_answers(prediction)
    numbers = {name: _plain(table[name][0]) for name in table.colnames if np.ndim(table[name][0]) == 0}
    content = {
        "picture": str(options.out), "row": str(prediction.rows.spec_id[0]),
        "model": prediction.meta.get("model", ""), "flag_names": list(count_flags(prediction.flags)),
        "remarks": remarks, "answer": numbers,
    }  # fmt: skip
    return content, [*remarks, *few_rows(prediction), f"{options.out}: picture of the row"]


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if value is np.ma.masked or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value


def _again(options: Namespace, path: Path) -> Answer:
    """A row of a file of answers: its input is looked up and answered again, as the file's header says."""
    from agez.tables.prediction_files import read_prediction

    told = read_prediction(path)
    run = told.meta.get("run")
    if not run:
        raise AgezError(
            f"{path} holds answers, but not the photometry that they are of, and does not say where it is; give the "
            "input itself: agez show INPUT --row ID --model NAME"
        )
    said = [name for name in _RECORDED if name != "id" and getattr(options, name) not in (None, False)]
    if said:
        raise AgezError(
            f"--{said[0].replace('_', '-')}: {path} says with what it was made; leave it out, or give the input"
        )
    source = Path(run["input"])
    source = source if source.exists() else path.parent / source
    if not source.exists():
        raise AgezError(
            f"{path} was made of {run['input']}, which is not there; give the input itself: agez show INPUT"
        )
    again = Namespace(**{**vars(options), **{name: run.get(name) for name in _RECORDED}, "input": str(source)})
    again.id = options.id or run.get("id")
    again.no_recalibration = bool(run.get("no_recalibration"))
    prediction, remarks = _row(again)
    return _drawn(options, prediction, [*remarks, *_differences(prediction, told, path)])


def _region(options: Namespace, path: Path) -> Answer:
    """A region of a galaxy's map: its fluxes, which are in the file, answered again."""
    from agez.engine.predict_data import predict
    from agez.models.model import DEFAULT_COSMOLOGY
    from agez.models.model_file import load_model
    from agez.models.predict import is_rest_frame
    from agez.report.row_figures import row_number
    from agez.tables.prediction_files import SEDS_OF, read_prediction
    from agez.tables.table_files import open_fits, read_table

    told = read_prediction(path)
    said = [name for name in _RECORDED if name != "model" and getattr(options, name) not in (None, False)]
    if said:
        raise AgezError(f"--{said[0].replace('_', '-')}: {path} says with what it was made; leave it out")
    if options.row is None:
        raise AgezError(f"{path} has {len(told)} regions; name one with --row: 0 to {len(told) - 1}")
    at = row_number(told, options.row)
    with open_fits(path) as hdus:
        header = dict(hdus[0].header)
    model = load_model(options.model or str(header["MODEL"]))
    rest_frame = told.meta.get(SEDS_OF.lower()) == "spectra" and is_rest_frame(model)
    fluxes = read_table(path, prefer=("PREDICTIONS",))[[at]]
    keep = [name for name in fluxes.colnames if name in ("id", "galaxy_id", "x", "y") or name.startswith("flux_")]
    prediction = predict(
        fluxes[keep], model, redshift=0.0 if rest_frame else float(header["REDSHIFT"]),
        redshift_err=_meta(header).get("redshift_err"), ebv=float(header.get("EBV", 0.0)) or None,
        error_floor=float(header.get("ERRFLOOR", 0.0)) or None, columns=[target.name for target in told.targets],
        library=told.meta.get("library"), cosmology=str(told.meta.get("cosmology") or DEFAULT_COSMOLOGY),
    )  # fmt: skip
    return _drawn(options, prediction, _differences(prediction, told, path))


def _meta(header: dict[str, Any]) -> dict[str, Any]:
    import json

    try:
        content = json.loads(header.get("MAPMETA", "{}"))
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _differences(prediction: Prediction, told: Prediction, path: Path) -> list[str]:
    """What is said if the answer is not the one in the file."""
    from agez.report.row_figures import row_number

    there = told[row_number(told, str(prediction.rows.spec_id[0]))]
    for target in there.targets:
        if target not in prediction.targets:
            continue
        one, other = (float(getattr(answer, target.name)[0]) for answer in (prediction, there))
        error = float(getattr(there, f"{target.name}_err")[0])
        if abs(one - other) > _SAME * max(error, _SAME) or np.isnan(one) != np.isnan(other):
            return [
                f"{path} says {target.name} {other:.4f}, and the input now gives {one:.4f}: input, model or agez have "
                f"changed since (it was made by version {told.meta.get('version', 'unknown')})"
            ]
    return []


def _label(options: Namespace, path: Path) -> Answer:
    """The fit of a labelled spectrum, where its file has it."""
    from agez.report.fit_figures import figure_fit, title_of
    from agez.report.history_figures import draw_history
    from agez.spectra.label_files import read_labels
    from agez.spectra.label_tables import read_history

    labels = read_labels(path)
    ids = labels.rows.spec_id
    if options.row is None and len(labels) > 1:
        raise AgezError(f"{path} has {len(labels)} spectra; name one with --row: {', '.join(ids[:5].tolist())}, ...")
    (at,) = np.nonzero(ids == options.row) if options.row is not None else (np.array([0]),)
    if len(at) != 1:
        many = "no spectrum is" if not len(at) else f"{len(at)} spectra are"
        raise AgezError(
            f"--row is {options.row!r}: {many} called so in {path}; there are {', '.join(ids[:5].tolist())}, ..."
        )
    row = int(at[0])
    figure_fit(options.out, labels, row)
    numbers = {name: _plain(getattr(labels, name)[row]) for name in labels.column_names()}
    content = {"picture": str(options.out), "row": str(ids[row]), "answer": numbers, "remarks": []}
    lines = [*few_rows(labels.take([row])), f"{options.out}: picture of the fit"]
    history = read_history(path, row)
    if history is not None and np.isfinite(history[0].mass_fraction).all():
        picture = Path(options.out).with_suffix(".history.png")
        draw_history(picture, *history, title=title_of(labels, row))
        content["history"] = str(picture)
        lines.append(f"{picture}: picture of the star-formation history")
    return content, lines
