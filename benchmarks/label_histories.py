"""Errors of star-formation histories and age-metallicity relations against mock truth: the share of truth they hold.

The constants of ``agez.spectra.history_errors`` were chosen on the galaxies of ``--seed 31``; the default is others::

    python benchmarks/label_histories.py [--spectra 120] [--templates emiles]
"""

from __future__ import annotations

import sys

import numpy as np
from label_accuracy import SNRS, fitted_cases

from agez.analysis.age_bins import log_bin_edges
from agez.spectra.histories import Histories, histories
from agez.spectra.templates import SSPGrid
from agez.types import Floats

#: Ages at which shares are printed [log yr]; those of the cumulative history are the edges below them.
LOG_AGES = (8.0, 8.5, 9.0, 9.3, 9.6, 9.8, 10.0, 10.1)
#: Ages with less of the light, or without mass in truth, are not scored in [M/H].
LEAST_LIGHT = 0.01
NAMES = {"formed_before": "formed earlier", "mass_fraction": "mass of the age", "mh": "[M/H] of the age"}


def scored(found: Histories, truth: Histories, name: str) -> Floats:
    """(n, n_age) 1 where the 16 to 84 % interval holds the truth, 0 where not, NaN where there is nothing to score."""
    low, _, high = found.quantiles(name)
    true = getattr(truth, name)
    held = ((true >= low) & (true <= high)).astype(float)
    known = np.isfinite(low) & np.isfinite(true)
    if name == "mh":
        known &= (found.light_fraction >= LEAST_LIGHT) & (truth.mass_fraction > 1e-6)
    return np.where(known, held, np.nan)


def row(label: str, held: Floats, differences: Floats) -> str:
    """A row of the table: share held [%], and median difference, at each of the ages."""
    shares = [
        f"{100 * np.nanmean(one):.0f} ({np.nanmedian(two):+.3f})"
        for one, two in zip(held.T, differences.T, strict=True)
    ]
    return f"| {label} | " + " | ".join(shares) + " |"


def report(found: Histories, truth: Histories, snr: Floats, grid: SSPGrid) -> None:
    """Print the table."""
    at = [int(np.argmin(np.abs(grid.log_age - age))) for age in LOG_AGES]
    edges = log_bin_edges(grid.log_age)
    for name, words in NAMES.items():
        ages = [edges[k] if name == "formed_before" else grid.log_age[k] for k in at]
        print(f"| {words}, S/N | " + " | ".join(f"{10 ** (age - 9):.2g} Gyr" for age in ages) + " |")
        print("|---" * (1 + len(at)) + "|")
        held, difference = scored(found, truth, name), getattr(found, name) - getattr(truth, name)
        difference = np.where(np.isfinite(held), difference, np.nan)
        for value in SNRS:
            rows = snr == value
            print(row(f"{value:.0f}", held[rows][:, at], difference[rows][:, at]))
        print()
    print("| lookback time, S/N | t50 | t90 |\n|---|---|---|")
    for value in SNRS:
        cells = []
        for share in (0.5, 0.9):
            low, middle, high = (one[snr == value] for one in found.log_lookback(share))
            true = truth.log_lookback(share)[1][snr == value]
            held = np.mean((true >= low) & (true <= high))
            cells.append(f"{100 * held:.0f} ({np.median(middle - true):+.2f} dex)")
        print(f"| {value:.0f} | " + " | ".join(cells) + " |")


def main() -> int:
    """Print shares of truth in Markdown."""
    grid, cases, labels = fitted_cases(__doc__, spectra=120, seed=77)
    assert labels.weights is not None
    print(f"{grid.name}; {len(labels)} spectra: share of truth within 16 to 84 % [%] (median difference)\n")
    found = histories(labels.weights, grid, labels.history_errors)
    report(found, histories(cases.mass * grid.light, grid), cases.snr, grid)
    return 0


if __name__ == "__main__":
    sys.exit(main())
