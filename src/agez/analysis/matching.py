"""Which values of two files belong together: by identifier, by place on the sky, or region by region of maps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from scipy.spatial import cKDTree

from agez.analysis.compared_file import Side
from agez.errors import AgezError, some_of
from agez.types import Floats, Ints

#: How far apart the same place may be: in rows of tables [arcsec], and in maps in units of the larger pixel.
TOLERANCE_ARCSEC, TOLERANCE_PIXELS = 1.0, 0.75
#: Part of a region that the other map must cover.
LEAST_COVERED = 0.5


@dataclass(frozen=True, eq=False)
class Matched:
    """Values of A and of B, pair by pair."""

    a: dict[str, Floats]  #: (n,) of each quantity that both have.
    a_err: dict[str, Floats]
    b: dict[str, Floats]
    b_err: dict[str, Floats]
    units: dict[str, str]
    how: str  #: What was matched by what.
    n_a: int  #: Rows, pixels or regions of A; those of B.
    n_b: int
    radius: Floats | None
    radius_unit: str
    regions: Ints | None = None  #: (ny, nx) number of the pair that each pixel shows, -1: none; None of tables.
    corner: Floats | None = None  #: (ny, nx, 2) places of those pixels, to the west and to the north [arcsec].

    def __len__(self) -> int:
        return len(next(iter(self.a.values())))


def match(a: Side, b: Side, *, tolerance_arcsec: float | None = None) -> Matched:
    """Bring two sides together.

    Two maps are compared in the regions of that which has fewer; the other is averaged over each region's pixels,
    weighted by light where one of the two says it, and its error is the mean of theirs, as if they shared it all.
    Two tables are joined by (galaxy_id, spec_id or id), else by position; a map and a table by the mean
    of the rows that lie in each region, or the pixel nearest to each row of a map without regions.

    Raises
    ------
    AgezError
        If the two have no quantity in common, nothing to match by, or no place in common.
    """
    names = [name for name in a.values if name in b.values]
    if not names:
        raise AgezError(
            f"{a.path} and {b.path} have no quantity in common: {', '.join(a.values)} against {', '.join(b.values)}"
        )
    factors = {name: _same_unit(name, a, b) for name in names}
    b = replace(
        b, values={**b.values, **{name: b.values[name] * factors[name] for name in names}},
        errors={**b.errors, **{name: b.errors[name] * factors[name] for name in names}},
    )  # fmt: skip
    if a.shape is not None and b.shape is not None:
        return _maps(a, b, names, tolerance_arcsec)
    if a.shape is None and b.shape is None:
        found = _by_identifier(a, b)
        if found is not None:
            return _rows(a, b, names, *found)
        return _rows(a, b, names, *_by_place(a, b, TOLERANCE_ARCSEC if tolerance_arcsec is None else tolerance_arcsec))
    return _map_and_rows(a, b, names, tolerance_arcsec)


def ids_in_common(a: Side, b: Side) -> bool:
    """Whether rows of two tables can be joined by identifiers."""
    try:
        return _by_identifier(a, b) is not None
    except AgezError:
        return False


def _same_unit(name: str, a: Side, b: Side) -> float:
    """What brings B's values to A's unit."""
    mine, theirs = a.units[name], b.units[name]
    if not mine or not theirs or mine == theirs or (mine.startswith("dex") and theirs.startswith("dex")):
        return 1.0
    try:
        return float(u.Unit(theirs).to(u.Unit(mine)))
    except Exception as error:  # astropy's, of units that it does not know or that differ in kind
        raise AgezError(
            f"{name} is in {mine} in {a.path} and in {theirs} in {b.path}; give both in one unit"
        ) from error


# ---------------------------------------------------------------- tables


def _keys(side: Side, *, with_galaxy: bool) -> list[tuple[str, str]]:
    assert side.row_id is not None
    galaxy = side.galaxy if with_galaxy and side.galaxy is not None else np.full(len(side), "")
    return list(zip(galaxy.tolist(), side.row_id.tolist(), strict=True))


def _by_identifier(a: Side, b: Side) -> tuple[Ints, Ints, str] | None:
    """Rows of A and of B with the same identifier; None if a side has none, or none is in both."""
    if a.row_id is None or b.row_id is None:
        return None
    with_galaxy = a.galaxy is not None and b.galaxy is not None
    mine, theirs = (_keys(side, with_galaxy=with_galaxy) for side in (a, b))
    times = [Counter(mine), Counter(theirs)]
    common = times[0].keys() & times[1].keys()
    if not common:
        return None
    twice = next((key for key in mine if key in common and max(one[key] for one in times) > 1), None)
    if twice is not None:
        raise AgezError(
            f"identifier {' '.join(twice).strip()!r} stands twice in {a.path if times[0][twice] > 1 else b.path}; rows "
            "cannot be joined by it: make identifiers unique, or leave the column out"
        )
    at = {key: number for number, key in enumerate(theirs)}
    pairs = np.array([(number, at[key]) for number, key in enumerate(mine) if key in common])
    return pairs[:, 0], pairs[:, 1], "rows of the same identifier"


def _by_place(a: Side, b: Side, tolerance: float) -> tuple[Ints, Ints, str]:
    """Rows that are each other's nearest, within the tolerance."""
    here, there, words = _common_plane(a, b)
    distance, nearest = cKDTree(there).query(here, distance_upper_bound=tolerance)
    back = cKDTree(here).query(there)[1]
    close = np.flatnonzero(np.isfinite(distance))
    close = close[back[nearest[close]] == close]
    if not len(close):
        apart = float(np.min(cKDTree(there).query(here)[0]))
        raise AgezError(
            f"no row of {a.path} has one of {b.path} within {tolerance:g} arcsec ({words}; the nearest are {apart:.3g} "
            "arcsec apart); give --tolerance if that is near enough"
        )
    return close, nearest[close], f"rows within {tolerance:g} arcsec, by {words}"


