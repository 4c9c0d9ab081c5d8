"""Redshift distributions of rows, each a few Gaussians, from the forms in which surveys publish them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from agez.arrays import Bools, Floats, Ints, PerRow, check, check_shape
from agez.distributions.redshift_reduction import MOST_COMPONENTS, TOLERANCE, Gaussians, cdf_error, reduced
from agez.errors import AgezError

T = TypeVar("T", bound=PerRow)

#: Probabilities of the bounds of a 68 % interval, one sigma of a Gaussian on either side of the median.
ONE_SIGMA = (0.1586552539, 0.8413447461)
#: Cells into which a distribution is cut before Gaussians are fitted, and how far into its tails, in sigma.
_CELLS, _TAILS = 40, 4.0
#: Numbers of a grid that are worked on at a time.
_BLOCK = 300_000


@dataclass(frozen=True, eq=False)
class RedshiftMixture(PerRow):
    """Up to six Gaussians for the redshift of each of ``n`` rows.

    Attributes
    ----------
    weights : (n, k) float
        Sum to 1; 0 for components that a row does not use, and for all of a row of unknown redshift.
    means, stds : (n, k) float
        Finite, and standard deviations 0 or more: 0 is an exact redshift.

    Notes
    -----
    Constructors take one row of the input for one of the mixture.  A row that is no distribution (NaN, a negative
    width or density, falling quantiles, weights that sum to 0) is a row of unknown redshift; the others are not changed
    by it.  All but :meth:`gaussian` give the fewest Gaussians whose cumulative distribution is within 0.02 of the
    row's, and six where none is (:mod:`agez.distributions.redshift_reduction`).

    Raises
    ------
    AgezError
        If shapes differ, or a row is no distribution.

    Examples
    --------
    >>> from agez.distributions.redshift_mixture import RedshiftMixture
    >>> peaks = RedshiftMixture.mixture([[0.25, 0.75]], [[0.1, 0.5]], [[0.02, 0.04]])
    >>> peaks.n_components.tolist(), peaks.mean.round(3).tolist()
    ([2], [0.4])
    """

    weights: Floats
    means: Floats
    stds: Floats

    def __post_init__(self) -> None:
        self._make_plain()
        shape = np.shape(self.weights)
        check(
            len(shape) == 2 and 1 <= shape[1] <= MOST_COMPONENTS,
            f"RedshiftMixture.weights has shape {shape}; expected (n, k) with k from 1 to {MOST_COMPONENTS}",
        )
        for name in ("means", "stds"):
            check_shape(self, name, shape)
        for name in self._row_fields:
            check(bool(np.isfinite(getattr(self, name)).all()), f"RedshiftMixture.{name}: expected finite numbers")
        check(not (self.weights < 0).any(), "RedshiftMixture.weights: expected numbers of 0 or more")
        check(not (self.stds < 0).any(), "RedshiftMixture.stds: expected numbers of 0 or more")
        total = self.weights.sum(axis=1)
        check(
            bool(((np.abs(total - 1) < 1e-6) | (total == 0)).all()),
            "RedshiftMixture.weights: expected rows that sum to 1, or to 0 where the redshift is unknown",
        )

    @classmethod
    def concatenate(cls, parts: Sequence[RedshiftMixture]) -> RedshiftMixture:  # type: ignore[override]
        """Rows of all parts, one after another; parts of fewer components get unused ones."""
        check(len(parts) > 0, "no RedshiftMixture to concatenate")
        k = max(part.weights.shape[1] for part in parts)
        wide = [[_widened(getattr(part, name), k) for part in parts] for name in cls._row_fields]
        return cls(*(np.concatenate(columns) for columns in wide))

    @property
    def n_components(self) -> Ints:
        """(n,) Gaussians of each row; 0 where the redshift is unknown."""
        return np.asarray((self.weights > 0).sum(axis=1))

    @property
    def mean(self) -> Floats:
        """(n,) Of the whole distribution; NaN where the redshift is unknown."""
        return np.where(self.n_components > 0, (self.weights * self.means).sum(axis=1), np.nan)

    @property
    def std(self) -> Floats:
        """(n,) Standard deviation of the whole distribution; that of the Gaussian, bit for bit, where there is one."""
        off = self.means - np.nan_to_num(self.mean)[:, None]
        several = np.sqrt((self.weights * (self.stds**2 + off**2)).sum(axis=1))
        found = np.where(self.n_components > 1, several, (self.weights * self.stds).sum(axis=1))
        return np.where(self.n_components > 0, found, np.nan)

    def in_all(self, parts: Sequence[T]) -> list[T]:
        """Rows with a redshift, their error and perhaps a mixture; Gaussians where they have none."""
        return [
            replace(one, redshift_mixture=one.redshift_mixture or self.gaussian(one.redshift, one.redshift_err))  # type: ignore[type-var,attr-defined]
            for one in parts
        ]

    def check_summary(self, redshift: Floats) -> None:
        """AgezError unless redshifts (n,) are the means of the rows of two components and more."""
        check(np.shape(redshift) == (len(self),), f"redshift_mixture has {len(self)} rows; expected {len(redshift)}")
        several = self.n_components > 1
        off = several & ~(np.abs(redshift - self.mean) <= 1e-6)
        check(
            not off.any(),
            f"redshift is not the mean of redshift_mixture in {int(off.sum())} rows; change both (with_redshifts of "
            "agez.photometry.redshift_columns), or set redshift_mixture to None",
        )

    @classmethod
    def gaussian(cls, redshift: ArrayLike, redshift_err: ArrayLike) -> RedshiftMixture:
        """One Gaussian a row, (n,) and (n,): an error of 0 or NaN is an exact redshift, an infinite one unknown."""
        z, err = (np.atleast_1d(np.asarray(one, float)) for one in (redshift, redshift_err))
        err = np.where(np.isnan(err), 0.0, np.broadcast_to(err, z.shape))
        return cls(*_tidy(np.ones((len(z), 1)), z[:, None], err[:, None]))

    @classmethod
    def asymmetric(cls, value: ArrayLike, low: ArrayLike, high: ArrayLike) -> RedshiftMixture:
        """From a median and the bounds of the 68 % interval, each (n,): half of a Gaussian on either side.

        Examples
        --------
        >>> from agez.distributions.redshift_mixture import RedshiftMixture
        >>> RedshiftMixture.asymmetric([0.3], [0.28], [0.32]).std.round(6).tolist()
        [0.02]
        >>> RedshiftMixture.asymmetric([0.3], [0.28], [0.35]).n_components.tolist()
        [3]
        """
        columns = [np.atleast_1d(np.asarray(one, float)) for one in (low, value, high)]
        return cls.quantiles((ONE_SIGMA[0], 0.5, ONE_SIGMA[1]), np.stack(columns, axis=1))

    @classmethod
    def quantiles(cls, probabilities: ArrayLike, values: ArrayLike) -> RedshiftMixture:
        """From quantiles: between them, and beyond the outer ones, redshifts are linear in the deviate Phi^-1(p).

        So two quantiles are a Gaussian, and median and one sigma on either side are two halves of Gaussians.  Where one
        Gaussian will do it is the straight line, by least squares, through the points (deviate, value).

        Parameters
        ----------
        probabilities : (p,) float
            Ascending, above 0 and below 1; two or more.
        values : (n, p) float
            Redshifts, not falling along a row.
        """
        p, q = np.asarray(probabilities, float), np.asarray(values, float)
        if p.ndim != 1 or len(p) < 2 or not (np.all(p > 0) and np.all(p < 1) and np.all(np.diff(p) > 0)):
            raise AgezError(
                f"probabilities of redshift quantiles are {p.tolist()}; expected two or more, ascending between 0 and 1"
            )
        _check_rows(q, len(p), "quantiles of the redshift")
        good = np.isfinite(q).all(axis=1) & (np.diff(q, axis=1) >= 0).all(axis=1)
        q = np.where(good[:, None], q, 0.0)
        x = ndtri(p)
        off = x - x.mean()
        slope = np.maximum((q * off).sum(axis=1) / (off * off).sum(), 0.0)
        middle = q.mean(axis=1) - slope * x.mean()
        near = (np.abs(middle[:, None] + slope[:, None] * x - q) <= 1e-9).all(axis=1)
        line = Gaussians(np.ones((len(q), 1)), middle[:, None], slope[:, None] ** 2)
        near |= cdf_error(line, q, np.broadcast_to(p, q.shape)) <= TOLERANCE
        edges = np.linspace(-_TAILS, _TAILS, _CELLS + 1)
        edges = np.sort(np.concatenate([edges, x]))
        cdf = ndtr(edges)
        hard = np.flatnonzero(good & ~near)
        z = _linear(edges, x, q[hard])
        weight = np.broadcast_to(np.diff(cdf) / (cdf[-1] - cdf[0]), z[:, 1:].shape)
        cells = Gaussians(weight, (z[:, 1:] + z[:, :-1]) / 2, np.diff(z, axis=1) ** 2 / 12)
        found = reduced(cells, z, np.broadcast_to(cdf, z.shape), refine=True)
        return cls(*_with_simple(len(q), hard, found, good & near, middle, slope))

    @classmethod
    def grid(cls, redshift: ArrayLike, density: ArrayLike) -> RedshiftMixture:
        """From densities on a grid, linear between its points and 0 beyond.

        Parameters
        ----------
        redshift : (g,) or (n, g) float
            Ascending; two or more.
        density : (n, g) float
            In any unit.
        """
        z, f = np.asarray(redshift, float), np.asarray(density, float)
        if z.ndim == 0 or z.shape[-1] < 2 or (z.ndim == 1 and not np.all(np.diff(z) > 0)):
            raise AgezError("the redshift grid must have two or more ascending values")
        _check_rows(f, z.shape[-1], "densities of the redshift")
        if z.ndim == 2 and len(z) != len(f):
            raise AgezError(f"{len(f)} rows of densities, but {len(z)} of redshift grids; expected as many")
        z = np.broadcast_to(z, f.shape)
        rows = max(1, _BLOCK // f.shape[1])
        parts = [cls(*_of_grid(z[k : k + rows], f[k : k + rows])) for k in range(0, max(len(f), 1), rows)]
        return cls.concatenate(parts)

    @classmethod
    def mixture(cls, weights: ArrayLike, means: ArrayLike, stds: ArrayLike, *, exact: bool = False) -> RedshiftMixture:
        """From any number of Gaussians a row, each (n, k); weights need not sum to 1.

        Unused components have weight 0, or nothing but NaN.  ``exact`` keeps all, up to six, also where fewer would do.
        """
        w, mu, s = (np.asarray(one, float) for one in (weights, means, stds))
        for one in (w, mu, s):
            _check_rows(one, w.shape[-1] if w.ndim else 0, "weights, means and standard deviations of the redshift")
        if not len(w) == len(mu) == len(s):
            raise AgezError("weights, means and standard deviations of the redshift differ in their number of rows")
        w = np.where(np.isnan(w) & np.isnan(mu) & np.isnan(s), 0.0, w)
        w, mu, s = _tidy(w, mu, s)
        if exact:
            return cls(w, mu, s)
        several = np.flatnonzero((w > 0).sum(axis=1) > 1)
        part = Gaussians(w[several], mu[several], s[several] ** 2)
        nodes = mu[several, :, None] + s[several, :, None] * np.linspace(-2, 2, 9)
        nodes = nodes.reshape(len(several), 9 * w.shape[1])
        cdf = part.cdf(nodes)
        found = reduced(part, nodes, cdf, refine=w.shape[1] > MOST_COMPONENTS)
        simple = (w > 0).sum(axis=1) == 1
        return cls(*_with_simple(len(w), several, found, simple, mu[:, 0], s[:, 0]))

    @classmethod
    def ensemble(cls, ensemble: Any, redshift: ArrayLike) -> RedshiftMixture:
        """From a ``qp`` ensemble: its method ``pdf(redshift)`` gives (n, g) densities on a grid (g,).

        An ensemble of Gaussian mixtures has weights, means and standard deviations, which are exact: give
        :meth:`mixture` those.
        """
        if not callable(getattr(ensemble, "pdf", None)):
            raise AgezError(f"a {type(ensemble).__name__} has no method pdf(redshift); expected a qp ensemble")
        z = np.asarray(redshift, float)
        return cls.grid(z, np.atleast_2d(np.asarray(ensemble.pdf(z), float)))


def _check_rows(values: Floats, length: int, what: str) -> None:
    if values.ndim != 2 or values.shape[1] != length or length == 0:
        raise AgezError(f"{what} have shape {values.shape}; expected (n, {length or 'k'})")


def _widened(values: Floats, k: int) -> Floats:
    return np.pad(values, ((0, 0), (0, k - values.shape[1])))


def _tidy(w: Floats, mu: Floats, s: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights that sum to 1, used components first by their mean, zeros elsewhere and in rows that are none."""
    used = w != 0
    with np.errstate(invalid="ignore"):
        fine = np.isfinite(w) & (w >= 0) & np.isfinite(mu) & np.isfinite(s) & (s >= 0)
    used &= (fine | ~used).all(axis=1)[:, None]
    w, mu, s = (np.where(used, one, 0.0) for one in (w, mu, s))
    order = np.argsort(np.where(used, mu, np.inf), axis=1, kind="stable")
    w, mu, s = (np.take_along_axis(one, order, axis=1) for one in (w, mu, s))
    total = w.sum(axis=1, keepdims=True)
    return w / np.where(total > 0, total, 1.0), mu, s


