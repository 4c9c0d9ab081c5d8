"""Age and metallicity gradients of the real spaxels of NGC 4047, printed with errors.

CALIFA spaxels with luminosity-weighted age and [Z/H] from Pipe3D and the galaxy's geometry, all as
distributed in the package ``edge_pydb`` (Wong et al. 2024, ApJS 271, 35)::

    pip install edge-pydb h5py
    python benchmarks/ngc4047_gradient.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
from astropy.table import Table

from agez.analysis.geometry import face_on_radius
from agez.analysis.gradients import GradientTable, compare_gradients

SPAXELS = "img_califa/NGC4047_allpix.pipe3d.hdf5"


def find_package() -> Path | None:
    """The folder of ``edge_pydb``, or None where it is not installed."""
    spec = importlib.util.find_spec("edge_pydb")
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def read_spaxels(package: Path) -> tuple[Table, dict[str, float]]:
    """Spaxels with offsets x (west), y (north) [arcsec] from the centre, and the galaxy's geometry.

    Centre, position angle and inclination are LEDA's, Re is CALIFA's (columns ledaRA, ledaDE, ledaPA,
    ledaAxIncl, caRe of ``edge_pydb``).
    """
    spaxels = Table.read(package / SPAXELS, path="SSP")
    leda = Table.read(package / "dat_glob/external/edge_leda.csv", format="ascii.ecsv")
    califa = Table.read(package / "dat_glob/califa/edge_califa.csv", format="ascii.ecsv")
    row, global_row = leda[leda["Name"] == "NGC4047"][0], califa[califa["Name"] == "NGC4047"][0]
    east = (np.asarray(spaxels["ra_abs"], dtype=float) - row["ledaRA"]) * np.cos(np.radians(row["ledaDE"]))
    spaxels["x"] = -3600 * east
    spaxels["y"] = 3600 * (np.asarray(spaxels["dec_abs"], dtype=float) - row["ledaDE"])
    geometry = {
        "re_arcsec": float(global_row["caRe"]),
        "inclination_deg": float(row["ledaAxIncl"]),
        "pa_deg": float(row["ledaPA"]),
    }
    return spaxels, geometry


def measure(package: Path, *, seed: int = 1) -> tuple[GradientTable, dict[str, float]]:
    """Gradients of luminosity-weighted log age and [Z/H], and the geometry used."""
    spaxels, geometry = read_spaxels(package)
    radius = face_on_radius(spaxels["x"], spaxels["y"], **geometry)
    values = np.stack([np.ma.filled(spaxels[name], np.nan) for name in ("age_lwt", "ZH_lwt")], axis=1)
    rng = np.random.default_rng(seed)
    (table,) = compare_gradients(
        np.full(len(spaxels), "NGC4047"), radius, [values], names=["log_age_lw", "mh_lw"], rng=rng
    )
    return table, geometry


def main() -> int:
    package = find_package()
    if package is None:
        print("edge_pydb is not installed: nothing measured (pip install edge-pydb h5py)")
        return 0
    table, geometry = measure(package)
    print(
        "NGC 4047: Re = {re_arcsec:.2f} arcsec, inclination = {inclination_deg:.1f} deg, PA = {pa_deg:.1f} deg".format(
            **geometry
        )
    )
    for k, name in enumerate(table.names):
        print(
            f"  d {name} / d(R/Re) = {table.slope[0, k]:+.4f} +- {table.slope_scatter[0, k]:.4f} dex/Re"
            f"   (centre {table.intercept[0, k]:.3f}; {table.n_inside[0, k]} spaxels inside Re,"
            f" {table.n_outside[0, k]} outside)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
