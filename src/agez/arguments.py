"""What callers give to public functions: wrong types are said in one line, and Quantities become plain numbers."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from agez.arrays import plain_array
from agez.errors import AgezError

P = ParamSpec("P")
R = TypeVar("R")

#: Redshifts outside are placeholders (-1, -99, 99) or velocities.  Nearby galaxies come towards us, at -0.001 and less.
LEAST_REDSHIFT, LARGEST_REDSHIFT = -0.01, 20.0

#: By the name of a type, what is to be given where it is expected.
TO_PASS = {
    "path": "the path of a file",
    "name": "a name, or a path",
    "Spectra": "Spectra, as agez.read_spectra makes of files and agez.Spectra.from_arrays of arrays",
    "specutils": "a spectrum of specutils",
    "Photometry": "Photometry, as agez.read_photometry makes of files and tables, and agez.synthesize of spectra",
    "Labels": "Labels, as agez.fit_labels makes of spectra and agez.read_labels of files",
    "Galaxies": "Galaxies, a table with a row a galaxy as agez.samples.galaxy_files.read_galaxies reads",
    "Sample": "a Sample, as agez.make_sample makes of photometry and labels, and agez.read_sample of files",
    "LabelledTable": "a LabelledTable, as agez.read_labelled_table reads",
    "Model": "a Model, as agez.load_model reads",
    "FilterSet": "a FilterSet, as agez.load_filters reads",
    "SSPGrid": "templates, as agez.load_templates reads",
    "Prediction": "a Prediction, as agez.predict makes",
    "SurveyRecord": "an agez.SurveyRecord",
    "ImageSet": "an ImageSet, as agez.read_images reads",
    "Target": "an agez.Target",
    "ZeroPoints": "ZeroPoints",
    "RedshiftMixture": "an agez.RedshiftMixture",
    "GalaxyMaps": "GalaxyMaps, as agez.map_galaxy makes",
    "SurveyPlan": "a plan, as agez.survey_plan draws",
    "Tiles": "tiles, as agez.galaxy_tiles makes",
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


def check_type(function: str, argument: str, value: Any, wanted: str) -> None:
    """AgezError unless a value is of one of the types whose names ``wanted`` has, with ``or`` between.

    ``path`` and ``name`` are text or a path, ``specutils`` is any of its spectra; a question mark at the end allows
    None.  The message says what was given and what to pass (:data:`TO_PASS`).
    """
    kinds = wanted.removesuffix("?").split(" or ")
    own = [(kind.__module__.partition(".")[0], kind.__name__) for kind in type(value).__mro__]
    names = {name if package == "agez" else package for package, name in own if package in ("agez", "specutils")}
    if isinstance(value, str | os.PathLike) and str(value) != "":
        names |= {"path", "name"}
    if names.intersection(kinds) or (value is None and wanted.endswith("?")):
        return
    words = [TO_PASS.get(kind, kind) for kind in kinds]
    given = "an empty text" if isinstance(value, str) and not value else described(value)
    raise AgezError(f"agez.{function}: {argument} is {given}; expected {', or '.join(words)}")


def takes(called: str = "", /, **wanted: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check arguments of a public function by :func:`check_type`, before any of its work.

    Parameters
    ----------
    called : str, optional
        Its public name, if it is another one.
    **wanted : str
        By argument.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        places = {name: place for place, name in enumerate(inspect.signature(function).parameters)}
        places = {name: places[name] for name in wanted}

        @wraps(function)
        def checked(*values: P.args, **options: P.kwargs) -> R:
            for name, place in places.items():
                if place < len(values):
                    check_type(called or function.__name__, name, values[place], wanted[name])
                elif name in options:
                    check_type(called or function.__name__, name, options[name], wanted[name])
            return function(*values, **options)

        return checked

    return decorate


def check_paths(function: str, argument: str, value: Any) -> Any:
    """A path, or a list of paths; AgezError if it is neither."""
    if isinstance(value, str | os.PathLike):
        return value
    paths = list(value) if isinstance(value, Iterable) else []
    if not paths or not all(isinstance(one, str | os.PathLike) for one in paths):
        raise AgezError(f"agez.{function}: {argument} is {described(value)}; expected the path of a folder, or paths")
    return paths


def number_in(value: Any, unit: str, *, name: str, optional: bool = False) -> Any:
    """A number, or an array of them, in ``unit`` ('' is none): Quantities are brought to it, all else is as it is.

    With ``optional``, None and text, which names a column, are passed on.

    Raises
    ------
    AgezError
        That names the argument, if the Quantity is in a unit of another kind, or the value is no number.
    """
    if isinstance(value, int | float) or (optional and (value is None or isinstance(value, str))):
        return value
    try:
        if value is None or isinstance(value, str):
            raise TypeError
        plain = np.asarray(plain_array(value, unit=unit), dtype=float)
    except AgezError as error:
        raise AgezError(f"{name}: {error}") from error
    except (TypeError, ValueError):
        expected = "numbers" + (f" [{unit}], or a Quantity" if unit else ", or a Quantity without a unit")
        raise AgezError(f"{name} is {described(value)}; expected {expected}") from None
    return plain if plain.ndim else float(plain)