def _rows(a: Side, b: Side, names: list[str], first: Ints, second: Ints, how: str) -> Matched:
    radius, unit = (None, "")
    for side, rows in ((a, first), (b, second)):
        if side.radius is not None and (radius is None or (unit == "arcsec" and side.radius_unit == "Re")):
            radius, unit = side.radius[rows], side.radius_unit
    return Matched(
        {name: a.values[name][first] for name in names}, {name: a.errors[name][first] for name in names},
        {name: b.values[name][second] for name in names}, {name: b.errors[name][second] for name in names},
        {name: a.units[name] or b.units[name] for name in names}, how, len(a), len(b), radius, unit,
    )  # fmt: skip


# ---------------------------------------------------------------- maps


def _maps(a: Side, b: Side, names: list[str], tolerance: float | None) -> Matched:
    """Region by region of the side with fewer of them."""
    own_is_a = _n_regions(a) <= _n_regions(b)
    own, other = (a, b) if own_is_a else (b, a)
    nearest, words = _nearest_pixels(own, other, tolerance)
    pixel = np.flatnonzero(nearest >= 0)
    kind = "pixels" if own.regions is None else "regions"
    return _by_region(a, b, names, own, pixel, nearest[pixel], f"{kind} of {own.path.name}, by {words}")


def _map_and_rows(a: Side, b: Side, names: list[str], tolerance: float | None) -> Matched:
    """Region by region of the map, with the mean of the rows that lie in it; pixel by pixel where it has no regions."""
    here, there, words = _common_plane(a, b)
    own, pixels, rows = (a, here, there) if a.shape is not None else (b, there, here)
    known = np.flatnonzero(_used(own))
    limit = TOLERANCE_PIXELS * _pixel_size(pixels) if tolerance is None else tolerance
    distance, nearest = cKDTree(pixels[known]).query(rows, distance_upper_bound=limit)
    row = np.flatnonzero(np.isfinite(distance))
    if not len(row):
        raise AgezError(f"no row lies on the maps of {own.path}, by {words}; give --tolerance if it does")
    pixel = known[nearest[row]]
    if own.regions is None:
        how = f"rows and the pixels that they lie on, by {words}"
        first, second = (pixel, row) if own is a else (row, pixel)
        return _rows(a, b, names, first, second, how)
    return _by_region(a, b, names, own, pixel, row, f"regions of {own.path.name} that rows lie in, by {words}")


