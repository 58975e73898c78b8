"""The selective scan with Numba: channels in vectors, time inner.

The state and the rates of one vector of channels, N x LANES numbers each, stay in the first-level
cache for the whole call. Nearly all of the time goes into N exponentials per channel and token.
"""

from __future__ import annotations

from typing import Any

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.jit import INT, helper, kernel, read_only, writable
from edgehybrid_kernels.selective import check
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    Vector,
    fma,
    load_first,
    load_scalar,
    prefetch,
    splat,
    store_first,
)
from edgehybrid_kernels.vmath import exp, softplus

# x, dt, a, b, c, d, dt_bias, state, out, first, last
_SIGNATURE = (
    *(read_only(ndim) for ndim in (2, 2, 2, 2, 2, 1, 1)),
    *(writable(2), writable(2), INT, INT),
)
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_STATE = 6e-4


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
    tokens, _, channels = check(x, dt, a, b, c, d, dt_bias, state, out)
    threads.run(
        selective_kernel,
        (x, dt, a, b, c, d, dt_bias, state, out),
        units=-(-channels // LANES),
        work=tokens * state.size * _MICROSECONDS_PER_STATE,
    )


@helper
def _one_token(at: Any, row: int, size: Any, step: Vector, u: Vector) -> Vector:
    """Moves N x LANES of state by one token; returns c @ state."""
    state, a, b, c = at
    n_state, lanes = size
    y = splat(0.0)
    for _ in range(n_state):
        decay = exp(step * load_first(a, lanes))
        s = fma(load_first(state, lanes), decay, splat(load_scalar(b)) * u)
        y = fma(splat(load_scalar(c)), s, y)
        store_first(state, s, lanes)
        state += row
        a += row
        b += FLOAT_BYTES
        c += FLOAT_BYTES
    return y


@kernel(*_SIGNATURE)
def selective_kernel(
    x: Any, dt: Any, a: Any, b: Any, c: Any, d: Any, dt_bias: Any, state: Any, out: Any,
    first: int, last: int,
) -> None:  # fmt: skip
    """Vectors first..last-1 of channels, every token."""
    n_state, channels = state.shape
    row = channels * FLOAT_BYTES
    for channel in range(first * LANES, min(last * LANES, channels), LANES):
        here, lanes = channel * FLOAT_BYTES, channels - channel
        skip = load_first(d.ctypes.data + here, lanes)
        bias = load_first(dt_bias.ctypes.data + here, lanes)
        for token in range(x.shape[0]):
            x_at = x.ctypes.data + token * x.strides[0] + here
            dt_at = dt.ctypes.data + token * dt.strides[0] + here
            prefetch(x_at + 4 * x.strides[0])
            prefetch(dt_at + 4 * dt.strides[0])
            value = load_first(x_at, lanes)
            step = softplus(load_first(dt_at, lanes) + bias)
            at = (
                state.ctypes.data + here,
                a.ctypes.data + here,
                b.ctypes.data + token * b.strides[0],
                c.ctypes.data + token * c.strides[0],
            )
            y = _one_token(at, row, (n_state, lanes), step, step * value)
            y = fma(skip, value, y)
            store_first(out.ctypes.data + token * out.strides[0] + here, y, lanes)
