"""Regions of mock galaxies' maps: their sizes against the PSF, gaps between their radii, and the time they take.

Run ``python benchmarks/map_regions.py [FOLDER] [--galaxies 15] [--filters splus] [--blind]`` (a minute on one core).
FOLDER is what ``agez mock --images -o FOLDER`` wrote; without it those galaxies are made first.

Regions are made as ``agez map`` makes them, with each galaxy's effective radius and tilt (``--blind``: without them, by
the light's own shape).  Radii are means over a region's light in the plane of the disc.  The gap of a galaxy is the
largest between consecutive radii inside 2 Re, the centre and the galaxy's edge (or 2 Re) among them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from agez.analysis.geometry import disc_coordinates
from agez.images.alignment import pixel_size_arcsec
from agez.images.image_set import ImageSet
from agez.images.measure import light_of_pixels, measure, pixel_offsets
from agez.images.prepare import prepare
from agez.images.read_images import read_images
from agez.images.regions import RegionSettings, make_regions
from agez.mocks.image_files import TILES, write_image_survey
from agez.mocks.plan import survey_plan
from agez.mocks.survey_files import GALAXIES_FILE
from agez.photometry.filters import load_filters
from agez.samples.galaxy_files import read_galaxies
from agez.spectra.templates import load_templates
from agez.types import Floats, Ints

#: Gaps count inside this radius [Re].
INSIDE_RE = 2.0
_HEAD = (
    "galaxy", "Re [arcsec]", "inclination", "PSF [arcsec]", "regions", "smallest / PSF", "median / PSF",
    "median S/N", "below half the S/N", "largest gap [Re]", "seconds",
)  # fmt: skip


def largest_gap(
    images: ImageSet, bin_id: Ints, centre: tuple[float, float], tilt: dict[str, float], re: float
) -> float:
    """Between consecutive radii of regions inside 2 Re [Re]; the centre and the edge count."""
    radius = np.hypot(*disc_coordinates(*pixel_offsets(images, centre), **tilt)) / re
    inside = bin_id >= 0
    light = light_of_pixels(images, bin_id)[inside]
    number = bin_id[inside]
    of_regions: Floats = np.bincount(number, light * radius[inside]) / np.bincount(number, light)
    edge = min(float(radius[inside].max()), INSIDE_RE)
    known = np.sort(of_regions[of_regions < edge])
    return float(np.diff(np.concatenate([[0.0], known, [edge]])).max())


def row(folder: Path, re: float, inclination: float, pa: float, settings: RegionSettings) -> list[float]:
    """The numbers of one galaxy."""
    images = prepare(read_images(folder))
    centre = images.meta["centre"]
    start = time.process_time()
    found = make_regions(images, settings, centre=centre)
    seconds = time.process_time() - start
    fwhm, pixel = float(np.nanmax(images.psf_fwhm_arcsec)), pixel_size_arcsec(images.wcs)
    area = np.bincount(found.bin_id[found.bin_id >= 0]) * pixel**2 / (np.pi / 4 * fwhm**2)
    photometry = measure(images, found.bin_id, centre=centre)
    b = photometry.bands.names.index(found.band)
    snr = photometry.flux[:, b] / photometry.flux_err[:, b]
    tilt = {"inclination_deg": inclination, "pa_deg": pa}
    return [
        re, inclination, fwhm, len(area), area.min(), float(np.median(area)), float(np.median(snr)),
        float((snr < settings.target_snr / 2).mean()), largest_gap(images, found.bin_id, centre, tilt, re), seconds,
    ]  # fmt: skip


def main() -> None:
    """Run and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    parser.add_argument("--galaxies", type=int, default=15)
    parser.add_argument("--filters", default="splus")
    parser.add_argument("--bins", choices=("voronoi", "annuli"), default="voronoi")
    parser.add_argument("--blind", action="store_true", help="without effective radius and tilt")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder
        if folder is None:
            folder = Path(made)
            plan = survey_plan(options.galaxies, TILES * options.galaxies)
            write_image_survey(folder, plan, load_templates("emiles"), load_filters(options.filters))
        galaxies = read_galaxies(folder / GALAXIES_FILE)
        print("| " + " | ".join(_HEAD) + " |\n" + "|---" * len(_HEAD) + "|")
        rows = []
        for k, name in enumerate(galaxies.galaxy_id.tolist()):
            re, inclination, pa = (
                float(values[k]) for values in (galaxies.re_arcsec, galaxies.inclination, galaxies.pa)
            )
            settings = RegionSettings(method=options.bins)
            if not options.blind:
                settings = replace(settings, re_arcsec=re, inclination_deg=inclination, pa_deg=pa)
            rows.append(row(folder / name, re, inclination, pa, settings))
            cells = "{:.1f} | {:.0f} | {:.2f} | {:.0f} | {:.2f} | {:.2f} | {:.1f} | {:.2f} | {:.2f} | {:.2f}"
            print(f"| {name} | {cells.format(*rows[-1])} |", flush=True)
        numbers = np.array(rows)
        print(
            f"\nLargest gap of all: {numbers[:, 8].max():.2f} Re; smallest region: {numbers[:, 4].min():.2f} PSF; "
            f"{numbers[:, 9].sum():.1f} s for {len(rows)} galaxies"
        )


if __name__ == "__main__":
    main()
