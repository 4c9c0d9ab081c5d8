"""The site: pages that code writes hold every name, option and column, and every page has its place."""

import argparse
import re
import sys
from pathlib import Path

import pytest

import agez
from agez.cli import _parser
from agez.cli_examples import EXAMPLES
from agez.flags import Flag
from agez.targets import KNOWN_TARGETS

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The written pages by name."""
    sys.path.insert(0, str(DOCS))
    try:
        from site_pages import write_reference
    finally:
        sys.path.remove(str(DOCS))
    folder = tmp_path_factory.mktemp("reference")
    write_reference(folder)
    return {page.stem: page.read_text(encoding="utf-8") for page in folder.iterdir()}


def test_every_public_name_has_a_page(reference):
    listed = re.findall(r"^   (\w+)$", reference["api"], flags=re.MULTILINE)
    assert sorted(listed) == sorted(name for name in agez.__all__ if not name.startswith("_"))


def test_every_option_of_every_command_is_there(reference):
    (commands,) = [one for one in _parser()._actions if isinstance(one, argparse._SubParsersAction)]
    for name, command in commands.choices.items():
        section = reference["cli"].partition(f"## agez {name}\n")[2].partition("\n## ")[0]
        assert section, name
        for action in command._actions:
            for option in action.option_strings:
                assert option in section or option in ("-h", "--help"), f"agez {name} {option}"


def test_every_example_is_there(reference):
    for command, example in EXAMPLES.items():
        before, _, section = reference["cli"].partition(f"## agez {command}\n")
        section = section.partition("\n## ")[0] if command else before.partition("\n## ")[0]
        assert all(f"\n{line}\n" in section for line in example.commands), command
    assert "`agez COMMAND --help` documents each command" in reference["cli"]


def test_every_quantity_and_flag_is_there(reference):
    for name in [*KNOWN_TARGETS, *(str(flag.name) for flag in Flag)]:
        assert f"`{name}`" in reference["columns"], name


def test_every_page_is_in_a_table_of_contents():
    placed = set()
    for page in DOCS.glob("**/*.md"):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            entries = [line.strip() for line in tree.splitlines() if line.strip() and not line.startswith(":")]
            placed |= {(page.parent / entry).relative_to(DOCS).as_posix() for entry in entries}
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.glob("**/*.md")}
    pages = {page for page in pages if not page.startswith(("reference/", "jupyter_execute/", "_"))}
    assert pages - {"index"} <= placed
    written = {"reference/api", "reference/cli", "reference/columns"}
    assert placed <= pages | written


@pytest.mark.parametrize("name", ["catalogue", "maps", "spectra", "training", "posterior", "paper"])
def test_tutorial_is_a_notebook_that_ends_in_a_figure(name):
    text = (DOCS / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    assert "kernelspec:" in text
    cells = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", text, flags=re.DOTALL)
    for cell in cells:
        compile(cell, name, "exec")
    assert re.search(r"plt\.figure\(|^figure$|^Image\(", cells[-1], flags=re.MULTILINE)
