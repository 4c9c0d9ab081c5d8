"""Mock galaxies that differ from each other as real ones may: in templates, abundances, gas and calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from agez.errors import AgezError
from agez.mocks.departures import NONE, Departures
from agez.mocks.galaxies import MockGalaxy, make_galaxy
from agez.mocks.observation import FWHM_ANGSTROM, WAVE_ANGSTROM
from agez.mocks.plan import SurveyPlan
from agez.photometry.air import to_medium
from agez.runtime.optional_packages import is_installed
from agez.spectra.combined_templates import continued_to_young_ages, with_fine_detail
from agez.spectra.templates import SSPGrid, load_templates

#: Libraries of the shipped models' training that a mock spectrum can be made with (`agez.training.recipes`).  PopStar
#: is coarser than CALIFA sees: its detail below 20 A is E-MILES'.
LIBRARIES = ("emiles", "popstar", "bc03", "bpass", "mastar", "m11-miles", "miuscat")
#: The library of the stars that E-MILES is too old for.
YOUNG_LIBRARY = "popstar"
#: What mock spectra need of a library [Angstrom, air], and the little that is held constant beyond its ends and masked.
_RANGE_ANGSTROM, _MOST_HELD = (3500.0, 7650.0), 0.04
#: PopStar has 106 ages, most of them of no light of their own: nodes nearer than this are left out [dex].
_LEAST_STEP = 0.08


@dataclass(frozen=True)
class DiverseGalaxies:
    """How the galaxies of a diverse survey are made, callable for :class:`~agez.experiments.mock_sample.MockSurvey`."""

    libraries: tuple[str, ...]  #: Each galaxy is made with one of these; all equally often, dealt at random.
    #: Whether stars younger than a library's own are those of ``YOUNG_LIBRARY``, and not its youngest.
    young: bool = False
    departing: Departures = NONE

    def library_of(self, plan: SurveyPlan, index: int) -> str:
        """The library of one galaxy."""
        if len(self.libraries) == 1:
            return self.libraries[0]
        dealt = np.random.default_rng([plan.seed, 9]).permutation(len(plan))
        return self.libraries[int(dealt[index]) % len(self.libraries)]

    def __call__(self, plan: SurveyPlan, index: int, grid: SSPGrid) -> MockGalaxy:
        """Galaxy ``index`` of ``plan``; pixels that its library does not reach are masked."""
        own, (low, high) = mock_library(self.library_of(plan, index), self.young)
        galaxy = make_galaxy(plan, index, own, departing=self.departing)
        rest = WAVE_ANGSTROM / (1 + float(galaxy.galaxies.redshift[0]))
        beyond = (rest < low) | (rest > high)
        if not beyond.any():
            return galaxy
        return replace(galaxy, spectra=replace(galaxy.spectra, mask=galaxy.spectra.mask | beyond))


def installed_libraries() -> tuple[tuple[str, ...], dict[str, str]]:
    """Those of ``LIBRARIES`` that are installed, and why the others are not."""
    missing = {name: why for name in LIBRARIES if (why := why_not_installed(name))}
    return tuple(name for name in LIBRARIES if name not in missing), missing


def why_not_installed(name: str) -> str:
    """Why a library cannot be had; '' where it can."""
    if name == YOUNG_LIBRARY:  # it takes seconds to load
        return "" if is_installed("pst") else f"{name}: run: pip install 'agez[popstar]'"
    try:
        mock_library(name, False)
    except AgezError as error:
        return str(error)
    return ""


@lru_cache(maxsize=2 * len(LIBRARIES))
def mock_library(name: str, young: bool) -> tuple[SSPGrid, tuple[float, float]]:
    """A library fit for mock spectra, in air, and the wavelengths [Angstrom] that it truly reaches.

    Parameters
    ----------
    name : str
        As :func:`agez.spectra.templates.load_templates` takes it.
    young : bool
        Continue it to 1 Myr with ``YOUNG_LIBRARY``.

    Raises
    ------
    AgezError
        If a library is not installed, is coarser than CALIFA, or lacks more than a few per cent of the range.
    """
    low, high = _RANGE_ANGSTROM
    grid = load_templates(name)
    if name == YOUNG_LIBRARY:
        grid = with_fine_detail(_thinned(grid), load_templates("emiles").cut(low, high))
    if grid.fwhm_angstrom > FWHM_ANGSTROM:
        raise AgezError(
            f"templates {name!r} have a resolution of {grid.fwhm_angstrom:g} A; mock spectra need {FWHM_ANGSTROM:g} A"
        )
    grid = replace(grid, wave_angstrom=to_medium(grid.wave_angstrom, grid.medium, "air"), medium="air")
    reach = float(grid.wave_angstrom[0]), float(grid.wave_angstrom[-1])
    grid = _held_at_ends(grid).cut(low, high)
    if young and grid.log_age[0] > 7.0:
        grid = continued_to_young_ages(grid, _thinned(load_templates(YOUNG_LIBRARY)))
    return grid, reach


def _thinned(grid: SSPGrid) -> SSPGrid:
    """Fewer ages, none younger than 1 Myr."""
    keep: list[int] = []
    for k, age in enumerate(grid.log_age):
        if age >= 6.0 and (not keep or age - grid.log_age[keep[-1]] >= _LEAST_STEP):
            keep.append(k)
    return replace(grid, log_age=grid.log_age[keep], flux=grid.flux[keep])


def _held_at_ends(grid: SSPGrid) -> SSPGrid:
    """The grid with its first and last fluxes held constant as far as mock spectra need."""
    low, high = _RANGE_ANGSTROM
    wave = grid.wave_angstrom
    if wave[0] > low * (1 + _MOST_HELD) or wave[-1] < high * (1 - _MOST_HELD):
        raise AgezError(
            f"template grid {grid.name!r} covers {wave[0]:.0f}-{wave[-1]:.0f} A; mock spectra need {low:.0f}-{high:.0f}"
        )
    step = float(np.median(np.diff(wave)))
    before = np.arange(wave[0] - step, low - 2 * step, -step)[::-1]
    after = np.arange(wave[-1] + step, high + 2 * step, step)
    edges = ((0, 0), (0, 0), (len(before), len(after)))
    wave = np.concatenate([before, wave, after])
    return replace(grid, wave_angstrom=wave, flux=np.pad(grid.flux, edges, mode="edge"))
