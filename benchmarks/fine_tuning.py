"""What starting from a shipped model gains over training from scratch, by number of galaxies.

Run ``python benchmarks/fine_tuning.py [--sample FILE] [--model paper] [--draws 2] [--out FILE]``: minutes.  Without a
sample the standard mock survey is made.  Both ways are trained, calibrated and scored as ``agez train --init MODEL
--learning-curve`` does, on the same galaxies, and tested on the same unseen ones.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from trust import sample_of

from agez.models.model_file import load_model
from agez.runtime.files import whole_file
from agez.targets import TARGET_WORDS
from agez.training.learning_curve import NUMBERS, learning_curve

TITLES = {"age": "log age", "metallicity": "[M/H]"}


def table(curve: dict[str, Any]) -> str:
    """The curve as a Markdown table: sigma_mad [dex] and coverage of the 68 % interval."""

    def cell(way: dict[str, Any]) -> str:
        return f"{way['sigma_mad']:.3f} ({100 * way['coverage_68']:.0f} %)"

    lines = ["| | galaxies | spectra | from scratch | from the model | gain |", "|---|---|---|---|---|---|"]
    for word in TARGET_WORDS.values():
        lines.append(f"| {TITLES[word]} | 0 | 0 | - | {cell(curve['as_it_is'][word])} | - |")
        for point in curve["points"]:
            one = point[word]
            error = "" if one["gain_err"] is None else f" +- {one['gain_err']:.3f}"
            cells = (point["n_galaxies"], point["n_spectra"], cell(one["fresh"]), cell(one["from_model"]))
            lines.append(f"| {TITLES[word]} | {' | '.join(str(c) for c in cells)} | {one['gain']:+.3f}{error} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=Path, help="a sample file; default: the standard mock survey")
    parser.add_argument("--model", default="paper", help="name or file; default: paper")
    parser.add_argument("--draws", type=int, default=2, help="of galaxies; default: 2")
    parser.add_argument("--galaxies", type=int, nargs="*", default=list(NUMBERS), help="default: 10 30 100, and all")
    parser.add_argument("--steps", type=int, help="of every training; default: as agez train")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="also write the table to a file, for tools/write_docs.py")
    options = parser.parse_args()
    begin = time.perf_counter()
    curve = learning_curve(
        sample_of(options.sample, False, options.workers), load_model(options.model), numbers=options.galaxies,
        n_draws=options.draws, steps=options.steps, workers=options.workers,
    )  # fmt: skip
    text = (
        f"sigma_mad against the labels [dex] and share of them inside the 68 % interval, on {curve['n_test_galaxies']} "
        f"unseen galaxies; means of {curve['n_draws']} draws, the gain with its standard error; model "
        f"`{curve['start']}`.\n\n{table(curve)}"
    )
    print(text)
    print(f"\n{time.perf_counter() - begin:.0f} s")
    if options.out is not None:
        with whole_file(options.out) as part:
            part.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
