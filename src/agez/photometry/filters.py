"""Filter sets: the type, and how one is loaded by its name or from the user's own curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from astropy.table import Table

from agez.arguments import takes
from agez.arrays import Summarised
from agez.errors import AgezError
from agez.photometry.curves_io import Counting, check_curve, read_curves
from agez.photometry.names import PAPER_BANDS, canonical_band_name, find_band
from agez.photometry.profiles import Profile, flat_profile, full_width_half_maximum, pivot_wavelength
from agez.surveys.record import SurveyRecord
from agez.surveys.registry import filter_sets, find_survey
from agez.types import Bands, Floats

__all__ = ["PAPER_BANDS", "FilterSet", "canonical_band_name", "filter_set_from_curves", "load_filters"]

#: A user's or a downloaded curve must have its pivot this near to the shipped band of its name [Angstrom]:
#: batches of one filter differ by a few Angstrom, filters of one set by about 100; for broad bands, whose
#: pivots move with detector and atmosphere, a tenth of the width is allowed.
PIVOT_TOLERANCE_ANGSTROM = 25.0
PIVOT_TOLERANCE_OF_WIDTH = 0.10


@dataclass(frozen=True, eq=False)
class FilterSet(Summarised):
    """An ordered set of bands with their response curves.

    Attributes
    ----------
    name : str
    curves : tuple of (wave_angstrom, response) pairs
        One a band: (m,) vacuum wavelengths [Angstrom], strictly increasing, and photon response
        (electrons per photon; only the shape matters), 0 outside.
    bands : Bands
        Names, pivot wavelengths and FWHM.
    source : str
        Where the curves come from.
    """

    name: str
    curves: tuple[tuple[Floats, Floats], ...]
    bands: Bands
    source: str

    def __post_init__(self) -> None:
        if len(self.curves) != len(self.bands):
            raise AgezError(f"filter set {self.name!r}: {len(self.curves)} curves for {len(self.bands)} bands")
        for name, (wave, response) in zip(self.names, self.curves, strict=True):
            check_curve(f"filter set {self.name!r}, band {name}", wave, response)

    def __len__(self) -> int:
        return len(self.bands)

    @property
    def names(self) -> tuple[str, ...]:
        """The bands' names, in order."""
        return self.bands.names

    def select(self, names: Sequence[str]) -> FilterSet:
        """The same set with only ``names`` (any spelling), in that order; AgezError if one is unknown."""
        wanted = [canonical_band_name(name, self.names) for name in names]
        at = self.bands.index(wanted)
        return FilterSet(self.name, tuple(self.curves[i] for i in at), self.bands.select(wanted), self.source)


def filter_set_from_curves(name: str, curves: Mapping[str, tuple[Floats, Floats]], *, source: str) -> FilterSet:
    """A filter set from ``{band: (vacuum wavelength [Angstrom], photon response)}``; pivots and widths are computed."""
    for band, (wave, response) in curves.items():
        check_curve(f"filter set {name!r}, band {band}", wave, response)
    pivots = tuple(pivot_wavelength(*curve) for curve in curves.values())
    widths = tuple(full_width_half_maximum(*curve) for curve in curves.values())
    return FilterSet(name, tuple(curves.values()), Bands(tuple(curves), pivots, widths, name), source)


@takes(source="name")
def load_filters(source: str | Path = "jpas", *, measured: bool = False, counting: Counting | None = None) -> FilterSet:
    """A filter set by name, or from the user's own curves.

    The shipped profiles (see :class:`agez.photometry.profiles.Profile`) have the pivots of the measured
    curves, and give the same magnitudes over E-MILES (all ages and metallicities, with and without dust,
    redshifts 0 to 0.1) to 0.0004 (jpas), 0.0005 (jplus) and 0.0005 mag rms (splus); the worst single band
    is J0410 of jpas, 0.0019 mag; ``python tools/derive_filters.py FOLDER --report`` prints it anew.
    ``alhambra`` is nominal: named centres, published widths, flat tops; not compared with measured curves.

    Parameters
    ----------
    source : str or path
        The name of a survey (``jpas``, ``jplus``, ``splus``, ``alhambra``, or one that was registered), or the path
        of a folder of two-column files (one a band) or of a table with the columns filter, wavelength, throughput: see
        :func:`agez.photometry.curves_io.read_curves`.
    measured : bool
        False: the shipped analytic profiles; needs no network, and gives the same numbers everywhere.
        True: the measured curves of the SVO Filter Profile Service, from the cache or fetched once;
        if neither works, says so in one line and goes on with the shipped set.
    counting : 'photon' or 'energy', optional
        Of the user's curves, where their files do not say.

    Raises
    ------
    AgezError
        If the set or a file is unknown or unusable.

    Examples
    --------
    >>> import agez
    >>> filters = agez.load_filters("jplus").select(["J0410", "J0660"])
    >>> filters.names
    ('J0410', 'J0660')
    >>> [round(pivot) for pivot in filters.bands.pivot_angstrom]
    [4107, 6604]
    """
    path, survey = Path(source), find_survey(str(source))
    named = survey is not None and not survey.part_of
    if not named and not path.exists():
        raise AgezError(
            f"filter set {str(source)!r} is unknown; choose {', '.join(filter_sets())}, "
            "or give the path of a folder or a table of curves"
        )
    if survey is not None and named:
        shipped = _filters_of(survey)
        if counting is not None:
            raise AgezError(f"filters: counting describes curves of your own, but {source!r} is built in")
        if measured:
            from agez.photometry.svo import measured_curves

            return measured_curves(shipped)
        return shipped
    if measured:
        raise AgezError(f"filters: measured goes with a named set; {source} already gives the curves")
    return filter_set_from_curves(path.stem, read_curves(path, counting=counting), source=str(path))


