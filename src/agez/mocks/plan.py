"""Which galaxies a mock survey has, and how many spectra each: cheap, and all that a worker needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.errors import AgezError
from agez.label_types import Galaxies
from agez.mocks.observation import REDSHIFT_RANGE
from agez.mocks.relations import draw_properties
from agez.types import Floats, Ints

#: The paper's sample: galaxies, early types among them, and spectra.
N_GALAXIES, N_EARLY, N_SPECTRA = 190, 44, 19727
#: Scatter of the number of spectra from galaxy to galaxy [dex].
LOG_COUNT_SCATTER = 0.15


@dataclass(frozen=True, eq=False)
class SurveyPlan:
    """The galaxies of a mock survey before any spectrum is made."""

    seed: int
    galaxies: Galaxies  #: As in the sample's table; ids ``MOCK0001`` and on.
    n_spectra: Ints  #: (g,) Spectra of each galaxy.
    properties: dict[str, Floats]  #: (g,) All drawn properties (see :mod:`agez.mocks.relations`).

    def __len__(self) -> int:
        return len(self.galaxies)

    def properties_of(self, index: int) -> dict[str, float]:
        """Properties of one galaxy, those of the galaxy table included."""
        one = {name: float(values[index]) for name, values in self.properties.items()}
        table = self.galaxies
        for name in ("redshift", "log_mass", "re_arcsec", "inclination", "pa", "av", "log_ssfr", "bulge_fraction"):
            one[name] = float(getattr(table, name)[index])
        return one


def _share_out(total: int, shares: Floats) -> Ints:
    """Whole numbers that sum to ``total``, at least 1 each, as near to the shares as can be."""
    ideal = 1 + (total - len(shares)) * shares / shares.sum()
    count = np.floor(ideal).astype(int)
    remainder = np.argsort(-(ideal - count), kind="stable")[: total - count.sum()]
    count[remainder] += 1
    return count


def survey_plan(n_galaxies: int = N_GALAXIES, n_spectra: int = N_SPECTRA, *, seed: int = 1) -> SurveyPlan:
    """Draw the galaxies of a CALIFA-like mock survey.

    Parameters
    ----------
    n_galaxies : int
        44 of each 190 are early types, as in the paper.
    n_spectra : int
        Of all galaxies together; at least ``n_galaxies``.
    seed : int
        Not negative; the same seed and sizes give the same survey.

    Raises
    ------
    AgezError
        For sizes or seeds that cannot be.

    Examples
    --------
    >>> import agez
    >>> plan = agez.survey_plan(190, 1900, seed=1)
    >>> len(plan), plan.galaxies.morphology.tolist().count("early")
    (190, 44)
    """
    if n_galaxies < 1:
        raise AgezError(f"mock survey: {n_galaxies} galaxies asked for; --galaxies must be at least 1")
    if n_spectra < n_galaxies:
        raise AgezError(
            f"mock survey: {n_spectra} spectra for {n_galaxies} galaxies; --spectra must be at least one a galaxy"
        )
    if seed < 0:
        raise AgezError(f"mock survey: seed {seed} is negative; --seed must be 0 or more")
    rng = np.random.default_rng([seed, 0])
    n_early = round(n_galaxies * N_EARLY / N_GALAXIES)
    early = np.zeros(n_galaxies, dtype=bool)
    early[rng.permutation(n_galaxies)[:n_early]] = True
    morphology = np.where(early, "early", "late")
    drawn = draw_properties(morphology, rng)
    # Bulge-to-total light by type, growing with mass in spirals (CALIFA: Mendez-Abreu et al. 2017, A&A 598, A32)
    spiral_bulge = np.clip(0.12 + 0.10 * (drawn["log_mass"] - 10.3), 0.02, 0.4) * 10 ** rng.normal(0, 0.2, n_galaxies)
    bulge = np.where(early, rng.normal(0.6, 0.15, n_galaxies), spiral_bulge)
    width = max(4, len(str(n_galaxies)))
    galaxies = Galaxies(
        galaxy_id=np.array([f"MOCK{i + 1:0{width}d}" for i in range(n_galaxies)]),
        redshift=np.clip(drawn["redshift"], *REDSHIFT_RANGE),
        morphology=morphology,
        log_mass=drawn["log_mass"],
        re_arcsec=10 ** drawn["log_re_arcsec"],
        inclination=np.degrees(np.arccos(drawn["axis_ratio"])),
        pa=rng.uniform(0, 180, n_galaxies),
        av=drawn["av"],
        log_ssfr=drawn["log_ssfr"],
        bulge_fraction=np.clip(bulge, 0.01, 0.95),
    )
    counts = _share_out(n_spectra, 10 ** rng.normal(0, LOG_COUNT_SCATTER, n_galaxies))
    return SurveyPlan(seed, galaxies, counts, drawn)
