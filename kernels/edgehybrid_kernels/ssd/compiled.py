"""The SSD scan with Numba.

Head outer, time inner: a vector's worth of channels of one head's state, N x LANES numbers, stays
in the first-level cache for the whole call. Four tokens are taken per pass over it, so that it is
read and written once for every four. Every number of the state sees the same operations in the
same order as with one token per pass; that is why chunking changes no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.jit import FLOAT, INT, Task, helper, kernel, read_only, writable
from edgehybrid_kernels.program.views import cube, half_cube, matrix, number, vector, word
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    Vector,
    at_least,
    at_most,
    fma,
    load,
    load_first,
    load_halves,
    load_scalar,
    prefetch,
    splat,
    store,
    store_first,
    store_halves,
)
from edgehybrid_kernels.ssd import NO_LIMIT, check
from edgehybrid_kernels.vmath import exp, softplus

# x, dt, a, b, c, d, dt_bias, state, out, steps (scratch), spare (scratch), dt_limit, first, last
_SIGNATURE = (
    *(read_only(ndim) for ndim in (2, 2, 1, 2, 2, 1, 1)),
    *(writable(ndim) for ndim in (3, 2, 3, 3)),
    *(FLOAT, FLOAT, INT, INT),
)
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_STATE = 6e-5


def ssd_scan(
    x: Floats,
    dt: Floats,
    a: Floats,
    b: Floats,
    c: Floats,
    d: Floats,
    dt_bias: Floats,
    state: Floats,
    out: Floats,
    *,
    dt_limit: tuple[float, float] = NO_LIMIT,
) -> None:
    """See :class:`edgehybrid_kernels.ssd.SsdScan`; bit-identical however the tokens are cut."""
    sizes = check(x, dt, a, b, c, d, dt_bias, state, out, dt_limit)
    tokens, heads, _, n_state, channels = sizes
    steps = np.empty((2, tokens, heads), np.float32)  # dt and exp(dt * a)
    spare = np.empty((heads if channels % LANES else 0, n_state, LANES), np.float32)
    low, high = dt_limit
    threads.run(
        ssd_kernel,
        (x, dt, a, b, c, d, dt_bias, state, out, steps, spare, low, high),
        units=heads,
        work=tokens * state.size * _MICROSECONDS_PER_STATE,
    )


@helper
def _coefficients(rates: Any, steps: Any, limit: Any, first: int, last: int) -> None:
    """Fills steps[0] with dt and steps[1] with exp(dt * a), for heads first..last-1."""
    dt, a, dt_bias = rates
    tokens, heads = dt.shape
    step_at = steps.ctypes.data
    decay_at = step_at + tokens * heads * FLOAT_BYTES
    low, high = limit
    for token in range(tokens):
        for head in range(first, last, LANES):
            lanes = last - head
            at = head * FLOAT_BYTES
            raw = load_first(dt.ctypes.data + token * dt.strides[0] + at, lanes)
            step = softplus(raw + load_first(dt_bias.ctypes.data + at, lanes))
            step = at_most(at_least(step, splat(low)), splat(high))
            decay = exp(step * load_first(a.ctypes.data + at, lanes))
            at += token * heads * FLOAT_BYTES
            store_first(step_at + at, step, lanes)
            store_first(decay_at + at, decay, lanes)


@helper
def _moved(state: Vector, decay: Vector, b: int, u: Vector) -> Vector:
    """The state after a token: decay * state + b * u, with u = dt * x."""
    return fma(state, decay, splat(load_scalar(b)) * u)


@helper
def _one_token(state: int, size: Any, decay: Vector, u: Vector, b: int, c: int) -> Vector:
    """Moves N x LANES of state by one token; returns c @ state."""
    n_state, row = size
    y = splat(0.0)
    for _ in range(n_state):
        s = _moved(load(state), decay, b, u)
        y = fma(splat(load_scalar(c)), s, y)
        store(state, s)
        state += row
        b += FLOAT_BYTES
        c += FLOAT_BYTES
    return y


@helper
def _four_tokens(state: int, size: Any, decays: Any, us: Any, b: int, c: int, rows: Any) -> Any:
    """As :func:`_one_token` for four tokens in one pass, whose b and c lie ``rows`` apart."""
    n_state, row = size
    b_row, c_row = rows
    decay0, decay1, decay2, decay3 = decays
    u0, u1, u2, u3 = us
    y0 = y1 = y2 = y3 = splat(0.0)
    for _ in range(n_state):
        s = _moved(load(state), decay0, b, u0)
        y0 = fma(splat(load_scalar(c)), s, y0)
        s = _moved(s, decay1, b + b_row, u1)
        y1 = fma(splat(load_scalar(c + c_row)), s, y1)
        s = _moved(s, decay2, b + 2 * b_row, u2)
        y2 = fma(splat(load_scalar(c + 2 * c_row)), s, y2)
        s = _moved(s, decay3, b + 3 * b_row, u3)
        y3 = fma(splat(load_scalar(c + 3 * c_row)), s, y3)
        store(state, s)
        state += row
        b += FLOAT_BYTES
        c += FLOAT_BYTES
    return y0, y1, y2, y3


@helper
def _take_one(state: int, size: Any, lanes: int, skip: Vector, at: Any) -> None:
    x, step, decay, b, c, out = at
    value = load_first(x, lanes)
    u = value * splat(load_scalar(step))
    y = _one_token(state, size, splat(load_scalar(decay)), u, b, c)
    store_first(out, fma(skip, value, y), lanes)


@helper
def _take_four(state: int, size: Any, lanes: int, skip: Vector, at: Any, rows: Any) -> None:
    x, step, decay, b, c, out = at
    x_row, step_row, b_row, c_row, out_row = rows
    for ahead in range(4, 8):  # rows lie too far apart for the CPU to fetch them on its own
        prefetch(x + ahead * x_row)
    x0, x1 = load_first(x, lanes), load_first(x + x_row, lanes)
    x2, x3 = load_first(x + 2 * x_row, lanes), load_first(x + 3 * x_row, lanes)
    us = (
        x0 * splat(load_scalar(step)),
        x1 * splat(load_scalar(step + step_row)),
        x2 * splat(load_scalar(step + 2 * step_row)),
        x3 * splat(load_scalar(step + 3 * step_row)),
    )
    decays = (
        splat(load_scalar(decay)),
        splat(load_scalar(decay + step_row)),
        splat(load_scalar(decay + 2 * step_row)),
        splat(load_scalar(decay + 3 * step_row)),
    )
    y0, y1, y2, y3 = _four_tokens(state, size, decays, us, b, c, (b_row, c_row))
    store_first(out, fma(skip, x0, y0), lanes)
    store_first(out + out_row, fma(skip, x1, y1), lanes)
    store_first(out + 2 * out_row, fma(skip, x2, y2), lanes)
    store_first(out + 3 * out_row, fma(skip, x3, y3), lanes)


@helper
def _scan_vector(
    state: int, size: Any, tokens: int, lanes: int, skip: Vector, at: Any, rows: Any
) -> None:
    """All tokens for one vector of channels of one head."""
    x, step, decay, b, c, out = at
    x_row, step_row, b_row, c_row, out_row = rows
    token = 0
    while token < tokens:
        taken = 4 if token + 4 <= tokens else 1
        here = (x, step, decay, b, c, out)
        if taken == 4:
            _take_four(state, size, lanes, skip, here, rows)
        else:
            _take_one(state, size, lanes, skip, here)
        token += taken
        x += taken * x_row
        step += taken * step_row
        decay += taken * step_row
        b += taken * b_row
        c += taken * c_row
        out += taken * out_row


@helper
def _copy(
    source: int, source_row: int, target: int, target_row: int, rows: int, lanes: int
) -> None:
    for row in range(rows):
        value = load_first(source + row * source_row, lanes)
        store_first(target + row * target_row, value, lanes)


@helper
def _widen(
    source: int, source_row: int, target: int, target_row: int, rows: int, lanes: int
) -> None:
    for row in range(rows):
        store(target + row * target_row, load_halves(source + row * source_row, lanes))


@helper
def _narrow(
    source: int, source_row: int, target: int, target_row: int, rows: int, lanes: int
) -> None:
    for row in range(rows):
        store_halves(target + row * target_row, load(source + row * source_row), lanes)


@helper
def _scan_head(
    state: int, spare: int, size: Any, skip: Vector, at: Any, rows: Any, how: Any
) -> None:
    """One head, vector by vector; a ragged last vector is worked on in padded ``spare`` memory.

    Masked writes in the innermost loop would be several times slower than copying there and back.
    All of a float16 state is worked on there, in float32. Without keep, the first of ``how``, so
    is any state, and it stays as it was.
    """
    keep, half = how
    x, step, decay, b, c, out = at
    tokens, n_state, channels = size
    row = channels * FLOAT_BYTES
    for channel in range(0, channels, LANES):
        lanes = channels - channel
        aside = lanes < LANES or not keep or half
        work, work_row = (spare, LANES * FLOAT_BYTES) if aside else (state, row)
        if half:
            _widen(state, row // 2, spare, work_row, n_state, lanes)
        elif aside:
            _copy(state, row, spare, work_row, n_state, lanes)
        here = (x, step, decay, b, c, out)
        _scan_vector(work, (n_state, work_row), tokens, lanes, skip, here, rows)
        if half and keep:
            _narrow(spare, work_row, state, row // 2, n_state, lanes)
        elif aside and keep:
            _copy(spare, work_row, state, row, n_state, lanes)
        state += LANES * FLOAT_BYTES // (2 if half else 1)
        x += LANES * FLOAT_BYTES
        out += LANES * FLOAT_BYTES


@helper
def _scan(
    x: Any, dt: Any, a: Any, b: Any, c: Any, d: Any, dt_bias: Any, state: Any, out: Any,
    steps: Any, spare: Any, low: float, high: float, first: int, last: int, how: Any,
) -> None:  # fmt: skip
    heads, n_state, channels = state.shape
    tokens = x.shape[0]
    heads_per_group = heads // (b.shape[1] // n_state)
    _coefficients((dt, a, dt_bias), steps, (low, high), first, last)
    rows = (x.strides[0], heads * FLOAT_BYTES, b.strides[0], c.strides[0], out.strides[0])
    # Each thread pads in the spare memory of its first head.
    spare_at = spare.ctypes.data + first * n_state * LANES * FLOAT_BYTES
    for head in range(first, last):
        group_at = head // heads_per_group * n_state * FLOAT_BYTES
        step_at = steps.ctypes.data + head * FLOAT_BYTES
        channels_at = head * channels * FLOAT_BYTES
        at = (
            x.ctypes.data + channels_at,
            step_at,
            step_at + tokens * heads * FLOAT_BYTES,
            b.ctypes.data + group_at,
            c.ctypes.data + group_at,
            out.ctypes.data + channels_at,
        )
        state_at = state.ctypes.data + head * state.strides[0]
        _scan_head(state_at, spare_at, (tokens, n_state, channels), splat(d[head]), at, rows, how)


@kernel(*_SIGNATURE)
def ssd_kernel(
    x: Any, dt: Any, a: Any, b: Any, c: Any, d: Any, dt_bias: Any,
    state: Any, out: Any, steps: Any, spare: Any, low: float, high: float, first: int, last: int,
) -> None:  # fmt: skip
    """Heads first..last-1."""
    _scan(
        x, dt, a, b, c, d, dt_bias, state, out, steps, spare, low, high, first, last, (True, False)
    )


@helper
def _task(at: int, state: Any, span: Any, half: bool) -> None:
    x, dt, a, b, c = (
        matrix(at),
        matrix(at + 40),
        vector(at + 80),
        matrix(at + 104),
        matrix(at + 144),
    )
    d, dt_bias, out = vector(at + 184), vector(at + 208), matrix(at + 288)
    steps, spare = cube(at + 328), cube(at + 384)
    low, high, how = number(at, 55), number(at, 56), (word(at, 57) != 0, half)
    first, last = span
    _scan(x, dt, a, b, c, d, dt_bias, state, out, steps, spare, low, high, first, last, how)


@Task
def ssd_task(at: int, first: int, last: int, scratch: int) -> None:
    """As the kernel, for a table of steps; the last word says whether the state is kept."""
    _task(at, cube(at + 232), (first, last), False)


@Task
def ssd_half_task(at: int, first: int, last: int, scratch: int) -> None:
    """The same with a state in float16, which is rounded once a call."""
    _task(at, half_cube(at + 232), (first, last), True)
