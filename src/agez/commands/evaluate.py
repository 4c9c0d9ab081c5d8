"""``agez evaluate``: a model on a test set of one's own."""

from __future__ import annotations

from argparse import Namespace

from agez.commands.answers import Answer
from agez.commands.labelled_tables import labelled_of, refuse_table_options
from agez.errors import AgezError
from agez.runtime.files import check_input, make_folder, write_json


def evaluate(options: Namespace) -> Answer:
    """``agez evaluate``."""
    from agez.bench.evaluation import evaluate_model, evaluation_lines, warnings_of
    from agez.models.model_file import load_model
    from agez.runtime.optional_packages import check_installed
    from agez.samples.labelled_table import is_sample, label_columns, labelled_of_sample
    from agez.samples.sample import read_sample
    from agez.tables.table_files import column_names

    check_installed("matplotlib", extra="report", purpose="the figures of agez evaluate")
    model, source = load_model(options.model), str(options.sample)
    check_input(source)
    asked = None if options.labels is None else label_columns(options.labels)
    if is_sample(source):
        refuse_table_options(options, why=f"and {source} is a sample; leave it out")
        names = [one.name for one in model.targets]
        wrong = [name for name, column in (asked or {}).items() if name != column or name not in names]
        if wrong:
            raise AgezError(
                f"--labels {options.labels}: {source} is a sample, whose labels have names; expected some of "
                f"{', '.join(names)}"
            )
        targets = [one for one in model.targets if asked is None or one.name in asked]
        table = labelled_of_sample(read_sample(source), targets, source=source)
    else:
        if asked is None:
            columns = column_names(source)
            asked = {one.name: one.name for one in model.targets if one.name in columns}
            if not asked:
                names = [one.name for one in model.targets]
                raise AgezError(
                    f"{source}: no column has the name of what model {options.model} predicts ({', '.join(names)}); "
                    f"say which does: --labels {names[0]}=COLUMN"
                )
        table = labelled_of(options, source, asked, model=model.bands, known=model.targets)
    folder = make_folder(options.out)
    block = evaluate_model(model, table, seed=options.seed)
    from agez.report.evaluation_page import write_evaluation_page

    write_json(folder / "evaluation.json", block)
    page = write_evaluation_page(folder, block)
    lines = [*table.meta.get("remarks", ()), *warnings_of(block), *evaluation_lines(block), f"{page}: with all figures"]
    return {**block, "output": str(folder), "remarks": list(table.meta.get("remarks", ()))}, lines
