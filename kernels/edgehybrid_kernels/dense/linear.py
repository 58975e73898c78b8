"""Products: out (T, N) = x (T, K) @ weights.T, with bias and residual, by tiles of outputs."""

from __future__ import annotations

from typing import Any, Final

from edgehybrid_kernels.dense.dots import (
    COLUMNS,
    FLIP,
    ROWS,
    TILE,
    WIDTH,
    nibble_dots,
    pack_bytes,
    pack_nibbles,
    row_dots,
    tile_dots,
    widened,
    widened_less,
)
from edgehybrid_kernels.jit import Task, helper
from edgehybrid_kernels.program.views import word
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    Vector,
    fma,
    load,
    load_first,
    load_scalar,
    load_word,
    splat,
    store,
    store_first,
)
from edgehybrid_kernels.vmath import silu

#: Up to so many tokens weights are read as they lie: packing them first would cost more.
FEW: Final = 4
#: Numbers that a row of activations is padded to.
PADDING: Final = 128
#: Packed arguments of a product of quantised weights, in order.
(
    _TOKENS, _OUTPUTS, _INPUTS, _X, _X_ROW, _X_SCALE, _X_SUM, _W, _W_ROW, _SCALE, _ZERO,
    _BIAS, _RESIDUAL, _RESIDUAL_ROW, _OUT, _OUT_ROW,
) = range(16)  # fmt: skip

_tile_dots = tile_dots(ROWS)


