"""Values and errors of a table's bands, taken some rows at a time: fluxes, magnitudes, or elements of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agez.photometry.band_columns import BandColumn
from agez.photometry.measured import Measured, from_fluxes, from_magnitudes
from agez.photometry.vector_columns import BAD_FLAGS
from agez.tables.table_columns import PlainTable, is_code, number_column
from agez.types import Bools, Floats


@dataclass(frozen=True, eq=False)
class BandGroup:
    """The bands of a table that are fluxes, or those that are magnitudes, in the order of ``at``."""

    at: list[int]
    columns: list[BandColumn]
    values: list[Any]
    errors: list[Any]
    masked: _MaskedBands

    @classmethod
    def of(cls, table: PlainTable, columns: Sequence[BandColumn], magnitude: bool, source: str) -> BandGroup:
        at = [k for k, one in enumerate(columns) if one.magnitude == magnitude]
        ours = [columns[k] for k in at]
        plain: dict[str, Any] = {}
        for name in (name for one in ours for name in (one.value, one.error) if name is not None):
            if name not in plain:
                plain[name] = _as_floats(table, name, source, vector=ours[0].element is not None)
        values, errors = (
            [plain[one.value] for one in ours],
            [None if one.error is None else plain[one.error] for one in ours],
        )
        return cls(at, ours, values, errors, _MaskedBands.of(table, ours))

    def measured(self, rows: slice, *, zero_is_unknown: bool = False) -> Measured:
        """Fluxes and errors (bands, rows); errors of 0 and less are bad ones, or unknown."""
        value, error = self._block(self.values, rows), self._block(self.errors, rows)
        for k, one in enumerate(self.columns):
            if one.relative_error:
                code = is_code(error[k]) | is_code(value[k])
                with np.errstate(over="ignore", invalid="ignore"):
                    error[k] = np.where(code, error[k], np.abs(value[k]) * error[k])
            unusable = self.masked.element(rows, one)
            if unusable is not None:
                value[k, unusable] = np.nan
        if zero_is_unknown:  # 0 +- 0 is an empty entry
            error[(error <= 0) & (value > 0)] = np.nan
        factor, factor_err, offset = (
            np.array([[getattr(one, name)] for one in self.columns]) for name in ("factor", "factor_err", "offset")
        )
        if self.columns[0].magnitude:
            return from_magnitudes(value, error, offset=offset, factor_err=factor_err)
        return from_fluxes(value, error, factor=factor, factor_err=factor_err)

    def _block(self, arrays: list[Any], rows: slice) -> Floats:
        block = np.empty((len(arrays), rows.stop - rows.start))
        if self.columns[0].element is not None and arrays[0] is not None:
            block[:] = arrays[0][rows].T[[one.element for one in self.columns]]
            return block
        for k, array in enumerate(arrays):
            block[k] = np.nan if array is None else array[rows]
        return block


def _as_floats(table: PlainTable, name: str, source: str, *, vector: bool) -> Any:
    """A column as floats, NaN where masked; not copied if it is so already."""
    column = table[name]
    plain = column.dtype.kind == "f" and not isinstance(column, np.ma.MaskedArray)
    if vector:
        return np.asarray(column) if plain else np.asarray(np.ma.filled(column.astype(float), np.nan))
    return np.asarray(column) if plain and column.ndim == 1 else number_column(table, name, source=source)


@dataclass(frozen=True, eq=False)
class _MaskedBands:
    """Vector columns of flags a band, where photometry is in vectors: which elements are not to be used."""

    flags: Any
    mask: Any

    @classmethod
    def of(cls, table: PlainTable, columns: Sequence[BandColumn]) -> _MaskedBands:
        if not columns or columns[0].element is None:
            return cls(None, None)
        length = table[columns[0].value].shape[1]
        by_name = {name.upper().rpartition(".")[2]: name for name in table.colnames}

        def vector(name: str) -> Any:
            found = table[by_name[name]] if name in by_name else None
            usable = found is not None and found.shape[1:] == (length,) and found.dtype.kind in "iu"
            return found if usable else None

        return cls(vector("FLAGS"), vector("MASK_FLAGS"))

    def element(self, rows: slice, one: BandColumn) -> Bools | None:
        if self.flags is None and self.mask is None:
            return None
        bad: Bools = np.zeros(rows.stop - rows.start, dtype=bool)
        if self.flags is not None:
            bad |= (np.ma.getdata(self.flags[rows, one.element]) & BAD_FLAGS) != 0
        if self.mask is not None:
            bad |= np.ma.getdata(self.mask[rows, one.element]) != 0
        return bad
