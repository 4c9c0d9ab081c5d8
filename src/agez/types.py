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
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from agez.arrays import Bools as Bools
from agez.arrays import Floats as Floats
from agez.arrays import Index as Index
from agez.arrays import Ints as Ints
from agez.arrays import PerRow, Summarised, check, check_shape, mask_of
from agez.arrays import Strings as Strings
from agez.distributions.mixture import Mixture, marginal_of, sample
from agez.distributions.redshift_bounds import least_redshift
from agez.errors import AgezError
from agez.flags import is_good
from agez.prediction_views import PredictionViews
from agez.targets import Target

if TYPE_CHECKING:
    from agez.distributions.redshift_mixture import RedshiftMixture

Medium = Literal["air", "vacuum"]

#: The window in which light weights are defined [Angstrom, rest frame].
NORM_BAND_ANGSTROM = (5450.0, 5550.0)
#: The four labels, in the order of tables.
LABEL_NAMES = ("log_age_lw", "mh_lw", "log_age_mw", "mh_mw")


@dataclass(frozen=True, eq=False)
class Rows(PerRow):
    """What identifies a row and places it on the sky.

    Examples
    --------
    >>> import agez
    >>> rows = agez.Rows.numbered(2, galaxy_id="NGC 1")
    >>> rows.spec_id.tolist(), rows.galaxy_id.tolist()
    (['0', '1'], ['NGC 1', 'NGC 1'])
    """

    #: spec_id, galaxy_id: (n,)
    spec_id: Strings
    galaxy_id: Strings
    #: x, y: (n,) Offsets from the galaxy's centre [arcsec]; x grows to the west (right on the detector), y to the
    #: north; NaN where unknown.
    x: Floats
    y: Floats

    def __post_init__(self) -> None:
        self._make_plain(units={"x": "arcsec", "y": "arcsec"})
        for name in self._row_fields[1:]:
            check_shape(self, name, (len(self.spec_id),))

    @classmethod
    def numbered(cls, n: int, *, galaxy_id: str = "") -> Rows:
        """``n`` rows of one galaxy with ids 0..n-1 and unknown positions."""
        names = np.full(n, galaxy_id, dtype=f"<U{max(1, len(galaxy_id))}")
        return cls(np.array([str(i) for i in range(n)], dtype=str), names, np.full(n, np.nan), np.full(n, np.nan))


@dataclass(frozen=True, eq=False)
class Spectra(PerRow):
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
    redshift_err : (n,) float
        1-sigma error of ``redshift`` where it was found from the spectra (:func:`agez.find_redshift`), else NaN, and
        taken as exact.  NaN in every row if left out.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> from agez.types import Rows
    >>> wave, flux = np.arange(3500.0, 7500.0), np.ones((2, 4000))
    >>> rows, z, fwhm = Rows.numbered(2), np.array([0.01, 0.02]), np.full(4000, 2.5)
    >>> unit, flags = "1e-16 erg / (s cm2 Angstrom)", np.zeros(2, np.int32)
    >>> spectra = agez.Spectra(wave, flux, 0.02 * flux, flux < 0, "air", rows, z, fwhm, unit, flags)
    >>> len(spectra), spectra.take([1]).redshift.tolist()
    (2, [0.02])
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
    redshift_err: Floats = None  # type: ignore[assignment]  # NaN of the right length takes its place

    _row_fields = ("flux", "flux_err", "mask", "rows", "redshift", "flags", "redshift_err")

    def __post_init__(self) -> None:
        n, p = len(self.rows), len(self.wave_angstrom)
        if self.redshift_err is None:
            object.__setattr__(self, "redshift_err", np.full(n, np.nan))
        gaps = [mask for mask in (mask_of(self.flux), mask_of(self.flux_err)) if mask is not None]
        self._make_plain("wave_angstrom", "fwhm_angstrom", units={"flux": self.flux_unit, "flux_err": self.flux_unit})
        for gap in gaps:
            object.__setattr__(self, "mask", self.mask | gap)
        for name in ("flux", "flux_err", "mask"):
            check_shape(self, name, (n, p))
        for name in ("redshift", "flags", "redshift_err"):
            check_shape(self, name, (n,))
        check_shape(self, "fwhm_angstrom", (p,))
        check(self.medium in ("air", "vacuum"), f"medium is {self.medium!r}; expected 'air' or 'vacuum'")
        check(p >= 2, f"{self.source}: a spectrum needs at least 2 wavelength pixels, found {p}")
        step = np.diff(self.wave_angstrom)
        check(
            bool(np.all(np.isfinite(self.wave_angstrom))) and bool(np.all(step > 0)),
            f"{self.source}: wavelengths must be finite and strictly increasing; the first bad pixel is "
            f"{int(np.argmin(np.where(np.isfinite(step), step > 0, False))) + 1}; sort the file and remove duplicates",
        )

    @classmethod
    def from_arrays(cls, wave: Any, flux: Any, err: Any, **options: Any) -> Spectra:
        """Spectra of arrays or quantities; options, units and errors: :func:`agez.spectra_arrays.from_arrays`."""
        return import_module("agez.spectra_arrays").from_arrays(wave, flux, err, **options)

    @classmethod
    def from_specutils(cls, spectrum: Any, **options: Any) -> Spectra:
        """Those of a specutils ``Spectrum`` (``Spectrum1D``): see :func:`agez.spectra_specutils.from_specutils`."""
        return import_module("agez.spectra_specutils").from_specutils(spectrum, **options)

    @property
    def source(self) -> str:
        """The file that the spectra came from, for messages."""
        return str(self.meta.get("source", "spectra"))


