"""Star-formation histories and age-metallicity relations out of the light fractions of a fit, with errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agez.analysis.age_bins import lookback_of_share
from agez.errors import AgezError
from agez.label_types import HistoryErrors
from agez.spectra.templates import SSPGrid
from agez.types import Floats

#: Ages with less than this part of the light have no mean metallicity: nothing in the spectrum speaks of it.
MIN_LIGHT = 1e-3


@dataclass(frozen=True, eq=False)
class Histories:
    """What was formed when, of each spectrum; NaN in rows that have no fit."""

    log_age: Floats  #: (n_age,) Nodes of the template grid.
    #: (n, n_age) Part of the stellar mass ever formed that was formed at this age; its sum over ages is 1.
    mass_fraction: Floats
    light_fraction: Floats  #: (n, n_age) Part of today's light in 5450-5550 A, before dust; its sum over ages is 1.
    #: (n, n_age) Mean [M/H] of the stars of this age, by mass formed; NaN where they give less than ``MIN_LIGHT`` of
    #: the light.
    mh: Floats
    errors: HistoryErrors | None = None  #: 1-sigma errors; None where the fit gave none.

    @cached_property
    def formed_before(self) -> Floats:
        """(n, n_age) part of the mass that was formed earlier than the young edge of each age's bin."""
        return np.asarray(np.minimum(np.cumsum(self.mass_fraction[:, ::-1], axis=1)[:, ::-1], 1.0))

    def quantiles(self, name: str) -> tuple[Floats, Floats, Floats]:
        """16, 50 and 84 % quantiles (n, n_age) of ``mass_fraction``, ``formed_before`` or ``mh``.

        The median is the fit's value, the others lie one error away; what is part of a whole ends at 0 and 1.  Those
        of ``formed_before`` never rise with age, as no history does.

        Raises
        ------
        AgezError
            If the history has no errors.
        """
        if self.errors is None:
            raise AgezError("these histories have no errors; fit again with engine agez")
        value, error = getattr(self, name), np.asarray(getattr(self.errors, name), dtype=float)
        low, high = value - error, value + error
        if name != "mh":
            low, high = np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
        if name == "formed_before":
            low = np.maximum.accumulate(low[:, ::-1], axis=1)[:, ::-1]
            high = np.minimum.accumulate(high, axis=1)
        return low, value, high

    def log_lookback(self, share: float) -> tuple[Floats, Floats, Floats]:
        """16, 50 and 84 % quantiles (n,) of log10 of the lookback time [yr] by which ``share`` of the mass had formed.

        They are where the quantiles of ``formed_before`` reach the share; without errors the outer ones are NaN.
        """
        ends = np.zeros((len(self.mass_fraction), 1))

        def reached(before: Floats) -> Floats:
            return lookback_of_share(1.0 - np.concatenate([before, ends], axis=1), self.log_age, share)

        if self.errors is None:
            nothing = np.full(len(ends), np.nan)
            return nothing, reached(self.formed_before), nothing
        low, value, high = (reached(part) for part in self.quantiles("formed_before"))
        return low, value, high


def histories(weights: Floats, grid: SSPGrid, errors: HistoryErrors | None = None) -> Histories:
    """Histories behind light fractions w over the grid: the mass formed is m = w / L, L the light per mass of an SSP.

    Parameters
    ----------
    weights : (n, n_age, n_mh) float
        :attr:`agez.Labels.weights`.
    grid : SSPGrid
        The templates of the fit.
    errors : HistoryErrors, optional
        :attr:`agez.Labels.history_errors`.

    Raises
    ------
    AgezError
        If the weights are those of another grid.

    Examples
    --------
    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> labels = agez.fit_labels(mock.spectra, grid)
    >>> history = histories(labels.weights, grid, labels.history_errors)
    >>> low, median, high = history.log_lookback(0.5)  # when half of the stars had formed
    >>> bool(((low <= median) & (median <= high)).all())
    True
    """
    if weights.ndim != 3 or weights.shape[1:] != grid.light.shape:
        raise AgezError(
            f"light fractions over {weights.shape[1:]} ages and metallicities do not belong to "
            f"template grid {grid.name!r}, which has {grid.light.shape}"
        )
    light = np.asarray(weights, dtype=float)
    mass = light / grid.light
    with np.errstate(invalid="ignore", divide="ignore"):
        light_of_age = light.sum(axis=2) / light.sum(axis=(1, 2))[:, None]
        mass_of_age = mass.sum(axis=2) / mass.sum(axis=(1, 2))[:, None]
        mh = np.where(light_of_age >= MIN_LIGHT, (mass * grid.mh).sum(axis=2) / mass.sum(axis=2), np.nan)
    return Histories(np.asarray(grid.log_age, dtype=float), mass_of_age, light_of_age, mh, errors)
