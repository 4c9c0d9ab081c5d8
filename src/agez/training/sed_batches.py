"""Training rows from a sky: observed anew each time they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.mixture_network.feature_scaling import Standard, standard_of
from agez.mixture_network.features import features, scaled, signals
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.seds import Sky
from agez.types import Floats, Ints

#: Rows from which the inputs' means and widths are taken.
STANDARD_ROWS = 20000
#: A survey that sees well: what is usual must be told from noise.
SEEN_WELL = Survey(snr=(200.0, 1000.0), calibration=(0.001, 0.01), zero_points=(0.0005, 0.002), complete=1.0)


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
    """What is usual in a sky that is seen well; errors as all of it is seen."""
    rows = rng.choice(len(sky), min(STANDARD_ROWS, len(sky)), replace=False)
    pivot = np.array(sky.bands.pivot_angstrom)
    seds = [
        scaled(*observe(sky.flux[rows], sky.present[rows], pivot, rng, survey=survey)) for survey in (SEEN_WELL, None)
    ]
    log_error = np.log10(seds[1].flux_err[seds[1].covered])
    return standard_of(
        signals(seds[0]), seds[0].covered, (float(log_error.mean()), float(log_error.std())), sky.redshift[rows],
        sky.labels[rows], redshift_range,
    )  # fmt: skip
