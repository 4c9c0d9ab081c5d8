"""What commands need that is not installed with agez itself: asked for before the work, not after it."""

from __future__ import annotations

from importlib.util import find_spec

from agez.errors import AgezError


def need(package: str, *, extra: str, what: str) -> None:
    """AgezError with the line that installs ``package`` if it is not there.

    Parameters
    ----------
    extra : str
        Of agez, that brings it.
    what : str
        Option or work that needs it, for the message.
    """
    if find_spec(package) is None:
        raise AgezError(f"{what} needs {package}, which is not installed: pip install 'agez[{extra}]'")
