"""Rms change of the zero points of S-PLUS, by band, between two data releases: ``SPLUS_SURVEY`` of the recipes.

Usage: python tools/measure_zero_points.py iDR4_zero-points.csv iDR5_fields_zps.csv

The tables are those of github.com/elacerda/s-cubes (GPL-3).  Zero points are taken relative to the mean of r and i, for
a change common to all bands is none of a colour; the rms is about zero, so that it holds what all tiles share.
"""

from __future__ import annotations

import re
import sys

import numpy as np
from astropy.table import Table

BANDS = ("u", "J0378", "J0395", "J0410", "J0430", "g", "J0515", "r", "J0660", "i", "J0861", "z")


def zero_points(path: str) -> dict[str, np.ndarray]:
    """(12,) zero points [mag] of each tile."""
    table = Table.read(path, format="ascii.csv")
    columns = {re.sub(r"^ZP_|^zp_", "", name).replace("F", "J0").lower(): name for name in table.colnames
               if name.lower().startswith("zp_")}  # fmt: skip
    values = np.column_stack([np.asarray(table[columns[band.lower()]], dtype=float) for band in BANDS])
    return dict(zip((str(name).strip() for name in table["Field"]), values, strict=True))


def main() -> None:
    """Print a table."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    first, second = map(zero_points, sys.argv[1:])
    tiles = sorted(first.keys() & second.keys())
    change = np.array([second[tile] - first[tile] for tile in tiles])
    change -= change[:, [BANDS.index("r"), BANDS.index("i")]].mean(axis=1, keepdims=True)
    print(f"{len(tiles)} tiles\n\n| band | mean | scatter | rms |\n|---|---:|---:|---:|")
    for band, mean, scatter in zip(BANDS, np.nanmean(change, axis=0), np.nanstd(change, axis=0), strict=True):
        print(f"| {band} | {mean:+.3f} | {scatter:.3f} | {np.hypot(mean, scatter):.3f} |")


if __name__ == "__main__":
    main()
