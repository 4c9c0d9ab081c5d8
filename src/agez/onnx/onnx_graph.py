"""A few words in which a computation is written down as an ONNX graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agez.runtime.optional_packages import need

#: Version of the operators: the oldest that has all we use, so that old runtimes read the file.
OPSET = 17
#: Version of the file format that goes with it.
IR_VERSION = 8


class Graph:
    """Collects nodes and constants; every method gives back the name of what it computes."""

    def __init__(self) -> None:
        self._onnx = need("onnx", extra="onnx", purpose="an ONNX file")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: tuple[int | str, ...], dtype: Any) -> str:
        """What the user gives; strings in the shape are lengths that may be any."""
        self._inputs.append(self._described(name, shape, dtype))
        return name

    def output(self, name: str, value: str, shape: tuple[int | str, ...], dtype: Any) -> None:
        """What the user gets, in ``dtype``."""
        self._nodes.append(self._onnx.helper.make_node("Cast", [value], [name], to=self._type(dtype)))
        self._outputs.append(self._described(name, shape, dtype))

    def constant(self, value: ArrayLike, dtype: Any = None) -> str:
        """An array that is part of the file."""
        name = f"constant{len(self._constants)}"
        # ascontiguousarray would make an array of a number
        self._constants.append(self._onnx.numpy_helper.from_array(np.array(value, dtype, order="C"), name))
        return name

    def op(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """One operator of one output."""
        return self.op_many(operator, *inputs, n=1, **attributes)[0]

    def op_many(self, operator: str, *inputs: str, n: int, **attributes: Any) -> list[str]:
        """One operator of ``n`` outputs."""
        names = [f"{operator}_{len(self._nodes)}_{k}" for k in range(n)]
        self._nodes.append(self._onnx.helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def cast(self, value: str, dtype: Any) -> str:
        """The same numbers in another type."""
        return self.op("Cast", value, to=self._type(dtype))

    def total(self, value: str, axis: int = 1, *, keep: bool = True) -> str:
        """Sum along an axis."""
        return self.op("ReduceSum", value, self.constant([axis], np.int64), keepdims=int(keep))

    def clip(self, value: str, low: float, high: float, dtype: Any) -> str:
        """Numbers put into a range."""
        return self.op("Clip", value, self.constant(low, dtype), self.constant(high, dtype))

    def reshape(self, value: str, *shape: int) -> str:
        """-1 stands for what is left."""
        return self.op("Reshape", value, self.constant(shape, np.int64))

    def columns(self, value: str, low: int, high: int) -> str:
        """Columns ``low`` to ``high`` of (n, m)."""
        ends = (self.constant([k], np.int64) for k in (low, high, 1))
        return self.op("Slice", value, *ends)

    def model(self, name: str, description: str, metadata: dict[str, str], version: str) -> Any:
        """The finished, checked file content."""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, initializer=self._constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="agez", producer_version=version,
            doc_string=description, ir_version=IR_VERSION,
        )  # fmt: skip
        helper.set_model_props(model, metadata)
        self._onnx.checker.check_model(model, full_check=True)
        return model

    def _type(self, dtype: Any) -> int:
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def _described(self, name: str, shape: tuple[int | str, ...], dtype: Any) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._type(dtype), list(shape))
