"""The words of agez as frozen dataclasses that check themselves: read this file first.

One type passes at each boundary of the flow::

    Spectra -> Photometry -+-> Sample -> Model -> Prediction
       `-----> Labels -----+

Arrays are plain float arrays in the units that the field names say; ``n`` is the number of
spectra (spaxels, bins), ``p`` the number of wavelength pixels, ``b`` the number of bands,
``g`` the number of galaxies.  Arrays are never changed in place after construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from agez.arrays import mask_of, plain_array
from agez.errors import AgezError
from agez.flags import is_good

if TYPE_CHECKING:
    from agez.distributions.mixture import Mixture

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Ints = NDArray[np.integer[Any]]
Strings = NDArray[np.str_]
Medium = Literal["air", "vacuum"]
Index = slice | NDArray[Any] | Sequence[int]

#: The window in which light weights are defined [Angstrom, rest frame].
NORM_BAND_ANGSTROM = (5450.0, 5550.0)
#: The four labels, in the order of tables.
LABEL_NAMES = ("log_age_lw", "mh_lw", "log_age_mw", "mh_mw")
#: The two that the paper's networks predict.
TARGETS = ("log_age_lw", "mh_lw")
#: Words of the contract for the two targets, as in ``summary.json``.
TARGET_WORDS = {"log_age_lw": "age", "mh_lw": "metallicity"}

T = TypeVar("T", bound="_PerRow")


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise AgezError(message)


def _check_shape(owner: object, name: str, shape: tuple[int, ...]) -> None:
    found = np.shape(getattr(owner, name))
    _check(found == shape, f"{type(owner).__name__}.{name} has shape {found}; expected {shape}")


#: By the end of a field's name, its unit; of other fields the classes say it.
_UNIT_OF_ENDING = {
    "_kms": "km/s", "_kms_err": "km/s", "_angstrom": "Angstrom", "_arcsec": "arcsec", "redshift": "redshift",
    "redshift_err": "redshift",
}  # fmt: skip
#: What stands for a masked entry of these fields; of others NaN, '' where text, False where truths.
_MASKED_IS: dict[str, Any] = {"flags": 0, "mask": True, "spec_id": "", "galaxy_id": ""}


class _PerRow:
    """Row selection and concatenation for dataclasses whose per-row fields are listed in ``_row_fields``.

    Masked arrays become plain ones, and quantities numbers in the fields' units: see :func:`plain_array`.
    """

    _row_fields: tuple[str, ...] = ()

    def _make_plain(self, *also: str, units: Mapping[str, str] | None = None) -> None:
        """Per-row fields, and those of ``also``, as plain arrays; called before anything else looks at them."""
        for name in (*self._row_fields, *also):
            value = getattr(self, name)
            if not isinstance(value, np.ndarray) or type(value) is np.ndarray:
                continue
            unit = (units or {}).get(name) or next(
                (unit for ending, unit in _UNIT_OF_ENDING.items() if name.endswith(ending)), ""
            )
            try:
                plain = plain_array(value, unit=unit, missing=_MASKED_IS.get(name))
            except AgezError as error:
                raise AgezError(f"{type(self).__name__}.{name}: {error}") from error
            object.__setattr__(self, name, plain)

    def take(self: T, index: Index) -> T:
        """The same object with only the rows of ``index`` (slice, mask or integers)."""
        changes = {}
        for name in self._row_fields:
            value = getattr(self, name)
            if value is not None:
                changes[name] = value.take(index) if isinstance(value, _PerRow) else value[index]
        return replace(self, **changes)  # type: ignore[type-var]

    @classmethod
    def concatenate(cls: type[T], parts: Sequence[T]) -> T:
        """Rows of all ``parts``, one after another; what is not per row comes from the first."""
        _check(len(parts) > 0, f"no {cls.__name__} to concatenate")
        changes = {}
        for name in cls._row_fields:
            values = [getattr(part, name) for part in parts]
            if values[0] is None:
                continue
            joined = type(values[0]).concatenate(values) if isinstance(values[0], _PerRow) else np.concatenate(values)
            changes[name] = joined
        return replace(parts[0], **changes)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class Rows(_PerRow):
    """What identifies a row and places it on the sky.

    Attributes
    ----------
    spec_id, galaxy_id : (n,) str
    x, y : (n,) float
        Offsets from the galaxy's centre [arcsec]; x grows to the west (right on the detector),
        y to the north; NaN where unknown.
    """

    spec_id: Strings
    galaxy_id: Strings
    x: Floats
    y: Floats

    _row_fields = ("spec_id", "galaxy_id", "x", "y")

    def __post_init__(self) -> None:
        self._make_plain(units={"x": "arcsec", "y": "arcsec"})
        for name in self._row_fields[1:]:
            _check_shape(self, name, (len(self.spec_id),))

    def __len__(self) -> int:
        return len(self.spec_id)

    @classmethod
    def numbered(cls, n: int, *, galaxy_id: str = "") -> Rows:
        """``n`` rows of one galaxy with ids 0..n-1 and unknown positions."""
        nan = np.full(n, np.nan)
        return cls(
            np.array([str(i) for i in range(n)], dtype=str),
            np.full(n, galaxy_id, dtype=f"<U{max(1, len(galaxy_id))}"),
            nan,
            nan.copy(),
        )


@dataclass(frozen=True, eq=False)
class Spectra(_PerRow):
    """Spectra on one wavelength grid, in the observed frame.

    Attributes
    ----------
    wave_angstrom : (p,) float
        Strictly increasing, observed frame, in ``medium``.
    flux, flux_err : (n, p) float
        f_lambda and its 1-sigma error, in ``flux_unit``.
    mask : (n, p) bool
        True where the pixel must not be used (bad, not observed, NaN, error not positive).
        Readers guarantee that flux is finite and flux_err > 0 wherever mask is False.
    medium : 'air' or 'vacuum'
    rows : Rows
    redshift : (n,) float
        Redshift of the object: rest wavelength = wave / (1 + redshift).  NaN where unknown.
    fwhm_angstrom : (p,) float
        Instrumental resolution, FWHM [Angstrom, observed frame]; NaN where unknown.
    flux_unit : str
        An astropy unit of f_lambda (e.g. ``"1e-16 erg / (s cm2 Angstrom)"``).
    flags : (n,) int32
        Sum of :class:`agez.flags.Flag`.
    meta : mapping
        Provenance: ``source`` (file), ``survey`` and what else the reader knows.
    """

    wave_angstrom: Floats
    flux: Floats
    flux_err: Floats
    mask: Bools
    medium: Medium
    rows: Rows
    redshift: Floats
    fwhm_angstrom: Floats
    flux_unit: str
    flags: Ints
    meta: Mapping[str, Any] = field(default_factory=dict)

    _row_fields = ("flux", "flux_err", "mask", "rows", "redshift", "flags")

    def __post_init__(self) -> None:
        n, p = len(self.rows), len(self.wave_angstrom)
        gaps = [mask for mask in (mask_of(self.flux), mask_of(self.flux_err)) if mask is not None]
        self._make_plain("wave_angstrom", "fwhm_angstrom", units={"flux": self.flux_unit, "flux_err": self.flux_unit})
        for gap in gaps:
            object.__setattr__(self, "mask", self.mask | gap)
        for name in ("flux", "flux_err", "mask"):
            _check_shape(self, name, (n, p))
        for name in ("redshift", "flags"):
            _check_shape(self, name, (n,))
        _check_shape(self, "fwhm_angstrom", (p,))
        _check(self.medium in ("air", "vacuum"), f"medium is {self.medium!r}; expected 'air' or 'vacuum'")
        _check(p >= 2, f"{self.source}: a spectrum needs at least 2 wavelength pixels, found {p}")
        step = np.diff(self.wave_angstrom)
        _check(
            bool(np.all(np.isfinite(self.wave_angstrom))) and bool(np.all(step > 0)),
            f"{self.source}: wavelengths must be finite and strictly increasing; the first bad pixel is "
            f"{int(np.argmin(np.where(np.isfinite(step), step > 0, False))) + 1}; sort the file and remove duplicates",
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def source(self) -> str:
        """The file that the spectra came from, for messages."""
        return str(self.meta.get("source", "spectra"))


@dataclass(frozen=True)
class Bands:
    """An ordered set of bands: what a table of photometry or a model needs to know of its filters.

    Attributes
    ----------
    names : tuple of str
    pivot_angstrom, fwhm_angstrom : tuple of float
        Vacuum wavelengths [Angstrom].
    filter_set : str
        ``jpas``, ``jplus``, ``splus``, ``alhambra`` or the user's own.
    """

    names: tuple[str, ...]
    pivot_angstrom: tuple[float, ...]
    fwhm_angstrom: tuple[float, ...]
    filter_set: str

    def __post_init__(self) -> None:
        _check(
            len(set(self.names)) == len(self.names), f"filter set {self.filter_set!r} names a band twice: {self.names}"
        )
        _check(
            len(self.names) == len(self.pivot_angstrom) == len(self.fwhm_angstrom),
            f"filter set {self.filter_set!r}: names, pivots and widths differ in number",
        )

    def __len__(self) -> int:
        return len(self.names)

    def index(self, names: Sequence[str]) -> list[int]:
        """Positions of ``names``; raises AgezError that lists what is missing."""
        missing = [name for name in names if name not in self.names]
        _check(not missing, f"bands {', '.join(missing)} are not among the {len(self)} bands of {self.filter_set!r}")
        return [self.names.index(name) for name in names]

    def select(self, names: Sequence[str]) -> Bands:
        """The same set with only ``names``, in that order."""
        at = self.index(names)
        return Bands(
            tuple(names),
            tuple(self.pivot_angstrom[i] for i in at),
            tuple(self.fwhm_angstrom[i] for i in at),
            self.filter_set,
        )


@dataclass(frozen=True, eq=False)
class Photometry(_PerRow):
    """SEDs: one row a spectrum, one column a band.

    Attributes
    ----------
    bands : Bands
    flux, flux_err : (n, b) float
        f_nu and its 1-sigma error [microjansky]; NaN where not observed or not covered.
        Negative fluxes are measurements.  flux_err is NaN where unknown.
    covered : (n, b) bool
        True where the band was observed (covered by the spectrum): there, and only there, flux is finite.
    rows : Rows
    redshift : (n,) float
        The redshift at which the bands see the object: 0 for rest-frame SEDs, NaN where unknown.
    flags : (n,) int32
    meta : mapping
    redshift_err : (n,) float
        1-sigma error of ``redshift``: 0 where it is exactly known; NaN where no error was given, which is taken
        as exact, too.  NaN in every row if left out.
    """

    bands: Bands
    flux: Floats
    flux_err: Floats
    covered: Bools
    rows: Rows
    redshift: Floats
    flags: Ints
    meta: Mapping[str, Any] = field(default_factory=dict)
    redshift_err: Floats = None  # type: ignore[assignment]  # NaN of the right length takes its place

    _row_fields = ("flux", "flux_err", "covered", "rows", "redshift", "flags", "redshift_err")

    def __post_init__(self) -> None:
        n, b = len(self.rows), len(self.bands)
        if self.redshift_err is None:
            object.__setattr__(self, "redshift_err", np.full(n, np.nan))
        gap = mask_of(self.flux)
        self._make_plain(units={"flux": "uJy", "flux_err": "uJy"})
        if gap is not None:
            object.__setattr__(self, "covered", self.covered & ~gap)
        for name in ("flux", "flux_err", "covered"):
            _check_shape(self, name, (n, b))
        for name in ("redshift", "flags", "redshift_err"):
            _check_shape(self, name, (n,))
        _check(
            bool(np.array_equal(np.isfinite(self.flux), self.covered)),
            "Photometry: flux must be finite exactly where covered is true",
        )
        _check(
            not bool(np.any(self.redshift_err < 0)), "Photometry: redshift_err must be 0 or more, or NaN where unknown"
        )

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of_no_row(cls, bands: Bands, *, source: str = "photometry") -> Photometry:
        """Photometry of no row, for checks of bands before any work."""
        none = np.zeros((0, len(bands)))
        rows, nothing = Rows.numbered(0), np.zeros(0)
        return cls(bands, none, none, none.astype(bool), rows, nothing, np.zeros(0, np.int32), {"source": source})

    def select_bands(self, names: Sequence[str]) -> Photometry:
        """The same rows with only the bands ``names``, in that order; AgezError if one is missing."""
        if tuple(names) == self.bands.names:
            return self  # of a long table a copy takes a tenth of the time of its answers
        at = self.bands.index(names)
        return replace(
            self,
            bands=self.bands.select(names),
            flux=self.flux[:, at],
            flux_err=self.flux_err[:, at],
            covered=self.covered[:, at],
        )

    def in_bands(self, bands: Bands) -> Photometry:
        """The same rows in other bands, found by name: those that are not there are columns of NaN, not covered."""
        at = [self.bands.names.index(name) if name in self.bands.names else -1 for name in bands.names]
        has = np.array(at) >= 0

        def reordered(values: NDArray[Any], empty: float | bool) -> NDArray[Any]:
            out = np.full((len(self), len(bands)), empty)
            out[:, has] = values[:, [i for i in at if i >= 0]]
            return out

        return replace(
            self,
            bands=bands,
            flux=reordered(self.flux, np.nan),
            flux_err=reordered(self.flux_err, np.nan),
            covered=reordered(self.covered, False),
        )


@dataclass(frozen=True, eq=False)
class Lines(_PerRow):
    """Emission lines of each spectrum, as measured in the same fit as its stars.

    Attributes
    ----------
    names : tuple of str
        As in :data:`agez.spectra.lines.EMISSION_LINES`; a doublet of fixed ratio has both its lines here.
    flux, flux_err : (n, l) float
        Integrated flux as observed, not corrected for dust [unit of the spectra's flux times Angstrom]; negative
        fluxes are measurements.  NaN where the line is not covered or was not fitted.
    ew_angstrom : (n, l) float
        Equivalent width in the rest frame against the fitted stars [Angstrom], emission positive.
    velocity_kms, sigma_kms : (n,) float
        Of the gas, shared by all lines, relative to the redshift of the spectra; the dispersion is without the
        instrument's; each with ``_err``.  NaN where no line was strong enough to tell: the stars' velocity
        and a default width were used.
    flux_unit : str
        Of ``flux``.
    """

    names: tuple[str, ...]
    flux: Floats
    flux_err: Floats
    ew_angstrom: Floats
    velocity_kms: Floats
    velocity_kms_err: Floats
    sigma_kms: Floats
    sigma_kms_err: Floats
    flux_unit: str

    _row_fields = (
        "flux", "flux_err", "ew_angstrom", "velocity_kms", "velocity_kms_err", "sigma_kms", "sigma_kms_err",
    )  # fmt: skip

    def __post_init__(self) -> None:
        self._make_plain()
        n = len(self.velocity_kms)
        for name in self._row_fields:
            _check_shape(self, name, (n, len(self.names)) if name in ("flux", "flux_err", "ew_angstrom") else (n,))

    def __len__(self) -> int:
        return len(self.velocity_kms)


@dataclass(frozen=True, eq=False)
class FittedSpectra(_PerRow):
    """The spectra as the fit saw them, and its model.

    Attributes
    ----------
    wave_angstrom : (q,) float
        Rest frame of the systemic redshift and of the fitted velocity, in the spectra's medium; logarithmic.
    flux, flux_err : (n, q) float32
        In units of each spectrum's median.
    stars, gas : (n, q) float32
        The model's two parts, in the same units; their sum is the model.
    used : (n, q) bool
        Pixels that the fit used.
    """

    wave_angstrom: Floats
    flux: Floats
    flux_err: Floats
    stars: Floats
    gas: Floats
    used: Bools

    _row_fields = ("flux", "flux_err", "stars", "gas", "used")

    def __post_init__(self) -> None:
        self._make_plain("wave_angstrom")
        for name in self._row_fields:
            _check_shape(self, name, (len(self.flux), len(self.wave_angstrom)))

    def __len__(self) -> int:
        return len(self.flux)


@dataclass(frozen=True, eq=False)
class Labels(_PerRow):
    """What a spectral fit says of each spectrum.

    Attributes
    ----------
    rows : Rows
    log_age_lw, mh_lw, log_age_mw, mh_mw : (n,) float
        Means of log10(age/yr) and [M/H], weighted by light in 5450-5550 A (before dust) or by
        the mass of stars formed; each with ``_err``.  NaN where the fit failed.
    velocity_kms, sigma_kms : (n,) float
        Relative to the redshift of the spectra; stellar dispersion; each with ``_err``.
    av : (n,) float
        V-band attenuation of the stars [mag]; with a polynomial continuum, that of the law nearest to it;
        with ``_err``.
    snr : (n,) float
        Median signal-to-noise ratio per Angstrom.
    chi2 : (n,) float
        Reduced chi2.
    prior_strength : (n,) float
        Factor that the fit's prior was multiplied by for this spectrum.
    flags : (n,) int32
    weights : (n, n_age, n_mh) float or None
        Light fractions over the template grid.
    lines : Lines or None
        Emission lines.
    fitted : FittedSpectra or None
        Data and model, where they were asked for.
    meta : mapping
        ``templates``, ``solar_scale``, ``norm_band_angstrom``, ``continuum``, and the settings of the fit.
    """

    rows: Rows
    log_age_lw: Floats
    log_age_lw_err: Floats
    mh_lw: Floats
    mh_lw_err: Floats
    log_age_mw: Floats
    log_age_mw_err: Floats
    mh_mw: Floats
    mh_mw_err: Floats
    velocity_kms: Floats
    velocity_kms_err: Floats
    sigma_kms: Floats
    sigma_kms_err: Floats
    av: Floats
    av_err: Floats
    snr: Floats
    chi2: Floats
    prior_strength: Floats
    flags: Ints
    weights: Floats | None = None
    lines: Lines | None = None
    fitted: FittedSpectra | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._make_plain()
        for name in self.column_names():
            _check_shape(self, name, (len(self.rows),))
        for part in (self.weights, self.lines, self.fitted):
            _check(part is None or len(part) == len(self.rows), "Labels: weights, lines or fits of other rows")

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def column_names(cls) -> tuple[str, ...]:
        """Names of the per-row scalar columns, in the order of the LABELS table."""
        other = ("rows", "weights", "lines", "fitted", "meta")
        return tuple(f.name for f in fields(cls) if f.name not in other)

    @property
    def good(self) -> Bools:
        """(n,) rows without a fault: nothing in ``flags`` says that their numbers must not be used."""
        return is_good(self.flags)


Labels._row_fields = ("rows", *Labels.column_names(), "weights", "lines", "fitted")


@dataclass(frozen=True, eq=False)
class Truth(_PerRow):
    """What a mock spectrum was made with; defined as the labels are, and never mixed up with them."""

    log_age_lw: Floats
    mh_lw: Floats
    log_age_mw: Floats
    mh_mw: Floats
    av: Floats
    velocity_kms: Floats
    sigma_kms: Floats

    _row_fields = ("log_age_lw", "mh_lw", "log_age_mw", "mh_mw", "av", "velocity_kms", "sigma_kms")

    def __post_init__(self) -> None:
        self._make_plain()
        for name in self._row_fields:
            _check_shape(self, name, (len(self.log_age_lw),))

    def __len__(self) -> int:
        return len(self.log_age_lw)


@dataclass(frozen=True, eq=False)
class Galaxies(_PerRow):
    """One row a galaxy; NaN (or '' for morphology) where unknown.

    Attributes
    ----------
    galaxy_id : (g,) str
    redshift : (g,) float
    morphology : (g,) str
        ``early`` or ``late``.
    log_mass : (g,) float
        log10 of the stellar mass [solar masses].
    re_arcsec : (g,) float
        Effective radius along the major axis [arcsec].
    inclination, pa : (g,) float
        Inclination (0 = face-on) and position angle of the major axis, north through east [degree].
    av : (g,) float
        Mean stellar V-band attenuation [mag].
    log_ssfr : (g,) float
        log10 of the specific star-formation rate [1/yr].
    bulge_fraction : (g,) float
        Bulge-to-total light.
    """

    galaxy_id: Strings
    redshift: Floats
    morphology: Strings
    log_mass: Floats
    re_arcsec: Floats
    inclination: Floats
    pa: Floats
    av: Floats
    log_ssfr: Floats
    bulge_fraction: Floats

    _row_fields = (
        "galaxy_id", "redshift", "morphology", "log_mass", "re_arcsec",
        "inclination", "pa", "av", "log_ssfr", "bulge_fraction",
    )  # fmt: skip

    def __post_init__(self) -> None:
        self._make_plain(units={"inclination": "deg", "pa": "deg"})
        for name in self._row_fields:
            _check_shape(self, name, (len(self.galaxy_id),))
        _check(len(np.unique(self.galaxy_id)) == len(self.galaxy_id), "the galaxy table names a galaxy_id twice")

    def __len__(self) -> int:
        return len(self.galaxy_id)

    def rows_of(self, galaxy_id: Strings) -> Ints:
        """Row of the table for each of the names, all of which are in it."""
        order = np.argsort(self.galaxy_id)
        return np.asarray(order[np.searchsorted(self.galaxy_id, galaxy_id, sorter=order)])


@dataclass(frozen=True, eq=False)
class Sample(_PerRow):
    """The joined table that networks learn from: photometry, labels and, for mocks, truth, row by row.

    Attributes
    ----------
    photometry : Photometry
    labels : Labels
    r_re : (n,) float
        Face-on galactocentric radius in units of the effective radius; NaN where unknown.
    galaxies : Galaxies
        Holds every ``galaxy_id`` of the rows.
    truth : Truth or None
    meta : mapping
        ``source`` (``mock`` or the survey), ``seed``.
    """

    photometry: Photometry
    labels: Labels
    r_re: Floats
    galaxies: Galaxies
    truth: Truth | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    _row_fields = ("photometry", "labels", "r_re", "truth")

    def __post_init__(self) -> None:
        self._make_plain()
        n = len(self.photometry)
        _check(len(self.labels) == n, f"sample: {n} SEDs but {len(self.labels)} labels")
        _check_shape(self, "r_re", (n,))
        _check(self.truth is None or len(self.truth) == n, "sample: truth and photometry differ in length")
        unknown = np.setdiff1d(self.rows.galaxy_id, self.galaxies.galaxy_id)
        _check(
            len(unknown) == 0, f"sample: galaxies {', '.join(unknown[:5])} have spectra but no row in the galaxy table"
        )

    def __len__(self) -> int:
        return len(self.photometry)

    @property
    def rows(self) -> Rows:
        """Identity and position of each spectrum."""
        return self.photometry.rows


@dataclass(frozen=True, eq=False)
class Prediction(_PerRow):
    """What a model says of each SED.

    Attributes
    ----------
    rows : Rows
    log_age_lw, mh_lw : (n,) float
        With ``_err`` (half the 16-84 % interval), ``_p16``, ``_p50``, ``_p84``.  NaN where no prediction is made.
    ood : (n,) float
        Distance from the training set; 0 = like it.
    flags : (n,) int32
    meta : mapping
        ``model``, ``ood_threshold``, and ``labels``: how the labels were made that the model learned from.
    log_age_lw_p025, log_age_lw_p975, mh_lw_p025, mh_lw_p975 : (n,) float, optional
        Ends of the 95 % interval; like what follows, only models that give a distribution have them.
    correlation : (n,) float, optional
        Of the error in log age with the error in [M/H].
    chi2, chi2_nearest : (n,) float, optional
        Reduced chi2 of the SED against the best combination of training SEDs, and against the nearest one.
    redshift_inside : (n,) float, optional
        Share of the redshift's distribution that is inside the model's range, for which the answer holds; NaN where
        the redshift is unknown.
    mixture : Mixture, optional
        The whole distribution.
    """

    REQUIRED: ClassVar[tuple[str, ...]] = (
        "log_age_lw", "log_age_lw_err", "log_age_lw_p16", "log_age_lw_p50", "log_age_lw_p84",
        "mh_lw", "mh_lw_err", "mh_lw_p16", "mh_lw_p50", "mh_lw_p84", "ood", "flags",
    )  # fmt: skip
    OPTIONAL: ClassVar[tuple[str, ...]] = (
        "log_age_lw_p025", "log_age_lw_p975", "mh_lw_p025", "mh_lw_p975", "correlation", "chi2", "chi2_nearest",
        "redshift_inside",
    )  # fmt: skip

    rows: Rows
    log_age_lw: Floats
    log_age_lw_err: Floats
    log_age_lw_p16: Floats
    log_age_lw_p50: Floats
    log_age_lw_p84: Floats
    mh_lw: Floats
    mh_lw_err: Floats
    mh_lw_p16: Floats
    mh_lw_p50: Floats
    mh_lw_p84: Floats
    ood: Floats
    flags: Ints
    meta: Mapping[str, Any] = field(default_factory=dict)
    log_age_lw_p025: Floats | None = None
    log_age_lw_p975: Floats | None = None
    mh_lw_p025: Floats | None = None
    mh_lw_p975: Floats | None = None
    correlation: Floats | None = None
    chi2: Floats | None = None
    chi2_nearest: Floats | None = None
    redshift_inside: Floats | None = None
    mixture: Mixture | None = None

    def __post_init__(self) -> None:
        self._make_plain()
        for name in self.column_names():
            _check_shape(self, name, (len(self.rows),))
        _check(self.mixture is None or len(self.mixture) == len(self.rows), "Prediction.mixture has other rows")

    def __len__(self) -> int:
        return len(self.rows)

    def column_names(self) -> tuple[str, ...]:
        """Names of the per-row scalar columns that are there, in the order of the output table."""
        return (*self.REQUIRED, *(name for name in self.OPTIONAL if getattr(self, name) is not None))

    @property
    def good(self) -> Bools:
        """(n,) rows without a fault: nothing in ``flags`` says that their numbers must not be used."""
        return is_good(self.flags)


Prediction._row_fields = ("rows", *Prediction.REQUIRED, *Prediction.OPTIONAL, "mixture")


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model, complete: one file holds all of it and nothing is pickled.

    Attributes
    ----------
    arrays : mapping of str to array
        Weights and normalisation of every member network.
    header : mapping
        JSON-able: ``architecture``, ``bands`` (names, pivots, widths, filter set), ``targets``, ``frame``,
        ``normalisation``, ``labels`` (definition), ``training`` (sample, seed, split), ``calibration``,
        ``scores``, ``version``, ``schema``.
    """

    arrays: Mapping[str, NDArray[Any]]
    header: Mapping[str, Any]

    @property
    def bands(self) -> Bands:
        """The bands that the model needs, in its order."""
        b = self.header["bands"]
        return Bands(tuple(b["names"]), tuple(b["pivot_angstrom"]), tuple(b["fwhm_angstrom"]), b["filter_set"])

    def predict(self, photometry: Photometry) -> Prediction:
        """Ages and metallicities of ``photometry``; see :func:`agez.models.predict.predict`."""
        from agez.models.predict import predict  # the one import that points right: a convenience for users

        _check(
            isinstance(photometry, Photometry),
            f"predict is given a {type(photometry).__name__}; expected Photometry, as agez.read_photometry makes of "
            "files and of tables",
        )
        return predict(self, photometry)
