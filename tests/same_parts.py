"""Whether two objects of agez are the same, part by part."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np


def assert_same(left: Any, right: Any) -> None:
    """Every number, word and part of two dataclasses is the same, and of the same kind."""
    for field in fields(left):
        a, b = getattr(left, field.name), getattr(right, field.name)
        if hasattr(a, "__dataclass_fields__"):
            assert_same(a, b)
        elif isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=field.name)
            assert a.dtype.kind == b.dtype.kind, field.name
        else:
            assert a == b, field.name
