"""Whether maps from images are as good as perfect photometry allows: 20 mock galaxies from files to predictions.

Run ``python benchmarks/maps.py [--models splus jpas] [--galaxies 20] [--out maps.md]`` (minutes on one core).

Mock galaxies of S/N 5 to 50 a pixel at 1 Re, each band with its own PSF, sky, shared noise, stars and bad pixels, are
written as files, read, prepared (background, noise, stars, PSF matching), divided into regions, measured and given to
the shipped model.  Beside it stands what the same model says of the same regions' true fluxes through the common PSF
with noise of the same errors, shared by neighbouring regions as on the road (*perfect*) or not (*independent*).  All
are compared with the truth: light-weighted means of the stars whose light the common PSF brings to a region.
*Unmatched* is the road without PSF matching.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from maps_ngc4047 import ngc4047_table
from maps_scores import bars, score_table, scores
from maps_trials import REFERENCE, SHAPE, SNR_RANGE, trials

from agez.mocks.image_files import TILES
from agez.mocks.plan import survey_plan
from agez.models.model_file import load_model
from agez.photometry.filters import load_filters
from agez.runtime.files import whole_file
from agez.spectra.templates import load_templates

#: Of regions, in the faintest useful band.
TARGET_SNR = 10.0
DRAWS, SEED = 4, 7


def survey(name: str, n_galaxies: int) -> str:
    """Bars and scores of one model as Markdown."""
    start = time.perf_counter()
    filters, model, grid = load_filters(name), load_model(name), load_templates("emiles")
    reference = REFERENCE[name]
    plan = survey_plan(n_galaxies, n_galaxies * TILES, seed=SEED)
    snr = np.random.default_rng(SEED).permutation(np.geomspace(*SNR_RANGE, n_galaxies))
    found = trials(
        range(n_galaxies), plan, grid, filters, model, snr=snr.tolist(), shape=SHAPE, reference=reference,
        target_snr=TARGET_SNR, draws=DRAWS,
    )  # fmt: skip
    measured = scores(found)
    n = sum(len(one.truth) for one in found)
    parts = ", ".join(f"{what} {np.mean([one.seconds[what] for one in found]):.1f}" for what in found[0].seconds)
    pulls = np.concatenate([one.pull.ravel() for one in found if one.pull is not None])
    pulls = pulls[np.isfinite(pulls)]
    return "\n".join(
        [
            f"## {name}: {len(found)} galaxies, {n} regions, S/N {SNR_RANGE[0]:g}-{SNR_RANGE[1]:g} a pixel in "
            f"{reference}, {time.perf_counter() - start:.0f} s ({parts} s a galaxy)",
            "",
            bars(found),
            "",
            score_table(measured),
            "",
            f"Fluxes of regions less true ones over their errors: standard deviation {pulls.std():.2f}, sigma_mad "
            f"{1.4826 * np.median(np.abs(pulls - np.median(pulls))):.2f}, median {np.median(pulls):+.3f}.",
        ]
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=sorted(REFERENCE), default=["splus", "jpas"])
    parser.add_argument("--galaxies", type=int, default=20)
    parser.add_argument("--no-ngc4047", action="store_true", help="leave out the real galaxy's maps")
    parser.add_argument("--out", type=Path, help="FILE.md")
    arguments = parser.parse_args()
    parts = []
    for name in arguments.models:
        parts.append(survey(name, arguments.galaxies))
        print(parts[-1] + "\n", flush=True)
    if not arguments.no_ngc4047:
        parts.append(ngc4047_table(arguments.models, target_snr=TARGET_SNR))
        print(parts[-1], flush=True)
    if arguments.out is not None:
        with whole_file(arguments.out) as part:
            part.write_text("# Maps from images\n\n" + "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
