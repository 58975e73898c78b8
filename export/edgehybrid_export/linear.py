"""Matrix products at each precision, as graph nodes.

float32   x @ W
int8      W per output channel, x per token: each row of x is divided by its own absolute
          maximum and rounded to 8 bits around 128, so that a token's result never depends on
          the tokens beside it; the integer product is exact.
int4      W in blocks of 32 input channels (MatMulNBits); x is rounded to 8 bits per row and block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid_export.errors import ExportError
from edgehybrid_export.graph import CONTRIB, Graph
from edgehybrid_export.spec import Linear

PRECISIONS = ("float32", "int8", "int4")
INT4_BLOCK = 32


@dataclass(frozen=True)
class Scaled:
    """A matrix as the products want it: `value`, and for int8 the `scale` (T, 1) of its rows."""

    value: str
    scale: str | None = None


def scaled(graph: Graph, x: str, precision: str) -> Scaled:
    """Prepare `x` (T, in) once for all the products that read it."""
    if precision != "int8":
        return Scaled(x)
    axis = graph.constant(np.array([-1], dtype=np.int64), "axis")
    high = graph.node("ReduceMax", x, axis, keepdims=1)
    low = graph.node("Neg", graph.node("ReduceMin", x, axis, keepdims=1))
    tiny = graph.constant(1e-20, "tiny")  # a row of zeros must not divide by zero
    largest = graph.node("Max", high, low, tiny)
    step, zero = _activation_grid(graph)
    return Scaled(graph.node("QuantizeLinear", graph.node("Div", x, largest), step, zero), largest)


def linear(graph: Graph, x: Scaled, weights: Linear, precision: str) -> str:
    """y (T, out) = x @ weight + bias."""
    product = {"float32": _float32, "int8": _int8, "int4": _int4}[precision](
        graph, x, weights.weight
    )
    if weights.bias is None:
        return product
    return graph.node("Add", product, graph.constant(weights.bias, "bias"))


def embedding(graph: Graph, ids: str, table: NDArray[np.float32], precision: str) -> str:
    """Rows (T, hidden) of `table`; below float32 the table is kept as 8 bits per row."""
    if precision == "float32":
        return graph.node("Gather", graph.constant(table, "embedding"), ids)
    quantised, scale = quantise_rows(table)
    rows = graph.node("Gather", graph.constant(quantised, "embedding"), ids)
    steps = graph.node("Gather", graph.constant(scale[:, None], "embedding_scale"), ids)
    return graph.node("Mul", graph.node("Cast", rows, to=1), steps)


def quantise_rows(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric 8-bit rows: int8 (rows, columns), scale (rows,) float32."""
    scale = np.maximum(np.abs(matrix).max(axis=1), 1e-20).astype(np.float32) / np.float32(127)
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale


def _activation_grid(graph: Graph) -> tuple[str, str]:
    step = graph.constant(1 / 127, "step")
    return step, graph.constant(np.array(128, dtype=np.uint8), "zero")


def _float32(graph: Graph, x: Scaled, weight: NDArray[np.float32]) -> str:
    return graph.node("MatMul", x.value, graph.constant(weight, "weight"))


def _int8(graph: Graph, x: Scaled, weight: NDArray[np.float32]) -> str:
    if x.scale is None:
        raise ExportError("an int8 product needs rows that were scaled first")
    columns, scale = quantise_rows(weight.T)
    step, zero = _activation_grid(graph)
    product = graph.node(
        "MatMulIntegerToFloat",
        x.value,
        graph.constant(columns.T, "weight"),
        step,
        graph.constant(scale, "weight_scale"),
        zero,
        domain=CONTRIB,
    )
    return graph.node("Mul", product, x.scale)


def _int4(graph: Graph, x: Scaled, weight: NDArray[np.float32]) -> str:
    packed, scale = quantise_int4(weight, INT4_BLOCK)
    attributes: dict[str, Any] = {
        "K": weight.shape[0],
        "N": weight.shape[1],
        "bits": 4,
        "block_size": INT4_BLOCK,
        "accuracy_level": 4,
    }
    return graph.node(
        "MatMulNBits",
        x.value,
        graph.constant(packed, "weight"),
        graph.constant(scale, "weight_scale"),
        domain=CONTRIB,
        **attributes,
    )


def quantise_int4(
    weight: NDArray[np.float32], block: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Symmetric 4-bit blocks of `weight` (in, out) as MatMulNBits stores them.

    Returns nibbles (out, blocks, block / 2) uint8, the lower half first, and scales
    (out * blocks,). The scale of a block is the one of 16 candidates with the least squared error:
    the plain maximum wastes the grid on one outlier.
    """
    inputs, outputs = weight.shape
    blocks = -(-inputs // block)
    padded = np.zeros((outputs, blocks * block), dtype=np.float32)
    padded[:, :inputs] = weight.T
    parts = padded.reshape(outputs, blocks, block)
    signed = np.take_along_axis(parts, np.abs(parts).argmax(-1, keepdims=True), -1)
    best = np.full(signed.shape, np.inf, dtype=np.float32)
    scale = np.ones_like(signed)
    for shrink in np.linspace(1.0, 0.7, 16, dtype=np.float32):
        trial = signed * shrink / -8
        trial[trial == 0] = 1
        error = np.square(np.clip(np.rint(parts / trial), -8, 7) * trial - parts).sum(
            -1, keepdims=True
        )
        better = error < best
        best, scale = np.where(better, error, best), np.where(better, trial, scale)
    nibbles = (np.clip(np.rint(parts / scale), -8, 7) + 8).astype(np.uint8)
    return nibbles[..., 0::2] | (nibbles[..., 1::2] << 4), scale.reshape(-1)
