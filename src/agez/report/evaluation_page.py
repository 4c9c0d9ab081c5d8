"""The page of ``agez evaluate``: scores, calibration in bins and learning curves in one HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agez.bench.evaluation import bin_lines, evaluation_lines, warnings_of
from agez.report.evaluation_figures import evaluation_figures
from agez.report.plain_page import figure_html, lines_html, write_plain_page
from agez.runtime.files import make_folder

CAPTIONS = {
    "residuals": "Prediction against label, and their difference.  A slope in the difference is no fault by itself: "
    "means of distributions draw towards the middle of the training labels where the photometry says little.",
    "calibration": "PIT, coverage of central intervals, and coverage in bins.  In bins of the label, coverage falls at "
    "the ends even for an exact posterior; in bins of S/N, redshift and prediction it does not.",
    "losses": "Losses of all networks; a rising validation loss beside a falling one of the training is overfitting.",
    "size_curve": "Error on the same test rows of networks trained on parts of the rows; still falling at the right "
    "end: more rows would help.",
}


def write_evaluation_page(folder: Path, block: Mapping[str, Any]) -> Path:
    """Write ``evaluation.html`` and its figures (``figures/*.png``, which the page holds, too); the page."""
    drawn = evaluation_figures(make_folder(folder / "figures"), block)
    sections = {"scores": lines_html([*(f"**{line}**" for line in warnings_of(block)), *evaluation_lines(block)])}
    for name, paths in drawn.items():
        pictures = [figure_html(path, CAPTIONS[key]) for key, path in paths.items()]
        tables = lines_html([f"## {name}", *bin_lines(block["targets"][name])] if name in block["targets"] else [])
        sections[name] = "\n".join([tables, *pictures])
    introduction = f"{block['source']}, {block['n_rows']} rows; agez {block['version']}, seed {block['seed']}"
    title = f"Model {block['model'] or 'without a name'} on its test set"
    return write_plain_page(folder / "evaluation.html", title, introduction, sections)