def _by_region(a: Side, b: Side, names: list[str], own: Side, pixel: Ints, place: Ints, how: str) -> Matched:
    """Means of both over the regions of ``own``, from pairs of its pixels and places (pixels or rows) of the other."""
    other = b if own is a else a
    regions = np.arange(len(own)) if own.regions is None else own.regions
    numbers, region = np.unique(regions[pixel], return_inverse=True)
    n, light = len(numbers), _light(own, other, pixel, place)
    covered = np.ones(n)
    if other.shape is not None:
        whole = np.bincount(np.searchsorted(numbers, regions[np.isin(regions, numbers)]), minlength=n)
        covered = np.bincount(region, minlength=n) / whole
    mine: tuple[dict[str, Floats], dict[str, Floats]] = ({}, {})
    theirs: tuple[dict[str, Floats], dict[str, Floats]] = ({}, {})
    for name in names:
        for out, source, at in ((mine, own, pixel), (theirs, other, place)):
            out[0][name] = _means(source.values[name][at], light, region, n)
            out[1][name] = _means(source.errors[name][at], light, region, n)
        seen = _share_known(other.values[name][place], light, region, n) * covered >= LEAST_COVERED
        theirs[0][name] = np.where(seen, theirs[0][name], np.nan)
    first, second = (mine, theirs) if own is a else (theirs, mine)
    sides = ((own.radius, own.radius_unit, pixel), (other.radius, other.radius_unit, place))
    found = [(radius[at], unit) for radius, unit, at in sides if radius is not None and np.isfinite(radius[at]).any()]
    radius, unit = min(found, key=lambda one: one[1] != "Re", default=(None, ""))
    image = np.full(len(own), -1)
    inside = np.isin(regions, numbers)
    image[inside] = np.searchsorted(numbers, regions[inside])
    return Matched(
        first[0], first[1], second[0], second[1], {name: a.units[name] or b.units[name] for name in names}, how,
        _count(a), _count(b), None if radius is None else _means(radius, np.ones(len(pixel)), region, n), unit,
        np.reshape(image, own.shape or ()),
        None if own.offsets is None else np.reshape(own.offsets, (*(own.shape or ()), 2)),
    )  # fmt: skip


def _n_regions(side: Side) -> float:
    return np.inf if side.regions is None else float(len(np.unique(side.regions[side.regions >= 0])))


def _count(side: Side) -> int:
    if side.shape is None:
        return len(side)
    return int(_used(side).sum()) if side.regions is None else int(_n_regions(side))


def _used(side: Side) -> Floats:
    """(n,) pixels that can have a value."""
    inside = np.any([np.isfinite(value) for value in side.values.values()], axis=0)
    return np.asarray(inside if side.regions is None else inside & (side.regions >= 0))


def _nearest_pixels(own: Side, other: Side, tolerance: float | None) -> tuple[Ints, str]:
    """(n,) pixel of ``other`` at each pixel of ``own``; -1 where there is none, or the pixel is unused."""
    answer = np.full(len(own), -1)
    used = np.flatnonzero(_used(own))
    here, there, words = _common_plane(own, other)
    limit = tolerance
    if limit is None:
        limit = TOLERANCE_PIXELS * max(_pixel_size(here), _pixel_size(there))
    distance, nearest = cKDTree(there).query(here[used], distance_upper_bound=limit)
    close = np.isfinite(distance)
    if not close.any():
        apart = float(np.min(cKDTree(there).query(here[used])[0])) if len(used) else np.nan
        raise AgezError(
            f"the maps of {own.path} and {other.path} have no place in common ({words}; {apart:.3g} arcsec apart)"
        )
    answer[used[close]] = nearest[close]
    return answer, words


