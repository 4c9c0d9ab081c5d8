"""Training rows from a sky: observed anew each time they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.models.feature_scaling import FeatureScaling, feature_scaling_of
from agez.models.features import features, normalised, signals
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.seds import TrainingSeds
from agez.types import Floats, Ints

#: Rows from which the inputs' means and widths are taken.
STANDARD_ROWS = 20000
#: A survey that sees well: what is usual must be told from noise.
SEEN_WELL = Survey(snr=(200.0, 1000.0), calibration=(0.001, 0.01), zero_points=(0.0005, 0.002), complete=1.0)


@dataclass(frozen=True, eq=False)
class SedBatches:
    """The rows of a sky, with how a survey sees them and how a network wants them."""

    sky: TrainingSeds
    scaling: FeatureScaling
    survey: Survey

    def __len__(self) -> int:
        return len(self.sky)

    def draw(self, rows: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Features and standardised labels of ``rows``, observed anew."""
        sky, scaling = self.sky, self.scaling
        pivot = np.array(sky.bands.pivot_angstrom)
        seen = observe(sky.flux[rows], sky.present[rows], pivot, rng, survey=self.survey)
        z, z_err = observe_redshift(sky.redshift[rows], scaling.redshift_range, rng, survey=self.survey)
        inputs = features(normalised(*seen), z, z_err, scaling)
        target = (sky.labels[rows] - scaling.label_mean) / scaling.label_std
        return inputs, target.astype(np.float32)


def scaling_of_seds(sky: TrainingSeds, redshift_range: tuple[float, float], rng: np.random.Generator) -> FeatureScaling:
    """What is usual in a sky that is seen well; errors as all of it is seen."""
    rows = rng.choice(len(sky), min(STANDARD_ROWS, len(sky)), replace=False)
    pivot = np.array(sky.bands.pivot_angstrom)
    seds = [
        normalised(*observe(sky.flux[rows], sky.present[rows], pivot, rng, survey=survey))
        for survey in (SEEN_WELL, None)
    ]
    log_error = np.log10(seds[1].flux_err[seds[1].covered])
    return feature_scaling_of(
        signals(seds[0]), seds[0].covered, (float(log_error.mean()), float(log_error.std())), sky.redshift[rows],
        sky.labels[rows], redshift_range,
    )  # fmt: skip
