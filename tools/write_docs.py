"""Writes the parts of docs/ that come from code or from a run, between their marks.

Always: docs/flags.md and the presets of docs/experiments.md, from the code, and docs/shipped_models.md, from the models
that come with agez.  With the folder of a run: the tables and verdicts of docs/results.md, from its summary.json alone
(what the run lacks is said there), and the tables of docs/mock_survey.md.  With --full, the folder of
`agez reproduce --preset full --only diversity`: the long version of that table.  With --labels: the tables of
docs/labels.md and docs/real_spectra.md, and the figures there.  With --bench, the folder of `agez bench --out`: tables
and figures of docs/real_sky.md::

    python tools/write_docs.py [OUT] [--full OUT] [--labels DIR] [--bench OUT] [--saved MARK=FILE ...]

DIR is what tools/measure_labels.py filled, FILE what a benchmark printed, and MARK the place that it has in the docs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markdown_tables import drop_empty, first_groups, join_table, read_tables
from presets_table import presets_table
from results_tables import claims_table, experiment_parts, sets_tables

from agez.bench.lines import lines_of
from agez.experiments.paper import SETS
from agez.flags import FAULTS, MEANING
from agez.models.model_card import card_lines
from agez.models.model_file import available_models, load_model

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: Pages that hold what one benchmark prints, by the mark there.
SAVED = {
    "fine-tuning": "models.md", "scale": "catalogues.md", "maps": "mock_images.md", "survey": "survey_night.md",
    "map regions": "maps.md", "many maps": "maps.md", "image speed": "maps.md", "gradient errors": "maps.md",
    "less known": "models.md", "broad redshifts": "models.md", "bayes limit": "trust.md", "information": "targets.md",
    "type ceiling": "real_sky.md", "splus zero points": "real_sky.md", "redshifts": "labels.md",
    "alpha": "trust.md", "young": "labels.md", "histories": "labels.md", "unknown library": "trust.md",
    "left-out library": "trust.md",
    **{f"catalogue {name}": "catalogue_scores.md" for name in ("jpas", "jplus", "splus")},
}  # fmt: skip


def flags_page() -> str:
    """docs/flags.md."""
    lines = [
        "# Flags",
        "",
        "Every row of every output has a column `flags`, a sum of the bits below, and a column `good`, true if no bit",
        "is a fault.  Rows with a fault must not be used as they stand.  The other bits are information (a band that",
        "is not covered, an error that was assumed), which the errors of the row include: select rows by `good`, not",
        "by `flags == 0`.  This page is written by `python tools/write_docs.py` from",
        "`agez.flags`.",
        "",
        "| bit | value | name | fault | meaning |",
        "|---|---|---|---|---|",
    ]
    for flag in sorted(MEANING):
        fault = "fault" if flag & FAULTS else ""
        lines.append(f"| {int(flag).bit_length() - 1} | {int(flag)} | `{flag.name}` | {fault} | {MEANING[flag]} |")
    lines += [
        "",
        "In Python: `prediction.good`, `labels.good`, `agez.flags.is_good(flags)`, and",
        "`agez.flags.has_flag(flags, agez.Flag.LOW_SNR)` for one bit.  In TOPCAT: `good`, or `(flags & 32) != 0` for",
        f"the rows of low signal-to-noise ratio; `(flags & {int(FAULTS)}) == 0` is `good`.",
        "`agez gradient` and the gradients of `agez map` use only good rows.",
        "",
    ]
    return "\n".join(lines)


def models_page() -> str:
    """docs/shipped_models.md: what ``agez models`` and ``agez models NAME`` print."""
    lines = [
        "# Shipped models",
        "",
        "Output of `agez models NAME` for each model; written by `python tools/write_docs.py` from the model files.",
        "How to use them: [models.md](models.md).",
    ]
    for name, path in available_models().items():
        card = card_lines(load_model(path))
        lines += ["", f"## {name}", *(f"#{line}" if line.startswith("#") else line for line in card[1:])]
    return "\n".join([*lines, ""])


def between_marks(text: str, mark: str, new: str) -> str:
    """``text`` with what stands between ``<!-- mark -->`` and ``<!-- end mark -->`` replaced."""
    start, end = f"<!-- {mark} -->", f"<!-- end {mark} -->"
    before, rest = text.split(start)
    _, after = rest.split(end)
    return f"{before}{start}\n{new}\n{end}{after}"


def rewrite(page: str, mark: str, new: str) -> None:
    """Put ``new`` between the marks of a page of docs/."""
    path = DOCS / page
    path.write_text(between_marks(path.read_text(encoding="utf-8"), mark, new), encoding="utf-8")


def printed(script: str, *arguments: str) -> str:
    """What a benchmark prints."""
    command = [sys.executable, str(DOCS.parent / "benchmarks" / script), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


#: Tables of the accuracy's output that go into docs/labels.md: how their titles begin.
_ACCURACY = (
    "**light-weighted log age**", "**light-weighted [M/H]**", "**mass-weighted log age**", "**mass-weighted [M/H]**",
    "**Velocity and dispersion**", "**Emission lines**", "**agez**: 1-sigma", "**Reduced chi2**",
)  # fmt: skip
#: Tables where only agez and the first way of using pPXF are shown: the others' motion and lines are nearly the same.
_TWO_CODES = ("**Velocity and dispersion**", "**Emission lines**")
#: What stands before the second table of the real spectra.
_BOTH_ENGINES = "The fits of both engines"


def accuracy_tables(text: str) -> dict[str, str]:
    """By title: the tables of ``label_accuracy.py``, without columns and rows that say nothing to a reader."""
    out = {}
    for title, header, rows in read_tables(text):
        if title.startswith(_ACCURACY):
            if title.startswith(_TWO_CODES):
                header, rows = first_groups(header, rows, 2)
            # where both biases are small their ratio is noise
            keep = [i for i, word in enumerate(header) if word != "abs(bias)"]
            table = drop_empty([header[i] for i in keep], [[row[i] for i in keep] for row in rows])
            out[title] = join_table(*table)
    missing = [start for start in _ACCURACY if not any(title.startswith(start) for title in out)]
    if missing:
        raise SystemExit(f"accuracy.md has no table {missing[0]}: is the benchmark's output complete?")
    return out


def write_labels(folder: Path) -> None:
    """Tables of docs/labels.md and docs/real_spectra.md from the saved output of the benchmarks."""

    def saved(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8").strip()

    accuracy = accuracy_tables(saved("accuracy.md"))

    def put(mark: str, *starts: str) -> None:
        chosen = [(title, table) for start in starts for title, table in accuracy.items() if title.startswith(start)]
        rewrite("labels.md", mark, "\n\n".join(f"{title}:\n\n{table}" for title, table in chosen))

    put("accuracy", *_ACCURACY[:4])
    put("motion", _ACCURACY[4])
    put("line fluxes", _ACCURACY[5])
    put("coverage", _ACCURACY[6])
    put("chi2", _ACCURACY[7])
    rewrite("labels.md", "errors", saved("errors.md"))
    rewrite("labels.md", "priors", saved("priors.md"))
    rewrite("labels.md", "kinematics", saved("kinematics.md"))
    rewrite("labels.md", "speed", saved("speed.md"))
    first, both = saved("real.md").split(_BOTH_ENGINES)
    rewrite("real_spectra.md", "table", first.strip())
    rewrite("real_spectra.md", "fits", _BOTH_ENGINES + both)
    for figure in sorted(folder.glob("fit_*.png")):
        (DOCS / "figures").mkdir(exist_ok=True)
        (DOCS / "figures" / figure.name).write_bytes(figure.read_bytes())


def write_bench(folder: Path) -> None:
    """Tables and figures of docs/real_sky.md, of the sets that the folder has."""
    result = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
    for name, block in result["sets"].items():
        rewrite("real_sky.md", name, "\n".join(lines_of(block)[2:]).strip())  # without the heading
    from PIL import Image  # comes with matplotlib

    for figure in sorted((folder / "figures").glob("*.png")):
        with Image.open(figure) as image:  # few colours make a small file
            small = image.convert("RGB").quantize(96, method=Image.Quantize.MAXCOVERAGE)
        small.save(DOCS / "figures" / f"sky_{figure.name}", optimize=True)


def write_results(summary: Mapping[str, Any]) -> None:
    """Tables and verdicts of docs/results.md."""
    rewrite("results.md", "standard run", sets_tables(summary))
    rewrite("results.md", "claims", claims_table(summary))
    for key, part in experiment_parts(summary).items():
        rewrite("results.md", key, part)


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="OUT", nargs="?", type=Path, help="folder of a run of 'agez reproduce'")
    parser.add_argument("--full", metavar="OUT", type=Path, help="folder of a run with --preset full --only diversity")
    parser.add_argument("--labels", metavar="DIR", type=Path, help="folder that tools/measure_labels.py filled")
    parser.add_argument(
        "--saved", metavar="MARK=FILE", nargs="+", default=[], help=f"what a benchmark printed: {', '.join(SAVED)}"
    )
    parser.add_argument("--bench", metavar="OUT", type=Path, help="folder of a run of 'agez bench --out'")
    options = parser.parse_args()
    for word in options.saved:
        mark, _, file = word.partition("=")
        if mark not in SAVED:
            parser.error(f"--saved {word}: no page has the mark {mark!r}; use one of {', '.join(SAVED)}")
        rewrite(SAVED[mark], mark, Path(file).read_text(encoding="utf-8").strip())
    (DOCS / "flags.md").write_text(flags_page(), encoding="utf-8")
    (DOCS / "shipped_models.md").write_text(models_page(), encoding="utf-8")
    rewrite("experiments.md", "presets", presets_table())
    if options.run is not None:
        summary = json.loads((options.run / "summary.json").read_text(encoding="utf-8"))
        write_results(summary)
        if all(summary.get(name) for name in SETS):
            rewrite("mock_survey.md", "set b", printed("set_b.py", str(options.run)))
    if options.full is not None:
        summary = json.loads((options.full / "summary.json").read_text(encoding="utf-8"))
        rewrite("results.md", "diversity long", experiment_parts(summary)["diversity"])
    if options.labels is not None:
        write_labels(options.labels)
    if options.bench is not None:
        write_bench(options.bench)


if __name__ == "__main__":
    main()
