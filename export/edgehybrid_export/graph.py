"""A small builder for ONNX graphs: nodes, initialisers, inputs and outputs, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

#: Opset 21 is what ONNX Runtime 1.23 runs whole, the last one with wheels for Python 3.10; only
#: rotated attention needs a later one.
OPSET, ROTARY_OPSET, IR_VERSION = 21, 23, 10
CONTRIB = "com.microsoft"


class Graph:
    """One graph in the making. Every method that adds a node returns its output's name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, value: str, name: str, shape: Sequence[int | str]) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, array: NDArray[Any] | float, hint: str) -> str:
        """Add an initialiser; scalars become float32."""
        if isinstance(array, float):
            array = np.array(array, dtype=np.float32)
        name = f"{hint}.{len(self._constants)}"
        self._constants[name] = np.ascontiguousarray(array)
        return name

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output."""
        name = f"{op}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], domain=domain, **attributes))
        return name

    def split(self, value: str, sizes: Sequence[int]) -> list[str]:
        """Cut the last axis into pieces of `sizes`."""
        names = [f"Split.{len(self._nodes)}.{i}" for i in range(len(sizes))]
        lengths = self.constant(np.array(sizes, dtype=np.int64), "sizes")
        self._nodes.append(helper.make_node("Split", [value, lengths], names, axis=-1))
        return names

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """The same numbers in another shape; one axis may be -1."""
        return self.node("Reshape", x, self.constant(np.array(shape, dtype=np.int64), "shape"))

    def rms_norm(self, x: str, weight: NDArray[np.float32], eps: float) -> str:
        """Root-mean-square norm; written out in operators that ONNX Runtime fuses into one."""
        squares = self.node("Pow", x, self.constant(2.0, "two"))
        axis = self.constant(np.array([-1], dtype=np.int64), "axis")
        mean = self.node("ReduceMean", squares, axis, keepdims=1)
        root = self.node("Sqrt", self.node("Add", mean, self.constant(eps, "eps")))
        return self.node("Mul", self.node("Div", x, root), self.constant(weight, "norm"))

    def silu(self, x: str) -> str:
        return self.node("Mul", x, self.node("Sigmoid", x))

    def build(self) -> onnx.ModelProto:
        """The finished model, checked by shape inference, weights inside."""
        graph = helper.make_graph(
            self._nodes,
            self.name,
            self._inputs,
            self._outputs,
            [numpy_helper.from_array(array, name) for name, array in self._constants.items()],
        )
        rotary = any(node.op_type == "RotaryEmbedding" for node in self._nodes)
        opset = ROTARY_OPSET if rotary else OPSET
        domains = [helper.make_opsetid("", opset), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(
            graph, opset_imports=domains, ir_version=IR_VERSION, producer_name="edgehybrid"
        )
        onnx.checker.check_model(model)
        return model
