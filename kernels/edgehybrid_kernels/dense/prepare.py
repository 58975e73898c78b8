"""What stands before and between products: embedding, norms, activations, rounding to bytes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from edgehybrid_kernels.jit import Task, helper
from edgehybrid_kernels.program.views import number, word
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    Vector,
    at_least,
    evens,
    fma,
    largest,
    load,
    load_byte,
    load_first,
    load_int,
    load_scalar,
    magnitude,
    odds,
    splat,
    store_bytes,
    store_first,
    store_scalar,
    store_word,
    total,
)
from edgehybrid_kernels.vmath import gelu_tanh, sigmoid, silu, softplus

#: What is done to a row before it is rounded.
PLAIN, NORM, SILU, GELU_TANH, RELU2 = range(5)
#: Added to an activation: the row holds gates and then as many values, which they multiply.
GATED: Final = 8
#: Packed arguments of prepare_task; those of value 0 are left out.
(
    _MODE, _SIZE, _PADDED, _X, _X_ROW, _WEIGHT, _EPS, _OUT, _OUT_ROW,
    _BYTES, _BYTES_ROW, _SCALE, _SUM, _BLOCK,
) = range(14)  # fmt: skip
_ROUND = 1.5 * 2**23
_TINY = 1e-20


@helper
def _activated(x: Vector, act: int) -> Vector:
    if act == SILU:
        x = silu(x)
    elif act == GELU_TANH:
        x = gelu_tanh(x)
    elif act == RELU2:
        x = at_least(x, splat(0.0))
        x = x * x
    return x


@helper
def _activate_row(x: int, size: int, mode: int, out: int) -> None:
    act, values = mode % GATED, x + size * FLOAT_BYTES
    for i in range(0, size, LANES):
        at, lanes = i * FLOAT_BYTES, size - i
        y = _activated(load_first(x + at, lanes), act)
        if mode >= GATED:
            y = y * load_first(values + at, lanes)
        store_first(out + at, y, lanes)


@helper
def _norm_row(x: int, size: int, weight: int, eps: float, out: int) -> None:
    squares = splat(0.0)
    for i in range(0, size, LANES):
        value = load_first(x + i * FLOAT_BYTES, size - i)
        squares = fma(value, value, squares)
    mean = np.float32(total(squares)) / np.float32(size)
    scale = splat(np.float32(1.0) / np.sqrt(mean + np.float32(eps)))
    for i in range(0, size, LANES):
        at, lanes = i * FLOAT_BYTES, size - i
        y = load_first(x + at, lanes) * scale * load_first(weight + at, lanes)
        store_first(out + at, y, lanes)


@helper
def _step(x: int, size: int) -> Any:
    """Largest magnitude / 127; NaN or infinity make it NaN, so that they are not lost."""
    top, nothing = splat(_TINY), splat(0.0)
    for i in range(0, size, LANES):
        value = load(x + i * FLOAT_BYTES)
        top = at_least(magnitude(value), top)
        nothing = fma(value, splat(0.0), nothing)
    return (np.float32(largest(top)) + np.float32(total(nothing))) / np.float32(127.0)


@helper
def _rounded(x: Vector, inverse: Vector) -> Vector:
    """x * inverse + _ROUND: the whole number is in the low bits."""
    return fma(x, inverse, splat(_ROUND))


@helper
def _round_row(x: int, size: int, step: float, out: int) -> Any:
    """Bytes in order; returns their sum."""
    inverse, sums = splat(1.0) / splat(step), splat(0.0)
    for i in range(0, size, LANES):
        y = _rounded(load(x + i * FLOAT_BYTES), inverse)
        sums = sums + (y - splat(_ROUND))
        store_bytes(out + i, y)
    return total(sums)


@helper
def _round_block(x: int, size: int, step: float, out: int) -> Any:
    """First the even bytes, then the odd; returns their sum."""
    inverse, sums = splat(1.0) / splat(step), splat(0.0)
    for i in range(0, size, 2 * LANES):
        low = _rounded(load(x + i * FLOAT_BYTES), inverse)
        high = _rounded(load(x + (i + LANES) * FLOAT_BYTES), inverse)
        sums = sums + ((low - splat(_ROUND)) + (high - splat(_ROUND)))
        store_bytes(out + i // 2, evens(low, high))
        store_bytes(out + size // 2 + i // 2, odds(low, high))
    return total(sums)


@helper
def _whole(total: float) -> int:
    """A whole number as an int; what NaN becomes does not matter, the scale says it."""
    return int(total) if total == total else 0


@helper
def _round(at: int, token: int, x: int) -> None:
    """The padded row at x as bytes, with scales and sums."""
    padded, size = word(at, _PADDED), word(at, _BLOCK)
    out = word(at, _BYTES) + token * word(at, _BYTES_ROW)
    scales, sums = word(at, _SCALE), word(at, _SUM)
    if size == 0:
        step = _step(x, padded)
        store_scalar(scales + token * FLOAT_BYTES, step)
        store_word(sums + token * 8, _whole(_round_row(x, padded, step, out)))
        return
    blocks = padded // size
    for i in range(blocks):
        here = x + i * size * FLOAT_BYTES
        step = _step(here, size)
        store_scalar(scales + (token * blocks + i) * FLOAT_BYTES, step)
        found = _whole(_round_block(here, size, step, out + i * size))
        store_word(sums + (token * blocks + i) * 8, found)


@helper
def _copy_row(x: int, size: int, out: int) -> None:
    for i in range(0, size, LANES):
        store_first(out + i * FLOAT_BYTES, load_first(x + i * FLOAT_BYTES, size - i), size - i)


@Task
def prepare_task(at: int, first: int, last: int, scratch: int) -> None:
    """Rows first..last-1: norm or activation, kept as floats and as bytes where asked."""
    mode, size = word(at, _MODE), word(at, _SIZE)
    for token in range(first, last):
        x, y = word(at, _X) + token * word(at, _X_ROW), scratch
        if word(at, _OUT):
            y = word(at, _OUT) + token * word(at, _OUT_ROW)
        if mode == NORM:
            _norm_row(x, size, word(at, _WEIGHT), number(at, _EPS), y)
        elif mode == PLAIN:
            _copy_row(x, size, y)
        else:
            _activate_row(x, size, mode, y)
        if word(at, _BYTES):
            if word(at, _OUT):
                _copy_row(y, size, scratch)
            for i in range(size, word(at, _PADDED)):
                store_scalar(scratch + i * FLOAT_BYTES, 0.0)
            _round(at, token, scratch)


@Task
def embed_task(at: int, first: int, last: int, scratch: int) -> None:
    """Rows first..last-1 of an embedding, as floats.

    Words: size, ids (int32), table, row (bytes), kind (0 float32, 1 int8, else the block of int4),
    scale, zero (packed) or 0, multiplier, out, out_row.
    """
    size, kind = word(at, 0), word(at, 4)
    for token in range(first, last):
        chosen = load_int(word(at, 1) + token * 4)
        row, out = word(at, 2) + chosen * word(at, 3), word(at, 8) + token * word(at, 9)
        if kind <= 1:
            _embed_row(row, size, kind, word(at, 5) + chosen * FLOAT_BYTES, number(at, 7), out)
        else:
            grid = (word(at, 5), word(at, 6), chosen)
            _embed_nibbles(row, size, kind, grid, number(at, 7), out)


@helper
def _embed_row(row: int, size: int, kind: int, scale: int, factor: float, out: int) -> None:
    for i in range(size):
        if kind == 0:
            value: Any = np.float32(load_scalar(row + i * FLOAT_BYTES))
        else:
            value = np.float32(load_byte(row + i)) * np.float32(load_scalar(scale))
        store_scalar(out + i * FLOAT_BYTES, value * np.float32(factor))


@helper
def _embed_nibbles(row: int, size: int, block: int, grid: Any, factor: float, out: int) -> None:
    scales, zeros, chosen = grid
    blocks = size // block
    for i in range(size):
        part = i // block
        step = np.float32(load_scalar(scales + (chosen * blocks + part) * FLOAT_BYTES))
        zero = 8
        if zeros:
            zero = (
                load_byte(zeros + chosen * ((blocks + 1) // 2) + part // 2) >> 4 * (part % 2) & 15
            )
        code = load_byte(row + i // 2) >> 4 * (i % 2) & 15
        value: Any = np.float32(code - zero) * step
        store_scalar(out + i * FLOAT_BYTES, value * np.float32(factor))


@Task
def add_task(at: int, first: int, last: int, scratch: int) -> None:
    """Rows first..last-1 of out = a + b. Words: size, a, b, out and the bytes of a row of all."""
    size, row = word(at, 0), word(at, 4)
    for token in range(first, last):
        a, b, out = (
            word(at, 1) + token * row,
            word(at, 2) + token * row,
            word(at, 3) + token * row,
        )
        for i in range(0, size, LANES):
            here, lanes = i * FLOAT_BYTES, size - i
            store_first(
                out + here, load_first(a + here, lanes) + load_first(b + here, lanes), lanes
            )


@Task
def delta_gates_task(at: int, first: int, last: int, scratch: int) -> None:
    """Rows first..last-1: decay = rate * softplus(a + bias), beta = factor * sigmoid(b).

    Words: a's size, a, bias, rate, decay, b's size, b, beta, factor, bytes of a row of a and b.
    """
    for token in range(first, last):
        a, b = word(at, 1) + token * word(at, 9), word(at, 6) + token * word(at, 9)
        size = word(at, 0)
        decay = word(at, 4) + token * size * FLOAT_BYTES
        for i in range(0, size, LANES):
            here, lanes = i * FLOAT_BYTES, size - i
            step = softplus(load_first(a + here, lanes) + load_first(word(at, 2) + here, lanes))
            store_first(decay + here, step * load_first(word(at, 3) + here, lanes), lanes)
        size = word(at, 5)
        beta = word(at, 7) + token * size * FLOAT_BYTES
        for i in range(0, size, LANES):
            here, lanes = i * FLOAT_BYTES, size - i
            y = sigmoid(load_first(b + here, lanes)) * splat(number(at, 8))
            store_first(beta + here, y, lanes)
