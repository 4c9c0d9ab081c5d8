"""Arrays: their types, plain ones from masked ones and quantities, and dataclasses with one entry a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from agez.errors import AgezError

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Ints = NDArray[np.integer[Any]]
Strings = NDArray[np.str_]
Index = slice | NDArray[Any] | Sequence[int]


def plain_array(values: Any, *, unit: str = "", missing: Any = None) -> Any:
    """An array or a column without mask and unit; anything else, and what is plain already, as it is.

    The masks of numpy's arrays, of astropy's columns and of its Masked quantities are all the same here.  Masked
    entries become ``missing``; where that is None, NaN among numbers, '' in text and False among truths.  Quantities,
    and columns with a unit, are brought to ``unit`` ('' is none).

    Raises
    ------
    AgezError
        If a quantity cannot be brought to the unit.
    """
    if not isinstance(values, np.ndarray) or type(values) is np.ndarray:
        return values
    mask = mask_of(values)
    values = getattr(values, "unmasked", values)
    factor = _factor_to(unit, values)
    plain = np.asarray(values.data if isinstance(values, np.ma.MaskedArray) else values)
    plain = plain if factor == 1.0 else plain * factor
    if mask is None:
        return plain
    if missing is None:
        missing = {"b": False, "S": b"", "U": "", "O": ""}.get(plain.dtype.kind, np.nan)
    if isinstance(missing, str) and plain.dtype.kind in "biuf":
        plain = plain.astype(str)
    return np.where(mask, missing, plain)


def mask_of(values: Any) -> Any:
    """Where a masked array, column or quantity has nothing; None if it has all, or knows no masks."""
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(values)
    elif isinstance(values, np.ndarray) and hasattr(values, "unmasked"):  # astropy's Masked: arrays and quantities
        mask = np.asarray(values.mask)  # type: ignore[attr-defined]
    else:
        return None
    return mask if mask.any() else None


def _factor_to(unit: str, values: Any) -> float:
    """What brings a quantity, or a column with a unit, to ``unit``; 1 where it has none."""
    own = getattr(values, "unit", None)
    is_column = not hasattr(values, "to_value")
    if own is None or str(own) in ("", unit) or (is_column and not unit):
        return 1.0
    try:
        if hasattr(own, "physical_unit"):
            raise ValueError("magnitudes and other logarithms have no factor")
        return float(own.to(unit if unit != "redshift" else ""))
    except Exception as error:  # astropy's, of which this file knows nothing
        wanted = "numbers without a unit" if unit in ("", "redshift") else unit
        raise AgezError(f"values are in {own}; expected {wanted}") from error


class Summarised:
    """Objects whose ``repr`` says in a line what they hold: a dataclass' own prints all of its numbers."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            cls.__repr__ = Summarised.__repr__  # type: ignore[method-assign]  # which a dataclass leaves in place

    def __repr__(self) -> str:
        return str(import_module("agez.summaries").one_line(self))  # which knows the types; loaded when asked

    def _repr_html_(self) -> str:
        return str(import_module("agez.summaries").as_html(self))


T = TypeVar("T", bound="PerRow")


def check(condition: bool, message: str) -> None:
    if not condition:
        raise AgezError(message)


def check_shape(owner: object, name: str, shape: tuple[int, ...]) -> None:
    found = np.shape(getattr(owner, name))
    check(found == shape, f"{type(owner).__name__}.{name} has shape {found}; expected {shape}")


#: By the end of a field's name, its unit; of other fields the classes say it.
_UNIT_OF_ENDING = {
    "_kms": "km/s", "_kms_err": "km/s", "_angstrom": "Angstrom", "_arcsec": "arcsec", "redshift": "redshift",
    "redshift_err": "redshift",
}  # fmt: skip
#: What stands for a masked entry of these fields; of others NaN, '' where text, False where truths.
_MASKED_IS: dict[str, Any] = {"flags": 0, "mask": True, "spec_id": "", "galaxy_id": ""}


class PerRow(Summarised):
    """Row selection and concatenation for dataclasses whose per-row fields are listed in ``_row_fields``, else all.

    Masked arrays become plain ones, and quantities numbers in the fields' units: see :func:`plain_array`.
    """

    _row_fields: tuple[str, ...] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "_row_fields" not in vars(cls):
            cls._row_fields = tuple(cls.__annotations__)

    def __len__(self) -> int:
        return len(getattr(self, self._row_fields[0]))

    def _make_plain(self, *also: str, units: Mapping[str, str] | None = None) -> None:
        """Per-row fields, and those of ``also``, as plain arrays; called before anything else looks at them."""
        for name in (*self._row_fields, *also):
            value = getattr(self, name)
            if not isinstance(value, np.ndarray) or type(value) is np.ndarray:
                continue
            unit = (units or {}).get(name) or next(
                (unit for ending, unit in _UNIT_OF_ENDING.items() if name.endswith(ending)), ""
            )
            try:
                plain = plain_array(value, unit=unit, missing=_MASKED_IS.get(name))
            except AgezError as error:
                raise AgezError(f"{type(self).__name__}.{name}: {error}") from error
            object.__setattr__(self, name, plain)

    def take(self: T, index: Index) -> T:
        """The same object with only the rows of ``index`` (slice, mask or integers)."""
        changes = {}
        for name in self._row_fields:
            value = getattr(self, name)
            if value is not None:
                by_rows = isinstance(value, PerRow) or (not hasattr(value, "__array__") and hasattr(value, "take"))
                changes[name] = value.take(index) if by_rows else value[index]
        return replace(self, **changes)  # type: ignore[type-var]

    @classmethod
    def concatenate(cls: type[T], parts: Sequence[T]) -> T:
        """Rows of all ``parts``, one after another; what is not per row comes from the first."""
        check(len(parts) > 0, f"no {cls.__name__} to concatenate")
        changes = {}
        for name in cls._row_fields:
            values = [getattr(part, name) for part in parts]
            if values[0] is not None:
                of_rows = getattr(type(values[0]), "concatenate", np.concatenate)
                changes[name] = of_rows(values)
        return replace(parts[0], **changes)  # type: ignore[type-var]