def _with_simple(
    n: int, hard: Ints, found: Gaussians, simple: Bools, mean: Floats, std: Floats
) -> tuple[Floats, Floats, Floats]:
    """All rows: ``hard`` ones as ``found``, ``simple`` ones a Gaussian, others unknown; no columns beyond need."""
    columns = np.zeros((3, n, MOST_COMPONENTS))
    columns[:, hard] = found.weights, found.means, np.sqrt(found.variances)
    columns[:, simple, 0] = np.ones(simple.sum()), mean[simple], std[simple]
    w, mu, s = _tidy(*columns)
    k = max(1, int((w > 0).sum(axis=1).max(initial=1)))
    return w[:, :k], mu[:, :k], s[:, :k]


def _linear(at: Floats, x: Floats, values: Floats) -> Floats:
    """(n, a) values (n, p) at ``x`` (p,), interpolated at ``at`` (a,) and continued beyond the ends."""
    k = np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2)
    share = (at - x[k]) / (x[k + 1] - x[k])
    return np.asarray(values[:, k] + share * (values[:, k + 1] - values[:, k]))


def _of_grid(z: Floats, f: Floats) -> tuple[Floats, Floats, Floats]:
    """Gaussians for densities on grids, both (n, g)."""
    step = np.diff(z, axis=1)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(f).all(axis=1) & (f >= 0).all(axis=1) & np.isfinite(z).all(axis=1) & (step > 0).all(axis=1)
        good &= f.sum(axis=1) > 0
    rows = np.flatnonzero(good)
    z, f, step = z[rows], f[rows] / f[rows].max(axis=1, keepdims=True), step[rows]
    low, high = f[:, :-1], f[:, 1:]
    share = high / np.where(low + high > 0, low + high, 1.0)
    weight = step * (low + high) / 2
    weight /= weight.sum(axis=1, keepdims=True)
    mean = z[:, :-1] + step * (1 + share) / 3
    variance = step**2 * (1 + 2 * share * (1 - share)) / 18
    cdf = np.concatenate([np.zeros((len(z), 1)), np.cumsum(weight, axis=1)], axis=1)
    cells = _coarse(Gaussians(weight, mean, variance), cdf)
    found = reduced(cells, z, cdf, refine=True)
    nothing = np.zeros(len(good))
    return _with_simple(len(good), rows, found, np.zeros(len(good), bool), nothing, nothing)


