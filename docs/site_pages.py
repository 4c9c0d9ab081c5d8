"""Pages of the site that code writes: the Python interface, the command line, and the columns of every product."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import agez
from agez.cli import EXIT_STATUS, _parser
from agez.cli_examples import EXAMPLES
from agez.flags import FAULTS, MEANING
from agez.tables.column_metadata import WORDS
from agez.targets import KNOWN_TARGETS

#: Public names by what they are for; names in none of these come last.
GROUPS = {
    "Answers": ("predict", "load_model", "Model", "Prediction"),
    "Photometry": ("read_photometry", "write_photometry", "Photometry", "RedshiftMixture"),
    "Filters and surveys": ("load_filters", "Bands", "SurveyRecord", "register_survey"),
    "Spectra and labels": (
        "read_spectra", "Spectra", "find_redshift", "synthesize", "load_templates", "fit_labels",
        "fit_labels_by_libraries", "subtract_lines", "Labels", "read_labels", "write_labels",
    ),
    "Samples and training": ("make_sample", "read_sample", "write_sample", "Sample", "Galaxies", "train"),
    "Maps and gradients": ("read_maps", "radial_gradient"),
    "Flags and errors": ("Flag", "AgezError"),
}  # fmt: skip


def write_reference(folder: Path) -> None:
    """Write ``api.md``, ``cli.md`` and ``columns.md``; files that would stay the same are left alone."""
    folder.mkdir(exist_ok=True)
    for name, text in (("api", api_page()), ("cli", cli_page()), ("columns", columns_page())):
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def api_page() -> str:
    """Public names, each with a page of its own."""
    names = [name for name in agez.__all__ if not name.startswith("_")]
    grouped = {name for group in GROUPS.values() for name in group}
    groups = {title: [name for name in group if name in names] for title, group in GROUPS.items()}
    groups["Further names"] = [name for name in names if name not in grouped]
    lines = ["# Python interface", "", "Every name is one of `agez`: `import agez`, then `agez.predict`.", ""]
    for title, group in groups.items():
        if group:
            lines += [f"## {title}", "", "```{eval-rst}", ".. currentmodule:: agez", "", ".. autosummary::",
                      "   :toctree: generated", "", *(f"   {name}" for name in group), "```", ""]  # fmt: skip
    return "\n".join(lines)


def cli_page() -> str:
    """Every command with its options, from the parser."""
    whole = _parser()
    (commands,) = [one for one in whole._actions if isinstance(one, argparse._SubParsersAction)]
    short = {one.dest: one.help or "" for one in commands._choices_actions}
    lines = ["# Command line", "", f"{whole.description}", "", _prose(EXIT_STATUS), "", *_example("")]
    for name, command in commands.choices.items():
        usage = " ".join(command.format_usage().removeprefix("usage: ").split())
        lines += [
            f"## agez {name}",
            "",
            f"{short[name][:1].upper()}{short[name][1:]}.",
            "",
            "```text",
            usage,
            "```",
            "",
        ]
        lines += _example(name)
        for group in command._action_groups:
            rows = [_option(one) for one in group._group_actions if one.dest != "help"]
            if rows:
                title = [] if group.title in ("positional arguments", "options") else [f"**{group.title}**", ""]
                lines += [*title, "| option | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _example(command: str) -> list[str]:
    example = EXAMPLES[command]
    title = "Example:" if len(example.commands) == 1 else "Examples:"
    return [title, "", "```sh", *example.commands, "```", "", f"Result: {_prose(example.result)}.", ""]


def _option(action: argparse.Action) -> str:
    value = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else "")
    value = " ".join(value) if isinstance(value, tuple) else str(value)
    names = ", ".join(action.option_strings) or value
    takes = f" {value}" if action.option_strings and value and action.nargs != 0 else ""
    return f"| `{_cell(names + takes)}` | {_prose(action.help or '')} |"


def _cell(text: str, *, code: bool = True) -> str:
    text = text.replace("|", r"\|").replace("\n", " ")
    return text if code else text.replace("<", r"\<").replace("*", r"\*").replace("_", r"\_").replace("[", r"\[")


def _prose(text: str) -> str:
    """A sentence of the command line: commands, which stand in quotes there, and options become code."""
    pieces = re.split(r"'(agez [^']*)'|(?<![\w-])(--[a-z][a-z-]*)", text)
    return "".join(
        f"`{_cell(piece)}`" if n % 3 else _cell(piece, code=False)
        for n, piece in enumerate(pieces)
        if piece is not None
    )


def columns_page() -> str:
    """Columns by name: unit, meaning, and when they are NaN; targets; flags."""
    targets = [(f"`{name}`", one.unit or "", one.description) for name, one in KNOWN_TARGETS.items()]
    others = [
        (f"`{name}`", one.unit or "", one.comment, one.ucd) for name, one in WORDS.items() if name not in KNOWN_TARGETS
    ]
    flags = [(str(int(flag)), f"`{flag.name}`", "yes" if flag & FAULTS else "", word) for flag, word in MEANING.items()]
    return "\n".join([
        "# Columns", "",
        "Columns of agez's tables by name.  `NAME_err` is the 1-sigma error of `NAME`, `NAME_p16`, `NAME_p50`, "
        "`NAME_p84` are quantiles of its distribution, `NAME_p025` and `NAME_p975` the ends of the 95 % interval, "
        "`NAME_library_spread` is the standard deviation of the predictions between template libraries, `true_NAME` "
        "the truth of mocks, `label_NAME` the result of a spectral fit.  [files.md](../files.md) lists the columns of "
        "each file.",
        "", "## Predicted quantities", "",
        "NaN where no prediction is made (`flags` gives the reason); masses, rates and magnitudes also without a "
        "redshift, and therefore without a distance.", "", *_table(("column", "unit", "meaning"), targets),
        "", "## All other columns", "", *_table(("column", "unit", "meaning", "UCD"), others),
        "", "## Flags", "", "`flags` is a sum of these; a fault sets `good` to false.", "",
        *_table(("bit", "name", "fault", "meaning"), flags), "",
    ])  # fmt: skip


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(head)
    body = ["| " + " | ".join(_cell(cell, code=cell.startswith("`")) for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body]
