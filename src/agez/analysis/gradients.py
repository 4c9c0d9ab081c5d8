"""Radial gradients of galaxies with the paper's bootstrap, for one galaxy or for a whole survey at once.

As in Liew-Cain et al. (2021, MNRAS 502, 1355): the face-on radius in units of the effective radius Re;
galaxies with at least 25 spectra inside Re and at least one outside; ordinary least squares
value = intercept + slope R/Re on 100 random 75 % subsets of the points inside Re; the mean slope and
its standard deviation over the subsets.

``slope_scatter`` is that standard deviation, the paper's number, so that the two compare; an error it is not: subsets
of a fraction f drawn without replacement share most of their points, so the scatter of their slopes is
sqrt((1 - f) / f) = 0.58 (for f = 0.75) of the sampling error of least squares (delete-d jackknife; Shao & Wu 1989,
Ann. Statist. 17, 1176).  ``slope_err`` is that sampling error where nothing is known of the points' errors: right if
they are independent.  Where errors are known, :func:`gradients_with_errors` knows what regions share, too.

All subsets of all galaxies are one sort of random keys and one segmented sum: no loop over either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agez.analysis.metrics import json_number
from agez.analysis.region_errors import fit_line, shared_errors
from agez.arrays import plain_array
from agez.errors import AgezError
from agez.tables.table_columns import is_missing
from agez.types import Bools, Floats, Ints, Strings

N_SUBSETS = 100
FRACTION = 0.75
MAX_RADIUS = 1.0
MIN_INSIDE = 25
MIN_OUTSIDE = 1
#: Regions with errors that a gradient needs: their number says nothing of it, their errors do.
LEAST_REGIONS = 3
#: Columns of a table of gradients that are numbers with a unit; NaN where there is none.
NUMBERS = ("slope", "slope_err", "slope_scatter", "intercept", "intercept_err")
#: Random keys held in memory at a time (subsets x points).
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Gradient:
    """A radial gradient of one galaxy."""

    #: slope, slope_err: Mean slope over the subsets and its sampling error if points are independent [unit of the value
    #: per Re].
    slope: float
    slope_err: float
    slope_scatter: float  #: Standard deviation of the slope over the subsets, as in the paper.
    intercept: float  #: Mean value at the centre, R = 0 [unit of the value].
    #: n_inside, n_outside: Points with a value at R <= max_radius and beyond.
    n_inside: int
    n_outside: int
    n_subsets: int = N_SUBSETS
    #: fraction, max_radius: Part of the points in each subset; outer radius of the fit [Re].
    fraction: float = FRACTION
    max_radius: float = MAX_RADIUS


@dataclass(frozen=True, eq=False)
class GradientTable:
    """Radial gradients of ``g`` galaxies in ``k`` quantities."""

    galaxy_id: Strings  #: (g,)
    names: tuple[str, ...]  #: k of them
    #: slope, slope_err, slope_scatter, intercept: (g, k) As in :class:`Gradient`; NaN where there is no gradient.
    slope: Floats
    slope_err: Floats
    slope_scatter: Floats
    intercept: Floats
    intercept_err: Floats  #: (g, k) NaN where nothing is known of the points' errors.
    #: n_inside, n_outside: (g, k)
    n_inside: Ints
    n_outside: Ints
    reason: Strings  #: (g, k) Why there is no gradient; '' where there is one.
    #: (2, subsets, g, k) Intercept and slope of every subset's line; those of :func:`galaxy_gradients` have them.
    lines: Floats | None = None

    def __len__(self) -> int:
        return len(self.galaxy_id)

    def to_json(self) -> list[dict[str, Any]]:
        """One mapping a galaxy and quantity, None instead of NaN."""
        return [
            {
                "galaxy_id": str(self.galaxy_id[g]),
                "quantity": name,
                **{number: json_number(getattr(self, number)[g, k]) for number in NUMBERS},
                "n_inside": int(self.n_inside[g, k]),
                "n_outside": int(self.n_outside[g, k]),
                "reason": str(self.reason[g, k]),
            }
            for g in range(len(self))
            for k, name in enumerate(self.names)
        ]


def radial_gradient(
    r_re: ArrayLike,
    value: ArrayLike,
    *,
    rng: np.random.Generator | None = None,
    n_subsets: int = N_SUBSETS,
    fraction: float = FRACTION,
    max_radius: float = MAX_RADIUS,
    min_inside: int = MIN_INSIDE,
    min_outside: int = MIN_OUTSIDE,
) -> Gradient:
    """Radial gradient of one galaxy.

    Parameters
    ----------
    r_re : (n,) float
        Face-on radius in units of the effective radius (:func:`agez.analysis.geometry.face_on_radius`).
    value : (n,) float
        E.g. log_age_lw or mh_lw [dex].  Points with a NaN in either are left out.
    rng : numpy.random.Generator, optional
        Draws the subsets; without it, a generator with seed 1.
    n_subsets, fraction, max_radius, min_inside, min_outside
        The paper's choices by default: 100 subsets of 75 % of the points at R <= 1 Re, at least 25
        points inside and one outside.

    Raises
    ------
    AgezError
        Where no gradient can be measured: too few points, or no spread in radius.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> radius = np.linspace(0.0, 1.5, 60)
    >>> gradient = agez.radial_gradient(radius, 9.8 - 0.2 * radius)
    >>> round(gradient.slope, 3), round(gradient.intercept, 3)  # [dex / Re], [dex]
    (-0.2, 9.8)
    """
    radius, values = (np.asarray(plain_array(one), dtype=float) for one in (r_re, value))
    radius, values = (np.where(is_missing(one), np.nan, one) for one in (radius, values))
    if values.ndim != 1 or radius.shape != values.shape:
        raise AgezError(f"radial_gradient: r_re has shape {radius.shape} and value {values.shape}; expected equal (n,)")
    table = galaxy_gradients(
        np.zeros(len(radius), dtype="<U1"),
        radius,
        values[:, None],
        rng=np.random.default_rng(1) if rng is None else rng,
        n_subsets=n_subsets,
        fraction=fraction,
        max_radius=max_radius,
        min_inside=min_inside,
        min_outside=min_outside,
    )
    if len(table) == 0:
        raise AgezError("radial_gradient: no points; give at least one spectrum")
    if table.reason[0, 0]:
        raise AgezError(f"no radial gradient: {table.reason[0, 0]}")
    names = ("slope", "slope_err", "slope_scatter", "intercept", "n_inside", "n_outside")
    numbers = {name: getattr(table, name)[0, 0].item() for name in names}
    return Gradient(**numbers, n_subsets=n_subsets, fraction=fraction, max_radius=max_radius)


def galaxy_gradients(
    galaxy_id: ArrayLike,
    r_re: ArrayLike,
    values: ArrayLike,
    *,
    rng: np.random.Generator,
    names: Sequence[str] | None = None,
    n_subsets: int = N_SUBSETS,
    fraction: float = FRACTION,
    max_radius: float = MAX_RADIUS,
    min_inside: int = MIN_INSIDE,
    min_outside: int = MIN_OUTSIDE,
) -> GradientTable:
    """Radial gradients of every galaxy in every column of ``values``.

    Parameters
    ----------
    galaxy_id : (n,) str
    r_re : (n,) float
        Face-on radius [Re]; NaN where unknown: the point is left out.
    values : (n, k) float
        A NaN leaves the point out in that column only.  Columns with the same points share the subsets.
    names : k str, optional
        What the columns are; ``value_0`` ... by default.
    n_subsets, fraction, max_radius, min_inside, min_outside
        As in :func:`radial_gradient`.

    Returns
    -------
    GradientTable
        In the order of the sorted ids.  Where there are too few points, the slope is NaN and ``reason`` says why.
    """
    ids, radius, data = np.asarray(galaxy_id), np.asarray(r_re, dtype=float), np.asarray(values, dtype=float)
    n = len(ids)
    if data.ndim != 2 or radius.shape != (n,) or len(data) != n:
        raise AgezError(
            f"gradients: galaxy_id has shape {ids.shape}, r_re {radius.shape} and values {data.shape}; "
            "expected (n,), (n,) and (n, k)"
        )
    columns = tuple(names) if names is not None else tuple(f"value_{k}" for k in range(data.shape[1]))
    if len(columns) != data.shape[1]:
        raise AgezError(f"gradients: {len(columns)} names for {data.shape[1]} columns of values")
    _check_options(n_subsets, fraction, max_radius, min_inside)
    if np.any(radius < 0):
        raise AgezError(f"gradients: r_re of row {int(np.argmax(radius < 0))} is negative; radii are distances")

    galaxies, galaxy = np.unique(ids, return_inverse=True)
    shape = (len(galaxies), data.shape[1])
    usable = np.isfinite(radius)[:, None] & np.isfinite(data)
    inside, outside = usable & (radius <= max_radius)[:, None], usable & (radius > max_radius)[:, None]
    n_inside, n_outside = (_count(galaxy, part, shape) for part in (inside, outside))
    enough = (n_inside >= min_inside) & (n_outside >= min_outside)

    # Columns with the same usable points are done together, and all columns start from the same random numbers.
    lines = np.full((2, n_subsets, *shape), np.nan)
    seed = int(rng.integers(2**63))
    chosen = inside & enough[galaxy]
    patterns, column_pattern = np.unique(chosen, axis=1, return_inverse=True)
    for p in range(patterns.shape[1]):
        rows, at = np.flatnonzero(patterns[:, p]), np.flatnonzero(column_pattern.ravel() == p)
        if rows.size:
            at_rows = data[np.ix_(rows, at)]
            fitted, found = _bootstrap(
                galaxy[rows], radius[rows], at_rows, n_subsets, fraction, np.random.default_rng(seed)
            )
            lines[:, :, found[:, None], at] = fitted
    intercept, slope = lines.mean(axis=1)
    scatter = lines[1].std(axis=0, ddof=1)
    slope_err = scatter * np.sqrt(fraction / (1 - fraction)) if fraction < 1 else np.full_like(scatter, np.nan)
    reason = _reasons(n_inside, n_outside, np.isfinite(slope), min_inside, min_outside, max_radius)
    return GradientTable(
        galaxies.astype(str), columns, slope, slope_err, scatter, intercept, np.full_like(slope, np.nan), n_inside,
        n_outside, reason, lines,
    )  # fmt: skip


def gradients_with_errors(
    galaxy_id: ArrayLike,
    r_re: ArrayLike,
    values: ArrayLike,
    errors: ArrayLike,
    *,
    names: Sequence[str],
    rng: np.random.Generator,
    kind: str = "images",
    model: str = "",
) -> GradientTable:
    """Radial gradients of regions with errors: lines that know what regions share (:mod:`agez.analysis.region_errors`).

    Parameters
    ----------
    galaxy_id, r_re, values
        As of :func:`galaxy_gradients`.
    errors : (n, k) float
        1 sigma; a point whose error is not known or not positive is left out in that column.
    names : k str
    rng : numpy.random.Generator
        Of the subsets whose scatter is ``slope_scatter``.
    kind : 'images', 'spectra' or 'labels'
    model : str
        What the values come from, as of :func:`agez.analysis.region_errors.shared_errors`.

    Returns
    -------
    GradientTable
        Of points inside 1 Re, ``LEAST_REGIONS`` at least; ``slope`` and ``intercept`` are those of weighted least
        squares, with errors that know what regions share.
    """
    radius, data, sigma = (np.asarray(part, dtype=float) for part in (r_re, values, errors))
    if sigma.shape != data.shape:
        raise AgezError(f"gradients: errors have shape {sigma.shape}, values {data.shape}; expected the same")
    with np.errstate(invalid="ignore"):
        data = np.where(np.isfinite(sigma) & (sigma > 0), data, np.nan)
    table = galaxy_gradients(galaxy_id, radius, data, rng=rng, names=names, min_inside=LEAST_REGIONS, min_outside=0)
    fitted = np.full((4, *table.slope.shape), np.nan)
    ids = np.asarray(galaxy_id).astype(str)
    for g, k in zip(*np.nonzero(table.reason == ""), strict=True):
        used = (ids == table.galaxy_id[g]) & np.isfinite(data[:, k]) & (radius <= MAX_RADIUS)
        shared = shared_errors(table.names[k], kind=kind, model=model)
        fitted[:, g, k] = fit_line(radius[used], data[used, k], sigma[used, k], shared)
    slope, slope_err, intercept, intercept_err = fitted
    return replace(table, slope=slope, slope_err=slope_err, intercept=intercept, intercept_err=intercept_err)


def compare_gradients(
    galaxy_id: ArrayLike,
    r_re: ArrayLike,
    values: Sequence[ArrayLike],
    *,
    names: Sequence[str],
    rng: np.random.Generator,
    **options: Any,
) -> tuple[GradientTable, ...]:
    """Gradients of several versions (truth, labels, predictions) of the same quantities, from the same subsets.

    Parameters
    ----------
    galaxy_id, r_re : (n,)
    values : sequence of (n, k) float
        A point that is NaN in one version is left out of all, column by column.
    names : k str
    **options
        Of :func:`galaxy_gradients`.

    Returns
    -------
    tuple of GradientTable
        One for each version, in the order given.
    """
    versions = [np.asarray(version, dtype=float) for version in values]
    k = len(names)
    if not versions or any(v.shape != versions[0].shape or v.shape[1:] != (k,) for v in versions):
        raise AgezError(f"gradients: values have shapes {[v.shape for v in versions]}; expected (n, {k}) for each")
    usable = np.all([np.isfinite(version) for version in versions], axis=0)
    together = np.hstack([np.where(usable, version, np.nan) for version in versions])
    table = galaxy_gradients(galaxy_id, r_re, together, names=[*names] * len(versions), rng=rng, **options)
    return tuple(_columns(table, slice(first, first + k)) for first in range(0, k * len(versions), k))


def beside(tables: Sequence[GradientTable]) -> GradientTable:
    """Tables of the same galaxies as one with the columns of all."""
    first = tables[0]
    if any(not np.array_equal(one.galaxy_id, first.galaxy_id) for one in tables):
        raise AgezError("gradients: tables of different galaxies cannot stand beside each other")
    columns = {
        name: np.concatenate([getattr(one, name) for one in tables], axis=1)
        for name in (*NUMBERS, "n_inside", "n_outside", "reason")
    }
    lines = None
    if all(one.lines is not None for one in tables):
        lines = np.concatenate([one.lines for one in tables if one.lines is not None], axis=3)
    return replace(first, names=tuple(name for one in tables for name in one.names), lines=lines, **columns)


def _columns(table: GradientTable, which: slice) -> GradientTable:
    columns = {name: getattr(table, name)[:, which] for name in (*NUMBERS, "n_inside", "n_outside", "reason")}
    lines = None if table.lines is None else table.lines[..., which]
    return replace(table, names=table.names[which], lines=lines, **columns)


def _check_options(n_subsets: int, fraction: float, max_radius: float, min_inside: int) -> None:
    if n_subsets < 2:
        raise AgezError(f"gradients: n_subsets is {n_subsets}; at least 2 are needed for an error")
    if not 0 < fraction <= 1:
        raise AgezError(f"gradients: fraction is {fraction}; expected 0 < fraction <= 1")
    if not max_radius > 0:
        raise AgezError(f"gradients: max_radius is {max_radius}; expected a positive number of Re")
    if min_inside < 3:
        raise AgezError(f"gradients: min_inside is {min_inside}; a line with an error needs at least 3 points")


def _count(galaxy: Ints, part: Bools, shape: tuple[int, int]) -> NDArray[np.int64]:
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, galaxy, part)
    return counts


def _bootstrap(
    galaxy: Ints, radius: Floats, values: Floats, n_subsets: int, fraction: float, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    """Intercept and slope of every subset's line, (2, subsets, g, k), and which galaxies these are, (g,).

    Every point gets a random key in every subset; sorted by galaxy and key, the first
    round(fraction n) points of each galaxy are a random subset of it without replacement.
    """
    found, segment, counts = np.unique(galaxy, return_inverse=True, return_counts=True)
    starts = np.cumsum(counts) - counts
    size = np.maximum(np.rint(fraction * counts).astype(np.int64), 2)
    by_galaxy = np.argsort(segment, kind="stable")
    position = np.arange(len(galaxy)) - np.repeat(starts, counts)
    kept = np.flatnonzero(position < np.repeat(size, counts))
    kept_starts = np.cumsum(size) - size

    # About the galaxies' means, so that the differences of sums below lose no digits.
    mean_radius = np.add.reduceat(radius[by_galaxy], starts) / counts
    mean_value = np.add.reduceat(values[by_galaxy], starts) / counts[:, None]
    x = (radius - mean_radius[segment])[by_galaxy]
    y = (values - mean_value[segment])[by_galaxy]
    home = np.repeat(np.arange(len(counts)), counts).astype(float)

    slope = np.empty((n_subsets, len(counts), values.shape[1]))
    intercept = np.empty_like(slope)
    step = max(1, _CHUNK // len(galaxy))
    for first in range(0, n_subsets, step):  # chunks of subsets, only to bound the memory
        part = slice(first, min(first + step, n_subsets))
        keys = rng.random((part.stop - part.start, len(galaxy)))
        picked = np.argsort(keys + home, axis=1)[:, kept]
        px, py = x[picked], y[picked]
        sx = np.add.reduceat(px, kept_starts, axis=1)[..., None] / size[:, None]
        sxx = np.add.reduceat(px * px, kept_starts, axis=1)[..., None] / size[:, None]
        sy = np.add.reduceat(py, kept_starts, axis=1) / size[:, None]
        sxy = np.add.reduceat(px[..., None] * py, kept_starts, axis=1) / size[:, None]
        spread = sxx - sx**2
        flat = spread <= 1e-12 * np.maximum(mean_radius**2, 1e-12)[:, None]
        slope[part] = np.where(flat, np.nan, (sxy - sx * sy) / np.where(flat, 1.0, spread))
        intercept[part] = sy - slope[part] * sx
    return np.stack([intercept + mean_value - slope * mean_radius[:, None], slope]), found


def _reasons(
    n_inside: Ints, n_outside: Ints, fitted: Bools, min_inside: int, min_outside: int, max_radius: float
) -> Strings:
    reason = np.full(fitted.shape, "", dtype="<U120")
    for g, k in zip(*np.nonzero(~fitted), strict=True):  # the few that failed
        if n_inside[g, k] < min_inside:
            reason[g, k] = (
                f"{n_inside[g, k]} points with a value at R <= {max_radius:g} Re; at least {min_inside} needed"
            )
        elif n_outside[g, k] < min_outside:
            reason[g, k] = (
                f"{n_outside[g, k]} points with a value at R > {max_radius:g} Re; at least {min_outside} needed"
            )
        else:
            reason[g, k] = "the points inside have no spread in radius"
    return reason