def _coarse(fine: Gaussians, cdf: Floats) -> Gaussians:
    """Neighbouring cells together, so that each has a small part of the probability and of the range of the row."""
    n, g = fine.weights.shape
    middle = (cdf[:, 1:] + cdf[:, :-1]) / 2
    inside = (middle > 1e-4) & (middle < 1 - 1e-4)
    first = np.min(np.where(inside, fine.means, np.inf), axis=1, initial=np.inf)
    last = np.max(np.where(inside, fine.means, -np.inf), axis=1, initial=-np.inf)
    width = np.where(last > first, last - first, 1.0)
    with np.errstate(invalid="ignore"):
        place = np.clip((fine.means - first[:, None]) / width[:, None], 0.0, 1.0)
    place = np.nan_to_num(place)
    group = np.minimum((_CELLS * (middle + place) / 2).astype(int), _CELLS - 1)
    flat = (np.arange(n)[:, None] * _CELLS + group).ravel()

    def summed(values: Floats) -> Floats:
        return np.bincount(flat, (fine.weights * values).ravel(), n * _CELLS).astype(float).reshape(n, _CELLS)

    weight, one = summed(np.ones((n, g))), np.arange(n)[:, None]
    safe = np.where(weight > 0, weight, 1.0)
    mean = summed(fine.means) / safe
    variance = summed(fine.variances + (fine.means - mean[one, group]) ** 2) / safe
    return Gaussians(weight, mean, variance)
