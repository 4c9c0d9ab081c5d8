"""The one table of quality bits: every row of every output carries a sum of these."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Flag(enum.IntFlag):
    """Quality bits of a row (a spectrum, a bin, an SED). Zero means nothing is known to be wrong.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> from agez.flags import has_flag, is_good
    >>> flags = np.array([0, agez.Flag.LOW_SNR | agez.Flag.BAND_NOT_COVERED, agez.Flag.BAND_NOT_COVERED])
    >>> has_flag(flags, agez.Flag.LOW_SNR).tolist()
    [False, True, False]
    >>> is_good(flags).tolist()
    [True, False, True]
    """

    NO_DATA = 1 << 0
    NON_FINITE = 1 << 1
    BAD_ERROR = 1 << 2
    BAND_NOT_COVERED = 1 << 3
    BAND_FILLED = 1 << 4
    LOW_SNR = 1 << 5
    FIT_FAILED = 1 << 6
    BAD_CHI2 = 1 << 7
    KINEMATICS_FAILED = 1 << 8
    OUT_OF_RANGE = 1 << 9
    OUT_OF_DISTRIBUTION = 1 << 10
    REDSHIFT_OUTSIDE_MODEL = 1 << 11
    TOO_FEW_BANDS = 1 << 12
    REDSHIFT_UNKNOWN = 1 << 13
    NO_GEOMETRY = 1 << 14
    PARTLY_COVERED = 1 << 15
    ERROR_ASSUMED = 1 << 16
    BAND_CONTRADICTED = 1 << 17
    REDSHIFT_ESTIMATED = 1 << 18
    REDSHIFT_FOUND = 1 << 19
    REDSHIFT_AMBIGUOUS = 1 << 20
    ON_GRID_EDGE = 1 << 21


#: What each bit means, in the words that the documentation and the reports use.
MEANING: dict[Flag, str] = {
    Flag.NO_DATA: "no usable pixel or band: nothing was computed",
    Flag.NON_FINITE: "some fluxes were NaN or infinite; they were left out",
    Flag.BAD_ERROR: "some errors were zero, negative or not finite; those pixels or bands were left out",
    Flag.BAND_NOT_COVERED: "at least one band of the filter set is not covered by the spectrum (its flux is NaN), or "
    "its error is so large compared with the row's others that it counts as not observed",
    Flag.BAND_FILLED: "at least one band that the model needs was missing and was replaced by its "
    "conditional mean given the other bands; the error includes this uncertainty",
    Flag.LOW_SNR: "signal-to-noise ratio too low for a meaningful result; labels of spectra below 5 per Angstrom "
    "rest on the prior",
    Flag.FIT_FAILED: "the spectral fit failed: no result",
    Flag.BAD_CHI2: "reduced chi2 of the spectral fit above 2: rejected from samples",
    Flag.KINEMATICS_FAILED: "velocity and dispersion could not be measured; the population fit used "
    "the systemic redshift and a default dispersion",
    Flag.OUT_OF_RANGE: "the result lies outside the range of the templates or the training labels",
    Flag.OUT_OF_DISTRIBUTION: "the SED is unlike the training set: the prediction is an extrapolation",
    Flag.REDSHIFT_OUTSIDE_MODEL: "more than half of the redshift's distribution is outside the model's range: the "
    "prediction is for the part inside (column redshift_inside); below 0.023 there is none",
    Flag.TOO_FEW_BANDS: "too many bands missing for this model: no prediction",
    Flag.REDSHIFT_UNKNOWN: "no redshift is given, and none could be measured; a spectrum was taken as rest-frame; "
    "photometry was predicted for any redshift of the model, or, by rest-frame models, as rest-frame",
    Flag.PARTLY_COVERED: "the spectrum has less than 40 % of the spectral fit's range, or less than 60 % of "
    "the pixels between its ends: errors are too small",
    Flag.ERROR_ASSUMED: "some bands had no error, and the model assumed 5 % of the flux; or a spectrum had none, and "
    "the error was estimated from its scatter",
    Flag.BAND_CONTRADICTED: "one band (column worst_band) deviates by more than 4 sigma from its prediction by the "
    "others, and was left out",
    Flag.REDSHIFT_ESTIMATED: "no redshift is given; the model estimated its own (redshift_phot, if that is a target)",
    Flag.REDSHIFT_FOUND: "the redshift was measured from the spectrum itself",
    Flag.REDSHIFT_AMBIGUOUS: "the redshift was measured from the spectrum itself, and two fit about equally well",
    Flag.ON_GRID_EDGE: "more than 20 % of the light is in the most metal-poor templates and in the youngest, "
    "where these are older than 10 Myr: the stars may lie beyond the templates",
    Flag.NO_GEOMETRY: "no position, effective radius or centre: no galactocentric radius",
}


#: Bits that are faults: the numbers of the row must not be used as they stand.  The others are information.
FAULTS = (
    Flag.NO_DATA
    | Flag.LOW_SNR
    | Flag.FIT_FAILED
    | Flag.BAD_CHI2
    | Flag.OUT_OF_RANGE
    | Flag.OUT_OF_DISTRIBUTION
    | Flag.REDSHIFT_OUTSIDE_MODEL
    | Flag.TOO_FEW_BANDS
    | Flag.REDSHIFT_UNKNOWN
    | Flag.PARTLY_COVERED
    | Flag.REDSHIFT_AMBIGUOUS
    | Flag.ON_GRID_EDGE
)


def is_good(flags: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Rows without a fault: no bit of :data:`FAULTS` is set.  Tables store it as column ``good``."""
    return ~has_flag(flags, FAULTS)


def set_flag(flags: NDArray[np.integer[Any]], where: NDArray[np.bool_], flag: Flag) -> NDArray[np.int32]:
    """Return a copy of ``flags`` with ``flag`` set in the rows where ``where`` is true."""
    return np.where(where, flags | np.int32(int(flag)), flags).astype(np.int32)


def has_flag(flags: NDArray[np.integer[Any]], flag: Flag) -> NDArray[np.bool_]:
    """Rows in which any bit of ``flag`` is set."""
    return (flags & np.int32(int(flag))) != 0


def count_flags(flags: NDArray[np.integer[Any]]) -> dict[str, int]:
    """How many rows carry each bit, by name; bits that no row carries are left out."""
    counts = {flag.name or str(int(flag)): int(has_flag(flags, flag).sum()) for flag in Flag}
    return {name: n for name, n in counts.items() if n}
