"""Rows of a user's sample as training rows: their own noise, more of it, bands taken away, redshifts as given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from agez.arrays import PerRow
from agez.errors import AgezError
from agez.label_types import Sample
from agez.mixture_network.mixture_model import Network, leading_member, network_of
from agez.mixture_network.redshift_finder import finder_for, likeliest_redshift
from agez.mixture_network.told_library import without_libraries
from agez.models.feature_scaling import FeatureScaling
from agez.models.features import NormalisedPhotometry, features, normalised, signals
from agez.models.model import Model
from agez.targets import SHIPPED_TARGETS, Target
from agez.training.learn_scaling import feature_scaling_of
from agez.training_seds.observe import Survey, observe
from agez.types import Bands, Bools, Floats, Ints

#: Augmentation of a sample's rows: noise is added to their own, and most keep all their bands.  Flux
#: calibration is common to a galaxy's spectra and differs between galaxies, by a few per cent over the spectrum in
#: CALIFA (Sanchez et al. 2016, A&A 594, A36): with new errors, networks do not memorise those of each galaxy.
#: A half of the rows are nearly unchanged: photometry of spectra has noise of a few tenths of a per cent, and
#: stronger augmentation costs accuracy there (sigma_mad 0.048 and 0.082 with noise of S/N 5 to 1000 and a
#: half of the rows complete, 0.045 and 0.077 with this, on unseen galaxies of the mock survey).
SAMPLE_SURVEY = Survey(snr=(5.0, 50_000.0), calibration=(0.005, 0.05), zero_points=(0.0003, 0.003), complete=0.7)
#: Conditions of the repeated observations of held-out rows that intervals are calibrated on, beside the rows as they
#: are: samples have nearly one noise level and all bands, and other rows are noisier or lack bands.  Fluxes have their
#: own calibration errors.
VIEW_SURVEY = replace(SAMPLE_SURVEY, snr=(5.0, 300.0), calibration=(1e-4, 1e-3), zero_points=(1e-4, 1e-3), complete=0.4)
#: Mean and width of log10 of scaled errors for standardising features without a shipped model: samples have nearly
#: one noise level, and their model must generalise to others.
ERROR_STANDARD = (-1.7, 0.8)
#: A row of full weight is drawn as many times as often as one of the least.
MOST_REPEATS = 8


@dataclass(frozen=True, eq=False)
class SampleRows(PerRow):
    """A sample in the form that mixture networks are trained on."""

    _row_fields = ("labels", "flux", "flux_err", "covered", "redshift", "redshift_err", "galaxy", "weight")

    bands: Bands
    #: flux, flux_err, covered: (n, b) In the model's order; NaN, NaN and False in bands that the sample lacks.
    flux: Floats
    flux_err: Floats
    covered: Bools
    #: redshift, redshift_err: (n,)
    redshift: Floats
    redshift_err: Floats
    labels: Floats  #: (n, d)
    targets: tuple[Target, ...]  #: d of them
    galaxy: Ints  #: (n,) Number of each row's galaxy, from 0.
    #: survey, views: What is done to rows in training, and where intervals are calibrated.
    survey: Survey = SAMPLE_SURVEY
    views: Survey = VIEW_SURVEY
    weight: Floats | None = None  #: (n,) Above 0 and up to 1: how often a row is shown in training; None: all alike.

    def seds(self, rows: Ints | slice = slice(None)) -> NormalisedPhotometry:
        """Normalised SEDs of some rows."""
        return normalised(self.flux[rows], self.flux_err[rows], self.covered[rows])

    def redshifts(self, rows: Ints | slice = slice(None)) -> tuple[Floats, Floats]:
        """Redshifts and their errors of some rows."""
        return self.redshift[rows], self.redshift_err[rows]

    def seen_anew(self, rows: Ints | slice, rng: np.random.Generator, survey: Survey) -> NormalisedPhotometry:
        """Normalised SEDs of some rows with a survey's noise on top of their own, and bands taken away."""
        own = self.seds(rows)
        seen = observe(own.flux, own.covered, np.array(self.bands.pivot_angstrom), rng, survey=survey)
        return normalised(seen.flux, np.hypot(seen.flux_err, own.flux_err), seen.covered)


