"""Training rows from a sky: observed anew each time they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.posterior.inputs import Standard, features, scaled, standard_of
from agez.sky.observe import Survey, observe, observe_redshift
from agez.sky.seds import Sky
from agez.types import Floats, Ints

#: Rows from which the inputs' means and widths are taken.
STANDARD_ROWS = 20000


@dataclass(frozen=True, eq=False)
class SkyBatches:
    """The rows of a sky, with how a survey sees them and how a network wants them."""

    sky: Sky
    standard: Standard
    survey: Survey

    def __len__(self) -> int:
        return len(self.sky)

    def draw(self, rows: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Features and standardised labels of ``rows``, observed anew."""
        sky, standard = self.sky, self.standard
        pivot = np.array(sky.bands.pivot_angstrom)
        seen = observe(sky.flux[rows], sky.present[rows], pivot, rng, survey=self.survey)
        z, z_err = observe_redshift(sky.redshift[rows], standard.redshift_range, rng, survey=self.survey)
        inputs = features(scaled(*seen), z, z_err, standard)
        target = (sky.labels[rows] - standard.label_mean) / standard.label_std
        return inputs, target.astype(np.float32)


def sky_standard(sky: Sky, redshift_range: tuple[float, float], rng: np.random.Generator) -> Standard:
    """Means and widths of a sky's inputs as surveys see it."""
    rows = rng.choice(len(sky), min(STANDARD_ROWS, len(sky)), replace=False)
    seen = observe(sky.flux[rows], sky.present[rows], np.array(sky.bands.pivot_angstrom), rng)
    return standard_of(scaled(*seen), sky.labels[rows], redshift_range)