def replace_curves(filters: FilterSet, curves: Mapping[str, tuple[Floats, Floats]], *, source: str) -> FilterSet:
    """``filters`` with other curves of the same bands: names may be in any spelling and order, and others are left out.

    AgezError if a band is missing or its pivot is further from that of ``filters`` than the tolerance.
    """
    new = _in_order(filters.name, filters.names, curves, source=source)
    for name, pivot, wanted, width in zip(
        new.names, new.bands.pivot_angstrom, filters.bands.pivot_angstrom, filters.bands.fwhm_angstrom, strict=True
    ):
        if abs(pivot - wanted) > max(PIVOT_TOLERANCE_ANGSTROM, PIVOT_TOLERANCE_OF_WIDTH * width):
            raise AgezError(
                f"{source}: the curve of {name} has its pivot at {pivot:.0f} A; that of {filters.name!r} is at "
                f"{wanted:.0f} A; check the unit of wavelength and the band's name"
            )
    return new


def _in_order(
    name: str, bands: Sequence[str], curves: Mapping[str, tuple[Floats, Floats]], *, source: str
) -> FilterSet:
    by_name = {find_band(one, bands) or one: curve for one, curve in curves.items()}
    missing = [band for band in bands if band not in by_name]
    if missing:
        raise AgezError(f"{source}: no curve for {', '.join(missing)} of {name!r}; found {', '.join(by_name)}")
    return filter_set_from_curves(name, {band: by_name[band] for band in bands}, source=source)


@cache
def _filters_of(survey: SurveyRecord) -> FilterSet:
    """The filter set of a survey: its curves, its nominal bands as flat tops, or its table of profiles."""
    if survey.curves is not None:
        return _in_order(survey.name, survey.bands, read_curves(survey.curves), source=survey.source)
    if survey.profiles is None:
        pivots, widths = (tuple(map(float, column)) for column in zip(*survey.nominal, strict=True))
        curves = tuple(_nominal_profile(*numbers).curve() for numbers in survey.nominal)
        return FilterSet(survey.name, curves, Bands(survey.bands, pivots, widths, survey.name), survey.source)
    table = Table.read(survey.profiles.read_text(encoding="utf-8"), format="ascii.ecsv")
    if tuple(table["band"]) != survey.bands:
        raise AgezError(f"{survey.profiles}: its bands are not those of survey {survey.name!r}; derive it anew")
    profiles = [
        Profile(
            float(row["low_edge"]), float(row["low_width"]), float(row["high_edge"]), float(row["high_width"]),
            tuple(float(c) for c in np.trim_zeros(np.asarray(row["top"], dtype=float), "b")),
        )
        for row in table
    ]  # fmt: skip
    bands = Bands(survey.bands, tuple(table["pivot"].tolist()), tuple(table["fwhm"].tolist()), survey.name)
    return FilterSet(survey.name, tuple(one.curve() for one in profiles), bands, str(table.meta["source"]))


def _nominal_profile(centre_angstrom: float, fwhm_angstrom: float) -> Profile:
    """A flat top, its numbers rounded as those of tables are."""
    flat = flat_profile(centre_angstrom, fwhm_angstrom)
    edges = round(flat.low_edge, 2), round(flat.low_width, 2), round(flat.high_edge, 2), round(flat.high_width, 2)
    return Profile(*edges)
