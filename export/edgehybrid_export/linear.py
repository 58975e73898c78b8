"""Matrix products and embeddings at each precision, as graph nodes.

float32   x @ W
float16   the same: W is widened when the graph is loaded
int8      W per output channel, x per token: each row of x is divided by its own absolute
          maximum and rounded to 8 bits around 128, so that a token's result never depends on
          the tokens beside it; the integer product is exact. Rows of W are stored as kernels
          read them; ONNX Runtime transposes them when it loads the graph.
int4      W in blocks of input channels (MatMulNBits); x is rounded to 8 bits per row and block.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from edgehybrid_export.errors import ExportError
from edgehybrid_export.graph import CONTRIB, Graph
from edgehybrid_export.mixer_spec import Linear
from edgehybrid_export.precision import KNOWN, Precision
from edgehybrid_export.quantise import float_columns, int4_rows, int8_rows
from edgehybrid_export.weights import Weight


@dataclass(frozen=True)
class Scaled:
    """A matrix as the products want it: `value`, and for int8 the `scale` (T, 1) of its rows."""

    value: str
    scale: str | None = None


def scaled(graph: Graph, x: str, precision: Precision) -> Scaled:
    """Prepare `x` (T, in) once for all the products that read it."""
    if precision.kind != "int8":
        return Scaled(x)
    axis = graph.constant(np.array([-1], dtype=np.int64), "axis")
    high = graph.node("ReduceMax", x, axis, keepdims=1)
    low = graph.node("Neg", graph.node("ReduceMin", x, axis, keepdims=1))
    tiny = graph.constant(1e-20, "tiny")  # a row of zeros must not divide by zero
    largest = graph.node("Max", high, low, tiny)
    step, zero = _activation_grid(graph)
    return Scaled(graph.node("QuantizeLinear", graph.node("Div", x, largest), step, zero), largest)


def stored_key(weight: Weight, precision: Precision) -> Hashable:
    """Under which the store keeps a quantised weight."""
    return weight.key, precision


def gather(graph: Graph, x: Scaled, rows: str) -> Scaled:
    """Some rows of a prepared matrix."""
    scale = None if x.scale is None else graph.node("Gather", x.scale, rows)
    return Scaled(graph.node("Gather", x.value, rows), scale)


def linear(graph: Graph, x: Scaled, weights: Linear, precision: Precision) -> str:
    """y (T, out) = x @ weight.T + bias, and what an adapter adds."""
    product = _product(graph, x, weights.weight, precision)
    if weights.adapter is not None:
        down, up = weights.adapter
        narrow = scaled(graph, _product(graph, x, down, precision), precision)
        product = graph.node("Add", product, _product(graph, narrow, up, precision))
    if weights.bias is None:
        return product
    return graph.node("Add", product, graph.constant(weights.bias, "bias"))


def embedding(graph: Graph, ids: str, table: Weight, precision: Precision, *, shared: bool) -> str:
    """Rows (T, hidden) of `table`; `shared`: stored as the product of a tied head wants it."""
    if precision.kind == "int4":
        return _int4_embedding(graph, ids, table, precision)
    if precision.kind == "int8":
        rows, scale = graph.stored(
            stored_key(table, precision), lambda: int8_rows(table), "weight", "scale",
            part="embedding",
        )  # fmt: skip
        steps = graph.reshape(graph.node("Gather", scale, ids), [-1, 1])
        return graph.node("Mul", _widened(graph, graph.node("Gather", rows, ids)), steps)
    rows = _float_columns(graph, table, precision, part="embedding", flip=not shared)
    return _widened(graph, _rows(graph, rows, ids, shared=shared), precision)


def _rows(graph: Graph, table: str, ids: str, *, shared: bool) -> str:
    if not shared:
        return graph.node("Gather", table, ids)
    return graph.node("Transpose", graph.node("Gather", table, ids, axis=1), perm=[1, 0])


def _widened(graph: Graph, x: str, precision: Precision | None = None) -> str:
    if precision is not None and precision.kind == "float32":
        return x
    return graph.node("Cast", x, to=TensorProto.FLOAT)


def _int4_embedding(graph: Graph, ids: str, table: Weight, precision: Precision) -> str:
    blocks = table.inputs // precision.block
    widths = (table.inputs // 2, blocks, -(-blocks // 2))
    shapes = [(table.outputs, width) for width in widths]
    data, *grid = _int4_stored(graph, table, precision, "embedding", shapes)
    return graph.node(
        "GatherBlockQuantized", data, ids, *grid, domain=CONTRIB,
        bits=4, block_size=precision.block, gather_axis=0, quantize_axis=1,
    )  # fmt: skip


def _activation_grid(graph: Graph) -> tuple[str, str]:
    step = graph.constant(1 / 127, "step")
    return step, graph.constant(np.array(128, dtype=np.uint8), "zero")


def _product(graph: Graph, x: Scaled, weight: Weight, precision: Precision) -> str:
    if precision.kind == "int8":
        return _int8(graph, x, weight)
    if precision.kind == "int4":
        return _int4(graph, x, weight, precision)
    columns = _float_columns(graph, weight, precision)
    return graph.node("MatMul", x.value, _widened(graph, columns, precision))


def _float_columns(
    graph: Graph, weight: Weight, precision: Precision, *, part: str | None = None,
    flip: bool = False,
) -> str:  # fmt: skip
    """(inputs, outputs), or (outputs, inputs) if `flip`."""
    dtype = np.float16 if precision.kind == "float16" else np.float32
    key = (weight.key, precision.kind, flip)
    if flip:
        made = graph.stored(
            key, lambda: [weight.array().astype(dtype, copy=False)], "weight", part=part
        )
    else:
        made = graph.stored(key, lambda: float_columns(weight, dtype), "weight", part=part)
    return made[0]


def _int8(graph: Graph, x: Scaled, weight: Weight) -> str:
    if x.scale is None:
        raise ExportError("an int8 product needs rows that were scaled first")
    rows, scale = graph.stored(
        stored_key(weight, KNOWN["int8"]), lambda: int8_rows(weight), "weight", "scale"
    )
    columns = graph.node("Transpose", rows, perm=[1, 0])
    step, zero = _activation_grid(graph)
    product = graph.node(
        "MatMulIntegerToFloat", x.value, columns, step, scale, zero, domain=CONTRIB
    )
    return graph.node("Mul", product, x.scale)


def _int4(graph: Graph, x: Scaled, weight: Weight, precision: Precision) -> str:
    return graph.node(
        "MatMulNBits", x.value, *_int4_stored(graph, weight, precision), domain=CONTRIB,
        K=weight.inputs, N=weight.outputs, bits=4, block_size=precision.block, accuracy_level=4,
    )  # fmt: skip


def _int4_stored(
    graph: Graph,
    weight: Weight,
    precision: Precision,
    part: str | None = None,
    shapes: Sequence[Sequence[int]] | None = None,
) -> list[str]:
    hints = ("weight", "scale", "zero")[: 2 if precision.symmetric else 3]
    return graph.stored(
        stored_key(weight, precision), lambda: int4_rows(weight, precision), *hints,
        part=part, shapes=shapes and shapes[: len(hints)],
    )  # fmt: skip
