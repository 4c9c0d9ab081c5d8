"""How many mock spectra a second one core makes: the bar is 1000.

Usage: python benchmarks/mock_survey.py [n_galaxies] [--templates emiles|made-up|PATH]
"""

from __future__ import annotations

import argparse
import resource
import time

from agez.mocks.observation import prepare_grid
from agez.mocks.plan import N_GALAXIES, N_SPECTRA, survey_plan
from agez.mocks.survey import iterate_survey
from agez.spectra.templates import load_templates

BAR = 1000.0


def main() -> None:
    """Make a survey, drop each galaxy at once, print spectra per second, the ratio to the bar, and the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n_galaxies", type=int, nargs="?", default=N_GALAXIES)
    parser.add_argument("--templates", default="emiles")
    arguments = parser.parse_args()
    grid = load_templates(arguments.templates)
    start = time.perf_counter()
    prepare_grid(grid)
    prepared = time.perf_counter() - start
    plan = survey_plan(arguments.n_galaxies, round(arguments.n_galaxies * N_SPECTRA / N_GALAXIES), seed=1)
    start, cpu = time.perf_counter(), time.process_time()
    number = sum(len(one.spectra) for one in iterate_survey(plan, grid))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"templates {grid.name}: prepared once in {prepared:.2f} s")
    print(
        f"{number} spectra of {len(plan)} galaxies in {wall:.2f} s ({cpu:.2f} s of CPU): {number / wall:.0f} spectra/s"
    )
    print(
        f"rate per second of CPU (one thread) over the bar of {BAR:.0f} spectra/s: {number / cpu / BAR:.2f}; "
        f"peak memory {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
