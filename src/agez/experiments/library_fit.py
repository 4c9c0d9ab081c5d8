"""Ages and metallicities by a Bayesian fit of a library of model SEDs to photometry.

In the manner of MUFFIT (Diaz-Garcia et al. 2015, A&A 582, A14) and BaySeAGal (Gonzalez Delgado et al. 2021, A&A 649,
A79): nothing is trained; every SED f is compared with every model m of a library that was drawn from the prior.  With
w = 1 / sigma^2 of each band (0 where it was not observed) and the scale a at its best, positive value::

    chi2 = C - A^2 / B,    a = A / B,    A = sum(w f m),    B = sum(w m^2),    C = sum(w f^2)

and the posterior weight of the model is exp(-chi2 / 2).  That is the scale marginalised with a prior flat in its
logarithm, but for a factor sigma_a / a, which is the same for all models that fit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from agez.errors import AgezError
from agez.experiments.population_library import PopulationLibrary
from agez.types import Floats, Ints, Photometry

#: Error that is added in quadrature to each band's own, as a fraction of its flux: zero points of bands, and the
#: templates themselves, are known to a few per cent.
ERROR_FLOOR = 0.03
#: SEDs with fewer bands are not fitted: scale, age and metallicity are three numbers.
MIN_BANDS = 3
#: Models this much worse in chi2 than the best do not count: their weight is below 1e-9 of its.
_NEGLIGIBLE = 42.0
_CHUNK_ROWS = 32


@dataclass(frozen=True, eq=False)
class LibraryFit:
    """What :func:`fit_library` gives back; NaN (0 models, 0 bands) in rows that cannot be fitted."""

    #: mean, std: (n, 2) Posterior mean and standard deviation of light-weighted log age and [M/H].
    mean: Floats
    std: Floats
    chi2: Floats  #: (n,) Of the best model.
    #: (n,) 1 / sum(p^2) of the posterior probabilities p: how many models share the posterior. A few say that the
    #: library is too sparse for the errors.
    n_effective: Floats
    n_bands: Ints  #: (n,) Bands in use.
    seconds: float  #: Processor time of one core.


def fit_library(
    photometry: Photometry,
    library: PopulationLibrary,
    *,
    floor: float = ERROR_FLOOR,
    masked: Sequence[str] = (),
    workers: int = 1,
) -> LibraryFit:
    """Posterior of every SED over a library.

    Parameters
    ----------
    photometry : Photometry
        Its bands must be the library's, in the same order.  An error that is unknown is the floor alone.
    floor : float
        Fraction of the flux, added to the errors in quadrature.
    masked : sequence of str
        Bands that are not used.
    workers : int
        Threads; the numbers do not depend on it.

    Raises
    ------
    AgezError
        If the bands differ, ``floor`` is negative, or ``workers`` is below 1.
    """
    if photometry.bands.names != library.bands.names:
        raise AgezError(
            f"library fit: the SEDs have the bands {', '.join(photometry.bands.names)}, the library "
            f"{', '.join(library.bands.names)}; make the library with the bands of the SEDs"
        )
    if floor < 0 or workers < 1:
        raise AgezError(f"library fit: floor is {floor} and workers is {workers}; expected at least 0 and 1")
    weight = band_weights(photometry, floor)
    weight[:, photometry.bands.index(masked)] = 0.0
    flux = np.where(weight > 0, photometry.flux, 0.0)
    n = len(flux)
    out = LibraryFit(
        mean=np.full((n, 2), np.nan), std=np.full((n, 2), np.nan), chi2=np.full(n, np.nan), n_effective=np.zeros(n),
        n_bands=(weight > 0).sum(axis=1), seconds=0.0,
    )  # fmt: skip
    order = np.argsort(library.means[:, 0], kind="stable")
    means, models = library.means[order], np.ascontiguousarray(library.flux[order].T)
    squares = models**2
    fittable = np.flatnonzero(out.n_bands >= MIN_BANDS)
    # chunks of one size, whatever the number of threads, so that sums are made in the same order
    chunks = [fittable[start : start + _CHUNK_ROWS] for start in range(0, len(fittable), _CHUNK_ROWS)]

    def work(rows: Ints) -> float:
        start = time.thread_time()
        _fit_rows(rows, flux[rows], weight[rows], models, squares, means, out)
        return time.thread_time() - start

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        seconds = sum(pool.map(work, chunks))
    return replace(out, n_bands=np.where(np.isfinite(out.chi2), out.n_bands, 0), seconds=seconds)


def band_weights(photometry: Photometry, floor: float) -> Floats:
    """(n, b) inverse variances of the bands, the floor included; 0 where a band was not observed or has no error."""
    flux = np.where(photometry.covered, photometry.flux, 0.0)
    err = np.where(np.isfinite(photometry.flux_err), photometry.flux_err, 0.0)
    variance = err**2 + (floor * flux) ** 2
    known = photometry.covered & (variance > 0)
    return np.where(known, 1 / np.where(known, variance, 1.0), 0.0)


def _fit_rows(
    rows: Ints, flux: Floats, weight: Floats, models: Floats, squares: Floats, means: Floats, out: LibraryFit
) -> None:
    """Fill ``out`` at ``rows``; ``models`` (b, m), their ``squares`` and ``means`` (m, 2) are those of the library."""
    explained = (weight * flux) @ models  # A
    if explained.min() > 0:
        np.multiply(explained, explained, out=explained)
    else:  # keeps its sign: a negative scale is no fit
        np.multiply(explained, np.abs(explained), out=explained)
    explained /= weight @ squares
    best = explained.max(axis=1)
    fits = best > 0
    if not fits.all():
        rows, flux, weight, explained, best = rows[fits], flux[fits], weight[fits], explained[fits], best[fits]
    if len(rows) == 0:
        return
    row, model = np.nonzero(explained > np.maximum(best - _NEGLIGIBLE, 0.0)[:, None])
    part = np.exp(0.5 * (explained[row, model] - best[row]))
    n = len(rows)
    p = part / np.bincount(row, part, n)[row]
    out.chi2[rows] = np.maximum((weight * flux**2).sum(axis=1) - best, 0.0)
    out.n_effective[rows] = 1 / np.bincount(row, p**2, n)
    for k in (0, 1):
        values = means[model, k]
        mean = np.bincount(row, p * values, n)
        out.mean[rows, k] = mean
        out.std[rows, k] = np.sqrt(np.bincount(row, p * (values - mean[row]) ** 2, n))
