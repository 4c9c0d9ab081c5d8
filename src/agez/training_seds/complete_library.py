"""Template libraries completed to all wavelengths and ages that training needs, by another library joined to them.

Most libraries end near 3500 A, some at 7400 A, and half begin at 50 to 100 Myr.  Left as they are, the pattern of bands
without flux would betray the library, and no galaxy of theirs could be seen at redshift 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from agez.errors import AgezError
from agez.spectra.templates import load_templates
from agez.training_seds.libraries import Library, library_of
from agez.types import Floats

#: Over this many pixels inside the edge the donor is scaled to the library, and one passes into the other.
JOIN_PIXELS = 120
#: The youngest age that is asked for, and the least distance between ages taken from the donor [dex].
YOUNGEST, AGE_STEP = 6.0, 0.1


def main_library(name: str) -> str:
    """The library of ``LIBRARY+DONOR`` that the donor completes."""
    return name.partition("+")[0]


def completed(library: Library, donor: Library) -> Library:
    """``library`` with ``donor`` where it does not reach: in wavelength, and below its youngest age.

    Its name is ``LIBRARY+DONOR``.  The donor must reach every wavelength.  Its spectrum of the same age and metallicity
    (of its nearest, outside its own range) is scaled to equal light over :data:`JOIN_PIXELS` (18 000 km/s) at the edge.
    Younger populations are the donor's, scaled at each metallicity to equal light per mass at the library's first age.
    """
    first = float(library.log_age[0])
    younger = [age for age in donor.log_age if YOUNGEST - 1e-6 <= age < first - AGE_STEP / 2]
    kept: list[float] = []
    for age in younger:
        if not kept or age - kept[-1] >= AGE_STEP - 1e-6:
            kept.append(float(age))
    wide = _joined(library, _at(donor, donor.flux, library.log_age, library.mh))
    flux, light = wide, library.light
    if kept:
        at_first = _at(donor, donor.light, np.array([first]), library.mh)
        ratio = library.light[:1] / at_first
        young = _at(donor, donor.flux, np.array(kept), library.mh) * ratio[..., None]
        flux = np.concatenate([young, wide])
        light = np.concatenate([_at(donor, donor.light, np.array(kept), library.mh) * ratio, library.light])
    return replace(
        library, name=f"{library.name}+{donor.name}", log_age=np.concatenate([kept, library.log_age]),
        flux=flux.astype(np.float32), light=light, reached=library.reached | donor.reached,
        reference=f"{library.reference}; {donor.reference}",
    )  # fmt: skip


def _at(donor: Library, values: Floats, log_age: Floats, mh: Floats) -> Floats:
    """(n_age, n_mh, ...) values at the donor's nodes, linear in log age and [M/H], constant outside its range."""
    ages, metals = np.clip(log_age, *donor.log_age[[0, -1]]), np.clip(mh, *donor.mh[[0, -1]])
    nodes = np.stack(np.meshgrid(ages, metals, indexing="ij"), axis=-1)
    return np.asarray(RegularGridInterpolator((donor.log_age, donor.mh), values.astype(float))(nodes))


def _joined(library: Library, donor: Floats) -> Floats:
    """(n_age, n_mh, p) the library inside its range, the donor outside."""
    out = library.flux.astype(float)
    start, stop = np.flatnonzero(library.reached)[[0, -1]] + [0, 1]
    ramp = (np.arange(JOIN_PIXELS) + 0.5) / JOIN_PIXELS
    for edge, outside, share in (
        (slice(start, start + JOIN_PIXELS), slice(0, start), 1 - ramp),
        (slice(stop - JOIN_PIXELS, stop), slice(stop, None), ramp),
    ):
        if not out[..., outside].shape[-1]:
            continue
        scale = out[..., edge].sum(axis=-1, keepdims=True) / donor[..., edge].sum(axis=-1, keepdims=True)
        out[..., edge] = (1 - share) * out[..., edge] + share * donor[..., edge] * scale
        out[..., outside] = donor[..., outside] * scale
    return out


#: Blends reach this far from a library towards another one, and away from it.
MOST_BLEND = 0.5
#: Ratios of two libraries are taken to at most this factor.
MOST_RATIO = 3.0


def blended(library: Library, other: Library, share: float) -> Library:
    """A library that no one has made: ``library`` times (``other`` / ``library``) to the power of ``share``.

    Libraries differ in isochrones, stars and methods, and galaxies need not follow any of them.  Networks that see what
    lies between and beside the libraries do not take the few that there are for all that can be.

    ``other`` is interpolated to the nodes of ``library``; nodes outside its metallicities stay as they are.  A share of
    1 would be ``other``, a negative number leads away from it.
    """
    theirs = _at(other, other.flux, library.log_age, library.mh)
    ours = library.flux.astype(float)
    both = (ours > 0) & (theirs > 0)
    scale = (_at(other, other.light, library.log_age, library.mh) / library.light)[..., None]
    ratio = np.where(both, theirs / np.where(both, ours * scale, 1.0), 1.0)
    outside = (library.mh < other.mh[0] - 0.1) | (library.mh > other.mh[-1] + 0.1)
    ratio[:, outside] = 1.0
    factor = np.clip(ratio, 1 / MOST_RATIO, MOST_RATIO) ** share
    # light per mass: both in solar luminosities per Angstrom and solar mass of one initial mass function
    known = library.log_solar_mass is not None and other.log_solar_mass is not None
    units = 10 ** ((library.log_solar_mass or 0.0) - (other.log_solar_mass or 0.0)) if known else 1.0
    light_ratio = np.clip(scale[..., 0] * units, 1 / MOST_RATIO, MOST_RATIO) ** share
    light_ratio[:, outside] = 1.0
    return replace(
        library, name=f"{library.name} {share:+.2f} {other.name}",
        flux=(ours * factor * light_ratio[..., None]).astype(np.float32), light=library.light * light_ratio,
    )  # fmt: skip


def load_libraries(names: Sequence[str]) -> tuple[Library, ...]:
    """Libraries by name or path, as :func:`agez.spectra.templates.load_templates` takes them.

    ``LIBRARY+DONOR`` is a library completed by another; see :func:`completed`.
    """
    if not names:
        raise AgezError("no template library given; name at least one")
    return tuple(_load(name) for name in names)


@lru_cache(maxsize=16)
def _load(name: str) -> Library:
    first, _, donor = name.partition("+")
    if donor:
        return completed(_load(first), _load(donor))
    return library_of(load_templates(name), name=name)