def scratch_bytes(inputs: int) -> int:
    """Scratch memory that a product with so many inputs needs."""
    blocks = -(-inputs // 32)
    return TILE * inputs + WIDTH * blocks + 8 * ROWS * TILE + 4096


@helper
def _start(unit: int, column: int, outputs: int) -> int:
    """First output of a vector of a tile; the last vector overlaps rather than hang over."""
    return max(min(unit * TILE + column * LANES, outputs - LANES), 0)


@helper
def _finish(at: int, token: int, start: int, y: Vector) -> None:
    """Adds bias and residual, and writes."""
    lanes, here = word(at, _OUTPUTS) - start, start * FLOAT_BYTES
    bias, residual = word(at, _BIAS), word(at, _RESIDUAL)
    if bias:
        y = y + load_first(bias + here, lanes)
    if residual:
        y = y + load_first(residual + token * word(at, _RESIDUAL_ROW) + here, lanes)
    store_first(word(at, _OUT) + token * word(at, _OUT_ROW) + here, y, lanes)


@helper
def _finish_bytes(at: int, token: int, start: int, sums: int) -> None:
    total = load_word(word(at, _X_SUM) + token * 8)
    step = splat(load_scalar(word(at, _X_SCALE) + token * FLOAT_BYTES))
    scale = load_first(word(at, _SCALE) + start * FLOAT_BYTES, word(at, _OUTPUTS) - start)
    _finish(at, token, start, widened(sums, FLIP * total) * (scale * step))


@Task
def linear_int8_task(at: int, first: int, last: int, scratch: int) -> None:
    """Tiles first..last-1 with 8-bit weights (N, K), K a multiple of PADDING."""
    tokens, outputs, inputs = word(at, _TOKENS), word(at, _OUTPUTS), word(at, _INPUTS)
    x, x_row = word(at, _X), word(at, _X_ROW)
    w, w_row = word(at, _W), word(at, _W_ROW)
    sums = scratch + TILE * inputs
    for unit in range(first, last):
        if tokens <= FEW:
            for column in range(COLUMNS):
                start = _start(unit, column, outputs)
                for token in range(tokens):
                    row_dots(x + token * x_row, w + start * w_row, w_row, inputs // WIDTH, sums)
                    _finish_bytes(at, token, start, sums)
            continue
        for column in range(COLUMNS):
            rows = w + _start(unit, column, outputs) * w_row
            for depth in range(0, inputs, WIDTH):
                pack_bytes(rows + depth, w_row, scratch + TILE * depth + WIDTH * column)
        for token in range(0, tokens, ROWS):
            _tile_dots(x + token * x_row, x_row, scratch, inputs // 4, sums)
            for row in range(min(ROWS, tokens - token)):
                for column in range(COLUMNS):
                    place = sums + (row * COLUMNS + column) * WIDTH
                    _finish_bytes(at, token + row, _start(unit, column, outputs), place)


@helper
def _plus_block(at: int, token: int, block: Any, start: int, sums: int, y: Vector) -> Vector:
    """y + what one block of inputs gives; ``block`` is its index and how many a row has."""
    index, blocks = block
    outputs, of_x = word(at, _OUTPUTS), token * blocks + index
    total = load_word(word(at, _X_SUM) + of_x * 8)
    step = splat(load_scalar(word(at, _X_SCALE) + of_x * FLOAT_BYTES))
    of_w = (index * outputs + start) * FLOAT_BYTES
    scale = load_first(word(at, _SCALE) + of_w, outputs - start)
    zero = word(at, _ZERO)
    if zero:
        return fma(widened_less(sums, zero + of_w, total), scale * step, y)
    return fma(widened(sums, 8 * total), scale * step, y)


@helper
def _few_tokens(at: int, unit: int, block: int, dots: Any, sums: int) -> None:
    tokens, outputs, inputs = word(at, _TOKENS), word(at, _OUTPUTS), word(at, _INPUTS)
    blocks, steps = inputs // block, inputs // max(block, 2 * WIDTH)
    for column in range(COLUMNS):
        start = _start(unit, column, outputs)
        rows = word(at, _W) + start * word(at, _W_ROW)
        for token in range(tokens):
            dots(word(at, _X) + token * word(at, _X_ROW), rows, word(at, _W_ROW), steps, sums)
            y = splat(0.0)
            for i in range(blocks):
                y = _plus_block(at, token, (i, blocks), start, sums + i * WIDTH, y)
            _finish(at, token, start, y)


@helper
def _pack_tile(at: int, unit: int, block: int, pack: Any, packed: int) -> None:
    outputs, w_row = word(at, _OUTPUTS), word(at, _W_ROW)
    for column in range(COLUMNS):
        rows = word(at, _W) + _start(unit, column, outputs) * w_row
        for depth in range(0, word(at, _INPUTS), 2 * WIDTH):
            group = depth // 4  # of four inputs; within a block the even ones come first
            if block > 2 * WIDTH:
                group = depth // block * (block // 4) + depth % block // 8
            pack(rows + depth // 2, w_row, packed + (group * TILE * 4 + WIDTH * column))


@helper
def _many_tokens(at: int, unit: int, block: int, packed: int, sums: int) -> None:
    tokens, outputs, inputs = word(at, _TOKENS), word(at, _OUTPUTS), word(at, _INPUTS)
    x, x_row, blocks = word(at, _X), word(at, _X_ROW), inputs // block
    totals = sums + ROWS * TILE * 4
    for token in range(0, tokens, ROWS):
        rows = min(ROWS, tokens - token)
        for i in range(blocks):
            depth = i * block
            _tile_dots(x + token * x_row + depth, x_row, packed + depth * TILE, block // 4, sums)
            for column in range(COLUMNS):
                start = _start(unit, column, outputs)
                for row in range(rows):
                    place = (row * COLUMNS + column) * WIDTH
                    y = load(totals + place) if i else splat(0.0)
                    y = _plus_block(at, token + row, (i, blocks), start, sums + place, y)
                    store(totals + place, y)
        for column in range(COLUMNS):
            start = _start(unit, column, outputs)
            for row in range(rows):
                place = totals + (row * COLUMNS + column) * WIDTH
                _finish(at, token + row, start, load(place))


@helper
def _linear_int4(at: int, units: Any, scratch: int, block: int, dots: Any, pack: Any) -> None:
    first, last = units
    sums = scratch + TILE * word(at, _INPUTS)
    for unit in range(first, last):
        if word(at, _TOKENS) <= FEW:
            _few_tokens(at, unit, block, dots, sums)
        else:
            _pack_tile(at, unit, block, pack, scratch)
            _many_tokens(at, unit, block, scratch, sums)


_dots_32, _dots_64, _dots_128 = (nibble_dots(block) for block in (32, 64, 128))
_pack_32, _pack_64, _pack_128 = (pack_nibbles(block) for block in (32, 64, 128))


@Task
def linear_int4_32_task(at: int, first: int, last: int, scratch: int) -> None:
    """Tiles with 4-bit weights (N, K / 2) in blocks of 32; scale and zero (B, N)."""
    _linear_int4(at, (first, last), scratch, 32, _dots_32, _pack_32)


@Task
def linear_int4_64_task(at: int, first: int, last: int, scratch: int) -> None:
    """As above, in blocks of 64."""
    _linear_int4(at, (first, last), scratch, 64, _dots_64, _pack_64)


@Task
def linear_int4_128_task(at: int, first: int, last: int, scratch: int) -> None:
    """As above, in blocks of 128."""
    _linear_int4(at, (first, last), scratch, 128, _dots_128, _pack_128)


@Task
def linear_float_task(at: int, first: int, last: int, scratch: int) -> None:
    """Rows first..last-1 with float32 weights (K, N), which are few; silu of it where asked.

    Words: N, K, x, x_row, w, bias or 0, out, out_row, 1 for silu.
    """
    outputs, inputs = word(at, 0), word(at, 1)
    for token in range(first, last):
        x, out = word(at, 2) + token * word(at, 3), word(at, 6) + token * word(at, 7)
        for start in range(0, outputs, LANES):
            here, lanes = start * FLOAT_BYTES, outputs - start
            y, bias, w = splat(0.0), word(at, 5), word(at, 4) + here
            if bias:
                y = load_first(bias + here, lanes)
            for i in range(inputs):
                y = fma(splat(load_scalar(x + i * FLOAT_BYTES)), load_first(w, lanes), y)
                w += outputs * FLOAT_BYTES
            if word(at, 8):
                y = silu(y)
            store_first(out + here, y, lanes)
