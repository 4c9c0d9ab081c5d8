"""Error against the size of the training set: one network on parts of one fold's rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from agez.analysis.metrics import evaluate
from agez.distributions.mixture import moments
from agez.mixture_network.mixture_model import ensemble
from agez.samples.labelled_table import LabelledTable, without_rare_bands
from agez.samples.splits import SplitKind, splits_by_galaxy, splits_within, thin_split, thinning_order
from agez.training.cross_fitting import fold_networks
from agez.training.learn_table import TABLE_HIDDEN, check_rows, table_rows, table_settings
from agez.training.mixture_fit import FitSettings

#: Parts of the training rows, or of the galaxies.
SHARES = (0.125, 0.25, 0.5, 1.0)


def size_curve(
    table: LabelledTable, *, split: SplitKind = "by-galaxy", settings: FitSettings | None = None,
    hidden: tuple[int, ...] = TABLE_HIDDEN, seed: int = 1, workers: int = 2,
    progress: Callable[[int], object] | None = None, hear: Callable[..., object] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train on nested parts of the rows outside one fold, and score on the fold.

    Returns
    -------
    dict
        For a model's header: ``n_test`` and ``points`` by rising size: ``n``, rows that were learned from, and by
        target the scores of :func:`agez.analysis.metrics.evaluate`.
    """
    table = without_rare_bands(table)
    check_rows(table)
    data, galaxy_id = table_rows(table), table.rows.galaxy_id
    rng = np.random.default_rng((seed, 7))
    whole = (splits_within if split == "within" else splits_by_galaxy)(galaxy_id, rng=rng)[0]
    order = thinning_order(whole, galaxy_id=galaxy_id, by_galaxy=split == "by-galaxy", rng=rng)
    parts = [thin_split(whole, order, share) for share in SHARES]
    found = fold_networks(
        data, parts, settings=settings or table_settings(len(table)), members=1, hidden=hidden, keep_best=True,
        seed=seed, workers=workers, progress=progress, hear=hear,
    )  # fmt: skip
    points = []
    for k, part in enumerate(parts):
        answers = ensemble([found[k, 0][0]], data.seds(whole.test), *data.redshifts(whole.test))
        mean, _, _ = moments(answers)
        scores = {
            target.name: evaluate(mean[:, t], data.labels[whole.test, t]).to_json()
            for t, target in enumerate(data.targets)
        }
        points.append({"n": len(part.train) + len(part.validation), **scores})
    return {"n_test": len(whole.test), "points": points}
