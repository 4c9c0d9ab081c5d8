"""Training batches from training SEDs: each draw is a new observation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.models.feature_scaling import FeatureScaling, feature_scaling_of
from agez.models.features import features, normalised, signals
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.seds import TrainingSeds
from agez.types import Floats, Ints

#: Rows that determine means and widths of the features.
STANDARD_ROWS = 20000
#: A survey of low noise, so that the scaling reflects SEDs and not noise.
SEEN_WELL = Survey(snr=(200.0, 1000.0), calibration=(0.001, 0.01), zero_points=(0.0005, 0.002), complete=1.0)


@dataclass(frozen=True, eq=False)
class SedBatches:
    """Training SEDs, with the survey that observes them and the scaling of features."""

    sky: TrainingSeds
    scaling: FeatureScaling
    survey: Survey

    def __len__(self) -> int:
        return len(self.sky)

    def draw(self, rows: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Features and standardised labels of ``rows``, from a new observation."""
        sky, scaling = self.sky, self.scaling
        pivot = np.array(sky.bands.pivot_angstrom)
        seen = observe(sky.flux[rows], sky.present[rows], pivot, rng, survey=self.survey)
        z, z_err = observe_redshift(sky.redshift[rows], scaling.redshift_range, rng, survey=self.survey)
        inputs = features(normalised(*seen), z, z_err, scaling)
        target = (sky.labels[rows] - scaling.label_mean) / scaling.label_std
        return inputs, target.astype(np.float32)


def scaling_of_seds(sky: TrainingSeds, redshift_range: tuple[float, float], rng: np.random.Generator) -> FeatureScaling:
    """Scaling of the features: signals at low noise, errors at the noise of training."""
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
