"""The record of one survey: bands and their curves, spellings, tables, images, model and citation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from agez.arrays import Summarised
from agez.errors import AgezError
from agez.surveys.archive import Archive

#: Folder of the tables of band profiles that ship.
DATA = Path(__file__).parent / "data"
_BRACES = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class VectorOrder:
    """Order of the elements of vector columns in a survey's or release's catalogues; ``name`` is for messages.

    Examples
    --------
    >>> import agez
    >>> agez.VectorOrder("TWO DR1", ("g", "r")).bands
    ('g', 'r')
    """

    name: str
    bands: tuple[str, ...]


@dataclass(frozen=True)
class ColumnForm:
    """How tables name a band's values and errors: templates of ``{band}`` and ``{aperture}``, in any case."""

    value: str
    errors: tuple[str, ...] = ()
    relative_errors: tuple[str, ...] = ()  #: Of errors divided by the flux.
    #: ``either``: the name does not tell; the unit does, or the numbers.
    quantity: Literal["magnitude", "flux", "either"] = "magnitude"


@dataclass(frozen=True)
class TableFacts:
    """How a survey's tables with a column for each band and aperture name their columns.

    Names of redshifts, E(B-V) and identifiers count in any case, with or without what stands between words, and with
    the suffixes of joins (``zb_``, ``ID_dual``); they are taken only in tables whose photometry is named by ``forms``.
    """

    forms: tuple[ColumnForm, ...] = ()
    #: Ways of measuring, the recommended one for galaxies first; names of point-source photometry last.
    apertures: tuple[str, ...] = ()
    advice: str = ""  #: Why the first is recommended, for messages.
    #: What ``{band}`` may be, and which band it is; empty: the names of ``bands``.
    band_names: Mapping[str, str] = field(default_factory=dict)
    either_unit: str = ""  #: Of columns of quantity ``either`` that hold no magnitudes.
    spectroscopic: tuple[str, ...] = ()  #: Columns of redshifts, the best first.
    photometric: tuple[str, ...] = ()
    #: Column of the error of a redshift, or two with a comma between: bounds of its 68 % interval.
    redshift_errors: Mapping[str, str] = field(default_factory=dict)
    ebv: tuple[str, ...] = ()  #: E(B-V) of the Milky Way, which the survey's photometry still contains.
    ids: tuple[str, ...] = ()  #: Identifiers; several columns that identify a row together, with commas between.


@dataclass(frozen=True)
class ImageFacts:
    """What a survey's image files say, beside the keywords that are common to many.

    Examples
    --------
    >>> import agez
    >>> agez.ImageFacts(instruments=("paucam",), zero_point=("MAGZP",)).instruments
    ('paucam',)
    """

    #: telescopes, instruments: In SURVEY, INSTRUME or TELESCOP, in lower case; the telescope counts first, as sister
    #: cameras share names.
    telescopes: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    #: band, psf_fwhm, psf_beta, zero_point: Keywords of the band, the PSF's FWHM [arcsec] and Moffat exponent, and the
    #: AB magnitude of a value of 1.
    band: tuple[str, ...] = ()
    psf_fwhm: tuple[str, ...] = ()
    psf_beta: tuple[str, ...] = ()
    zero_point: tuple[str, ...] = ()
    cubes: bool = False  #: It publishes S-Cubes: a cube that names no survey is of this one.


