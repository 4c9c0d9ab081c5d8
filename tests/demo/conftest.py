"""The demo, run once."""

import contextlib
import io
from pathlib import Path

import pytest

from agez.cli import main


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that ``agez demo`` writes, and what it prints."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("photutils")
    pytest.importorskip("powerbin")
    folder, printed = tmp_path_factory.mktemp("demo") / "agez-demo", io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["demo", "-o", str(folder)]) == 0
    return folder, printed.getvalue()
