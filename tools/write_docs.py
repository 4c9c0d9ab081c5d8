"""Writes the parts of docs/ that come from code or from a run, between their marks.

Usage: python tools/write_docs.py [OUT [CALIFA]]: docs/flags.md from :data:`agez.flags.MEANING`; with the folder of a
run, also the tables of docs/results.md and of docs/mock_survey.md; with the file of NGC 2691's spectra, also the table
of docs/real_spectra.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from agez.flags import MEANING

DOCS = Path(__file__).resolve().parents[1] / "docs"
_ROWS = (("set_a", "Set A"), ("set_b", "Set B"))
_TRUTH_ROWS = (("labels", "labels"), ("set_a", "Set A"), ("set_b", "Set B"))
_WORDS = ("age", "metallicity")


def flags_page() -> str:
    """docs/flags.md."""
    lines = [
        "# Flags",
        "",
        "Every row of every output has a column `flags`: a sum of the bits below.  0 means that nothing is known to be",
        "wrong.  This page is written by `python tools/write_docs.py` from `agez.flags`.",
        "",
        "| bit | value | name | meaning |",
        "|---|---|---|---|",
    ]
    for flag, meaning in MEANING.items():
        lines.append(f"| {int(flag).bit_length() - 1} | {int(flag)} | `{flag.name}` | {meaning} |")
    lines += [
        "",
        "In Python: `agez.flags.has_flag(flags, agez.Flag.LOW_SNR)`.  In a FITS table:",
        "`(flags & 32) != 0` selects the rows of low signal-to-noise ratio.",
        "",
    ]
    return "\n".join(lines)


def _number(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)


def results_tables(summary: dict[str, Any]) -> str:
    """The tables of docs/results.md."""
    sample, paper = summary["sample"], summary["paper"]
    lines = [
        f"agez {summary['version']}, preset {summary['preset']}, seed {summary['seed']}: {sample['n_spectra']} spectra "
        f"of {sample['n_galaxies']} galaxies ({sample['n_early']} early, {sample['n_late']} late), "
        f"{sample['n_bands']} bands; {summary['seconds']['total']:.0f} s, {summary['peak_rss_mb']:.0f} MB.",
        "",
        "Predictions against labels [dex; dex/Re for gradients]:",
        "",
        "| | | sigma_mad | paper | bias | rmse | gradient sigma_mad | paper | gradient bias |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, name in _ROWS:
        for word in _WORDS:
            ours, theirs = summary[key][word], paper[key][word]
            slope, published = summary[key]["gradient"][word], paper[key]["gradient"][word]
            lines.append(
                f"| {name} | {word} | {_number(ours['sigma_mad'])} | {_number(theirs['sigma_mad'], '.2f')} | "
                f"{_number(ours['bias'], '+.3f')} | {_number(ours['rmse'])} | {_number(slope['sigma_mad'])} | "
                f"{_number(published['sigma_mad'], '.2f')} | {_number(slope['bias'], '+.3f')} |"
            )
    lines += ["", "Correlation of the residuals in age with those in metallicity:", ""]
    for key, name in _ROWS:
        lines.append(f"- {name}: {summary[key]['residual_pcc']:.2f} (paper {paper[key]['residual_pcc']:.2f})")
    guess = {word: summary["random_baseline"][word]["mse"] for word in _WORDS}
    lines += [
        "",
        f"Mean squared error of random guesses: age {guess['age']:.3f} dex^2 (paper "
        f"{paper['random_baseline']['age']['mse']:.3f}), metallicity {guess['metallicity']:.3f} dex^2.",
    ]
    truth = summary["against_truth"]
    if truth["labels"]["age"]["n"]:
        lines += [
            "",
            "Against the truth of the mock survey:",
            "",
            "| | | sigma_mad | bias | rmse | gradient sigma_mad | gradient bias |",
            "|---|---|---|---|---|---|---|",
        ]
        for key, name in _TRUTH_ROWS:
            for word in _WORDS:
                one, slope = truth[key][word], truth[key]["gradient"][word]
                lines.append(
                    f"| {name} | {word} | {_number(one['sigma_mad'])} | {_number(one['bias'], '+.3f')} | "
                    f"{_number(one['rmse'])} | {_number(slope['sigma_mad'])} | {_number(slope['bias'], '+.3f')} |"
                )
    return "\n".join(lines)


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


def main() -> None:
    """Write the pages."""
    (DOCS / "flags.md").write_text(flags_page(), encoding="utf-8")
    if len(sys.argv) > 1:
        run = Path(sys.argv[1])
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        rewrite("results.md", "standard run", results_tables(summary))
        rewrite("mock_survey.md", "set b", printed("set_b.py", str(run)))
    if len(sys.argv) > 2:
        model = str(run / "models" / "set_b.safetensors")
        rewrite("real_spectra.md", "table", printed("real_spectra.py", "--model", model, "--califa", sys.argv[2]))


if __name__ == "__main__":
    main()
