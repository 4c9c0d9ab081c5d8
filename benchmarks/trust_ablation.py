"""What each statistic of the out-of-distribution score earns: shares flagged without it, at the same false flags."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from trust_table import Part, Table, percent
from trust_unlike import FALSE_FLAGS, new_galaxies, odd_rows, rows_of, without_redshift

from agez.errors import AgezError
from agez.mixture_network.mixture_model import network_of
from agez.models.model import Model
from agez.novelty.novelty_score import standardised, statistics
from agez.types import Photometry

STATISTICS = ("fit", "worst", "star")


def ablation(model: Model, name: str, *, n: int, seed: int = 12) -> Part:
    """Shares flagged by all statistics and by all but one, with 5 % of new galaxies flagged by each."""
    rng = np.random.default_rng(seed)
    filters, galaxies, _ = new_galaxies(model, n, rng)
    kinds = {}
    for what, make in odd_rows(model, filters, galaxies, n, rng).items():
        try:
            kinds[what] = make()
        except AgezError as error:  # MILES stars need sdss-mangadap
            print(f"{name}: {what} left out: {error}")
    tables = []
    for case in ("known", "unknown"):
        seen = {what: without_redshift(rows) if case == "unknown" else rows for what, rows in kinds.items()}
        ordinary = _excesses(model, without_redshift(galaxies) if case == "unknown" else galaxies)
        excesses = {what: _excesses(model, rows) for what, rows in seen.items()}
        rows = []
        for subset in _subsets(ordinary.shape[1]):
            top = np.quantile(ordinary[:, subset].max(axis=1), 1 - FALSE_FLAGS)
            shares = [percent(float(np.mean(each[:, subset].max(axis=1) > top))) for each in excesses.values()]
            rows.append((" + ".join(STATISTICS[k] for k in subset), *shares))
        title = f"{name}: flagged [%] by all statistics and by all but one, redshift {case}"
        tables.append(Table(title, ("statistics", *excesses), tuple(rows)))
    return Part([], tables)


def _subsets(n: int) -> list[list[int]]:
    """All statistics, and all but one."""
    return [list(subset) for size in (n, n - 1) for subset in combinations(range(n), size)]


def _excesses(model: Model, photometry: Photometry) -> np.ndarray:
    """(n, statistics) excess of each statistic over its median, in units of that of one in twenty."""
    novelty = network_of(model).novelty
    seds, search = rows_of(model, photometry)
    found = statistics(novelty, seds, *search)
    return np.stack(standardised(novelty, found, novelty.thresholds), axis=1)[found.good]
