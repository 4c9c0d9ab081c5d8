"""Labels of spectra, and samples that networks are trained on: further types of :mod:`agez.types`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from agez.arrays import Bools, Floats, Ints, PerRow, Strings, check, check_shape
from agez.flags import is_good
from agez.types import LABEL_NAMES, Photometry, Rows


@dataclass(frozen=True, eq=False)
class Lines(PerRow):
    """Emission lines of each spectrum, as measured in the same fit as its stars."""

    #: As in :data:`agez.spectra.lines.EMISSION_LINES`; a doublet of fixed ratio has both its lines here.
    names: tuple[str, ...]
    #: flux, flux_err: (n, l) Integrated flux as observed, not corrected for dust [unit of the spectra's flux times
    #: Angstrom]; negative fluxes are measurements.  NaN where the line is not covered or was not fitted.
    flux: Floats
    flux_err: Floats
    #: (n, l) Equivalent width in the rest frame against the fitted stars [Angstrom], emission positive.
    ew_angstrom: Floats
    #: velocity_kms, sigma_kms: (n,) Of the gas, shared by all lines, relative to the redshift of the spectra; the
    #: dispersion is without the instrument's; each with ``_err``.  NaN where no line was strong enough to tell: the
    #: stars' velocity and a default width were used.
    velocity_kms: Floats
    velocity_kms_err: Floats
    sigma_kms: Floats
    sigma_kms_err: Floats
    flux_unit: str  #: Of ``flux``.

    _row_fields = (
        "flux", "flux_err", "ew_angstrom", "velocity_kms", "velocity_kms_err", "sigma_kms", "sigma_kms_err",
    )  # fmt: skip

    def __post_init__(self) -> None:
        self._make_plain()
        n = len(self.velocity_kms)
        for name in self._row_fields:
            check_shape(self, name, (n, len(self.names)) if name in ("flux", "flux_err", "ew_angstrom") else (n,))


@dataclass(frozen=True, eq=False)
class FittedSpectra(PerRow):
    """The spectra as the fit saw them, and its model."""

    #: (q,) Rest frame of the systemic redshift and of the fitted velocity, in the spectra's medium; logarithmic.
    wave_angstrom: Floats
    #: flux, flux_err: (n, q) float32. In units of each spectrum's median.
    flux: Floats
    flux_err: Floats
    #: stars, gas: (n, q) float32. The model's two parts, in the same units; their sum is the model.
    stars: Floats
    gas: Floats
    used: Bools  #: (n, q) Pixels that the fit used.

    _row_fields = ("flux", "flux_err", "stars", "gas", "used")

    def __post_init__(self) -> None:
        self._make_plain("wave_angstrom")
        for name in self._row_fields:
            check_shape(self, name, (len(self.flux), len(self.wave_angstrom)))


@dataclass(frozen=True, eq=False)
class LibraryLabels(PerRow):
    """The labels of the same spectra by each of several template libraries, the main one first."""

    libraries: tuple[str, ...]  #: Names of the template grids.
    #: values, errors: (n, libraries, 4) In the order of ``LABEL_NAMES``; NaN where a fit failed.
    values: Floats
    errors: Floats
    chi2: Floats  #: (n, libraries) Reduced chi2.
    flags: Ints  #: (n, libraries)

    _row_fields = ("values", "errors", "chi2", "flags")

    def __post_init__(self) -> None:
        self._make_plain()
        shape = (len(self.chi2), len(self.libraries))
        for name in self._row_fields:
            check_shape(self, name, (*shape, len(LABEL_NAMES)) if name in ("values", "errors") else shape)

    @property
    def spread(self) -> Floats:
        """(n, 4) standard deviation between the libraries, a systematic error; NaN where fewer than two have an answer.

        With k answers the sum of squares is divided by k - 1.
        """
        known = np.isfinite(self.values)
        count = known.sum(axis=1)
        mean = np.where(known, self.values, 0.0).sum(axis=1) / np.maximum(count, 1)
        squares = np.where(known, (self.values - mean[:, None]) ** 2, 0.0).sum(axis=1)
        return np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)


@dataclass(frozen=True, eq=False)
class HistoryErrors(PerRow):
    """1-sigma errors of the histories behind ``Labels.weights``, calibrated; each (n, n_age), NaN where no fit is."""

    mass_fraction: Floats  #: Of the part of the mass that was formed at this age.
    formed_before: Floats  #: Of the part formed earlier than the young edge of the age's bin; 0 at the youngest age.
    mh: Floats  #: Of the mean [M/H] of the stars of this age [dex]; NaN where they are too few.

    def __post_init__(self) -> None:
        self._make_plain()
        for name in self._row_fields:
            check_shape(self, name, np.shape(self.mass_fraction))


@dataclass(frozen=True, eq=False)
class Labels(PerRow):
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
    redshift, redshift_err : (n,) float
        That the fit took as given, which velocities are relative to, NaN where it is unknown and 0 was taken; and its
        1-sigma error where it was found from the spectrum (:func:`agez.find_redshift`), else NaN.  NaN in every row
        if left out.
    weights : (n, n_age, n_mh) float or None
        Light fractions over the template grid.
    history_errors : HistoryErrors or None
        Of the histories that follow from the weights (:func:`agez.spectra.histories.histories`); none by pPXF.
    lines : Lines or None
        Emission lines.
    fitted : FittedSpectra or None
        Data and model, where they were asked for.
    libraries : LibraryLabels or None
        The labels by each of several template libraries, where they were asked for; those above are the first's.
    meta : mapping
        ``templates``, ``solar_scale``, ``norm_band_angstrom``, ``continuum``, and the settings of the fit.

    Examples
    --------
    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> labels = agez.fit_labels(mock.spectra, grid)
    >>> labels.log_age_lw.shape, labels.weights.shape
    ((5,), (5, 8, 4))
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
    redshift: Floats = None  # type: ignore[assignment]  # NaN of the right length takes the place of both
    redshift_err: Floats = None  # type: ignore[assignment]
    weights: Floats | None = None
    lines: Lines | None = None
    fitted: FittedSpectra | None = None
    libraries: LibraryLabels | None = None
    history_errors: HistoryErrors | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("redshift", "redshift_err"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.full(len(self.rows), np.nan))
        self._make_plain()
        for name in self.column_names():
            check_shape(self, name, (len(self.rows),))
        for part in (self.weights, self.lines, self.fitted, self.libraries, self.history_errors):
            check(part is None or len(part) == len(self.rows), "Labels: lines, fits or other parts of other rows")

    @classmethod
    def column_names(cls) -> tuple[str, ...]:
        """Names of the per-row scalar columns, in the order of the LABELS table."""
        other = ("rows", "weights", "lines", "fitted", "libraries", "history_errors", "meta")
        return tuple(f.name for f in fields(cls) if f.name not in other)

    @property
    def good(self) -> Bools:
        """(n,) rows without a fault: nothing in ``flags`` says that their numbers must not be used."""
        return is_good(self.flags)


Labels._row_fields = ("rows", *Labels.column_names(), "weights", "lines", "fitted", "libraries", "history_errors")


@dataclass(frozen=True, eq=False)
class Truth(PerRow):
    """What a mock spectrum was made with; defined as the labels are, and never mixed up with them."""

    log_age_lw: Floats
    mh_lw: Floats
    log_age_mw: Floats
    mh_mw: Floats
    av: Floats
    velocity_kms: Floats
    sigma_kms: Floats

    def __post_init__(self) -> None:
        self._make_plain()
        for name in self._row_fields:
            check_shape(self, name, (len(self.log_age_lw),))


@dataclass(frozen=True, eq=False)
class Galaxies(PerRow):
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

    Examples
    --------
    >>> from agez.mocks.survey import survey_plan
    >>> galaxies = survey_plan(n_galaxies=4, n_spectra=40).galaxies
    >>> galaxies.galaxy_id.tolist()
    ['MOCK0001', 'MOCK0002', 'MOCK0003', 'MOCK0004']
    >>> galaxies.take(galaxies.morphology == "early").galaxy_id.tolist()
    ['MOCK0001']
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

    def __post_init__(self) -> None:
        self._make_plain(units={"inclination": "deg", "pa": "deg"})
        for name in self._row_fields:
            check_shape(self, name, (len(self.galaxy_id),))
        check(len(np.unique(self.galaxy_id)) == len(self.galaxy_id), "the galaxy table names a galaxy_id twice")

    def rows_of(self, galaxy_id: Strings) -> Ints:
        """Row of the table for each of the names, all of which are in it."""
        order = np.argsort(self.galaxy_id)
        return np.asarray(order[np.searchsorted(self.galaxy_id, galaxy_id, sorter=order)])


@dataclass(frozen=True, eq=False)
class Sample(PerRow):
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

    Examples
    --------
    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> seds, labels = agez.synthesize(mock.spectra, "jpas"), agez.fit_labels(mock.spectra, grid)
    >>> sample = agez.Sample(seds, labels, mock.r_re, mock.galaxies, mock.truth)
    >>> len(sample), sample.photometry.flux.shape
    (5, (5, 59))
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
        check(len(self.labels) == n, f"sample: {n} SEDs but {len(self.labels)} labels")
        check_shape(self, "r_re", (n,))
        check(self.truth is None or len(self.truth) == n, "sample: truth and photometry differ in length")
        unknown = np.setdiff1d(self.rows.galaxy_id, self.galaxies.galaxy_id)
        check(
            len(unknown) == 0, f"sample: galaxies {', '.join(unknown[:5])} have spectra but no row in the galaxy table"
        )

    @property
    def rows(self) -> Rows:
        """Identity and position of each spectrum."""
        return self.photometry.rows
