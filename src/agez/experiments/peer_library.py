"""The library fit as one of the peers: a library for the bands of a sample, and how well it samples the posteriors."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from agez.analysis.metrics import json_number
from agez.errors import AgezError
from agez.experiments.library_fit import LibraryFit, fit_library
from agez.experiments.peer_scores import Answers
from agez.experiments.population_library import line_bands, make_library
from agez.experiments.result import target_columns
from agez.label_types import Sample
from agez.photometry.filters import FilterSet, load_filters
from agez.spectra.templates import load_templates
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Bands, Photometry

#: A library at rest frame is for SEDs at most so far from it: 5 A of a band of 145 A.
_REST_FRAME = 1e-3
#: A pivot further off than this is another filter of the same name [Angstrom].
_SAME_PIVOT = 5.0


def library_answers(
    sample: Sample, bands: Bands, *, n_models: int, floor: float, templates: str, seed: int, workers: int
) -> tuple[Answers, dict[str, Any]]:
    """The library fit of every row of a sample in ``bands``, and what is to be known of it: strict JSON.

    Parameters
    ----------
    n_models, floor
        Models of the library; error floor as a fraction of the flux.

    Raises
    ------
    AgezError
        If templates or filters are not there, do not belong to the sample, or no row can be fitted.
    """
    photometry = sample.photometry.select_bands(bands.names)
    _check_rest_frame(photometry)
    filters = _filters_of(bands)
    start = time.thread_time()
    rng = np.random.default_rng([seed, 6])
    library = make_library(load_templates(templates), filters, n_models=n_models, rng=rng)
    made = time.thread_time() - start
    masked = line_bands(filters)
    fit = fit_library(photometry, library, floor=floor, masked=masked, workers=workers)
    fitted = int(np.isfinite(fit.chi2).sum())
    if fitted == 0:
        raise AgezError(
            f"no SED has enough bands without strong emission lines ({', '.join(masked) or 'none'} are masked for them)"
        )
    about = {
        "templates": templates,
        "n_models": len(library),
        "error_floor": floor,
        "masked": list(masked),
        "n_fitted": fitted,
    }
    return Answers(fit.mean, made, fit.seconds / fitted), about | _quality(fit, sample)


def _check_rest_frame(photometry: Photometry) -> None:
    redshift = photometry.redshift[np.isfinite(photometry.redshift)]
    if redshift.size and np.abs(redshift).max() > _REST_FRAME:
        raise AgezError(
            f"the SEDs are not at rest frame (redshifts up to {redshift.max():.3f}) and the library is; "
            "make them with 'agez synth', which brings spectra to redshift 0"
        )


def _filters_of(bands: Bands) -> FilterSet:
    """The shipped filters of a sample's bands; AgezError if it has others."""
    filters = load_filters(bands.filter_set).select(bands.names)
    off = np.abs(np.subtract(filters.bands.pivot_angstrom, bands.pivot_angstrom))
    if off.max() > _SAME_PIVOT:
        name = bands.names[int(off.argmax())]
        raise AgezError(f"the sample's {name} is {off.max():.0f} A from that of the shipped set {filters.name!r}")
    return filters


def _quality(fit: LibraryFit, sample: Sample) -> dict[str, Any]:
    """Effective number of models, best chi2, and the median posterior width, over the rows that were fitted.

    ``within_error`` is the share of truth (of labels, where there is none) within one standard deviation: 0.68 if
    errors are right and there is no bias.
    """
    good = np.isfinite(fit.chi2)
    reference = target_columns(sample.labels if sample.truth is None else sample.truth)
    inside = np.abs(fit.mean - reference) <= fit.std
    words = [TARGET_WORDS[target] for target in PAPER_TARGETS]
    return {
        "n_effective": {f"p{q:02d}": json_number(float(np.percentile(fit.n_effective[good], q))) for q in (5, 50, 95)},
        "chi2_per_band": json_number(float(np.median(fit.chi2[good] / fit.n_bands[good]))),
        "posterior_std": {word: json_number(float(np.median(fit.std[good, k]))) for k, word in enumerate(words)},
        "within_error": {word: json_number(float(inside[good, k].mean())) for k, word in enumerate(words)},
    }
