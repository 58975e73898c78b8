"""The selective scan with Numba: channels in vectors, time inner.

The state and the rates of one vector of channels, N x LANES numbers each, are copied side by side
for calls of several tokens: where they lie, rows often a power of two apart, they would drive each
other out of the first-level cache. What is left is mostly N exponentials per channel and token.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.jit import INT, helper, kernel, read_only, writable
from edgehybrid_kernels.selective import check
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    Vector,
    fma,
    load,
    load_first,
    load_scalar,
    prefetch,
    splat,
    store,
    store_first,
)
from edgehybrid_kernels.vmath import decay, softplus

# x, dt, a, b, c, d, dt_bias, state, out, near (scratch: state, then rates), first, last
_SIGNATURE = (
    *(read_only(ndim) for ndim in (2, 2, 2, 2, 2, 1, 1)),
    *(writable(2), writable(2), writable(4), INT, INT),
)
_ROW = LANES * FLOAT_BYTES
# Fewer tokens than this do not pay for the copying.
_COPIED_FROM = 4
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_STATE = 4e-4


def selective_scan(
    x: Floats,
    dt: Floats,
    a: Floats,
    b: Floats,
    c: Floats,
    d: Floats,
    dt_bias: Floats,
    state: Floats,
    out: Floats,
) -> None:
    """See :class:`edgehybrid_kernels.selective.SelectiveScan`; bit-identical however cut."""
    tokens, n_state, channels = check(x, dt, a, b, c, d, dt_bias, state, out)
    vectors = -(-channels // LANES)
    near = np.empty((vectors, 2, n_state, LANES), np.float32)
    threads.run(
        selective_kernel,
        (x, dt, a, b, c, d, dt_bias, state, out, near),
        units=vectors,
        work=tokens * state.size * _MICROSECONDS_PER_STATE,
    )


@helper
def _copy(source: int, source_row: int, target: int, target_row: int, size: Any) -> None:
    rows, lanes = size
    for row in range(rows):
        value = load_first(source + row * source_row, lanes)
        store_first(target + row * target_row, value, lanes)


@helper
def _one_token(work: Any, step: Vector, u: Vector, b: int, c: int) -> Vector:
    """Moves N x LANES of state by one token; returns c @ state."""
    state, rates, row, n_state = work
    y = splat(0.0)
    for _ in range(n_state):
        kept = decay(step * load(rates))
        s = fma(load(state), kept, splat(load_scalar(b)) * u)
        y = fma(splat(load_scalar(c)), s, y)
        store(state, s)
        state += row
        rates += row
        b += FLOAT_BYTES
        c += FLOAT_BYTES
    return y


@helper
def _scan_vector(work: Any, tokens: int, lanes: int, at: Any, rows: Any) -> None:
    """All tokens for one vector of channels."""
    x, dt, b, c, bias, skip, out = at
    x_row, dt_row, b_row, c_row, out_row = rows
    for _ in range(tokens):
        prefetch(x + 4 * x_row)  # rows lie too far apart for the CPU to fetch them on its own
        prefetch(dt + 4 * dt_row)
        value = load_first(x, lanes)
        step = softplus(load_first(dt, lanes) + bias)
        y = _one_token(work, step, step * value, b, c)
        store_first(out, fma(skip, value, y), lanes)
        x += x_row
        dt += dt_row
        b += b_row
        c += c_row
        out += out_row


@kernel(*_SIGNATURE)
def selective_kernel(
    x: Any, dt: Any, a: Any, b: Any, c: Any, d: Any, dt_bias: Any, state: Any, out: Any, near: Any,
    first: int, last: int,
) -> None:  # fmt: skip
    """Vectors first..last-1 of channels, every token."""
    tokens = x.shape[0]
    n_state, channels = state.shape
    row = channels * FLOAT_BYTES
    near_at = near.ctypes.data + first * near.strides[0]  # each thread has that of its first vector
    rows = (x.strides[0], dt.strides[0], b.strides[0], c.strides[0], out.strides[0])
    for channel in range(first * LANES, min(last * LANES, channels), LANES):
        here, lanes = channel * FLOAT_BYTES, channels - channel
        state_at, rates_at = state.ctypes.data + here, a.ctypes.data + here
        work, size = (state_at, rates_at, row, n_state), (n_state, lanes)
        copied = tokens >= _COPIED_FROM or lanes < LANES
        if copied:
            work = (near_at, near_at + n_state * _ROW, _ROW, n_state)
            _copy(state_at, row, near_at, _ROW, size)
            _copy(rates_at, row, near_at + n_state * _ROW, _ROW, size)
        bias = load_first(dt_bias.ctypes.data + here, lanes)
        skip = load_first(d.ctypes.data + here, lanes)
        x_at, dt_at, out_at = x.ctypes.data + here, dt.ctypes.data + here, out.ctypes.data + here
        at = (x_at, dt_at, b.ctypes.data, c.ctypes.data, bias, skip, out_at)
        _scan_vector(work, tokens, lanes, at, rows)
        if copied:
            _copy(near_at, _ROW, state_at, row, size)
