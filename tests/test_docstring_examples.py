"""Every public name of agez has an example in its docstring, and the example prints what it shows."""

import doctest
import inspect
import re
import warnings
from functools import cached_property
from pathlib import Path

import pytest

import agez
from agez.surveys import registry

#: An example shows one use: more source lines than this are a tutorial, which belongs in docs/.
MOST_LINES = 10


class Runner(doctest.DocTestRunner):
    """Runs an example; stops with a skip where an optional package is missing."""

    def report_unexpected_exception(self, out, test, example, exc_info):
        error = exc_info[1]
        missing = isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("agez")
        if missing or (isinstance(error, agez.AgezError) and "which is not installed" in str(error)):
            pytest.skip(f"{test.name}: {error}")
        super().report_unexpected_exception(out, test, example, exc_info)


def is_documented(value: object) -> bool:
    """Whether a docstring is the attribute's own, not that of the type of a default value."""
    return callable(value) or isinstance(value, property | cached_property | classmethod | staticmethod)


def docstrings(name: str) -> dict[str, str]:
    """Docstring of a public name (of the package, for ``__version__``), and of methods that have examples."""
    thing = agez if name == "__version__" else getattr(agez, name)
    found = {name: inspect.getdoc(thing) or ""}
    if inspect.isclass(thing):
        own = {key: value for key, value in vars(thing).items() if not key.startswith("_")}
        methods = {key: inspect.getdoc(value) or "" for key, value in own.items() if is_documented(value)}
        found |= {f"{name}.{key}": text for key, text in methods.items() if ">>>" in text}
    return found


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary working folder, without network; surveys that an example registers are dropped afterwards."""

    def refuse(*_):
        raise AssertionError("an example opens a network connection")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr(registry, "_RECORDS", dict(registry._RECORDS))
    return tmp_path


@pytest.mark.parametrize("name", agez.__all__)
def test_the_docstring_has_an_example_that_runs(name: str, scratch: Path, capsys: pytest.CaptureFixture[str]):
    for where, text in docstrings(name).items():
        test = doctest.DocTestParser().get_doctest(text, {}, where, None, None)
        assert re.search(r"^Examples\n--------\n", text, flags=re.MULTILINE), f"{where} has no section Examples"
        assert len(test.examples) >= 2, f"{where} has no example"
        assert sum(one.source.count("\n") for one in test.examples) <= MOST_LINES, f"{where}: the example is long"
        assert not any(one.options.get(doctest.SKIP) for one in test.examples), f"{where} skips its example"
        assert any(one.want for one in test.examples), f"{where}: the example shows no output"
        with warnings.catch_warnings():
            if name == "predict_hats":
                warnings.simplefilter("ignore")  # of LSDB's and Dask's own
            failed = Runner().run(test).failed
        assert not failed, capsys.readouterr().out
