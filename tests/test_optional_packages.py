"""Optional packages: absent, there, and there but broken."""

import sys

import pytest

from agez.errors import AgezError
from agez.runtime.optional_packages import check_installed, is_installed, need

ABSENT = r"^--picture needs no_such_thing, which is not installed; run: pip install 'agez\[x\]'$"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that installs a package of one file; gone, also from Python's memory, after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def install(name, text):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text, encoding="utf-8")
        made.append(name)

    yield install
    for name in made:
        sys.modules.pop(name, None)


def test_what_is_there_is_given_back():
    assert need("json", extra="x", purpose="--picture") is sys.modules["json"]
    assert need("importlib.util", extra="x", purpose="--picture") is sys.modules["importlib.util"]
    check_installed("json", extra="x", purpose="--picture")


def test_what_is_not_there_is_said_with_what_to_do(monkeypatch):
    for ask in (need, check_installed):
        with pytest.raises(AgezError, match=ABSENT):
            ask("no_such_thing", extra="x", purpose="--picture")
    with pytest.raises(AgezError, match=ABSENT):
        need("no_such_thing.part", extra="x", purpose="--picture")
    monkeypatch.setitem(sys.modules, "json", None)
    assert not is_installed("json")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_thing", "No module named 'no_such_thing'"),
        ("from json import no_such_word", "cannot import name 'no_such_word'"),
        ("raise OSError('libomp.so:\\n  cannot open')", "libomp.so: cannot open"),
        ("raise ImportError", "ImportError"),
    ],
)
def test_what_is_broken_is_not_called_absent(installed, text, reason):
    installed("broken_thing", text)
    check_installed("broken_thing", extra="x", purpose="--picture")  # it is not imported for the question
    with pytest.raises(AgezError, match="which is installed, but cannot be loaded") as caught:
        need("broken_thing", extra="x", purpose="--picture")
    assert str(caught.value).startswith("--picture needs broken_thing, ")
    assert f"({reason}" in str(caught.value)
    assert str(caught.value).endswith("; run: pip install --upgrade 'agez[x]'")


def test_an_old_version_without_a_part_is_not_called_absent(installed):
    installed("old_thing", "")
    with pytest.raises(AgezError, match=r"No module named 'old_thing\.part'.*--upgrade"):
        need("old_thing.part", extra="x", purpose="--picture")


def test_other_errors_are_not_hidden(installed):
    installed("strange_thing", "1 / 0")
    with pytest.raises(ZeroDivisionError):
        need("strange_thing", extra="x", purpose="--picture")
