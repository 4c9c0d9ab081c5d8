"""Whether predicted distributions hold what they promise: coverage, CRPS and sharpness, overall and in bins.

From the probability integral transform u = F(truth) of each row (:mod:`agez.analysis.pit`), its continuous ranked
probability score, and sigma, half the width of its 68 % interval::

    coverage of the central interval of probability c    the part of rows with abs(u - 1/2) <= c / 2
    CRPS                                                 the mean of the rows' scores: small is good
    sharpness                                            the median of the rows' sigma: small is good, if coverage holds

Calibration first, then sharpness (Gneiting, Balabdaoui & Raftery 2007, J. R. Stat. Soc. B 69, 243).  Errors come from
a bootstrap over galaxies (:mod:`agez.analysis.galaxy_bootstrap`).  Rows in which PIT, CRPS or sigma is not finite are
left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from agez.analysis.galaxy_bootstrap import (
    N_BOOTSTRAP,
    Estimate,
    draw_galaxies,
    means_over_rows,
    median_over_rows,
    members,
    sums_of_galaxies,
)
from agez.analysis.metrics import StrictJson
from agez.analysis.pit import checked_pit, pit_shape
from agez.errors import AgezError
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats

#: Probabilities of a Gaussian's 1-sigma and 2-sigma intervals.
COVERAGE_LEVELS = (0.6827, 0.9545)
#: Bins of a quantity.
N_BINS = 5


@dataclass(frozen=True)
class Calibration(StrictJson):
    """How well the intervals of ``n`` rows of ``n_galaxies`` galaxies hold."""

    n: int
    n_galaxies: int
    #: coverage_68, coverage_95: Parts of 1; right at :data:`COVERAGE_LEVELS`.
    coverage_68: Estimate
    coverage_95: Estimate
    #: crps, sharpness: [dex]
    crps: Estimate
    sharpness: Estimate


@dataclass(frozen=True, eq=False)
class BinnedCalibration(StrictJson):
    """Calibrations in bins of a quantity."""

    edges: Floats  #: (b + 1,) A bin holds its lower edge; the last holds its upper edge, too.
    centre: Floats  #: (b,) Median of the quantity in each bin; NaN in an empty one.
    bins: tuple[Calibration, ...]  #: (b,)


class _Rows(NamedTuple):
    """What is known of each usable row."""

    pit: Floats
    crps: Floats
    sigma: Floats
    galaxy_id: Any


def calibration(
    pit: ArrayLike,
    crps: ArrayLike,
    sigma: ArrayLike,
    galaxy_id: ArrayLike,
    *,
    rng: np.random.Generator,
    n_bootstrap: int = N_BOOTSTRAP,
) -> Calibration:
    """Coverage, mean CRPS and sharpness of all rows.

    Parameters
    ----------
    pit : (n,) float
        Between 0 and 1.
    crps, sigma : (n,) float
        Score and half the width of the 68 % interval of each row [dex].
    galaxy_id : (n,) str or int
    rng : numpy.random.Generator
        Draws galaxies.
    """
    return _calibration(_rows(pit, crps, sigma, galaxy_id, np.zeros(np.shape(pit)))[0], rng, n_bootstrap)


def calibration_in_bins(
    quantity: ArrayLike,
    pit: ArrayLike,
    crps: ArrayLike,
    sigma: ArrayLike,
    galaxy_id: ArrayLike,
    *,
    rng: np.random.Generator,
    n_bootstrap: int = N_BOOTSTRAP,
) -> BinnedCalibration:
    """:func:`calibration` in ``N_BINS`` bins of a quantity, of equally many rows; rows where it is NaN are left out.

    There are fewer bins where many rows share a value.

    Parameters
    ----------
    quantity : (n,) float
        Anything known of the rows: S/N, age, number of bands.
    pit, crps, sigma, galaxy_id : (n,)
        As :func:`calibration` takes them.
    """
    x = np.asarray(quantity, dtype=float)
    if x.shape != np.shape(pit):
        raise AgezError(f"the quantity to bin in has shape {x.shape}, the PIT {np.shape(pit)}; expected the same (n,)")
    rows, x = _rows(pit, crps, sigma, galaxy_id, x)
    given = _edges(x)
    at = np.searchsorted(given, x, side="right") - 1
    at[x == given[-1]] = len(given) - 2
    inside = [at == k for k in range(len(given) - 1)]
    centre = [float(np.median(x[one])) if one.any() else math.nan for one in inside]
    bins = [_calibration(_Rows(*(part[one] for part in rows)), rng, n_bootstrap) for one in inside]
    return BinnedCalibration(given, np.array(centre), tuple(bins))


def calibration_block(
    pit: ArrayLike,
    crps: ArrayLike,
    sigma: ArrayLike,
    galaxy_id: ArrayLike,
    quantities: Mapping[str, ArrayLike],
    *,
    rng: np.random.Generator,
    n_bootstrap: int = N_BOOTSTRAP,
) -> dict[str, Any]:
    """All of it for both targets as strict JSON, which figures and tables are made from.

    Parameters
    ----------
    pit, crps, sigma : (n, 2) float
        A column a target.
    galaxy_id : (n,) str or int
    quantities : mapping of name to (n,) float
        What to bin in, such as ``snr`` and ``n_bands``.

    Returns
    -------
    dict
        ``{"age" | "metallicity": {"overall": Calibration, "pit": PitShape, "bins": {name: BinnedCalibration}}}``,
        each as its ``to_json`` writes it.
    """
    columns = [np.asarray(values, dtype=float) for values in (pit, crps, sigma)]
    for name, values in zip(("pit", "crps", "sigma"), columns, strict=True):
        if values.ndim != 2 or values.shape[1] != len(PAPER_TARGETS):
            raise AgezError(f"{name} has shape {values.shape}; expected (n, {len(PAPER_TARGETS)}): a column a target")
    block: dict[str, Any] = {}
    for k, target in enumerate(PAPER_TARGETS):
        u, score, width = (values[:, k] for values in columns)
        block[TARGET_WORDS[target]] = {
            "overall": calibration(u, score, width, galaxy_id, rng=rng, n_bootstrap=n_bootstrap).to_json(),
            "pit": pit_shape(u, galaxy_id, rng=rng, n_bootstrap=n_bootstrap).to_json(),
            "bins": {
                name: calibration_in_bins(
                    x, u, score, width, galaxy_id, rng=rng, n_bootstrap=n_bootstrap
                ).to_json()
                for name, x in quantities.items()
            },
        }  # fmt: skip
    return block


def _rows(
    pit: ArrayLike, crps: ArrayLike, sigma: ArrayLike, galaxy_id: ArrayLike, quantity: Floats
) -> tuple[_Rows, Floats]:
    """The usable rows and the quantity in them."""
    u, score, width = checked_pit(pit), np.asarray(crps, dtype=float), np.asarray(sigma, dtype=float)
    names = np.asarray(galaxy_id)
    for name, values in (("crps", score), ("sigma", width), ("galaxy_id", names)):
        if values.shape != u.shape:
            raise AgezError(f"pit has shape {u.shape} and {name} {values.shape}; expected two equal lengths (n,)")
    good = np.isfinite(u) & np.isfinite(score) & np.isfinite(width) & np.isfinite(quantity)
    return _Rows(u[good], score[good], width[good], names[good]), quantity[good]


def _edges(x: Floats) -> Floats:
    if not x.size:
        return np.array([0.0, 1.0])
    found = np.unique(np.quantile(x, np.linspace(0, 1, N_BINS + 1)))
    return found if found.size > 1 else found[0] + np.array([-0.5, 0.5])


def _calibration(rows: _Rows, rng: np.random.Generator, n_bootstrap: int) -> Calibration:
    of_galaxy = members(rows.galaxy_id)
    drawn = draw_galaxies(of_galaxy.n_galaxies, rng=rng, n_bootstrap=n_bootstrap)
    distance = np.abs(rows.pit - 0.5)
    columns = np.stack([*(distance <= 0.5 * level for level in COVERAGE_LEVELS), rows.crps], axis=1)
    value, err, _ = means_over_rows(of_galaxy, sums_of_galaxies(of_galaxy, columns), drawn)
    low, high, score = (Estimate(float(v), float(e)) for v, e in zip(value, err, strict=True))
    sharpness = median_over_rows(of_galaxy, rows.sigma, drawn)
    return Calibration(len(rows.pit), of_galaxy.n_galaxies, low, high, score, sharpness)
