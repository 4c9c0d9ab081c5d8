"""What one run of the experiment leaves behind: all that its summary, figures and report are made from."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

import agez
from agez.analysis.gradients import GradientTable, compare_gradients
from agez.analysis.metrics import evaluate
from agez.errors import AgezError
from agez.experiments.claims import Claim
from agez.label_types import Labels, Sample, Truth
from agez.paper_network.cross_validation import LearningCurve
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats, Ints, Photometry, Spectra

#: Libraries whose versions a report names, where they are installed.
LIBRARIES = ("numpy", "scipy", "astropy", "jax", "jaxlib", "matplotlib", "ppxf", "scikit-learn", "lightgbm", "optuna")


@dataclass(frozen=True, eq=False)
class SetResult:
    """Out-of-sample predictions of one cross-validation, Set A or Set B."""

    #: (n, 2) log_age_lw and mh_lw of every spectrum of the sample, by networks that did not see it; NaN if none.
    predicted: Floats
    fold: Ints  #: (n,) The fold in which each spectrum was tested.
    curves: Sequence[LearningCurve]
    #: label_gradients, predicted_gradients: Columns ``PAPER_TARGETS``; on the same points and subsets.
    label_gradients: GradientTable
    predicted_gradients: GradientTable
    truth_gradients: GradientTable | None = None  #: Of the truth, on the same points; None for a real sample.


@dataclass(frozen=True, eq=False)
class ExampleSpectrum:
    """One spectrum with the bands and the SED made from it."""

    spectrum: Spectra  #: One row.
    photometry: Photometry  #: The same row, at rest frame (redshift 0).
    #: A pair (wave_angstrom, response) for each band of ``photometry``: vacuum wavelength and response,
    #: any scale.
    band_curves: Sequence[tuple[Floats, Floats]]

    def __post_init__(self) -> None:
        if len(self.spectrum) != 1 or len(self.photometry) != 1:
            raise AgezError(f"example: {len(self.spectrum)} spectra and {len(self.photometry)} SEDs; expected one each")
        if len(self.band_curves) != len(self.photometry.bands):
            raise AgezError(f"example: {len(self.band_curves)} curves for {len(self.photometry.bands)} bands")


@dataclass(frozen=True, eq=False)
class RunResult:
    """One run, complete."""

    sample: Sample
    #: set_a, set_b: None where they were not run.
    set_a: SetResult | None
    set_b: SetResult | None
    #: What :func:`agez.experiments.summary.build_summary` returned, to the contract of ``summary.json``.
    summary: Mapping[str, Any]
    example: ExampleSpectrum | None = None  #: None where only photometry was given: figure 1 is then left out.
    #: What the further experiments gave, by their key in ``summary.json``: ``published``, ``measured`` and ``points``.
    blocks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    claims: Sequence[Claim] = ()  #: Of the paper, judged by this run.
    #: Of agez, Python and the libraries.
    versions: Mapping[str, str] = field(default_factory=lambda: installed_versions())


def target_columns(values: Labels | Truth) -> Floats:
    """The two predicted quantities, log_age_lw and mh_lw, as columns (n, 2)."""
    return np.stack([np.asarray(getattr(values, name), dtype=float) for name in PAPER_TARGETS], axis=1)


def scores_by_word(predicted: Floats, reference: Floats) -> dict[str, Any]:
    """Scores of columns (n, 2) against others, by ``age`` and ``metallicity``."""
    return {TARGET_WORDS[t]: evaluate(predicted[:, k], reference[:, k]).to_json() for k, t in enumerate(PAPER_TARGETS)}


def make_set_result(
    sample: Sample,
    predicted: Floats,
    fold: Ints,
    curves: Sequence[LearningCurve],
    *,
    rng: np.random.Generator,
) -> SetResult:
    """Gather one cross-validation and measure its radial gradients beside those of labels and truth.

    Parameters
    ----------
    predicted : (n, 2) float
        Out-of-sample log_age_lw and mh_lw.
    fold : (n,) int
    rng : numpy.random.Generator
        Draws the bootstrap subsets.
    """
    n = len(sample)
    if np.shape(predicted) != (n, len(PAPER_TARGETS)) or np.shape(fold) != (n,):
        raise AgezError(
            f"set result: predicted has shape {np.shape(predicted)} and fold {np.shape(fold)}; "
            f"the sample has {n} spectra, expected ({n}, 2) and ({n},)"
        )
    versions = [target_columns(sample.labels), predicted]
    if sample.truth is not None:
        versions.append(target_columns(sample.truth))
    tables = compare_gradients(sample.rows.galaxy_id, sample.r_re, versions, names=PAPER_TARGETS, rng=rng)
    return SetResult(predicted, fold, tuple(curves), tables[0], tables[1], tables[2] if len(tables) > 2 else None)


def installed_versions() -> dict[str, str]:
    """Versions of agez, Python and the libraries of :data:`LIBRARIES` that are installed."""
    found = {"agez": agez.__version__, "Python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found
