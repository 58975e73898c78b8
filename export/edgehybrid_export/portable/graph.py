"""A graph in which segments and mixers follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from edgehybrid_export.errors import ExportError
from edgehybrid_export.graph import Graph
from edgehybrid_export.store import WeightStore

_DTYPES: dict[int, str] = {TensorProto.FLOAT: "float32", TensorProto.INT32: "int32"}


class StepGraph(Graph):
    """What a part gives as an output, the next takes as an input of the same name.

    Only `past`, `present`, `enter` and `give` make inputs and outputs of the graph itself. Large
    weights are those that the segments have stored; other constants stay inside.

    Attributes:
        wires: values by the names under which parts know them.
        states: what `past` declared, as the manifest tells it.
    """

    def __init__(self, store: WeightStore) -> None:
        super().__init__("step", store)
        self.wires: dict[str, str] = {}
        self.states: list[dict[str, Any]] = []

    def input(self, name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT) -> str:
        if name not in self.wires:
            raise ExportError(f"the portable graph has no {name!r} where a part reads it")
        return self.wires[name]

    def output(
        self, value: str, name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT
    ) -> None:
        self.wires[name] = value

    def enter(self, name: str, shape: Sequence[int | str], dtype: int) -> str:
        """An input of the graph."""
        return super().input(name, shape, dtype)

    def give(
        self, value: str, name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT
    ) -> None:
        """An output of the graph."""
        super().output(value, name, shape, dtype)

    def past(self, name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT) -> str:
        """A state as it was. An axis with a name grows, and is empty at the beginning."""
        self.states.append({"name": name, "shape": list(shape), "dtype": _DTYPES[dtype]})
        return self.enter(f"past_{name}", shape, dtype)

    def present(self, value: str, name: str) -> None:
        """The same state as it is after these tokens."""
        (state,) = (state for state in self.states if state["name"] == name)
        dtype = next(number for number, told in _DTYPES.items() if told == state["dtype"])
        shape = [f"present_{n}" if isinstance(n, str) else n for n in state["shape"]]
        self.give(value, f"present_{name}", shape, dtype)

    def ints(self, *numbers: int, dtype: type[np.integer[Any]] = np.int64) -> str:
        """A constant list of whole numbers, such as axes."""
        return self.constant(np.array(numbers, dtype), "ints")

    def number(self, value: float, dtype: type[np.generic] = np.float32) -> str:
        """A constant scalar."""
        return self.constant(np.array(value, dtype), "number")

    def transpose(self, x: str, *perm: int) -> str:
        return self.node("Transpose", x, perm=list(perm))

    def batched(self, x: str) -> str:
        """With a first axis of 1, as operators on sequences want it."""
        return self.node("Unsqueeze", x, self.ints(0))

    def alone(self, x: str) -> str:
        """Without that axis."""
        return self.node("Squeeze", x, self.ints(0))

    def clamped(self, x: str, low: float, high: float) -> str:
        x = self.node("Max", x, self.number(low)) if low > 0 else x
        return self.node("Min", x, self.number(high)) if np.isfinite(high) else x

    def _new_constant(self, array: NDArray[Any], hint: str) -> str:
        return self._initialiser(numpy_helper.from_array(array), hint, array.shape)