@dataclass(frozen=True)
class Bands(Summarised):
    """An ordered set of bands: what a table of photometry or a model needs to know of its filters.

    Attributes
    ----------
    names : tuple of str
    pivot_angstrom, fwhm_angstrom : tuple of float
        Vacuum wavelengths [Angstrom].
    filter_set : str
        ``jpas``, ``jplus``, ``splus``, ``alhambra`` or the user's own.

    Examples
    --------
    >>> import agez
    >>> bands = agez.load_filters("splus").bands
    >>> len(bands), bands.names[:3]
    (12, ('uJAVA', 'J0378', 'J0395'))
    >>> bands.select(["gSDSS", "rSDSS"]).names, bands.index(["gSDSS", "rSDSS"])
    (('gSDSS', 'rSDSS'), [5, 7])
    """

    names: tuple[str, ...]
    pivot_angstrom: tuple[float, ...]
    fwhm_angstrom: tuple[float, ...]
    filter_set: str

    def __post_init__(self) -> None:
        check(
            len(set(self.names)) == len(self.names), f"filter set {self.filter_set!r} names a band twice: {self.names}"
        )
        check(
            len(self.names) == len(self.pivot_angstrom) == len(self.fwhm_angstrom),
            f"filter set {self.filter_set!r}: names, pivots and widths differ in number",
        )

    def __len__(self) -> int:
        return len(self.names)

    def index(self, names: Sequence[str]) -> list[int]:
        """Positions of ``names``; raises AgezError that lists what is missing."""
        missing = [name for name in names if name not in self.names]
        check(not missing, f"bands {', '.join(missing)} are not among the {len(self)} bands of {self.filter_set!r}")
        return [self.names.index(name) for name in names]

    def select(self, names: Sequence[str]) -> Bands:
        """The same set with only ``names``, in that order."""
        at = self.index(names)
        pivot, fwhm = (tuple(values[i] for i in at) for values in (self.pivot_angstrom, self.fwhm_angstrom))
        return Bands(tuple(names), pivot, fwhm, self.filter_set)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, of a model's header."""
        return {key: value if isinstance(value, str) else list(value) for key, value in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Photometry(PerRow):
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
    redshift_mixture : RedshiftMixture, optional
        Distributions, in rows of two components and more, of which ``redshift`` and ``redshift_err`` are mean and
        standard deviation: models that give distributions average over them, all else takes the moments.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> from agez.types import Rows
    >>> bands = agez.load_filters("splus").bands.select(["gSDSS", "rSDSS", "iSDSS"])
    >>> flux = np.array([[10.0, 20.0, np.nan]])
    >>> rows, z, flags = Rows.numbered(1), np.array([0.02]), np.zeros(1, np.int32)
    >>> seds = agez.Photometry(bands, flux, 0.05 * flux, np.isfinite(flux), rows, z, flags)
    >>> seds.select_bands(["rSDSS", "gSDSS"]).flux
    array([[20., 10.]])
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
    redshift_mixture: RedshiftMixture | None = None

    _row_fields = ("flux", "flux_err", "covered", "rows", "redshift", "flags", "redshift_err", "redshift_mixture")

    def __post_init__(self) -> None:
        n, b = len(self.rows), len(self.bands)
        if self.redshift_err is None:
            object.__setattr__(self, "redshift_err", np.full(n, np.nan))
        gap = mask_of(self.flux)
        self._make_plain(units={"flux": "uJy", "flux_err": "uJy"})
        if gap is not None:
            object.__setattr__(self, "covered", self.covered & ~gap)
        for name in ("flux", "flux_err", "covered"):
            check_shape(self, name, (n, b))
        for name in ("redshift", "flags", "redshift_err"):
            check_shape(self, name, (n,))
        check(
            bool(np.array_equal(np.isfinite(self.flux), self.covered)),
            "Photometry: flux must be finite exactly where covered is true",
        )
        check(
            not bool(np.any(self.redshift_err < 0)), "Photometry: redshift_err must be 0 or more, or NaN where unknown"
        )
        if self.redshift_mixture is not None:
            self.redshift_mixture.check_summary(self.redshift)

    @classmethod
    def concatenate(cls, parts: Sequence[Photometry]) -> Photometry:  # type: ignore[override]
        """Rows of all parts; Gaussians where only other parts have mixtures of redshifts."""
        some = next((one.redshift_mixture for one in parts if one.redshift_mixture is not None), None)
        return super().concatenate(parts if some is None else some.in_all(parts))

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
        tables = (self.flux[:, at], self.flux_err[:, at], self.covered[:, at])
        return replace(self, bands=self.bands.select(names), flux=tables[0], flux_err=tables[1], covered=tables[2])

    def in_bands(self, bands: Bands) -> Photometry:
        """The same rows in other bands, found by name: those that are not there are columns of NaN, not covered."""
        at = [self.bands.names.index(name) if name in self.bands.names else -1 for name in bands.names]
        has = np.array(at) >= 0

        def reordered(values: NDArray[Any], empty: float | bool) -> NDArray[Any]:
            out = np.full((len(self), len(bands)), empty)
            out[:, has] = values[:, [i for i in at if i >= 0]]
            return out

        return replace(
            self, bands=bands, flux=reordered(self.flux, np.nan), flux_err=reordered(self.flux_err, np.nan),
            covered=reordered(self.covered, False),
        )  # fmt: skip


#: Suffixes of the columns of quantiles, and their probabilities: those of every prediction, and the ends of the 95 %
#: interval, which only models that give a distribution have.
QUANTILES = {"p16": 0.1586552539, "p50": 0.5, "p84": 0.8413447461}
WIDE_QUANTILES = {"p025": 0.025, "p975": 0.975}


class Answering(Protocol):
    """What a prediction needs of the model that made it."""

    def expected(self, photometry: Photometry) -> tuple[Floats, Floats]:
        """Expected flux of each band and its error."""


@dataclass(frozen=True, eq=False)
class PredictionInput(PerRow):
    """What was answered: references, not copies; pickled without the model, which a file holds."""

    photometry: Photometry  #: As the model saw it: its bands, corrected.
    columns: Any = None  #: PlainTable of the input's columns that tables of answers have, too.
    model: Answering | None = None
    index: Any = None  #: Index of the pandas DataFrame that was answered.

    _row_fields = ("photometry", "columns", "index")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "model": None}


