"""Spectra per second of agez's spectral fit and of pPXF: one run, one thread each, the same spectra.

Both fit kinematics, emission lines and populations with the same templates over the same range; agez gives errors
of everything with them, pPXF is given no bootstrap.  Times are of the processor, templates made ready before::

    python benchmarks/label_speed.py [--spectra 1000] [--ppxf-spectra 12] [--regularisation 30]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from threadpoolctl import threadpool_limits

from agez.label_types import Labels
from agez.mocks.galaxies import make_galaxy
from agez.mocks.plan import survey_plan
from agez.spectra.engine_ppxf import fit_labels_ppxf
from agez.spectra.fit_settings import FitSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.templates import load_templates
from agez.types import Spectra


def seconds(work: Callable[[Spectra], Labels], spectra: Spectra) -> float:
    """Processor time per spectrum [s]; the templates are made ready by a spectrum before."""
    work(spectra.take([0]))
    start = time.process_time()
    work(spectra)
    return (time.process_time() - start) / len(spectra)


def main() -> int:
    """Print both rates and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", default="emiles")
    parser.add_argument("--spectra", type=int, default=1000, help="of one mock galaxy, for agez")
    parser.add_argument("--ppxf-spectra", type=int, default=12, help="of these, for pPXF")
    parser.add_argument("--regularisation", type=float, default=30.0, help="pPXF's regul")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    grid, settings = load_templates(options.templates), FitSettings(fit_range_angstrom=(3750.0, 7000.0))
    # survey_plan shares spectra out unevenly: ask for enough that the first galaxy has as many as are wanted
    plan = survey_plan(2, 4 * options.spectra, seed=options.seed)
    spectra = make_galaxy(plan, 0, grid).spectra
    spectra = spectra.take(np.linspace(0, len(spectra) - 1, min(options.spectra, len(spectra))).astype(int))
    low, high = settings.fit_range_angstrom
    print(
        f"{grid.name}, {grid.light.size} templates, {low:.0f}-{high:.0f} A; median S/N "
        f"{np.median(spectra.flux / spectra.flux_err) / np.sqrt(2):.0f} per A; processor time, one thread\n"
    )
    print("| code | spectra | s a spectrum | spectra/s | agez is faster by |\n|---|---|---|---|---|")
    with threadpool_limits(1):
        ours = seconds(lambda some: fit_labels(some, grid, settings=settings), spectra)
        print(f"| agez: kinematics, lines, populations, errors | {len(spectra)} | {ours:.4f} | {1 / ours:.0f} | |")
        if find_spec("ppxf") is None:
            print("\nppxf is not installed: no comparison (pip install 'agez[ppxf]')")
            return 0
        few = spectra.take(np.linspace(0, len(spectra) - 1, options.ppxf_spectra).astype(int))

        def theirs(regularisation: float) -> float:
            return seconds(
                lambda some: fit_labels_ppxf(
                    some, grid, settings=settings, regularisation=regularisation, bootstraps=0
                ),
                few,
            )  # fmt: skip

        free, both = theirs(0.0), theirs(options.regularisation)
    for words, spent in (
        ("pPXF, no regularisation", free),
        (f"pPXF, regul {options.regularisation:g}, that call alone", both - free),
        ("pPXF as recommended: one after the other", both),
    ):
        print(f"| {words} | {len(few)} | {spent:.2f} | {1 / spent:.2f} | {spent / ours:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
