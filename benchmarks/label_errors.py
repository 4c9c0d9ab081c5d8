"""Errors of labels against mock truth: the calibration that makes 68 % of intervals hold it, and the coverage it gives.

The calibration is found on one half of the galaxies and its coverage is printed for the other::

    python benchmarks/label_errors.py [--spectra 120]
"""

from __future__ import annotations

import sys

import numpy as np
from label_accuracy import cells, fitted_cases

from agez.spectra import label_means
from agez.types import LABEL_NAMES, Floats

#: What is tried: factor on the curvature's error, and floor [dex] added in quadrature.
FACTORS = np.geomspace(0.5, 5.0, 60)
FLOORS = np.array([0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.10, 0.12])
WANTED = 0.683


def coverage(difference: Floats, raw: Floats, factor: float, floor: float) -> float:
    """Share of differences within the calibrated error."""
    return float(np.mean(np.abs(difference) < np.hypot(factor * raw, floor)))


def calibrate(difference: Floats, raw: Floats, groups: list[np.ndarray]) -> tuple[float, float]:
    """Factor and floor whose coverage is nearest to 68 % in all groups, and on the whole."""
    best, answer = np.inf, (1.0, 0.0)
    everyone = np.arange(len(difference))
    for factor in FACTORS:
        for floor in FLOORS:
            misses = [coverage(difference[at], raw[at], factor, floor) - WANTED for at in (*groups, *[everyone] * 6)]
            total = float(np.sum(np.square(misses)))
            if total < best:
                best, answer = total, (float(factor), float(floor))
    return answer


def main() -> int:
    """Print the calibration and a table of coverage in Markdown."""
    _, cases, labels = fitted_cases(__doc__, spectra=120, seed=21)
    _, galaxy = np.unique(cases.spectra.rows.galaxy_id, return_inverse=True)
    odd = galaxy % 2 == 1
    groups = [at for _, _, at in cells(cases)]
    print(f"{len(labels)} spectra; calibration from half of the galaxies, coverage of the other half [%]\n")
    print(
        "| label | factor | floor | now in use | " + " | ".join(f"{t} {s:.0f}" for t, s, _ in cells(cases)) + " | all |"
    )
    print("|---" * (5 + len(groups)) + "|")
    for name in LABEL_NAMES:
        difference = getattr(labels, name) - getattr(cases.truth, name)
        used = label_means.ERROR_CALIBRATION[name]
        raw = np.sqrt(np.maximum(getattr(labels, f"{name}_err") ** 2 - used[1] ** 2, 0.0)) / used[0]
        train = np.flatnonzero(odd)
        place = {row: number for number, row in enumerate(train)}
        inside = [np.array([place[row] for row in at if row in place]) for at in groups]
        factor, floor = calibrate(difference[train], raw[train], inside)
        shares = [coverage(difference[at], raw[at], factor, floor) for at in (*(g[~odd[g]] for g in groups), ~odd)]
        row = " | ".join(f"{100 * share:.0f}" for share in shares)
        print(f"| `{name}` | {factor:.2f} | {floor:.2f} | {used[0]:.2f}, {used[1]:.2f} | {row} |")
    for column in ("velocity_kms", "sigma_kms"):
        pull = np.abs(getattr(labels, column) - getattr(cases.truth, column)) / getattr(labels, f"{column}_err")
        row = " | ".join(f"{100 * np.mean(pull[at] < 1):.0f}" for at in (*groups, slice(None)))
        print(f"| `{column}` | | | | {row} |")
    dust = labels.av - cases.truth.av
    scatter = 1.4826 * np.median(np.abs(dust - np.median(dust)))
    print(f"\n`av`: median difference {np.median(dust):+.3f} mag, sigma_mad {scatter:.3f} mag")
    return 0


if __name__ == "__main__":
    sys.exit(main())
