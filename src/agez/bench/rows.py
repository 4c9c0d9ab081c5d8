"""The rows of a set of real objects: photometry or spectra, and what is known about each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agez.arrays import PerRow
from agez.errors import AgezError
from agez.types import Floats, Ints, Photometry, Spectra, Strings


@dataclass(frozen=True, eq=False)
class Known(PerRow):
    """What is known about n objects without the model; NaN or '' where nothing is.

    Attributes
    ----------
    name : (n,) str
    kind : (n,) str
        Class of the object, in the words of its set.
    log_age, log_age_err, mh, mh_err : (n,) float
        Light-weighted log age [log10 yr] and [M/H] [dex] from elsewhere.
    gas_oh : (n,) float
        12 + log(O/H) of the gas.
    inclination : (n,) float
        [degree], 0 = face-on.
    repeat : (n,) str
        Name of the object where it is observed several times.
    """

    name: Strings
    kind: Strings
    log_age: Floats
    log_age_err: Floats
    mh: Floats
    mh_err: Floats
    gas_oh: Floats
    inclination: Floats
    repeat: Strings

    def __post_init__(self) -> None:
        n = len(self.name)
        for column in self._row_fields:
            if np.shape(getattr(self, column)) != (n,):
                raise AgezError(f"Known.{column} has shape {np.shape(getattr(self, column))} for {n} objects")

    @classmethod
    def of(cls, name: Any, **columns: Any) -> Known:
        """Those columns that are known; the rest is empty."""
        names = np.asarray(name, dtype=str)
        empty: dict[str, Any] = {
            column: np.full(len(names), "") if column in ("kind", "repeat") else np.full(len(names), np.nan)
            for column in cls._row_fields[1:]
        }
        given = {column: np.asarray(values, dtype=empty[column].dtype.kind) for column, values in columns.items()}
        return cls(names, **(empty | given))


@dataclass(frozen=True, eq=False)
class BenchRows:
    """Rows of a set: photometry of all of them, or one spectrum each."""

    known: Known
    photometry: Photometry | None = None
    spectra: tuple[Spectra, ...] = ()
    remarks: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.photometry is None) == (not self.spectra):
            raise AgezError("BenchRows: expected photometry or spectra, and not both")
        n = len(self.spectra) if self.photometry is None else len(self.photometry)
        if n != len(self.known):
            raise AgezError(f"BenchRows: {n} rows, but {len(self.known)} are known")
        if any(len(one) != 1 for one in self.spectra):
            raise AgezError("BenchRows: each of its spectra must be one")

    def __len__(self) -> int:
        return len(self.known)

    def take(self, rows: Ints) -> BenchRows:
        """Some of the rows, by number."""
        photometry = None if self.photometry is None else self.photometry.take(rows)
        spectra = tuple(self.spectra[k] for k in rows.tolist()) if self.spectra else ()
        return BenchRows(self.known.take(rows), photometry, spectra, self.remarks, self.meta)
