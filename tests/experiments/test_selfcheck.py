"""The self-test tells what works and what is missing."""

import sys
import tomllib
from pathlib import Path

import pytest

from agez.errors import AgezError
from agez.experiments import selfcheck
from agez.experiments.selfcheck import run_checks


def test_all_that_is_essential_works_here():
    checks = run_checks()
    assert {one.name for one in checks if one.essential} == {"filters", "synthesis", "spectral fitting"}
    assert all(one.ok for one in checks if one.essential), checks
    assert all(one.detail for one in checks)


def test_every_extra_is_looked_for():
    """But those that only bring others, and E-MILES, whose templates are tried."""
    told = " ".join(one.detail for one in run_checks()) + Path(selfcheck.__file__).read_text(encoding="utf-8")
    with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    for extra in set(extras) - {"docs", "reproduce", "test", "emiles"}:
        assert f'("{extra}", ' in told, extra


def test_what_is_broken_or_missing_is_said(monkeypatch):
    def broken(*_, **__):
        raise ValueError("not today")

    def no_templates(*_):
        raise AgezError("templates 'emiles' need ppxf 8")

    monkeypatch.setattr("agez.photometry.synthesis.synthesize", broken)
    monkeypatch.setattr("agez.spectra.templates.load_templates", no_templates)
    monkeypatch.setitem(sys.modules, "jax", None)
    checks = {one.name: one for one in run_checks()}
    assert not checks["synthesis"].ok
    assert checks["synthesis"].detail == "ValueError: not today"
    assert checks["filters"].ok
    name = "training on an accelerator"
    assert not checks[name].ok
    assert not checks[name].essential
    assert checks[name].detail == f"for {name}: pip install 'agez[train]'"
    assert checks["E-MILES templates"].detail == "templates 'emiles' need ppxf 8"


@pytest.mark.parametrize("essential", [True, False])
def test_the_command_fails_only_for_what_is_essential(monkeypatch, essential):
    from cli_road import agez

    checks = [selfcheck.Check("wheels", False, essential, "flat")]
    monkeypatch.setattr(selfcheck, "run_checks", lambda: checks)
    answer = agez("check")
    assert answer.status == (1 if essential else 0)
    assert "wheels: flat" in (answer.err if essential else answer.out)
