"""A small builder for ONNX graphs: nodes, initialisers, inputs and outputs, in order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edgehybrid_export.mixer_spec import Norm
from edgehybrid_export.store import WeightStore

#: Opset 21 is what ONNX Runtime 1.23 runs whole, the last one with wheels for Python 3.10; only
#: rotated attention needs a later one.
OPSET, ROTARY_OPSET, IR_VERSION = 21, 23, 10
CONTRIB = "com.microsoft"
#: Constants of at most so many numbers are worth looking for among those there are.
SMALL = 16


class Graph:
    """One graph in the making. Every method that adds a node returns its output's name.

    Its large constants go to `store` at once, and count for `part` of the model there.
    """

    def __init__(self, name: str, store: WeightStore, part: str = "body") -> None:
        self.name = name
        self._store, self._part = store, part
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []
        self._small: dict[tuple[str, bytes], str] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(
        self, value: str, name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT
    ) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def constant(self, array: NDArray[Any] | float, hint: str) -> str:
        """Add an initialiser; numbers become float32. Small equal ones are added once."""
        array = np.asarray(array, np.float32 if isinstance(array, float) else None)
        if array.size > SMALL:
            return self._new_constant(array, hint)
        key = (f"{array.dtype}{array.shape}", array.tobytes())
        if key not in self._small:
            self._small[key] = self._new_constant(array, hint)
        return self._small[key]

    def _new_constant(self, array: NDArray[Any], hint: str) -> str:
        return self._initialiser(self._store.add(array, self._part), hint, array.shape)

    def stored(
        self,
        key: Hashable,
        make: Callable[[], Sequence[NDArray[Any]]],
        *hints: str,
        part: str | None = None,
        shapes: Sequence[Sequence[int]] | None = None,
    ) -> list[str]:
        """Add the initialisers that `make` gives, which are written once for each `key`.

        `shapes` are those that this graph sees, where they are not those that `make` gave.
        """
        tensors = self._store.put(key, part or self._part, make)
        seen = shapes or [tuple(tensor.dims) for tensor in tensors]
        return [
            self._initialiser(tensor, hint, shape)
            for tensor, hint, shape in zip(tensors, hints, seen, strict=True)
        ]

    def _initialiser(self, tensor: TensorProto, hint: str, shape: Sequence[int]) -> str:
        named = TensorProto()
        named.CopyFrom(tensor)
        named.name = f"{hint}.{len(self._constants)}"
        del named.dims[:]
        named.dims.extend(shape)
        self._constants.append(named)
        return named.name

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output."""
        return self.nodes(op, 1, *inputs, domain=domain, **attributes)[0]

    def nodes(
        self, op: str, count: int, *inputs: str, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with `count` outputs; the names of all."""
        name = f"{op}.{len(self._nodes)}"
        names = [name] if count == 1 else [f"{name}.{i}" for i in range(count)]
        self._nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names

    def split(self, value: str, sizes: Sequence[int]) -> list[str]:
        """Cut the last axis into pieces of `sizes`."""
        lengths = self.constant(np.array(sizes, dtype=np.int64), "sizes")
        return self.nodes("Split", len(sizes), value, lengths, axis=-1)

    def top(self, x: str, k: int) -> list[str]:
        """The k largest of the last axis, in order, and their places."""
        return self.nodes("TopK", 2, x, self.constant(np.array([k], dtype=np.int64), "k"), axis=-1)

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

    def normed(self, x: str, norm: Norm | None) -> str:
        """`x` after `norm`, or as it is."""
        return x if norm is None else self.rms_norm(x, norm.weight, norm.eps)

    def silu(self, x: str) -> str:
        return self.node("Mul", x, self.node("Sigmoid", x))

    def gelu(self, x: str, *, tanh: bool) -> str:
        """GELU, exactly or in its tanh form."""
        return self.node("Gelu", x, approximate="tanh" if tanh else "none")

    def write(self, folder: Path) -> None:
        """Write the finished model, checked by shape inference, to `folder`."""
        rotary = any(node.op_type == "RotaryEmbedding" for node in self._nodes)
        graph = helper.make_graph(
            self._nodes, self.name, self._inputs, self._outputs, self._constants
        )
        model = helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid("", ROTARY_OPSET if rotary else OPSET),
                helper.make_opsetid(CONTRIB, 1),
            ],
            ir_version=IR_VERSION,
            producer_name="edgehybrid",
        )
        path = folder / f"{self.name}.onnx"
        path.write_bytes(model.SerializeToString())
        onnx.checker.check_model(str(path))  # by path: it looks for the weights beside it
