"""What later zero points of a survey do to answers: real S-PLUS rows of DR4, with those of iDR4 and of iDR5.

The tables of zero points by tile are those of github.com/elacerda/s-cubes; rows are those of ``agez bench splus``, and
the column FIELD_ of their file names the tile::

    python benchmarks/splus_zero_points.py --data SKY
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from agez.bench.registry import find_sets
from agez.bench.scores import share_above
from agez.bench.table_bench import judged_rows
from agez.models.model_file import load_model
from agez.tables.table_columns import text_column
from agez.tables.table_files import read_table
from agez.types import Bools, Floats, Photometry, Strings

TOOLS = Path(__file__).resolve().parents[1] / "tools"


def changes(sky: Path, tiles: Strings) -> Floats:
    """(n, 12) by what magnitudes of each row's tile changed between the releases, in the order of the bands."""
    sys.path.insert(0, str(TOOLS))
    from measure_zero_points import zero_points

    first, second = (
        zero_points(str(sky / "zero_points" / name)) for name in ("iDR4_zero-points.csv", "iDR5_fields_zps.csv")
    )
    nothing = np.full(12, np.nan)
    return np.array([second.get(tile, nothing) - first.get(tile, nothing) for tile in tiles])


def scores(photometry: Photometry, kind: Strings, chosen: Bools) -> tuple[list[float], list[float]]:
    """Median residual of each band, and share flagged and P(older), of the chosen rows."""
    model = load_model("splus")
    answer = model.kind.answer(photometry)
    flux, _ = model.kind.expected(photometry)
    usual = chosen & photometry.covered.all(axis=1) & (photometry.flux > 0).all(axis=1)
    with np.errstate(invalid="ignore"):  # a few rows are expected to have no light in a band
        off = -2.5 * np.log10(photometry.flux[usual] / flux[usual])
    known = chosen & answer.answered
    good = known & ~(answer.ood > 1)
    age = answer.log_age_lw
    older = share_above(age[good & (kind == "E")], age[good & (kind == "S")])
    return np.nanmedian(off, axis=0).tolist(), [float(np.mean(answer.ood[known] > 1)), older]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of the sets' files")
    sky = Path(parser.parse_args().data)
    (one,) = find_sets(["splus"])
    rows = one.rows(str(sky))
    assert rows.photometry is not None
    tiles = text_column(read_table(sky / one.files[0]), "FIELD_")
    change = changes(sky, tiles)
    there = np.isfinite(change).all(axis=1) & judged_rows(one, rows.photometry)
    factor = 10 ** (-0.4 * np.where(np.isfinite(change), change, 0.0))
    later = replace(rows.photometry, flux=rows.photometry.flux * factor, flux_err=rows.photometry.flux_err * factor)
    (first, now), (second, then) = (
        scores(photometry, rows.known.kind, there) for photometry in (rows.photometry, later)
    )
    print(f"{there.sum()} rows; observed minus expected from the other bands [mag], median:\n")
    print("| band | change of the zero point | iDR4 | iDR5 |\n|---|---:|---:|---:|")
    for k, band in enumerate(rows.photometry.bands.names):
        print(f"| {band} | {np.median(change[there, k]):+.3f} | {first[k]:+.3f} | {second[k]:+.3f} |")
    print("\n| zero points | out of distribution | P(ellipticals older than spirals) |\n|---|---:|---:|")
    for words, (flagged, older) in (("iDR4", now), ("iDR5", then)):
        print(f"| {words} | {100 * flagged:.1f} % | {older:.3f} |")


if __name__ == "__main__":
    main()
