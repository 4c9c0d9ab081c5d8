"""What callers give to public functions: wrong types are said in one line, and Quantities become plain numbers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from agez.arrays import plain_array
from agez.errors import AgezError

#: By the name of a type, what is to be given where it is expected.
TO_PASS = {
    "path": "the path of a file, as text or pathlib.Path",
    "Spectra": "Spectra, as agez.read_spectra makes of files and agez.Spectra of arrays",
    "Photometry": "Photometry, as agez.read_photometry makes of files and tables, and agez.synthesize of spectra",
    "Labels": "Labels, as agez.fit_labels makes of spectra and agez.read_labels of files",
    "Galaxies": "Galaxies, a table with a row a galaxy as agez.samples.galaxy_files.read_galaxies reads",
    "Sample": "a Sample, as agez.make_sample makes of photometry and labels, and agez.read_sample of files",
    "Model": "a Model, as agez.load_model reads, or its name",
    "FilterSet": "a FilterSet, as agez.load_filters reads, or its name",
    "SSPGrid": "templates, as agez.load_templates reads, or their name",
    "Prediction": "a Prediction, as agez.predict makes",
    "SurveyRecord": "an agez.SurveyRecord",
    "ImageSet": "an ImageSet, as agez.read_images reads",
    "Target": "an agez.Target",
    "numbers": "an array of numbers, or a Quantity",
}


def described(value: Any) -> str:
    """What a value is, for a message: ``a list of 3``, ``the number 5``, ``a pandas DataFrame of 12 rows``."""
    kind = type(value)
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, int | float | complex | np.number):
        return f"the number {value!s:.40}"
    package = kind.__module__.partition(".")[0]
    name = kind.__name__ if package in ("builtins", "agez") else f"{package} {kind.__name__}"
    article = "an" if name[0].lower() in "aeio" else "a"
    if isinstance(value, np.ndarray) and hasattr(value, "shape") and package == "numpy":
        return f"a numpy array of shape {value.shape}"
    if isinstance(value, type) or callable(value):
        return f"the {'class' if isinstance(value, type) else 'function'} {getattr(value, '__name__', name)}"
    try:
        n = len(value)
    except Exception:  # no length, or an object that does not know it
        return f"{article} {name}"
    tabular = hasattr(value, "columns") or package == "agez"
    return f"{article} {name} of {n}{' rows' if tabular and n != 1 else ' row' if tabular else ''}"


def check_type(function: str, argument: str, value: Any, *kinds: type, or_path: bool = False) -> None:
    """AgezError unless a value is of one of the types, or, if ``or_path``, a path or a name.

    The message says what was given and what to pass: by the first type's name in :data:`TO_PASS`.
    """
    if isinstance(value, kinds) or (or_path and isinstance(value, str | os.PathLike)):
        return
    words = [TO_PASS.get(kinds[0].__name__, kinds[0].__name__)] if kinds else []
    words += [TO_PASS["path"]] if or_path and not any("name" in one for one in words) else []
    raise AgezError(f"agez.{function}: {argument} is {described(value)}; expected {', or '.join(words)}")


def check_path(function: str, argument: str, value: Any) -> None:
    """AgezError unless a value is a path."""
    check_type(function, argument, value, or_path=True)


def number_in(value: Any, unit: str, *, name: str) -> Any:
    """A number, or an array of them, in ``unit`` ('' is none): Quantities are brought to it, all else is as it is.

    Raises
    ------
    AgezError
        That names the argument, if the Quantity is in a unit of another kind, or the value is no number.
    """
    if value is None or isinstance(value, int | float | str):
        return value
    try:
        plain = np.asarray(plain_array(value, unit=unit), dtype=float)
    except AgezError as error:
        raise AgezError(f"{name}: {error}") from error
    except (TypeError, ValueError):
        expected = "numbers" + (f" [{unit}], or a Quantity" if unit else ", or a Quantity without a unit")
        raise AgezError(f"{name} is {described(value)}; expected {expected}") from None
    return plain if plain.ndim else float(plain)
