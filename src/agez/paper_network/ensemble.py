"""From a cross-validation to a model: the folds' networks together, with errors from rows they never saw."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

import agez
from agez.analysis.metrics import evaluate
from agez.label_types import Sample
from agez.models.model import PAPER_SCHEMA, Model
from agez.models.model_file import plain
from agez.paper_network.cross_validation import CrossValidation, cross_validate
from agez.paper_network.jobs import Progress, TrainingSettings
from agez.samples.splits import SplitKind
from agez.targets import PAPER_TARGETS
from agez.types import Floats

#: Redshifts this near to the training range are taken as inside it: a shift of at most a tenth of a narrow band.
REDSHIFT_TOLERANCE = 0.002
#: Most epochs of the learning curves in a model's header.
MOST_EPOCHS = 100
PROBABILITIES = {"p16": 0.16, "p50": 0.50, "p84": 0.84}


def train_paper_networks(
    sample: Sample, *, split: SplitKind = "by-galaxy", settings: TrainingSettings | None = None, seed: int = 1,
    workers: int = 2, name: str = "", progress: Progress | None = None,
) -> Model:  # fmt: skip
    """Cross-validate on a sample and make a model of the networks; see :func:`cross_validate` for the arguments.

    The model's errors and scores are those of the cross-validation: by galaxy, of galaxies unseen in training.
    """
    cv = cross_validate(sample, split=split, settings=settings, seed=seed, workers=workers, progress=progress)
    return model_from_cross_validation(cv, sample, name=name)


def model_from_cross_validation(cv: CrossValidation, sample: Sample, *, name: str = "") -> Model:
    """A model, called ``name``, whose answer is the mean of the folds' networks; ``cv`` is of ``sample``.

    **Errors** are split-conformal (Vovk, Gammerman & Shafer 2005; Lei et al. 2018, JASA 113, 1094): the 16th, 50th and
    84th percentiles of label minus out-of-sample prediction over all rows of the cross-validation, added to the answer.
    They hold for galaxies like the sample's: by galaxy, for unseen ones.  They come from single networks, and the mean
    of four is a little better, so they are on the wide side.  Labels, not truth, are what they refer to.
    """
    arrays: dict[str, NDArray[Any]] = {
        "label_center": cv.label_center,
        "label_scale": cv.label_scale,
        "label_range": cv.label_range,
    }
    for number, normalisation in enumerate(cv.normalisations):
        for key, array in normalisation.to_arrays().items():
            arrays[f"fold{number}.normalisation.{key}"] = array
    architectures = {}
    for network in cv.networks:
        target = str(network.tags["target"])
        architectures[target] = network.architecture.to_dict()
        for key, array in network.parameters.items():
            arrays[f"fold{network.tags['fold']}.{target}.{key}"] = array
    labels = np.stack([getattr(sample.labels, target) for target in PAPER_TARGETS], axis=1)
    redshift = sample.photometry.redshift[np.isfinite(sample.photometry.redshift)]
    low, high = (float(redshift.min()), float(redshift.max())) if len(redshift) else (0.0, 0.0)
    header = {
        "schema": PAPER_SCHEMA,
        "version": agez.__version__,
        "name": name,
        "targets": list(PAPER_TARGETS),
        "folds": len(cv.normalisations),
        "architecture": architectures,
        "bands": cv.bands.to_dict(),
        "frame": "rest" if max(abs(low), abs(high)) <= REDSHIFT_TOLERANCE else "observed",
        "redshift_range": [low, high],
        "redshift_tolerance": REDSHIFT_TOLERANCE,
        "normalisation": {"kind": "softened colours, filled, partly whitened", "max_missing": cv.max_missing},
        "ood_threshold": cv.ood_threshold,
        "labels": plain(dict(sample.labels.meta)),
        "training": {
            "split": cv.split,
            "seed": cv.seed,
            "settings": asdict(cv.settings),
            "n_spectra": len(sample),
            "n_galaxies": len(sample.galaxies),
            "sample": plain(dict(sample.meta)),
            "losses": {"of": "mean squared error [dex^2]", "unit": "epoch", "networks": _losses(cv)},
        },
        "calibration": {
            "method": "split-conformal quantiles of label minus out-of-sample prediction",
            **{target: _quantiles(labels[:, t] - cv.predicted[:, t]) for t, target in enumerate(PAPER_TARGETS)},
        },
        "scores": {
            target: evaluate(cv.predicted[:, t], labels[:, t]).to_json() for t, target in enumerate(PAPER_TARGETS)
        },
    }
    return Model(arrays, header)


def _losses(cv: CrossValidation) -> list[dict[str, Any]]:
    """Learning curves of all networks, at some hundred epochs at most."""
    out = []
    for curve in cv.curves:
        n = len(curve.train_mse)
        at = np.arange(0, n, max(-(-n // MOST_EPOCHS), 1))
        training, validation = (
            [float(f"{one:.5g}") for one in values[at]] for values in (curve.train_mse, curve.validation_mse)
        )
        best = int(np.nanargmin(curve.validation_mse)) + 1 if np.isfinite(curve.validation_mse).any() else n
        out.append({"fold": curve.fold, "member": curve.target, "step": (at + 1).tolist(), "training": training,
                    "validation": validation, "kept": best})  # fmt: skip
    return plain(out)  # type: ignore[no-any-return]


def _quantiles(residual: Floats) -> dict[str, float]:
    """Conformal quantiles: rank ceil((n + 1) p) for the upper one, its mirror image for the lower."""
    ordered = np.sort(residual[np.isfinite(residual)])
    n = len(ordered)

    def upper(values: Floats, p: float) -> float:
        return float(values[min(int(np.ceil((n + 1) * p)), n) - 1])

    return {
        "p16": -upper(-ordered[::-1], 1 - PROBABILITIES["p16"]),
        "p50": float(np.median(ordered)),
        "p84": upper(ordered, PROBABILITIES["p84"]),
        "n": n,
    }
