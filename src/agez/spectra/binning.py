"""Cubes to bins: spaxels are gathered until each bin reaches a signal-to-noise ratio, and their spectra added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agez.arrays import check, check_shape
from agez.errors import AgezError
from agez.spectra.bin_sums import bin_spectra
from agez.spectra.covariance import SpatialCovariance, covariance_for
from agez.spectra.spaxels import Spaxels, cube_shape, measure_spaxels
from agez.spectra.star_masks import read_star_mask
from agez.spectra.voronoi import need_powerbin, voronoi_bins
from agez.types import Bools, Floats, Ints, Spectra
from agez.wavelength_gaps import with_missing_pixels

#: The ways of binning.
METHODS = ("voronoi", "none")


@dataclass(frozen=True)
class BinSettings:
    """How a cube is binned.

    Attributes
    ----------
    target_snr : float
        Signal-to-noise ratio per Angstrom that bins shall reach, in the window.
    method : str
        ``voronoi``: centroidal power diagrams (Cappellari 2025, MNRAS 544, 1432), a kind of Voronoi binning; needs
        the optional package powerbin.  ``none``: each spaxel that can be used is a bin.
    min_spaxel_snr : float
        Spaxels below this S/N per Angstrom are left out, or bins would be filled up with sky.
    covariance : float or str, optional
        ``none``, ``califa``, ``manga`` or a slope; by the survey if not given
        (:func:`agez.spectra.covariance.covariance_for`).
    star_mask : path, optional
        See :func:`agez.spectra.star_masks.read_star_mask`.
    """

    target_snr: float = 40.0
    method: str = "voronoi"
    min_spaxel_snr: float = 3.0
    covariance: float | str | None = None
    star_mask: str | Path | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise AgezError(f"binning method is {self.method!r}; choose {' or '.join(METHODS)}")
        if not 0 < self.target_snr < np.inf:
            raise AgezError(f"target S/N of bins is {self.target_snr!r}; expected a number above 0")
        if not 0 <= self.min_spaxel_snr < np.inf:
            raise AgezError(f"least S/N of a spaxel is {self.min_spaxel_snr!r}; expected a number of 0 or more")
        covariance_for({}, self.covariance)

    def as_meta(self) -> dict[str, Any]:
        """What a file's header says of it."""
        return {**asdict(self), "star_mask": None if self.star_mask is None else str(self.star_mask)}


@dataclass(frozen=True, eq=False)
class BinnedCube:
    """Bins of a cube, and what its spaxels are like."""

    spectra: Spectra  #: A row a bin, in the order of the bin numbers: outwards from the galaxy's centre.
    bin_id: Ints  #: (ny, nx) Bin of each spaxel, -1 where it is in none.
    #: signal, snr: (ny, nx) Of each spaxel in the window: median flux per pixel, and S/N per Angstrom; NaN where there
    #: is no data.
    signal: Floats
    snr: Floats
    stars: Bools  #: (ny, nx) Spaxels that the star mask leaves out.
    n_spaxels: Ints  #: (n,) Spaxels in each bin.
    bin_snr: Floats  #: (n,) S/N per Angstrom of each bin in the window, the covariance allowed for.
    #: JSON-able. The settings; ``covariance`` (the law used, with its source), ``window_observed_angstrom``,
    #: ``spaxels`` (how many are used, and how many left out by reason), ``engine``, and ``remark``: '' or what went
    #: another way than asked.
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("signal", "snr", "stars"):
            check_shape(self, name, np.shape(self.bin_id))
        for name in ("n_spaxels", "bin_snr"):
            check_shape(self, name, (len(self),))
        number = np.bincount(self.bin_id[self.bin_id >= 0], minlength=len(self))
        check(np.array_equal(number, self.n_spaxels), "BinnedCube: bin_id and n_spaxels disagree")

    def __len__(self) -> int:
        return len(self.spectra)


def can_bin(method: str) -> None:
    """AgezError if what a method needs is not installed: to be called before long work."""
    if method == "voronoi":
        need_powerbin()


