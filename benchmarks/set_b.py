"""Where the errors on unseen galaxies come from: the part common to a galaxy, and how missing bands matter.

From the ``sample.fits`` and ``predictions.fits`` of a run::

    python benchmarks/set_b.py agez-out
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from astropy.table import Table

from agez.analysis.metrics import MAD_TO_SIGMA
from agez.types import Floats

TARGETS = (("log_age_lw", "age"), ("mh_lw", "metallicity"))


def robust(values: Floats) -> float:
    """sigma_mad of some values."""
    values = values[np.isfinite(values)]
    return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values)))) if len(values) else float("nan")


def main() -> int:
    """Print two tables in Markdown."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    predictions = Table.read(folder / "predictions.fits", hdu="PREDICTIONS")
    sample = Table.read(folder / "sample.fits", hdu="SPECTRA")
    galaxy = np.unique(np.asarray(sample["galaxy_id"]).astype(str), return_inverse=True)[1]
    n_missing = (~np.asarray(sample["covered"], dtype=bool)).sum(axis=1)
    print("| | | sigma_mad | of galaxies' medians | within galaxies |")
    print("|---|---|---|---|---|")
    residuals: dict[tuple[str, str], Floats] = {}
    for key, name in (("set_a", "Set A"), ("set_b", "Set B")):
        for target, word in TARGETS:
            d = np.asarray(predictions[f"{key}_{target}"], float) - np.asarray(predictions[f"label_{target}"], float)
            median = np.array([np.nanmedian(d[galaxy == g]) for g in range(galaxy.max() + 1)])
            residuals[name, word] = d
            print(f"| {name} | {word} | {robust(d):.3f} | {robust(median):.3f} | {robust(d - median[galaxy]):.3f} |")
    print(
        "\n| bands missing | spectra | galaxies | age, Set A | age, Set B | metallicity, Set A | metallicity, Set B |"
    )
    print("|---|---|---|---|---|---|---|")
    for number in np.unique(n_missing):
        here = n_missing == number
        cells = [f"{robust(residuals[s, w][here]):.3f}" for w in ("age", "metallicity") for s in ("Set A", "Set B")]
        print(f"| {number} | {here.sum()} | {len(np.unique(galaxy[here]))} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