def _common_plane(a: Side, b: Side) -> tuple[Floats, Floats, str]:
    """Places of both in one plane, or on one sphere [arcsec], unknown ones far away, and what they are."""
    if a.sky is not None and b.sky is not None:
        planes = [_on_sphere(sky) for sky in (a.sky, b.sky)]
        words = "sky position"
    elif a.offsets is not None and b.offsets is not None:
        planes, words = [np.array(a.offsets), np.array(b.offsets)], "offset from the galaxy's centre"
    elif a.shape is not None and a.shape == b.shape:
        y, x = np.indices(a.shape)
        grid = np.column_stack([x.ravel(), y.ravel()]).astype(float)
        planes, words = [grid, grid.copy()], "pixel: neither map says where it lies on the sky"
    else:
        has = " and ".join(f"{side.path.name} has {_positions(side)}" for side in (a, b))
        raise AgezError(f"nothing to match by: no identifiers in common, and {has}; add a column spec_id or id to both")
    if words.startswith("offset"):
        planes = _galaxies_apart(a, b, planes)
    for number, plane in enumerate(planes):
        plane[~np.isfinite(plane).all(axis=1)] = 1e12 * (1 + number)
    return planes[0], planes[1], words


def _on_sphere(sky: Floats) -> Floats:
    """(n, 3) places on a sphere on which an arcsec is a unit: small distances are angles anywhere on the sky."""
    ra, dec = np.radians(sky).T
    unit = np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    return np.asarray(np.degrees(1.0) * 3600 * unit)


def _positions(side: Side) -> str:
    kinds = [word for word, there in (("ra, dec", side.sky), ("offsets x, y", side.offsets)) if there is not None]
    return " and ".join(kinds) or "no positions"


def _galaxies_apart(a: Side, b: Side, planes: list[Floats]) -> list[Floats]:
    """Offsets of different galaxies are different places; files of one galaxy each are of the same one.

    Files that say no galaxy hold one.
    """
    given = {id(side): [] if side.galaxy is None else side.galaxy.tolist() for side in (a, b)}
    held = next((side for side in (a, b) if len(set(given[id(side)])) > 1), None)
    if held is None:
        return planes
    if set(given[id(a)]).isdisjoint(given[id(b)]):
        other, found = b if held is a else a, sorted(set(given[id(held)]))
        said = "says none" if other.galaxy is None else f"is of {some_of(sorted(set(given[id(other)])))}"
        raise AgezError(
            f"{held.path} holds {len(found)} galaxies ({some_of(found)}) and "
            f"{other.path} {said}: offsets are of one galaxy; say which with --galaxy"
        )
    number = {name: k for k, name in enumerate(sorted({*given[id(a)], *given[id(b)]}))}
    shifts = ([number[name] for name in given[id(side)]] for side in (a, b))
    return [
        np.column_stack([plane, 1e7 * np.array(shift, dtype=float)])
        for plane, shift in zip(planes, shifts, strict=True)
    ]


def _pixel_size(places: Floats) -> float:
    """Typical distance of neighbours."""
    some = places[np.linspace(0, len(places) - 1, min(len(places), 200)).astype(int)]
    distance = cKDTree(places).query(some, k=2)[0][:, 1]
    return float(np.median(distance[distance > 0])) if (distance > 0).any() else 1.0


def _light(own: Side, other: Side, pixel: Ints, nearest: Ints) -> Floats:
    """Weight of each pixel in its region: its light where a side says it, else 1."""
    for side, where in ((other, nearest), (own, pixel)):
        if side.light is not None:
            light = np.nan_to_num(side.light[where])
            if (light > 0).any():
                return np.maximum(light, 0.0)
    return np.ones(len(pixel))


def _sums(region: Ints, values: Floats, n: int) -> Floats:
    return np.asarray(np.bincount(region, weights=values, minlength=n), dtype=float)


def _share_known(values: Floats, weight: Floats, region: Ints, n: int) -> Floats:
    total = _sums(region, weight, n)
    return _sums(region, weight * np.isfinite(values), n) / np.where(total > 0, total, np.inf)


def _means(values: Floats, weight: Floats, region: Ints, n: int) -> Floats:
    """(n,) weighted means over regions of what is known; NaN where nothing is."""
    known = np.isfinite(values) * weight
    total = _sums(region, known, n)
    return np.where(
        total > 0, _sums(region, known * np.nan_to_num(values), n) / np.where(total > 0, total, 1.0), np.nan
    )