def bin_cube(spectra: Spectra, settings: BinSettings | None = None) -> BinnedCube:
    """Bins of a cube that reach a signal-to-noise ratio, with their spectra.

    Spaxels that reach the target by themselves stay alone; the rest is gathered.  The S/N of a bin is that of the sum
    of its spaxels with the covariance of neighbours in it::

        S/N = sum(signal) / (sqrt(sum(noise^2)) * beta(N))

    The same cube gives the same bins, whatever the order of its rows.

    Parameters
    ----------
    spectra : Spectra
        All spaxels of one cube, as :func:`agez.spectra.readers.read_spectra` gives them.

    Returns
    -------
    BinnedCube
        If all spaxels together do not reach the target they are one bin; ``meta['remark']`` says so.

    Raises
    ------
    AgezError
        Not a cube (row-stacked spectra), no spaxel that can be used (with the numbers left out by reason), a star
        mask that does not fit, or powerbin not installed.
    """
    settings = settings or BinSettings()
    cube_shape(spectra)  # refused before the star mask is read
    can_bin(settings.method)
    spectra = with_missing_pixels(spectra)
    covariance = covariance_for(spectra.meta, settings.covariance)
    spaxels = measure_spaxels(
        spectra,
        min_snr=settings.min_spaxel_snr,
        star_mask=None if settings.star_mask is None else read_star_mask(settings.star_mask, spectra),
    )
    usable = spaxels.usable
    if not usable.any():
        why = ", ".join(f"{n} {word}" for word, n in spaxels.counts().items() if word != "used")
        low, high = spaxels.window_angstrom
        raise AgezError(
            f"{spectra.source}: none of {len(spectra)} spaxels can be used for binning ({why}); "
            f"the least S/N per A of a spaxel is {settings.min_spaxel_snr:g} in {low:.0f}-{high:.0f} A (observed)"
        )
    number, engine, remark = _numbers(spaxels, usable, settings, covariance)
    number = _outwards(number, spaxels, spectra)
    meta = {
        **settings.as_meta(),
        "covariance": covariance.as_meta(),
        "window_observed_angstrom": [float(edge) for edge in spaxels.window_angstrom],
        "spaxels": spaxels.counts(),
        "engine": engine,
        "remark": remark,
    }
    binned = bin_spectra(spectra, number, covariance)
    in_bin = number >= 0
    n_spaxels = np.bincount(number[in_bin])
    return BinnedCube(
        spectra=replace(binned, meta={**binned.meta, "binning": meta}),
        bin_id=spaxels.image(number.astype(np.int32), empty=-1),
        signal=spaxels.image(spaxels.signal),
        snr=spaxels.image(spaxels.snr),
        stars=spaxels.image(spaxels.starred, empty=False),
        n_spaxels=n_spaxels,
        bin_snr=_bin_snr(number, spaxels, covariance),
        meta=meta,
    )


def _numbers(
    spaxels: Spaxels, usable: Bools, settings: BinSettings, covariance: SpatialCovariance
) -> tuple[NDArray[np.int64], str, str]:
    """Bin of each spaxel in any order (-1: none), what made them, and a remark."""
    number = np.full(len(usable), -1, dtype=np.int64)
    at = np.flatnonzero(usable)
    at = at[np.lexsort((spaxels.x[at], spaxels.y[at]))]  # the engine must not see the order of the rows
    number[at] = np.arange(len(at))
    if settings.method == "none":
        return number, "none", ""
    faint = at[spaxels.snr[at] < settings.target_snr]
    if len(faint) == 0:
        return number, "none", f"every spaxel reaches S/N {settings.target_snr:g} by itself: nothing was binned"
    bins, engine = voronoi_bins(
        np.column_stack([spaxels.x[faint], spaxels.y[faint]]).astype(float),
        spaxels.signal[faint],
        spaxels.noise[faint] * np.sqrt(spaxels.pixel_angstrom),
        settings.target_snr,
        covariance,
    )
    number[faint] = len(at) + bins
    if engine == "one bin":
        which = "all spaxels together do" if len(faint) == len(at) else "the spaxels below the target together do"
        return number, engine, f"{which} not reach S/N {settings.target_snr:g}: they are one bin"
    return number, engine, ""


def _bin_snr(number: NDArray[np.int64], spaxels: Spaxels, covariance: SpatialCovariance) -> Floats:
    at = number >= 0
    signal = np.bincount(number[at], spaxels.signal[at])
    variance = np.bincount(number[at], spaxels.noise[at] ** 2) * spaxels.pixel_angstrom
    return np.asarray(signal / (np.sqrt(variance) * covariance.ratio(np.bincount(number[at]))))


def _outwards(number: NDArray[np.int64], spaxels: Spaxels, spectra: Spectra) -> NDArray[np.int64]:
    """Bins numbered by the distance of their light from the galaxy's centre; at one distance, by their first spaxel."""
    at = np.flatnonzero(number >= 0)
    at = at[np.lexsort((spaxels.x[at], spaxels.y[at]))]
    _, first, bins = np.unique(number[at], return_index=True, return_inverse=True)
    x, y = spectra.rows.x[at], spectra.rows.y[at]
    if not (np.isfinite(x).all() and np.isfinite(y).all()):  # no positions: the brightest spaxel is the centre
        brightest = at[np.argmax(spaxels.signal[at])]
        x, y = (pixel[at] - pixel[brightest] for pixel in (spaxels.x, spaxels.y))
    light = spaxels.signal[at]
    distance = np.hypot(*(np.bincount(bins, values * light) / np.bincount(bins, light) for values in (x, y)))
    place = np.empty(len(first), dtype=np.int64)
    place[np.lexsort((first, np.round(distance, 6)))] = np.arange(len(first))
    ordered = np.full(len(number), -1, dtype=np.int64)
    ordered[at] = place[bins]
    return ordered
