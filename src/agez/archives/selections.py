"""Which rows are asked for, in pieces that an archive answers whole: a region of the sky, positions, identifiers."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agez.errors import AgezError
from agez.surveys.archive import Release
from agez.tables.table_columns import angle_column, text_column
from agez.tables.table_files import read_table
from agez.types import Floats

#: Rows of a list that one query asks for: its words stay short enough for any server.
LIST_ROWS = 50
#: No piece of the sky is smaller [degree].
_SMALLEST = 1 / 3600
#: By how much the box around a circle is larger [degree], for points on its edge.
_MARGIN = 1e-6


class Piece(Protocol):
    """Some rows of a release."""

    @property
    def where(self) -> str:
        """The condition (ADQL), of a table called ``m``."""
        ...

    def halves(self) -> Sequence[Piece]:
        """The same rows in two pieces; AgezError if it is too small for that."""
        ...


@dataclass(frozen=True)
class Circle:
    """A region of the sky [degree, ICRS]."""

    ra: float
    dec: float
    radius: float

    def __post_init__(self) -> None:
        if not (0 <= self.ra <= 360 and -90 <= self.dec <= 90 and 0 < self.radius <= 90):
            raise AgezError(
                f"region {self.ra:g},{self.dec:g},{self.radius:g}: expected RA of 0 to 360, DEC of -90 to 90, and a "
                "radius of more than 0 and at most 90, all in degrees"
            )

    def contains(self, release: Release) -> str:
        """The condition that a row is inside."""
        ra, dec = (f"m.{name}" for name in release.position)
        return f"1 = CONTAINS(POINT('ICRS', {ra}, {dec}), CIRCLE('ICRS', {self.ra!r}, {self.dec!r}, {self.radius!r}))"


@dataclass(frozen=True)
class SkyBox:
    """The part of a circle inside a box, half-open: boxes side by side share no row.  None: the whole circle.

    Examples
    --------
    >>> from agez.surveys.registry import find_survey
    >>> whole = SkyBox(Circle(0.0, 0.0, 1.0), find_survey("splus").archive.release("dr4"))
    >>> [[round(edge, 3) for edge in half.ra] for half in whole.halves()]  # across 0 h
    [[-1.0, 0.0], [0.0, 1.0]]
    """

    circle: Circle
    release: Release
    ra: tuple[float, float] | None = None
    dec: tuple[float, float] | None = None

    @property
    def where(self) -> str:
        conditions = [self.circle.contains(self.release)]
        if self.ra is not None and self.dec is not None:
            ra, dec = (f"m.{name}" for name in self.release.position)
            first = self.ra[0] % 360.0
            last = self.ra[1] % 360.0
            if self.ra[1] - self.ra[0] < 360:
                both = "AND" if first < last else "OR"  # a box across 0 h
                conditions.append(f"({ra} >= {first!r} {both} {ra} < {last!r})")
            conditions.append(f"{dec} >= {self.dec[0]!r} AND {dec} < {self.dec[1]!r}")
        return " AND ".join(conditions)

    def halves(self) -> tuple[SkyBox, SkyBox]:
        ra, dec = self._box()
        widest = math.cos(math.radians(min(abs(dec[0]), abs(dec[1])) if dec[0] * dec[1] > 0 else 0.0))
        if max((ra[1] - ra[0]) * widest, dec[1] - dec[0]) < 2 * _SMALLEST:
            raise AgezError(
                f"within an arcsecond of RA {ra[0]:.5f}, DEC {dec[0]:.5f} are more rows than one query of the archive "
                "brings"
            )
        if (ra[1] - ra[0]) * widest > dec[1] - dec[0]:
            middle = (ra[0] + ra[1]) / 2
            parts = (((ra[0], middle), dec), ((middle, ra[1]), dec))
        else:
            middle = (dec[0] + dec[1]) / 2
            parts = ((ra, (dec[0], middle)), (ra, (middle, dec[1])))
        one, other = (SkyBox(self.circle, self.release, *part) for part in parts)
        return one, other

    def _box(self) -> tuple[tuple[float, float], tuple[float, float]]:
        if self.ra is not None and self.dec is not None:
            return self.ra, self.dec
        circle, radius = self.circle, self.circle.radius + _MARGIN
        dec = (circle.dec - radius, circle.dec + radius)
        if max(abs(dec[0]), abs(dec[1])) >= 90:  # a pole is inside
            return (0.0, 360.0), dec
        half = math.degrees(math.asin(math.sin(math.radians(radius)) / math.cos(math.radians(circle.dec)))) + _MARGIN
        return (circle.ra - half, circle.ra + half), dec


@dataclass(frozen=True)
class ListRows:
    """Some rows of a list, each with its condition."""

    conditions: tuple[str, ...]

    @property
    def where(self) -> str:
        return "(" + " OR ".join(self.conditions) + ")"

    def halves(self) -> tuple[ListRows, ListRows]:
        if len(self.conditions) == 1:
            raise AgezError(
                f"more rows than one query of the archive brings fit a single row of the list ({self.where}); give a "
                "smaller --radius"
            )
        middle = len(self.conditions) // 2
        return ListRows(self.conditions[:middle]), ListRows(self.conditions[middle:])


@dataclass(frozen=True, eq=False)
class Wanted:
    """A list of objects: by positions [degree] and a radius [arcsec], or by identifiers, a tuple for each object."""

    ra: Floats | None = None
    dec: Floats | None = None
    radius_arcsec: float = 1.0
    ids: tuple[tuple[str, ...], ...] = ()

    def pieces(self, release: Release) -> list[ListRows]:
        """In the order of the list."""
        if self.ra is not None and self.dec is not None:
            conditions = [
                Circle(float(ra) % 360.0, float(dec), self.radius_arcsec / 3600).contains(release)
                for ra, dec in zip(self.ra, self.dec, strict=True)
            ]
        else:
            conditions = [
                "(" + " AND ".join(_equals(*pair, release) for pair in zip(release.ids, one, strict=True)) + ")"
                for one in dict.fromkeys(self.ids)
            ]
        return [ListRows(tuple(conditions[at : at + LIST_ROWS])) for at in range(0, len(conditions), LIST_ROWS)]


def read_list(path: str | os.PathLike[str], release: Release, *, radius_arcsec: float) -> Wanted:
    """A table of objects: columns ``ra`` and ``dec`` [degree], or else those of the release's identifiers, or ``id``.

    An ``id`` of several columns is written with ``-`` between (``85560-1234``), as ``agez predict`` names such rows.

    Raises
    ------
    AgezError
        If it has none of these columns, or a value that cannot be.
    """
    table = read_table(path)
    names = {name.lower(): name for name in table.colnames}
    if {"ra", "dec"} <= set(names):
        ra, dec = (angle_column(table, names[name], source=str(path), unit="deg") for name in ("ra", "dec"))
        bad = ~(np.isfinite(ra) & np.isfinite(dec) & (np.abs(ra) <= 360) & (np.abs(dec) <= 90))
        if bad.any():
            row = int(np.argmax(bad))
            raise AgezError(
                f"{path}: row {row + 1} has ra {ra[row]}, dec {dec[row]}; expected degrees, dec of -90 to 90"
            )
        found = Wanted(ra, dec, radius_arcsec)
    else:
        found = Wanted(ids=_identifiers(table, names, release, str(path)))
    if not len(table):
        raise AgezError(f"{path}: no rows; give at least one")
    return found


def _identifiers(table: object, names: dict[str, str], release: Release, path: str) -> tuple[tuple[str, ...], ...]:
    columns = [names.get(name.lower()) for name in release.ids]
    if all(columns):
        rows = list(zip(*(text_column(table, str(name)).tolist() for name in columns), strict=True))
    elif "id" in names:
        rows = [tuple(text.split("-")) if len(columns) > 1 else (text,) for text in text_column(table, names["id"])]
    else:
        raise AgezError(
            f"{path}: columns {', '.join(list(names.values())[:8])}; expected ra and dec [degree], or id, or "
            f"{', '.join(release.ids)}"
        )
    for number, row in enumerate(rows, start=1):
        numeric = len(columns) == 1 or all(word.strip().isdigit() for word in row)
        if len(row) != len(columns) or not all(word.strip() for word in row) or not numeric:
            form = "an identifier" if len(columns) == 1 else f"numbers {'-'.join(release.ids)}"
            raise AgezError(f"{path}: row {number} has the identifier {'-'.join(row)!r}; expected {form}")
    return tuple(tuple(word.strip() for word in row) for row in rows)


def _equals(column: str, value: str, release: Release) -> str:
    """Identifiers of one column are strings, those of several are numbers."""
    literal = value if len(release.ids) > 1 else "'" + value.replace("'", "''") + "'"
    return f"m.{column} = {literal}"
