"""Print how bright each template library is per solar mass formed, compared with BC03 with MILES: units and masses.

    python tools/light_per_mass.py

The mean difference at log ages 8.5 to 10 and solar metallicity is where the constants of
``agez.training_seds.libraries.LOG_SOLAR_MASS`` come from; its scatter is what libraries disagree about.
"""

from __future__ import annotations

import numpy as np

from agez.training_seds.complete_library import load_libraries
from agez.training_seds.libraries import LOG_SOLAR_MASS, Library

AGES = np.arange(8.5, 10.01, 0.25)


def log_light(library: Library) -> np.ndarray:
    """log10 of the light at 5500 A per unit of mass, at solar metallicity, at AGES."""
    solar = int(np.argmin(np.abs(library.mh)))
    return np.interp(AGES, library.log_age, np.log10(library.light[:, solar]))


def main() -> None:
    """Print a line a library."""
    libraries = dict(zip(LOG_SOLAR_MASS, load_libraries(tuple(LOG_SOLAR_MASS)), strict=True))
    reference = log_light(libraries["bc03-miles"]) - LOG_SOLAR_MASS["bc03-miles"]
    print("library      units [dex]  scatter  light per Chabrier mass, over BC03 with MILES [dex]")
    for name, library in libraries.items():
        light = log_light(library)
        off = light - log_light(libraries["bc03-miles"])
        mass = light - LOG_SOLAR_MASS[name] - reference
        print(f"{name:12s} {off.mean():+11.3f}  {off.std():7.3f}  {mass.mean():+.3f}")


if __name__ == "__main__":
    main()
