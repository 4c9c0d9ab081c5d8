"""Every command has an example in its help, which its parser takes, and which gives what it says."""

import re
import shlex

import pytest
from cli_road import agez, done

from agez.cli import _parser
from agez.cli_examples import EXAMPLES
from agez.commands import COMMANDS
from agez.demo.demo_files import write_demo_files

#: Commands whose example needs no more than a few seconds and the files of ``agez demo``, in the order of its run.
QUICK = ("predict", "map", "show", "gradient", "evaluate", "filters", "models")


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_help_ends_with_an_example_that_the_parser_takes(command):
    example = EXAMPLES[command]
    out = done(*([command] if command else []), "--help").out
    shown = out.partition("example")[2].splitlines()
    assert [line.strip() for line in shown[1 : len(example.commands) + 1]] == list(example.commands)
    assert shown[len(example.commands) + 1].strip() == f"-> {example.result}"
    for line in example.commands:
        word, *words = shlex.split(line)
        assert word == "agez"
        taken = _parser().parse_args(words).command
        assert taken == command or (not command and taken in COMMANDS)


def test_no_example_is_of_a_command_that_is_gone():
    assert set(EXAMPLES) == {*COMMANDS, ""}


def test_lines_fit_a_terminal():
    assert [line for one in EXAMPLES.values() for line in (*one.commands, one.result) if len(line) > 115] == []


@pytest.mark.slow
def test_quick_examples_give_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_demo_files("agez-demo")
    for command in QUICK:
        words = shlex.split(EXAMPLES[command].commands[0])[1:]
        answer = agez(*words)
        assert answer.status == 0, answer
        for name in re.findall(r"[\w/]+\.(?:fits|html|png|ecsv)", EXAMPLES[command].result):
            assert (tmp_path / name).stat().st_size > 0, f"{command}: {name}"