def taught_targets(start: Model) -> tuple[Target, ...]:
    """The first targets of a model that a sample can teach it: those before any that is learned of mocks alone."""
    return tuple(takewhile(lambda target: target.is_plain, start.targets))


def networks_to_teach(start: Model) -> tuple[Network, ...]:
    """The networks of a model for :func:`taught_targets`, told no template library."""
    p = len(taught_targets(start))
    members = (leading_member(one, p) if p < len(start.targets) else one for one in network_of(start).members)
    return tuple(replace(one, parameters=without_libraries(one.parameters)) for one in members)


def sample_rows(
    sample: Sample, bands: Bands | None = None, *, targets: Sequence[Target] = SHIPPED_TARGETS
) -> SampleRows:  # fmt: skip
    """The rows of a sample in the order of ``bands``, default the sample's own, with the labels of ``targets``.

    AgezError if a label is NaN, or the sample has none of the bands.
    """
    odd = [target.name for target in targets if not target.is_plain]
    if odd:
        raise AgezError(
            f"target {odd[0]}: what scales with the flux, or is learned on another scale, is learned of mock galaxies "
            "alone; leave it out"
        )
    photometry = sample.photometry
    wanted = photometry.bands if bands is None else bands
    labels = np.stack([target.of_labels(sample.labels) for target in targets], axis=1)
    if not np.isfinite(labels).all():
        raise AgezError("sample: some labels are NaN; make it with 'agez sample', which rejects such rows")
    if not set(wanted.names) & set(photometry.bands.names):
        raise AgezError(
            f"sample: it has none of the {len(wanted)} bands of {wanted.filter_set!r} "
            f"({', '.join(wanted.names[:4])}, ...); start from a model of its own bands"
        )
    ordered = photometry.in_bands(wanted)
    galaxy = np.unique(sample.rows.galaxy_id, return_inverse=True)[1]
    return SampleRows(
        wanted, ordered.flux, ordered.flux_err, ordered.covered, ordered.redshift, ordered.redshift_err, labels,
        tuple(targets), np.asarray(galaxy),
    )  # fmt: skip


def with_redshifts_found(data: SampleRows, start: Model) -> SampleRows:
    """The rows at known redshifts, found where they are unknown or broad, if the networks of a model know no others."""
    network = network_of(start)
    finder, rows = finder_for(network), np.flatnonzero(network.for_others(*data.redshifts()))
    if finder is None or not rows.size:
        return data
    z, z_err = np.array(data.redshift, float), np.array(data.redshift_err, float)
    z[rows], z_err[rows] = likeliest_redshift(finder, data.seds(rows), *data.redshifts(rows))
    return replace(data, redshift=z, redshift_err=z_err)


def repeated(data: SampleRows, rows: Ints) -> Ints:
    """``rows`` as often as their weights say: those of full weight :data:`MOST_REPEATS` times, each at least once."""
    if data.weight is None:
        return rows
    return np.repeat(rows, np.maximum(np.rint(MOST_REPEATS * data.weight[rows]), 1).astype(int))


def scaling_of_sample(data: SampleRows, rows: Ints, redshift_range: tuple[float, float]) -> FeatureScaling:
    """Means and widths of a sample's training rows."""
    seds = data.seds(rows)
    scaling = feature_scaling_of(
        signals(seds), seds.covered, ERROR_STANDARD, data.redshift[rows], data.labels[rows], redshift_range
    )
    return scaling.with_middle()


@dataclass(frozen=True, eq=False)
class SampleBatches:
    """Some rows of a sample, with a new observation at every step."""

    data: SampleRows
    rows: Ints
    scaling: FeatureScaling

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, rows: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Features and standardised labels of rows of ``rows``, with noise added and bands taken away."""
        chosen, data, scaling = self.rows[rows], self.data, self.scaling
        inputs = features(data.seen_anew(chosen, rng, data.survey), *data.redshifts(chosen), scaling)
        return inputs, self._standardised(chosen)

    def as_they_are(self) -> tuple[Floats, Floats]:
        """Features and standardised labels of all rows, with nothing done to them."""
        seds, z = self.data.seds(self.rows), self.data.redshifts(self.rows)
        return features(seds, *z, self.scaling), self._standardised(self.rows)

    def _standardised(self, chosen: Ints) -> Floats:
        scaling = self.scaling
        return ((self.data.labels[chosen] - scaling.label_mean) / scaling.label_std).astype(np.float32)
