"""Ages and metallicities of real galaxies by type and mass, from eCALIFA: what ``agez bench`` compares with.

The table is that of integrated properties of eCALIFA (Sanchez et al. 2023, RMxAA 59, 213), 895 galaxies with types by
eye; its numbers come from spectra of whole galaxies by pyPipe3D.  Those of good quality (QC_flag 0) count.  Prints the
constants of ``src/agez/bench/published.py``::

    python benchmarks/ecalifa_relations.py ecalifa_ages_metallicities.fits
"""

from __future__ import annotations

import argparse

import numpy as np

from agez.bench.scores import probability_above, slope
from agez.tables.table_columns import number_column, text_column
from agez.tables.table_files import read_table
from agez.types import Bools, Strings

#: Solar metallicity of the table's templates, MaStar with PARSEC isochrones (Bressan et al. 2012, section 4).
SOLAR_Z = 0.0152
#: Galaxies that are compared: log stellar masses [solar masses].
MASSES = (9.0, 12.0)
LENTICULARS = ("S0", "S0a")


def kinds(types: Strings) -> dict[str, Bools]:
    """Ellipticals and spirals; lenticulars are neither."""
    first = np.array([word[:1] for word in types.tolist()])
    return {"E": first == "E", "S": (first == "S") & ~np.isin(types, LENTICULARS)}


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="FILE")
    path = parser.parse_args().table
    table, rng = read_table(path), np.random.default_rng(1)
    mass, age_gyr, z = (number_column(table, name, source=path) for name in ("lMass_int", "Age_LW_int", "met_LW_int"))
    with np.errstate(invalid="ignore", divide="ignore"):
        age, mh = 9 + np.log10(age_gyr), np.log10(z / SOLAR_Z)
    whole = np.isfinite(age) & np.isfinite(mh) & (mass > MASSES[0]) & (mass < MASSES[1])
    whole &= number_column(table, "QC_flag", source=path) == 0
    chosen = {kind: where & whole for kind, where in kinds(text_column(table, "type")).items()}
    print("| kind | galaxies | log age, 16, 50, 84 % | [M/H] | [M/H]-mass slope |\n|---|---|---|---|---|")
    for kind, where in chosen.items():
        spans = [", ".join(f"{value:.2f}" for value in np.quantile(of[where], (0.16, 0.5, 0.84))) for of in (age, mh)]
        found = slope(mass[where], mh[where], rng=rng)
        print(f"| {kind} | {where.sum()} | {spans[0]} | {spans[1]} | {found.value:.3f} ± {found.err:.3f} |")
    older = probability_above(age[chosen["E"]], age[chosen["S"]], rng=rng)
    print(f"\nP(E older than S) = {older.value:.3f} ± {older.err:.3f}")


if __name__ == "__main__":
    main()
