"""Write tests/stored_answers/: photometry of 300 rows for each shipped model, and what this version answers.

    python tools/store_answers.py [NAME ...]

The test suite compares later versions with these files.  Run it only when answers are meant to change, as when a
shipped model is trained anew, and say so in the commit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import agez
from agez.photometry.filters import load_filters
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.observe import observe, observe_redshift
from agez.training_seds.outliers import stars
from agez.training_seds.seds import make_training_seds

FOLDER = Path(__file__).parents[1] / "tests" / "stored_answers"
MODELS = ("jpas", "jplus", "splus", "paper")
N_GALAXIES, N_STARS, SEED = 285, 15, 20261129


def rows_of(name: str) -> dict[str, np.ndarray]:
    """Photometry that reaches every branch: noise, gaps, weak bands, redshifts of each kind, rows that are refused."""
    rng = np.random.default_rng(SEED)
    model = agez.load_model(name)
    bands, (low, high) = model.bands, model.header["redshift_range"]
    filters = load_filters(bands.filter_set).select(bands.names)
    sky = make_training_seds(
        filters, load_libraries(["emiles+popstar", "popstar"]), N_GALAXIES, rng, survey_share=0.3,
        redshift_range=(low, high),
    )  # fmt: skip
    seen = observe(sky.flux, sky.present, np.array(bands.pivot_angstrom), rng)
    flux, flux_err = (np.array(part, float) for part in (seen.flux, seen.flux_err))
    redshift, redshift_err = observe_redshift(sky.redshift, (low, high), rng)
    star = stars(filters, N_STARS, rng, 50.0)
    flux = 100 * np.concatenate([flux, star.flux / 100])
    flux_err = 100 * np.concatenate([flux_err, star.flux_err / 100])
    covered = np.concatenate([seen.covered, star.covered])
    redshift = np.concatenate([redshift, star.redshift])
    redshift_err = np.concatenate([redshift_err, star.redshift_err])
    n = len(flux)
    redshift[:20] = np.nan  # unknown
    redshift_err[20:30] = np.nan  # none given
    redshift[30:34] = high + 0.05  # outside
    redshift[34:40], redshift_err[34:40] = high + 0.01, 0.02  # partly inside
    flux[36:50, 5] *= 3.0  # a band that the others contradict
    for row in range(40, 80):  # one band far noisier than the others
        flux_err[row, rng.integers(flux.shape[1])] *= rng.uniform(2, 9)
    flux_err[80:90, 0] = np.nan  # an error that is not known
    covered[90:94, 4:] = False  # too few bands
    flux[94:96] *= -1  # no light
    flux[~covered], flux_err[~covered] = np.nan, np.nan
    order = rng.permutation(n)
    return {
        "flux": flux[order].astype(np.float32), "flux_err": flux_err[order].astype(np.float32),
        "redshift": redshift[order], "redshift_err": redshift_err[order],
    }  # fmt: skip


def answers_of(name: str, rows: dict[str, np.ndarray], *, compiled: bool) -> dict[str, np.ndarray]:
    """Every column of the answers, and the mixture's numbers."""
    from agez.models.predict import predict

    model = agez.load_model(name)
    flux = rows["flux"].astype(float)
    photometry = agez.Photometry(
        model.bands, flux, rows["flux_err"].astype(float), np.isfinite(flux), agez.types.Rows.numbered(len(flux)),
        rows["redshift"], np.zeros(len(flux), np.int32), redshift_err=rows["redshift_err"],
    )  # fmt: skip
    found = predict(model, photometry, compiled=compiled)
    out = {column: getattr(found, column) for column in found.column_names()}
    return out | {name: getattr(found.mixture, name) for name in ("weights", "mean", "covariance")}


def main() -> None:
    """Write one file a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="*", default=MODELS, help="default: all")
    for name in parser.parse_args().name:
        rows = rows_of(name)
        found = answers_of(name, rows, compiled=False)
        content = {f"in.{key}": value for key, value in rows.items()} | {f"out.{k}": v for k, v in found.items()}
        np.savez_compressed(FOLDER / f"{name}.npz", **content)
        fast = answers_of(name, rows, compiled=True)
        for key, value in found.items():
            if key not in ("flags", "worst_band"):
                print(name, key, np.isfinite(value).sum(), np.nanmax(np.abs(fast[key] - value), initial=0))
        print(name, "flags", np.bincount(found["flags"]).nonzero()[0], (fast["flags"] != found["flags"]).sum())


if __name__ == "__main__":
    main()
