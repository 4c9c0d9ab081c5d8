"""Where the errors on unseen galaxies come from: the part common to a galaxy, and how missing bands matter.

From the files of a run; where its sample is the mock survey, the galaxies are made again (a minute) and what they were
made with is held against their offsets::

    python benchmarks/set_b.py agez-out
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table
from threadpoolctl import threadpool_limits

from agez.analysis.metrics import sigma_mad
from agez.experiments.presets import find_preset
from agez.mocks.nebular import RATIO_GRADIENT
from agez.mocks.survey import make_galaxy, survey_plan
from agez.photometry.filters import PAPER_BANDS, load_filters
from agez.photometry.synthesis import synthesize
from agez.spectra.templates import load_templates
from agez.types import Floats

TARGETS = (("log_age_lw", "age"), ("mh_lw", "metallicity"))


def causes(n_galaxies: int, n_spectra: int, seed: int) -> tuple[list[str], dict[str, Floats]]:
    """Ids of a mock survey's galaxies, and (galaxies, k) numbers that each was made with, by cause."""
    grid, plan = load_templates(), survey_plan(n_galaxies, n_spectra, seed=seed)
    filters = load_filters("jpas").select(PAPER_BANDS[1:-1])  # those that every galaxy covers
    calibration, law, family = [], [], []
    for index in range(len(plan)):
        one = make_galaxy(plan, index, grid, keep_noiseless=True)
        assert one.noiseless is not None
        clean = synthesize(replace(one.spectra, flux=one.noiseless), filters)
        ratio = np.log(synthesize(one.spectra, filters).flux / clean.flux)
        calibration.append(np.nanmedian(ratio - np.nanmean(ratio, axis=1, keepdims=True), axis=0))
        law.append(one.law)
        family.append(one.family)
    errors = np.array(calibration)
    left, singular, _ = np.linalg.svd(errors - errors.mean(axis=0), full_matrices=False)
    ratios = [plan.properties[name] for name in (*RATIO_GRADIENT, "log_ew_ha")]
    return plan.galaxies.galaxy_id.tolist(), {
        "flux calibration of the galaxy": (left * singular)[:, :6],
        "dust law": _indicators(law),
        "family of histories": _indicators(family),
        "line ratios and EW(Ha)": np.stack(ratios, axis=1),
    }


def _indicators(words: list[str]) -> Floats:
    return np.stack([np.array(words) == word for word in sorted(set(words))[1:]], axis=1).astype(float)


def _of_galaxies(sample: Table, galaxy: np.ndarray) -> Floats:
    """(galaxies, 8) medians of true age, [M/H], A_V and dispersion, and their squares, all in standard units."""
    out = []
    for name in ("log_age_lw", "mh_lw", "av", "sigma_kms"):
        values = np.asarray(sample[f"true_{name}"], float)
        median = np.array([np.nanmedian(values[galaxy == g]) for g in range(galaxy.max() + 1)])
        standard = (median - median.mean()) / median.std()
        out += [standard, standard**2]
    return np.stack(out, axis=1)


def explained(offset: Floats, columns: Floats) -> float:
    """Share of the variance of ``offset`` that a linear relation explains, adjusted for its freedom."""
    design = np.concatenate([np.ones((len(offset), 1)), columns], axis=1)
    left = offset - design @ np.linalg.lstsq(design, offset, rcond=None)[0]
    freedom = len(offset) - design.shape[1]
    return 1 - (left @ left / freedom) / np.var(offset, ddof=1)


def main() -> int:
    """Print tables in Markdown."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    predictions = Table.read(folder / "predictions.fits", hdu="PREDICTIONS")
    sample = Table.read(folder / "sample.fits", hdu="SPECTRA")
    names, galaxy = np.unique(np.asarray(sample["galaxy_id"]).astype(str), return_inverse=True)
    n_missing = (~np.asarray(sample["covered"], dtype=bool)).sum(axis=1)
    print("| | | sigma_mad | of galaxies' medians | within galaxies |")
    print("|---|---|---|---|---|")
    residuals: dict[tuple[str, str], Floats] = {}
    offsets: dict[tuple[str, str], Floats] = {}
    for key, name in (("set_a", "Set A"), ("set_b", "Set B")):
        for target, word in TARGETS:
            d = np.asarray(predictions[f"{key}_{target}"], float) - np.asarray(predictions[f"label_{target}"], float)
            median = np.array([np.nanmedian(d[galaxy == g]) for g in range(galaxy.max() + 1)])
            residuals[name, word], offsets[name, word] = d, median
            scatter = (sigma_mad(one) for one in (d, median, d - median[galaxy]))
            print(f"| {name} | {word} | {' | '.join(f'{one:.3f}' for one in scatter)} |")
    print(
        "\n| bands missing | spectra | galaxies | age, Set A | age, Set B | metallicity, Set A | metallicity, Set B |"
    )
    print("|---|---|---|---|---|---|---|")
    for number in np.unique(n_missing):
        here = n_missing == number
        cells = [f"{sigma_mad(residuals[s, w][here]):.3f}" for w in ("age", "metallicity") for s in ("Set A", "Set B")]
        print(f"| {number} | {here.sum()} | {len(np.unique(galaxy[here]))} | {' | '.join(cells)} |")
    about = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    if about["sample"]["source"] != "mock":
        return 0
    size = find_preset(about["preset"])
    with threadpool_limits(1):
        ids, found = causes(size.n_galaxies, size.n_spectra, about["seed"])
    at = [ids.index(name) for name in names]
    found = {cause: columns[at] for cause, columns in found.items()}
    found["its age, [M/H], A_V and dispersion (quadratic)"] = _of_galaxies(sample, galaxy)
    print("\n| share of the variance of galaxies' offsets in Set B | age | metallicity |")
    print("|---|---|---|")
    everything = np.concatenate(list(found.values()), axis=1)
    for cause, columns in [*found.items(), ("all of these", everything)]:
        cells = [f"{explained(offsets['Set B', word], columns):.2f}" for word in ("age", "metallicity")]
        print(f"| {cause} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
