"""What a table of galaxies (``--galaxies``) says of the galaxy that a command maps, in place of options not given."""

from __future__ import annotations

import copy
import warnings
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from agez.samples.galaxy_facts import read_galaxy_facts

#: Option and what the table calls it.
_FILLED = {
    "redshift": "redshift", "redshift_err": "redshift_err", "re": "re_arcsec", "inclination": "inclination_deg",
    "pa": "pa_deg", "ebv": "ebv", "centre": "centre_deg",
}  # fmt: skip
#: Keywords of a galaxy's name: S-Cubes', MaNGA's, and all others'.
_NAME_KEYS = ("GALAXY", "PLATEIFU", "OBJECT", "MANGAID")


def with_known_galaxy(options: Namespace, *, cube: bool) -> Namespace:
    """Options of ``agez map`` with those that are not given filled by the galaxy's row in ``--galaxies``.

    ``galaxies`` of them is the table that was read.  Of a cube of spectra a redshift that its header says goes before
    the table's, as in ``agez label``, so it is left to the reader; its error has no use there.

    Raises
    ------
    AgezError
        If the table cannot be read, or has no row of the galaxy.
    """
    if options.galaxies is None:
        return options
    table = read_galaxy_facts(options.galaxies)
    facts = table.need(*names_of(options.input))
    filled = copy.copy(options)
    filled.galaxies = table
    for option, what in _FILLED.items():
        value = getattr(facts, what)
        known = value is not None and bool(np.all(np.isfinite(value)))
        if known and getattr(options, option) is None and not (cube and option in ("redshift", "redshift_err")):
            setattr(filled, option, value)
    if (filled.inclination is None) != (filled.pa is None) and options.inclination is None and options.pa is None:
        filled.inclination = filled.pa = None  # a tilt needs both
    return filled


def names_of(inputs: Sequence[str]) -> list[str]:
    """Names that the galaxy of some files may have: those in the first header that says any, the folder's or file's."""
    first = Path(inputs[0])
    if first.is_dir():
        files, name = sorted(path for path in first.iterdir() if path.is_file()), first.resolve().name
    else:
        files, name = [first], first.name.split(".")[0]
    return [*next((words for words in map(_names_in, files) if words), []), name]


def _names_in(path: Path) -> list[str]:
    try:
        with warnings.catch_warnings(action="ignore"):
            with fits.open(path, memmap=False) as hdus:
                headers = [hdu.header for hdu in hdus[:2]]
            words = (next(filter(None, (header.get(key) for header in headers)), "") for key in _NAME_KEYS)
            return list(dict.fromkeys(str(word).strip() for word in words if word))
    except Exception:
        return []  # no FITS, or damaged: whoever reads it says what is wrong
