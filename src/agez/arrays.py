"""Arrays as users have them, masked or with units, as the plain arrays that agez works with: masked is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from agez.errors import AgezError


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
        raise AgezError(f"values are in {own}; expected {unit or 'numbers without a unit'}") from error
