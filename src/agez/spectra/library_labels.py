"""Labels of the same spectra by several template libraries: how far the libraries part is a systematic error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agez.arguments import takes
from agez.errors import AgezError
from agez.label_types import Labels, LibraryLabels
from agez.spectra.fit_settings import FitSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.templates import SSPGrid, load_templates
from agez.spectra_specutils import as_spectra
from agez.types import LABEL_NAMES, Floats, Spectra


@takes(spectra="Spectra or specutils")
def fit_labels_by_libraries(
    spectra: Spectra | Any,
    templates: Sequence[SSPGrid | str],
    *,
    settings: FitSettings | None = None,
    keep_fits: bool = False,
) -> Labels:
    """Labels by several template libraries: those of the first, with what the others say as ``libraries``.

    The labels, their statistical errors, lines and histories are those of the first library alone, so that they do not
    change when another one is added.  ``libraries.spread`` is the standard deviation between the libraries, which
    those errors do not hold.

    Parameters
    ----------
    spectra : Spectra or specutils Spectrum
    templates : sequence of SSPGrid or str
        Two or more different ones.
    settings : FitSettings, optional
    keep_fits : bool
        Keep data and model of each spectrum, of the first library.

    Raises
    ------
    AgezError
        As :func:`agez.fit_labels`, and if there are fewer than two libraries or one of them twice.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> other = replace(grid, name="shifted", mh=grid.mh + 0.1)
    >>> labels = agez.fit_labels_by_libraries(mock.spectra, [grid, other])
    >>> labels.libraries.libraries, labels.libraries.spread.shape
    (('made-up', 'shifted'), (5, 4))
    """
    spectra = as_spectra(spectra)
    grids = [load_templates(one) if isinstance(one, str) else one for one in templates]
    check_libraries([grid.name for grid in grids])
    parts = [fit_labels(spectra, grid, settings=settings, keep_fits=keep_fits and grid is grids[0]) for grid in grids]
    return with_libraries(parts, [grid.name for grid in grids])


def check_libraries(names: Sequence[str]) -> None:
    """AgezError where there are fewer than two names, or one of them twice."""
    if len(names) < 2:
        raise AgezError(f"labels by several template libraries need two or more, found {len(names)}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise AgezError(f"template library {twice!r} is given twice; name each once")


def with_libraries(parts: Sequence[Labels], names: Sequence[str]) -> Labels:
    """The first of ``parts``, labels of the same rows by the libraries of these names, with all of them inside."""

    def stacked(end: str) -> Floats:
        return np.stack([np.stack([getattr(one, name + end) for name in LABEL_NAMES], axis=1) for one in parts], axis=1)

    libraries = LibraryLabels(
        tuple(names), stacked(""), stacked("_err"), np.stack([one.chi2 for one in parts], axis=1),
        np.stack([one.flags for one in parts], axis=1),
    )  # fmt: skip
    return replace(parts[0], libraries=libraries, meta={**parts[0].meta, "libraries": list(names)})
