"""Files of ``agez demo``: a table of mock galaxies as S-PLUS publishes them, and a galaxy's images in twelve bands.

Both are mocks that ``tools/make_demo.py`` made; nothing in them was observed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from agez.runtime.files import make_folder, whole_file
from agez.tables.prediction_files import read_prediction

#: Name of the mock galaxy.
GALAXY = "MOCK_GALAXY"


@dataclass(frozen=True)
class DemoFiles:
    """What was written, and the disc of the galaxy, as ``agez map`` takes it."""

    catalogue: Path
    images: Path
    redshift: float
    re_arcsec: float
    inclination_deg: float
    pa_deg: float


def is_demo_folder(folder: Path) -> bool:
    """Whether a folder has the demo's table of galaxies, and so is an earlier demo's."""
    own, there = files("agez") / "demo/data/galaxies.csv", folder / "galaxies.csv"
    return there.is_file() and there.read_bytes() == own.read_bytes()


def write_demo_files(folder: str | os.PathLike[str]) -> DemoFiles:
    """Write ``galaxies.csv`` and the folder ``images``."""
    folder = make_folder(folder)
    data = files("agez") / "demo/data"
    catalogue = folder / "galaxies.csv"
    with whole_file(catalogue) as part:
        part.write_bytes((data / "galaxies.csv").read_bytes())
    with (data / "galaxy.npz").open("rb") as stream, np.load(stream) as stored:
        galaxy = dict(stored)
    images = make_folder(folder / "images")
    for b, band in enumerate(galaxy["bands"]):
        _write_band(images / f"{GALAXY}_{band}.fits", galaxy, b)
    return DemoFiles(catalogue, images, *(float(value) for value in galaxy["disc"]))


def _write_band(path: Path, galaxy: Mapping[str, np.ndarray], b: int) -> None:
    shape = galaxy["steps"].shape
    mask = np.unpackbits(galaxy["mask"], count=int(np.prod(shape))).reshape(shape)[b]
    header = fits.Header.fromstring(str(galaxy["header"]))
    world = header.copy()
    header["OBJECT"], header["FILTER"] = GALAXY, str(galaxy["bands"][b])
    header["SURVEY"] = ("S-PLUS (mock)", "made by agez: not observed")
    header["BUNIT"] = "adu"
    header["MAGZP"] = (float(galaxy["zero_point"][b]), "[mag] AB")
    header["MAGSYS"] = "AB"
    header["GAIN"] = (float(galaxy["gain"][b]), "photons a count")
    header["PSFFWHM"] = (float(galaxy["psf_fwhm"][b]), "[arcsec]")
    counts = (galaxy["steps"][b] * galaxy["step"][b]).astype(np.float32)
    weight = np.where(mask, 0.0, float(galaxy["sky"][b]) ** -2.0).astype(np.float32)
    parts = fits.HDUList([
        fits.PrimaryHDU(), fits.ImageHDU(counts, header, name="SCI"), fits.ImageHDU(weight, world, name="WEIGHT"),
        fits.ImageHDU(mask, world, name="MASK"),
    ])  # fmt: skip
    with whole_file(path) as part:
        parts.writeto(part)


def true_in_intervals(catalogue: Path, answers: Path) -> dict[str, float]:
    """Share of the true values of the catalogue's good rows that the 68 % intervals hold, by target."""
    truth, found = Table.read(catalogue, format="ascii.csv"), read_prediction(answers)
    shares = {}
    for name in ("log_age_lw", "mh_lw"):
        true = np.asarray(truth[f"true_{name}"], float)
        low, high = getattr(found, f"{name}_p16"), getattr(found, f"{name}_p84")
        shares[name] = float(np.mean(((true >= low) & (true <= high))[found.good]))
    return shares
