"""Commands of models: train, models."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agez.commands.answers import Answer
from agez.commands.labelled_tables import labelled_of, refuse_table_options
from agez.errors import AgezError
from agez.runtime.files import check_input
from agez.tables.table_files import READABLE, extension

if TYPE_CHECKING:
    from agez.label_types import Sample
    from agez.models.model import Model
    from agez.samples.labelled_table import LabelledTable


def train(options: Namespace) -> Answer:
    """``agez train``."""
    from agez.models.model_card import curve_lines
    from agez.models.model_file import check_model_output, load_model, save_model
    from agez.models.training_curves import loss_lines, size_lines
    from agez.training.learn_sample import score_lines
    from agez.training.train import check_training
    from agez.training.train import train as run

    check_model_output(options.out)
    how = {name: getattr(options, name) for name in _HOW}
    how["hidden"] = _hidden(options.hidden)
    check_training(**how, init=options.init, table=options.labels is not None)
    start = None if options.init is None else load_model(options.init)  # a name that is none is said at once
    data, remarks = _training_data(options, start)
    model = run(data, **how, init=start, seed=options.seed, workers=options.workers, name=Path(options.out).stem)
    save_model(options.out, model)
    n_galaxies = int(model.header["training"]["n_galaxies"])
    scores = {target.word: model.header["scores"][target.name] for target in model.targets}
    content = {
        "output": options.out,
        "n_spectra": len(data),
        "n_galaxies": n_galaxies,
        "network": options.network,
        "init": options.init,
        "split": options.split,
        "seed": options.seed,
        "scores": scores,
        "remarks": remarks,
    }
    curve = model.header["training"].get("learning_curve")
    if curve is not None:
        content["learning_curve"] = curve
    rows = "spectra" if options.labels is None else "rows"
    lines = [*remarks, f"{options.out}: {len(data)} {rows} of {n_galaxies} galaxies, split {options.split}"]
    content["n_redshift_unknown"] = int(np.isnan(data.photometry.redshift).sum())
    if not model.header.get("uses_redshift", True):
        lines.append("no redshift in any row: the model neither knows of redshifts nor asks for them")
    elif options.labels is None and content["n_redshift_unknown"]:
        lines.append(
            f"{content['n_redshift_unknown']} of {len(data)} SEDs have no redshift: they were learned from as such; "
            "'agez sample --redshift COLUMN|Z' says it (0: rest frame)"
        )
    if options.network == "paper":
        lines += [f"  {word}: sigma_mad {one['sigma_mad']:.3f} dex against labels" for word, one in scores.items()]
    else:
        lines += score_lines(model)
    if options.labels is not None:
        lines += [f"  {line}" for line in loss_lines(model.header["training"]["losses"])]
    sizes = model.header["training"].get("size_curve")
    if sizes is not None:
        content["size_curve"] = sizes
        lines += size_lines(sizes)
    return content, lines + (curve_lines(curve) if curve is not None else [])


#: Options of training, as :func:`agez.train` has them.
_HOW = (
    "network", "split", "steps", "learning_curve", "max_epochs", "hidden", "epochs", "batch", "learning_rate",
)  # fmt: skip


def _hidden(text: str | None) -> tuple[int, ...] | None:
    """The units of ``--hidden N,...``."""
    if text is None:
        return None
    try:
        return tuple(int(one) for one in text.split(","))
    except ValueError:
        raise AgezError(f"--hidden is {text!r}; expected units of each hidden layer, such as 128,128") from None


def _training_data(options: Namespace, start: Model | None) -> tuple[Sample | LabelledTable, list[str]]:
    """The sample, or the table with labels, and what is to be told of it."""
    from agez.photometry.same_set import check_same_set
    from agez.samples.labelled_table import is_sample, label_columns
    from agez.samples.sample import read_sample

    source = str(options.sample)
    check_input(source)
    if options.labels is None:
        refuse_table_options(options, why="whose columns --labels names; give it, too")
        if READABLE.get(extension(Path(source)), "fits") != "fits":
            raise AgezError(f"{source} is no sample of 'agez sample'; of a table, name the columns to learn: --labels")
        sample = read_sample(source)
        if start is not None:
            check_same_set(start.bands, sample.photometry.bands, source=source, option="--init")
        return sample, []
    if is_sample(source):
        raise AgezError(f"--labels is for plain tables, and {source} is a sample with labels of its own; leave it out")
    bands = None if start is None else start.bands
    table = labelled_of(options, source, label_columns(options.labels), model=bands)
    return table, [*table.meta["remarks"], *_remarks_on_galaxies(table)]


#: With fewer galaxies, one more or less in a fold changes the scores and the calibration.
_FEW_GALAXIES = 20


def _remarks_on_galaxies(table: LabelledTable) -> list[str]:
    """That rows of one galaxy may be on both sides of a split, or that galaxies are few."""
    if not table.meta["says_galaxies"]:
        return [
            "no galaxy_id: every row counts as a galaxy of its own; if several are of one, scores are too good: "
            "--galaxy-id COLUMN"
        ]
    n = len(np.unique(table.rows.galaxy_id))
    if n >= _FEW_GALAXIES:
        return []
    return [f"warning: {n} galaxies are few: scores and errors are uncertain; at least {_FEW_GALAXIES} are better"]


def models(options: Namespace) -> Answer:
    """``agez models``."""
    from agez.models.model_card import card_lines, summary_line
    from agez.models.model_file import available_models, find_model, load_model

    if options.onnx is not None:
        return _export(options)
    if options.name is not None:
        model = load_model(options.name)
        return {
            "name": model.header.get("name", ""),
            "path": str(find_model(options.name)),
            **model.header,
        }, card_lines(model)
    found = available_models()
    known = {name: load_model(path) for name, path in found.items()}
    content = {
        name: {
            "path": str(found[name]),
            "size_bytes": found[name].stat().st_size,
            "filter_set": model.bands.filter_set,
            "n_bands": len(model.bands),
            "redshift_range": list(model.header["redshift_range"]),
            "scores": model.header["scores"],
        }
        for name, model in known.items()
    }
    lines = [summary_line(name, model, found[name]) for name, model in known.items()]
    none = "none come with this version; make one: agez reproduce, or agez train SAMPLE -o MODEL.safetensors"
    return {"models": content}, lines or [none]


def _export(options: Namespace) -> Answer:
    """``agez models NAME --onnx FILE``."""
    from agez.models.model_file import load_model
    from agez.onnx.export_onnx import export_onnx

    if options.name is None:
        raise AgezError("--onnx writes one model; name it: agez models NAME --onnx FILE (agez models lists them)")
    path = export_onnx(options.onnx, load_model(options.name))
    size = path.stat().st_size
    content = {"output": str(path), "model": options.name, "size_bytes": size}
    lines = [f"{path}: {options.name}, from fluxes to answers, {size / 1e6:.1f} MB; its description says how to use it"]
    return content, lines
