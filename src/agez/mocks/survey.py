"""A mock survey, galaxy by galaxy: memory does not grow with its size, and galaxies can be made in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agez.mocks.galaxies import MockGalaxy, make_galaxy
from agez.mocks.plan import SurveyPlan, survey_plan
from agez.spectra.templates import SSPGrid

__all__ = ["MockGalaxy", "SurveyPlan", "iterate_survey", "make_galaxy", "survey_plan"]


def iterate_survey(
    plan: SurveyPlan, grid: SSPGrid, *, indices: Sequence[int] | None = None, keep_noiseless: bool = False
) -> Iterator[MockGalaxy]:
    """Make the galaxies of a survey one after another.

    Parameters
    ----------
    indices : sequence of int, optional
        Only these galaxies, in this order; each comes out the same whichever others are made.
    keep_noiseless : bool
        See :func:`agez.mocks.galaxies.make_galaxy`.
    """
    for index in range(len(plan)) if indices is None else indices:
        yield make_galaxy(plan, index, grid, keep_noiseless=keep_noiseless)
