"""Packages that only some of the work needs: asked for by name, with the line that installs them."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from agez.errors import AgezError


def need(module: str, *, extra: str, purpose: str) -> Any:
    """Import a module, or a part of a package such as ``pyarrow.parquet``, and give it back.

    Parameters
    ----------
    extra : str
        Of agez, that brings it.
    purpose : str
        Option or work that needs it, for the message.

    Raises
    ------
    AgezError
        If the package is not installed; or it is, but cannot be loaded, since it is broken or of another version.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a library of the system's that it rests on is missing
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            raise _not_installed(package, extra, purpose) from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise AgezError(
            f"{purpose} needs {package}, which is installed, but cannot be loaded ({reason}); "
            f"run: pip install --upgrade 'agez[{extra}]'"
        ) from error


def check_installed(package: str, *, extra: str, purpose: str) -> None:
    """The question of :func:`need` without the import, which may take long: to be asked before long work."""
    if not is_installed(package):
        raise _not_installed(package, extra, purpose)


def is_installed(package: str) -> bool:
    """Whether a package is there; it is not imported for the question."""
    return find_spec(package) is not None


def _not_installed(package: str, extra: str, purpose: str) -> AgezError:
    return AgezError(f"{purpose} needs {package}, which is not installed; run: pip install 'agez[{extra}]'")