@dataclass(frozen=True)
class ShippedModel:
    """Bands of the shipped model (empty: all), and lines of its card that say what it must not be used for."""

    bands: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class SurveyRecord(Summarised):
    """All that agez knows of one survey; one of ``nominal``, ``profiles`` and ``curves`` says what its bands are.

    Attributes
    ----------
    name, title : str
        Of the filter set, as ``--filters`` and files have it (``jpas``), and as people write it (``J-PAS``).
    bands : tuple of str
        In the order of the filter set.
    nominal : tuple of (float, float)
        Centre and FWHM [Angstrom, vacuum] of each band, whose profile is then a flat top.
    profiles : path, optional
        Table of band profiles that ``tools/derive_filters.py`` fitted to measured curves; its header says to which.
    curves : path, optional
        Response curves, as :func:`agez.photometry.curves_io.read_curves` reads them.
    source : str
        Where ``nominal`` or ``curves`` come from.
    part_of : str
        The survey of whose filter set these are some bands; the record is then no filter set of its own.
    aliases : mapping of str to str
        Other spellings of bands, in any case.
    respell : callable, optional
        A rule of spelling: the band that a word in upper case means, or None.
    vector_orders : tuple of VectorOrder
    table_units : mapping of str to str
        Unit of fluxes that have none, by the name of their table in upper case, without underscores.
    tables : TableFacts
        Names of columns in tables with a column for each band.
    images : ImageFacts
    svo : (str, str), optional
        Facility and instrument at the SVO Filter Profile Service.
    model : ShippedModel, optional
    archive : Archive, optional
        Of its tables and images, for ``agez fetch``.
    citation : str

    Examples
    --------
    >>> import agez
    >>> nominal = ((4800.0, 1400.0), (6200.0, 1400.0))
    >>> record = agez.SurveyRecord(name="two", title="TWO", bands=("g", "r"), nominal=nominal, aliases={"red": "r"})
    >>> record.spellings["RED"]
    'r'
    """

    name: str
    title: str
    bands: tuple[str, ...]
    nominal: tuple[tuple[float, float], ...] = ()
    profiles: Path | None = None
    curves: Path | None = None
    source: str = ""
    part_of: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    respell: Callable[[str], str | None] | None = None
    vector_orders: tuple[VectorOrder, ...] = ()
    table_units: Mapping[str, str] = field(default_factory=dict)
    tables: TableFacts = field(default_factory=TableFacts)
    images: ImageFacts = field(default_factory=ImageFacts)
    svo: tuple[str, str] | None = None
    model: ShippedModel | None = None
    archive: Archive | None = None
    citation: str = ""

    def __post_init__(self) -> None:
        given = sum((bool(self.nominal), self.profiles is not None, self.curves is not None))
        known = set(self.bands).union(*(order.bands for order in self.vector_orders))
        named = {*self.aliases.values(), *self.tables.band_names.values(), *(self.model.bands if self.model else ())}
        forms = self.tables.forms
        twice = [word for word, band in self.aliases.items() if self.spellings[word.upper()] != band]
        for holds, expected in (
            (re.fullmatch(r"[\w.\-]+", self.name), "a name of letters, digits, '_', '.' and '-'"),
            (self.bands and len(set(self.bands)) == len(self.bands), f"different bands, found {self.bands}"),
            (given == (not self.part_of), "one of nominal, profiles and curves, or else part_of"),
            (len(self.nominal) in (0, len(self.bands)), f"{len(self.bands)} nominal bands, found {len(self.nominal)}"),
            (all(0 < fwhm < centre for centre, fwhm in self.nominal), "nominal centres and FWHM, FWHM < centre"),
            (named <= known, f"aliases and a model of its own bands, found {', '.join(sorted(named - known))}"),
            (not twice, f"one band for each alias; {', '.join(twice)} is two bands"),
            (all(len(set(one.bands)) == len(one.bands) > 1 for one in self.vector_orders), "orders of different bands"),
            (all({"{band}", "{aperture}"} <= set(_BRACES.findall(one.value)) for one in forms),
             "forms of columns with {band} and {aperture}"),
            (bool(forms) == bool(self.tables.apertures), "forms of columns and apertures, or neither"),
        ):  # fmt: skip
            if not holds:
                raise AgezError(f"survey {self.name!r}: expected {expected}")

    @cached_property
    def spellings(self) -> dict[str, str]:
        """The band of each word, in upper case, that is a name or an alias."""
        every = (*(order.bands for order in self.vector_orders), self.bands)
        names = {band.upper(): band for bands in every for band in bands}
        return {word.upper(): band for word, band in self.aliases.items()} | names
