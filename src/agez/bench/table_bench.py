"""One set of photometry judged: a model's answers, or another code's, in one block of strict JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from agez.analysis.metrics import json_numbers
from agez.bench.answer_scores import absolute_magnitude, answer_scores
from agez.bench.answers import Answers, answers_of
from agez.bench.bench_set import BenchSet
from agez.bench.model_tests import answer, band_scores, dust_scores, fainter_scores, half_scores
from agez.bench.rows import BenchRows
from agez.errors import AgezError
from agez.models.model import Model
from agez.photometry.dereddening import deredden
from agez.photometry.same_set import check_same_set
from agez.types import Bools, Photometry

#: Columns of the rows that figures show, and their decimals.
_POINTS = {"log_age_lw": 3, "mh_lw": 3, "log_mass": 3}


def judged_rows(one: BenchSet, photometry: Photometry) -> Bools:
    """Rows inside the set's range of redshifts; all of them where no redshift is known."""
    z = photometry.redshift
    low, high = one.redshift_range
    with np.errstate(invalid="ignore"):
        return np.asarray(((z > low) & (z < high)) | ~np.isfinite(z).any())


def bench_table(
    one: BenchSet, rows: BenchRows, *, model: Model | None = None, answers: Answers | None = None, seed: int = 1
) -> dict[str, Any]:
    """Judge the answers of a model, or of a table, about a set of photometry.

    Without Milky Way dust, where the set says how much is in front of its rows.

    Returns
    -------
    dict
        Strict JSON: see docs/real_sky.md.  ``points`` holds what figures show.
    """
    photometry = rows.photometry
    assert photometry is not None
    if (model is None) == (answers is None):
        raise AgezError("bench_table: give a model or answers, and not both")
    rng = np.random.default_rng(seed)
    chosen = judged_rows(one, photometry)
    if not chosen.any():
        low, high = one.redshift_range
        raise AgezError(f"set {one.name!r}: no row has a redshift from {low:g} to {high:g}, the range that is judged")
    clean = deredden(photometry, one.ebv) if one.ebv else photometry
    block: dict[str, Any] = {"set": one.name, "title": one.title, "citation": one.citation, "licence": one.licence}
    prediction = None
    if model is not None:
        check_same_set(model.bands, photometry.bands, source=f"set {one.name!r}")
        prediction = answer(model, clean)
        answers = answers_of(prediction, source=model.name)
    assert answers is not None
    seen = BenchRows(rows.known, clean)
    block |= {
        "answers": answers.source,
        "kind": "photometry",
        "ebv": one.ebv,
        "redshift_range": list(one.redshift_range),
    }
    block |= answer_scores(one, seen, answers, chosen, rng)
    good = chosen & answers.good
    points: dict[str, Any] = {}
    if model is not None and prediction is not None:
        block["bands"] = band_scores(clean, model, rows.known, chosen, good)
        block["halves"], points = half_scores(model, clean, good, rng)
        block["fainter"] = fainter_scores(model, clean, prediction, good, rng)
        block["dust"] = dust_scores(one, rows.known, photometry, model, chosen, rng)
    block["points"] = points | _points(seen, answers, good)
    return block


def _points(rows: BenchRows, answers: Answers, good: Bools) -> dict[str, Any]:
    assert rows.photometry is not None
    where = np.flatnonzero(good)
    columns = {name: json_numbers(np.round(answers[name][where], digits)) for name, digits in _POINTS.items()}
    luminosity = absolute_magnitude(answers, rows.photometry)[where]
    return {**columns, "absmag_r": json_numbers(np.round(luminosity, 3)), "kind": rows.known.kind[where].tolist()}
