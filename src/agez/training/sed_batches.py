"""Training rows from training SEDs: observed anew each time they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.models.feature_scaling import FeatureScaling
from agez.models.features import REDSHIFT_FLOOR, NormalisedPhotometry, features, normalised, redshift_unit, signals
from agez.targets import network_values
from agez.training.learn_scaling import feature_scaling_of
from agez.training_seds.complete_library import main_library
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.seds import TrainingSeds
from agez.types import Floats, Ints

#: Rows from which the means and widths of the features are taken.
SCALING_ROWS = 40000
#: A survey of high signal-to-noise ratio: for the differences between galaxies, not noise.
LOW_NOISE = Survey(snr=(200.0, 1000.0), calibration=(0.001, 0.01), zero_points=(0.0005, 0.002), complete=1.0)
#: Labels have an error of this part of their width: many values are bounds (no dust, no lines, no young stars),
#: and a density would grow without end there.
LABEL_JITTER = 0.01
#: Share of rows whose template library is shown to networks that may be told one.
LIBRARY_SHOWN = 0.3


@dataclass(frozen=True, eq=False)
class SedBatches:
    """Training SEDs, with how a survey sees them and how a network wants them."""

    seds: TrainingSeds
    scaling: FeatureScaling
    survey: Survey
    #: Template libraries that networks may be told of, by an input each that is 1 for the true one; all are 0 where
    #: none is told, and for blends.  Empty: no such inputs.
    libraries: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.seds)

    def draw(self, rows: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Features and standardised labels of ``rows``, observed anew."""
        seds, scaling = self.seds, self.scaling
        some = seds.take(rows)
        seen = seen_by(some, rng, self.survey)
        z, z_err = observe_redshift(some.redshift, scaling.redshift_range, rng, survey=self.survey)
        values = labels_as_seen(some, seen, z, z_err, scaling.redshift_range, rng)
        target = (values - scaling.label_mean) / scaling.label_std
        target += LABEL_JITTER * rng.standard_normal(target.shape)
        inputs = features(seen, z, z_err, scaling)
        if self.libraries:
            inputs = np.concatenate([inputs, self._library_told(rows, rng)], axis=1)
        return inputs, target.astype(np.float32)

    def _library_told(self, rows: Ints, rng: np.random.Generator) -> Floats:
        """(len(rows), libraries) float32."""
        number = [self.libraries.index(main_library(name)) for name in self.seds.libraries]
        told = np.zeros((len(rows), len(self.libraries)), np.float32)
        which = self.seds.library[rows]
        shown = np.flatnonzero((which >= 0) & (rng.uniform(size=len(rows)) < LIBRARY_SHOWN))
        told[shown, np.array(number)[which[shown]]] = 1.0
        return told


def labels_as_seen(
    seds: TrainingSeds, seen: NormalisedPhotometry, redshift: Floats, redshift_err: Floats,
    redshift_range: tuple[float, float], rng: np.random.Generator, *, exact: bool = False,
) -> Floats:  # fmt: skip
    """(n, d) labels as networks learn them, of SEDs seen at some scale with some knowledge of their redshifts.

    Redshifts have an error of :data:`agez.models.features.REDSHIFT_FLOOR`, unless they are to be ``exact``.
    """
    unit = redshift_unit(redshift, redshift_err, redshift_range)
    values = network_values(seds.targets, seds.labels, log_flux=np.log10(seen.scale), redshift_unit=unit)
    for t, target in enumerate(seds.targets):
        if target.scale == "redshift" and not exact:
            values[:, t] += REDSHIFT_FLOOR * (1 + seds.redshift) / unit[1] * rng.standard_normal(len(seds))
    return values


def seen_by(seds: TrainingSeds, rng: np.random.Generator, survey: Survey | None) -> NormalisedPhotometry:
    """SEDs observed once by a survey, at their own scales."""
    return normalised(*observe(seds.flux, seds.present, np.array(seds.bands.pivot_angstrom), rng, survey=survey))


def scaling_of_seds(
    seds: TrainingSeds, redshift_range: tuple[float, float], rng: np.random.Generator, *, survey: Survey | None = None
) -> FeatureScaling:
    """Scaling of features of training SEDs of low noise; of their errors as ``survey`` sees them."""
    rows = rng.choice(len(seds), min(SCALING_ROWS, len(seds)), replace=False)
    some = seds.take(rows)
    clear, noisy = (seen_by(some, rng, one) for one in (LOW_NOISE, survey))
    log_error = np.log10(noisy.flux_err[noisy.covered])
    z, z_err = observe_redshift(some.redshift, redshift_range, rng, survey=survey)
    scaling = feature_scaling_of(
        signals(clear), clear.covered, (float(log_error.mean()), float(log_error.std())), some.redshift,
        labels_as_seen(some, clear, z, z_err, redshift_range, rng), redshift_range,
    )  # fmt: skip
    return scaling if survey is not None and survey.redshift_unknown else scaling.with_middle()