@dataclass(frozen=True, eq=False)
class Prediction(PredictionViews, PerRow):
    """The answer of a model for each SED, in ``d`` targets.

    Every column of a target is an attribute, too: ``prediction.log_age_lw``, ``prediction.mh_lw_err``,
    ``prediction.log_age_lw_p16``.

    Attributes
    ----------
    rows : Rows
    targets : tuple of Target
    mean : (n, d) float
        NaN where no prediction is made.
    quantiles : (n, d, q) float
        Those of :data:`QUANTILES` and, if ``q`` is 5, of :data:`WIDE_QUANTILES`.  Half the distance of the first and
        the third is the error, ``NAME_err``.
    ood : (n,) float
        Distance from the training set; 0 = like it.
    flags : (n,) int32
    meta : mapping
        ``model``, ``ood_threshold``, and ``labels``: the definition of the labels that the model was trained on.
    correlation : (n,) float, optional
        Of the errors of the first two targets; like the following, only models that give a distribution have it.
    chi2, chi2_nearest : (n,) float, optional
        Reduced chi2 of the SED against the best combination of training SEDs, and against the nearest one.
    redshift_inside : (n,) float, optional
        Share of the redshift's distribution inside the model's range, for which the answer holds; NaN where the
        redshift is unknown.
    worst_band_sigma : (n,) float, optional
        Largest departure of a band from what the other bands say of it, in units of its error and theirs; above zero
        where it is brighter.
    worst_band : (n,) str, optional
        The band, where it is so far off that the answer is without it (BAND_CONTRADICTED); empty elsewhere.
    library_spread : (n, d) float, optional
        Standard deviation of the mean over template libraries, each taken as true; columns ``NAME_library_spread``.
    mixture : Mixture, optional
        The whole distribution of the targets that are not sums of others, in what networks learn: inverse hyperbolic
        sines of targets of that scale.
    input : PredictionInput, optional
        The photometry, the model, and the input's identifying columns; predictions read from files have none.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> from agez.targets import SHIPPED_TARGETS
    >>> from agez.types import Rows
    >>> mean = np.array([[9.5, -0.2]])
    >>> quantiles = mean[..., None] + np.array([-0.1, 0.0, 0.1])
    >>> rows, ood, flags = Rows.numbered(1), np.zeros(1), np.zeros(1, np.int32)
    >>> prediction = agez.Prediction(rows, SHIPPED_TARGETS, mean, quantiles, ood, flags)
    >>> float(prediction.log_age_lw[0]), round(float(prediction.mh_lw_err[0]), 3)
    (9.5, 0.1)
    """

    OPTIONAL: ClassVar[tuple[str, ...]] = (
        "correlation", "chi2", "chi2_nearest", "redshift_inside", "worst_band_sigma", "worst_band"
    )  # fmt: skip

    rows: Rows
    targets: tuple[Target, ...]
    mean: Floats
    quantiles: Floats
    ood: Floats
    flags: Ints
    meta: Mapping[str, Any] = field(default_factory=dict)
    correlation: Floats | None = None
    chi2: Floats | None = None
    chi2_nearest: Floats | None = None
    redshift_inside: Floats | None = None
    worst_band_sigma: Floats | None = None
    worst_band: Strings | None = None
    library_spread: Floats | None = None
    mixture: Mixture | None = None
    input: PredictionInput | None = None

    _row_fields = ("rows", "mean", "quantiles", "ood", "flags", *OPTIONAL, "library_spread", "mixture", "input")

    def __post_init__(self) -> None:
        self._make_plain()
        n, d = len(self.rows), len(self.targets)
        check_shape(self, "mean", (n, d))
        q = np.shape(self.quantiles)[-1]
        check(q in (3, 5), f"Prediction.quantiles has {q} of them; expected 3, or 5 with the 95 % interval")
        check_shape(self, "quantiles", (n, d, q))
        for name in ("ood", "flags", *self.OPTIONAL):
            if getattr(self, name) is not None:
                check_shape(self, name, (n,))
        if self.library_spread is not None:
            check_shape(self, "library_spread", (n, d))
        check(self.mixture is None or len(self.mixture) == n, "Prediction.mixture has other rows")
        check(self.input is None or len(self.input) == n, "Prediction.input has other rows")

    def __getitem__(self, index: int | Index) -> Prediction:
        """Rows as a prediction of their own: one by its number, several by a slice, a mask or numbers."""
        if isinstance(index, str):
            raise AgezError(f"prediction[{index!r}]: expected a row, a slice or a mask; columns are attributes")
        if isinstance(index, int | np.integer):
            if not -len(self) <= index < len(self):
                raise IndexError(f"row {index} of a prediction of {len(self)} rows")
            index = slice(int(index) % len(self), int(index) % len(self) + 1)
        return self.take(index)

    @classmethod
    def concatenate(cls, parts: Sequence[Prediction]) -> Prediction:  # type: ignore[override]
        """Rows of all parts; what they came from only if it is known of all of them."""
        inputs = [one.input for one in parts]
        if any(one is None for one in inputs):
            return super().concatenate([replace(one, input=None) for one in parts])
        if any(one is not None and one.index is None for one in inputs):  # no index of some is none of all
            plain = [None if one is None else replace(one, index=None) for one in inputs]
            parts = [replace(one, input=own) for one, own in zip(parts, plain, strict=True)]
        return super().concatenate(parts)

    def sample(self, size: int, rng: np.random.Generator | None = None) -> dict[str, Floats]:
        """Joint draws from the distribution of each row.

        Sums hold in every draw: that of ``log_ssfr`` and ``log_mass`` is ``log_sfr_100``.

        Parameters
        ----------
        size : int
            Draws of each row.
        rng : numpy.random.Generator

        Returns
        -------
        dict of (n, size) float
            By target, in its unit; NaN in rows without a prediction.

        Raises
        ------
        AgezError
            If the model gave no distribution.
        """
        words = f"agez.Prediction.sample: rng is {rng!r:.40}; give a generator: rng=numpy.random.default_rng(1)"
        check(isinstance(rng, np.random.Generator), words)
        assert rng is not None
        check(self.mixture is not None, "this prediction has no distributions to draw from: the model gives none")
        assert self.mixture is not None
        draws = sample(self.mixture, size, rng)
        out: dict[str, Floats] = {}
        for t, target in enumerate(target for target in self.targets if not target.sum_of):
            values = np.sinh(draws[..., t]) if target.scale == "arcsinh" else draws[..., t]
            if target.scale == "redshift":
                values = np.maximum(values, least_redshift(marginal_of(self.mixture, [t]))[:, None])
            values[~np.isfinite(self.mean[:, t])] = np.nan  # without a distance there is no mass
            out[target.name] = values
        for target in self.targets:
            if target.sum_of:
                out[target.name] = np.sum([out[name] for name in target.sum_of], axis=0)
        return out

    def __getattr__(self, name: str) -> Floats:
        """A column of a target, by its name."""
        targets = self.__dict__.get("targets", ())  # unpickling asks before they are there
        if not name.startswith("_"):
            for t, target in enumerate(targets):
                if name == target.name:
                    return self.mean[:, t]
                if name == f"{target.name}_library_spread" and self.library_spread is not None:
                    return self.library_spread[:, t]
                if name == f"{target.name}_err":
                    return (self.quantiles[:, t, 2] - self.quantiles[:, t, 0]) / 2
                suffixes = (*QUANTILES, *WIDE_QUANTILES)[: self.quantiles.shape[2]]
                for k, suffix in enumerate(suffixes):
                    if name == f"{target.name}_{suffix}":
                        return self.quantiles[:, t, k]
        raise AttributeError(f"a Prediction of {', '.join(one.name for one in targets)} has no attribute {name!r}")

    @staticmethod
    def required_columns(targets: Sequence[Target]) -> tuple[str, ...]:
        """Columns that every prediction of some targets has, in the order of tables."""
        own = ("", "_err", *(f"_{name}" for name in QUANTILES))
        return (*(target.name + end for target in targets for end in own), "ood", "flags")

    @staticmethod
    def wide_columns(targets: Sequence[Target]) -> tuple[str, ...]:
        """Columns of the 95 % interval."""
        return tuple(f"{target.name}_{name}" for target in targets for name in WIDE_QUANTILES)

    @staticmethod
    def spread_columns(targets: Sequence[Target]) -> tuple[str, ...]:
        """Columns of the spread over template libraries."""
        return tuple(f"{target.name}_library_spread" for target in targets)

    def column_names(self) -> tuple[str, ...]:
        """Names of the per-row scalar columns that are there, in the order of the output table."""
        wide = self.wide_columns(self.targets) if self.quantiles.shape[2] == 5 else ()
        spread = () if self.library_spread is None else self.spread_columns(self.targets)
        there = (name for name in self.OPTIONAL if getattr(self, name) is not None)
        return (*self.required_columns(self.targets), *wide, *spread, *there)

    @classmethod
    def of_columns(
        cls,
        rows: Rows,
        targets: Sequence[Target],
        columns: Mapping[str, Any],
        *,
        meta: Mapping[str, Any] | None = None,
        mixture: Mixture | None = None,
    ) -> Prediction:
        """A prediction from its columns by name, as tables have them; further columns are passed over."""
        targets = tuple(targets)
        wide = all(name in columns for name in cls.wide_columns(targets))
        suffixes = (*QUANTILES, *(WIDE_QUANTILES if wide else ()))
        of_spread = cls.spread_columns(targets)
        parted = all(name in columns for name in of_spread)
        spread = np.stack([columns[name] for name in of_spread], axis=1) if parted else None
        return cls(
            rows, targets, np.stack([columns[one.name] for one in targets], axis=1),
            np.stack([[columns[f"{one.name}_{name}"] for name in suffixes] for one in targets]).transpose(2, 0, 1),
            columns["ood"], columns["flags"], meta or {}, mixture=mixture, library_spread=spread,
            **{name: columns[name] for name in cls.OPTIONAL if name in columns},
        )  # fmt: skip

    @property
    def answered(self) -> Bools:
        """(n,) rows for which a prediction is made."""
        return np.asarray(np.isfinite(self.mean).any(axis=1))

    @property
    def good(self) -> Bools:
        """(n,) rows without a fault: nothing in ``flags`` says that their numbers must not be used."""
        return is_good(self.flags)


def __getattr__(name: str) -> Any:
    """Types of labels and samples, which answering a row does not need."""
    if name in ("FittedSpectra", "Galaxies", "Labels", "Lines", "Sample", "Truth"):
        return getattr(import_module("agez.label_types"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
