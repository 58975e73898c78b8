"""Weights as the integer products want them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid_export.precision import Precision
from edgehybrid_export.weights import Weight

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

#: Smallest scale: rows of zeros must not divide by zero.
TINY = 1e-20
#: A block's range is tried at these parts of its full size: the plain maximum spends the grid on
#: one outlier.
SHRINKS = np.linspace(1.0, 0.7, 16, dtype=np.float32)


def quantise_rows(matrix: Array) -> tuple[NDArray[np.int8], Array]:
    """Symmetric 8-bit rows: int8 (rows, columns), scale (rows,) float32."""
    scale = np.maximum(np.abs(matrix).max(axis=1), TINY).astype(np.float32) / np.float32(127)
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale


def int8_rows(weight: Weight) -> list[NDArray[Any]]:
    """int8 (outputs, inputs), scale (outputs,)."""
    rows = np.empty(weight.shape, np.int8)
    scale = np.empty(weight.outputs, np.float32)
    for where, block in weight.blocks():
        rows[where], scale[where] = quantise_rows(block)
    return [rows, scale]


def float_columns(weight: Weight, dtype: type[np.floating[Any]]) -> list[NDArray[Any]]:
    """(inputs, outputs)."""
    columns = np.empty((weight.inputs, weight.outputs), dtype)
    for where, block in weight.blocks():
        columns[:, where] = block.T
    return [columns]


def int4_rows(weight: Weight, precision: Precision) -> list[NDArray[Any]]:
    """As MatMulNBits stores them: nibbles, scales, and zero points where they are asymmetric.

    Nibbles (outputs, blocks, block / 2) uint8, the lower half first; scales (outputs * blocks,);
    zero points (outputs * ceil(blocks / 2),) packed the same way.
    """
    block = precision.block
    blocks = -(-weight.inputs // block)
    nibbles = np.empty((weight.outputs, blocks, block // 2), np.uint8)
    scales = np.empty((weight.outputs, blocks), np.float32)
    zeros = np.empty((weight.outputs, -(-blocks // 2)), np.uint8)
    for where, rows in weight.blocks():
        padded = np.zeros((len(rows), blocks * block), np.float32)
        padded[:, : weight.inputs] = rows
        parts = padded.reshape(len(rows), blocks, block)
        codes, scale, zero = quantise_int4(parts, symmetric=precision.symmetric)
        nibbles[where], scales[where], zeros[where] = pack(codes), scale, pack(zero)
    made: list[NDArray[Any]] = [nibbles, scales.reshape(-1)]
    return made if precision.symmetric else [*made, zeros.reshape(-1)]


def pack(codes: Bytes) -> Bytes:
    """Two 4-bit numbers a byte along the last axis, the lower half first; odd ends are padded."""
    if codes.shape[-1] % 2:
        codes = np.concatenate([codes, np.zeros_like(codes[..., :1])], axis=-1)
    packed: Bytes = (codes[..., 0::2] | (codes[..., 1::2] << 4)).astype(np.uint8)
    return packed


def quantise_int4(parts: Array, *, symmetric: bool) -> tuple[Bytes, Array, Bytes]:
    """Codes 0..15 of `parts` (..., block), scale and zero point (...): (code - zero) * scale.

    Of all SHRINKS of a block's range the one of least squared error is taken, and its scale then
    fitted to the codes by least squares.
    """
    best = np.full(parts.shape[:-1], np.inf, np.float32)
    codes = np.zeros(parts.shape, np.uint8)
    scale, zero = np.ones_like(best), np.full(best.shape, 8, np.uint8)
    for shrink in SHRINKS:
        trial, offset = _grid(parts, shrink, symmetric=symmetric)
        found = np.clip(np.rint(parts / trial[..., None]) + offset[..., None], 0, 15)
        centred = found - offset[..., None]
        fitted = _fit(parts, centred, trial)
        error = np.square(centred * fitted[..., None] - parts).sum(-1)
        better = error < best
        best[better], scale[better] = error[better], fitted[better]
        codes[better], zero[better] = found[better], offset[better]
    return codes, scale, zero


def _grid(parts: Array, shrink: np.float32, *, symmetric: bool) -> tuple[Array, Array]:
    if symmetric:  # -8 is the code of the largest number, whatever its sign
        largest = np.take_along_axis(parts, np.abs(parts).argmax(-1)[..., None], -1)[..., 0]
        scale = largest * shrink / np.float32(-8)
        return np.where(np.abs(scale) < TINY, 1, scale), np.full(scale.shape, 8, np.float32)
    low = np.minimum(parts.min(-1), 0) * shrink
    high = np.maximum(parts.max(-1), 0) * shrink
    scale = (high - low) / np.float32(15)
    scale = np.where(scale < TINY, np.float32(1), scale)
    return scale, np.clip(np.rint(-low / scale), 0, 15).astype(np.float32)


def _fit(parts: Array, centred: Array, otherwise: Array) -> Array:
    """The scale of least squared error for these codes."""
    squares = np.square(centred).sum(-1)
    fitted: Array = np.where(
        squares > 0, (parts * centred).sum(-1) / np.maximum(squares, 1), otherwise
    ).astype(np.float32)
    return fitted
