"""Make the data of ``agez demo``: a table of mock galaxies as S-PLUS publishes them, and images of one galaxy.

    python tools/make_demo.py [--rows 300] [--seed 1]

Galaxies of the recipe of model ``splus``, drawn anew at redshifts 0.01 to 0.15 and seen at S/N 10 to 100, with the
column names of S-PLUS DR4, and what is true of them; and one galaxy of the mock survey as images in twelve
bands, with its true maps.  E-MILES and the other libraries of the recipe are needed.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table

import agez
from agez.mocks.image_files import make_survey_images
from agez.mocks.survey import survey_plan
from agez.photometry.synthesis import AB_ZERO_POINT_MICROJANSKY
from agez.spectra.templates import load_templates
from agez.training.recipe_seds import many_seds
from agez.training.recipes import Recipe
from agez.training_seds.observe import observe

DATA = Path(agez.__file__).parent / "demo/data"
#: S-PLUS' names of the bands in its tables.
COLUMNS = {"uJAVA": "u", "gSDSS": "g", "rSDSS": "r", "iSDSS": "i", "zSDSS": "z"}
#: Error of the photometric redshifts over 1 + z, and r magnitudes.
REDSHIFT_ERR, MAGNITUDES = 0.01, (14.5, 18.0)
#: Galaxies that the rows are chosen from.
MADE = 12_000
#: Galaxy of the mock survey, its pixels, S/N of a pixel at 1 Re, and steps of the stored counts in units of the noise.
GALAXY, SHAPE, SNR, STEP = 5, (90, 90), 40.0, 1 / 8


def make_rows(n: int, seed: int) -> Table:
    """Mock galaxies as a table of S-PLUS."""
    header = agez.load_model("splus").header
    recipe = Recipe.from_dict(header["training"]["recipe"])
    near = replace(recipe, redshift_range=(0.01, 0.15), near_share=0.0, rest_share=0.0, spaxel_share=0.0)
    rng = np.random.default_rng(seed)
    # a few of many: only many galaxies have the recipe's mixture of histories and libraries
    many = many_seds(near, MADE, (4321, seed), workers=1)
    seds = many.take(rng.choice(len(many), n, replace=False))
    survey = replace(recipe.survey, snr=(10.0, 100.0), complete=0.9, bad_band=0.02)
    seen = observe(seds.flux, seds.present, np.array(seds.bands.pivot_angstrom), rng, survey=survey)
    r = seds.bands.names.index("rSDSS")
    scale = 10 ** (0.4 * (23.9 - rng.uniform(*MAGNITUDES, n))) / seds.flux[:, r]
    flux, error = seen.flux * scale[:, None], seen.flux_err * scale[:, None]
    table = Table({"ID": [f"MOCK.{k:04d}" for k in range(n)]})
    given = seds.redshift + REDSHIFT_ERR * (1 + seds.redshift) * rng.standard_normal(n)
    given = np.maximum(given, 0.005)
    half = REDSHIFT_ERR * (1 + given)
    table["zb"], table["zb_Min"], table["zb_Max"] = given, np.maximum(given - half, 0.0), given + half
    for b, name in enumerate(seds.bands.names):
        good = seen.covered[:, b] & (flux[:, b] > 0)
        magnitude = 23.9 - 2.5 * np.log10(np.where(good, flux[:, b], 1.0))
        column = f"{COLUMNS.get(name, name)}_auto"
        table[column] = np.where(good, magnitude, 99.0)
        table[f"e_{column}"] = np.where(good, 2.5 / np.log(10) * error[:, b] / np.where(good, flux[:, b], 1.0), 99.0)
    names = [target.name for target in seds.targets]
    for name in ("log_age_lw", "mh_lw"):
        table[f"true_{name}"] = seds.labels[:, names.index(name)]
    for name in table.colnames[1:]:
        table[name].format = ".4f"
    return table


def make_galaxy(seed: int) -> dict[str, np.ndarray]:
    """Counts, sky noise, masks and header values of a galaxy's images, and its true maps."""
    filters = agez.load_filters("splus")
    plan = survey_plan(20, 8000, seed=seed)
    made = make_survey_images(plan, GALAXY, load_templates("emiles"), filters, snr=SNR, shape=SHAPE)
    images = made.images
    counts = 10 ** (0.4 * (made.zero_point - AB_ZERO_POINT_MICROJANSKY))
    sky = made.model.sky * counts
    steps = np.round(images.flux * counts[:, None, None] / (STEP * sky[:, None, None]))
    assert np.abs(steps).max() < 2**31
    disc = {name: getattr(made.galaxies, name)[0] for name in ("redshift", "re_arcsec", "inclination", "pa")}
    return {
        "steps": steps.astype(np.int32), "step": STEP * sky, "sky": sky, "mask": np.packbits(images.mask),
        "zero_point": made.zero_point, "gain": made.model.gain / counts, "psf_fwhm": images.psf_fwhm_arcsec,
        "header": np.array(images.wcs.to_header().tostring()), "bands": np.array(images.bands.names),
        "disc": np.array([float(disc[name]) for name in ("redshift", "re_arcsec", "inclination", "pa")]),
        "true_log_age_lw": made.truth_seen.log_age_lw.astype(np.float32),
        "true_mh_lw": made.truth_seen.mh_lw.astype(np.float32),
    }  # fmt: skip


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    DATA.mkdir(parents=True, exist_ok=True)
    make_rows(options.rows, options.seed).write(DATA / "galaxies.csv", format="ascii.csv", overwrite=True)
    np.savez_compressed(DATA / "galaxy.npz", **make_galaxy(options.seed))


if __name__ == "__main__":
    main()
