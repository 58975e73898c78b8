"""The SSD scan with Numba.

Head outer, time inner: a vector's worth of channels of one head's state, N x LANES numbers, stays
in the first-level cache for the whole call. Four tokens are taken per pass over it, so that it is
read and written once for every four. Every number of the state sees the same operations in the
same order as with one token per pass; that is why chunking changes no bit.

What a token multiplies x with (dt / scale), what it multiplies its result with (scale), and whether
the state is rescaled before it, is computed for all tokens first: ``steps``.
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
    where_within,
)
from edgehybrid_kernels.ssd import NO_LIMIT, check
from edgehybrid_kernels.vmath import exp, softplus

# x, dt, a, b, c, d, dt_bias, state, scale, out, steps, spare (scratch both), dt_limit, first, last
_SIGNATURE = (
    *(read_only(ndim) for ndim in (2, 2, 1, 2, 2, 1, 1)),
    *(writable(ndim) for ndim in (3, 1, 2, 3, 3)),
    *(FLOAT, FLOAT, INT, INT),
)
# Bounds of a scale: far apart, so that rescaling is rare, and far from the ends of float32, so that
# neither dt / scale nor the state reaches them.
_LOWEST, _HIGHEST = 2.0**-64, 2.0**64
# Rows of steps: what x is multiplied with, the scale, and what the state is multiplied with before.
STEP_ROWS = 3
# Vectors of a state that are worked on together: as many as the registers hold.
VECTORS = 2 if LANES == 16 else 1
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
    scale: Floats,
    out: Floats,
    *,
    dt_limit: tuple[float, float] = NO_LIMIT,
) -> None:
    """See :class:`edgehybrid_kernels.ssd.SsdScan`; bit-identical however the tokens are cut."""
    sizes = check(x, dt, a, b, c, d, dt_bias, state, scale, out, dt_limit)
    tokens, heads, _, n_state, channels = sizes
    steps = np.empty((STEP_ROWS, tokens, heads), np.float32)
    spare = np.empty((heads if channels % LANES else 0, n_state, VECTORS * LANES), np.float32)
    low, high = dt_limit
    threads.run(
        ssd_kernel,
        (x, dt, a, b, c, d, dt_bias, state, scale, out, steps, spare, low, high),
        units=heads,
        work=tokens * state.size * _MICROSECONDS_PER_STATE,
    )


@helper
def _coefficients(rates: Any, scale: Any, steps: Any, limit: Any, span: Any, keep: bool) -> None:
    """Fills steps for heads first..last-1, and moves their scales on."""
    dt, a, dt_bias = rates
    tokens, heads = dt.shape
    first, last = span
    low, high = limit
    row = tokens * heads * FLOAT_BYTES
    one = splat(1.0)
    for head in range(first, last, LANES):
        lanes, at = last - head, head * FLOAT_BYTES
        now = load_first(scale.ctypes.data + at, lanes)
        rate, bias = (
            load_first(a.ctypes.data + at, lanes),
            load_first(dt_bias.ctypes.data + at, lanes),
        )
        place = steps.ctypes.data + at
        for token in range(tokens):
            raw = load_first(dt.ctypes.data + token * dt.strides[0] + at, lanes)
            step = at_most(at_least(softplus(raw + bias), splat(low)), splat(high))
            moved = now * exp(step * rate)
            before = where_within(moved, splat(_LOWEST), splat(_HIGHEST), one, moved)
            now = where_within(moved, splat(_LOWEST), splat(_HIGHEST), moved, one)
            store_first(place, step / now, lanes)
            store_first(place + row, now, lanes)
            store_first(place + 2 * row, before, lanes)
            place += heads * FLOAT_BYTES
        if keep:
            store_first(scale.ctypes.data + at, now, lanes)


@helper
def _one_token(state: int, size: Any, before: Vector, u: Vector, b: int, c: int) -> Vector:
    """Moves N x LANES of state, multiplied by ``before``, by one token; returns c @ state."""
    n_state, row = size
    y = splat(0.0)
    for _ in range(n_state):
        s = fma(splat(load_scalar(b)), u, load(state) * before)
        y = fma(splat(load_scalar(c)), s, y)
        store(state, s)
        state += row
        b += FLOAT_BYTES
        c += FLOAT_BYTES
    return y


@helper
def _four_tokens(state: int, size: Any, us: Any, b: int, c: int, rows: Any) -> Any:
    """As :func:`_one_token` for four tokens in one pass, none of which rescales the state.

    Rows of b and of c lie ``rows`` apart.
    """
    n_state, row = size
    b_row, c_row = rows
    u0, u1, u2, u3 = us
    y0 = y1 = y2 = y3 = splat(0.0)
    for _ in range(n_state):
        s = fma(splat(load_scalar(b)), u0, load(state))
        y0 = fma(splat(load_scalar(c)), s, y0)
        s = fma(splat(load_scalar(b + b_row)), u1, s)
        y1 = fma(splat(load_scalar(c + c_row)), s, y1)
        s = fma(splat(load_scalar(b + 2 * b_row)), u2, s)
        y2 = fma(splat(load_scalar(c + 2 * c_row)), s, y2)
        s = fma(splat(load_scalar(b + 3 * b_row)), u3, s)
        y3 = fma(splat(load_scalar(c + 3 * c_row)), s, y3)
        store(state, s)
        state += row
        b += FLOAT_BYTES
        c += FLOAT_BYTES
    return y0, y1, y2, y3


@helper
def _four_tokens_rescaled(
    state: int, size: Any, befores: Any, us: Any, b: int, c: int, rows: Any
) -> Any:
    """The same where some do: all are multiplied, most by 1, which changes no bit."""
    n_state, row = size
    b_row, c_row = rows
    u0, u1, u2, u3 = us
    f0, f1, f2, f3 = befores
    y0 = y1 = y2 = y3 = splat(0.0)
    for _ in range(n_state):
        s = fma(splat(load_scalar(b)), u0, load(state) * f0)
        y0 = fma(splat(load_scalar(c)), s, y0)
        s = fma(splat(load_scalar(b + b_row)), u1, s * f1)
        y1 = fma(splat(load_scalar(c + c_row)), s, y1)
        s = fma(splat(load_scalar(b + 2 * b_row)), u2, s * f2)
        y2 = fma(splat(load_scalar(c + 2 * c_row)), s, y2)
        s = fma(splat(load_scalar(b + 3 * b_row)), u3, s * f3)
        y3 = fma(splat(load_scalar(c + 3 * c_row)), s, y3)
        store(state, s)
        state += row
        b += FLOAT_BYTES
        c += FLOAT_BYTES
    return y0, y1, y2, y3


@helper
def _four_tokens_of_two(state: int, size: Any, us: Any, b: int, c: int, rows: Any) -> Any:
    """As :func:`_four_tokens` for two neighbouring vectors, which share what is read of b and c."""
    n_state, row = size
    b_row, c_row = rows
    (u0, u1, u2, u3), (v0, v1, v2, v3) = us
    y0 = y1 = y2 = y3 = splat(0.0)
    z0 = z1 = z2 = z3 = splat(0.0)
    high = LANES * FLOAT_BYTES
    for _ in range(n_state):
        in0, out0 = splat(load_scalar(b)), splat(load_scalar(c))
        s, r = fma(in0, u0, load(state)), fma(in0, v0, load(state + high))
        y0, z0 = fma(out0, s, y0), fma(out0, r, z0)
        in1, out1 = splat(load_scalar(b + b_row)), splat(load_scalar(c + c_row))
        s, r = fma(in1, u1, s), fma(in1, v1, r)
        y1, z1 = fma(out1, s, y1), fma(out1, r, z1)
        in2, out2 = splat(load_scalar(b + 2 * b_row)), splat(load_scalar(c + 2 * c_row))
        s, r = fma(in2, u2, s), fma(in2, v2, r)
        y2, z2 = fma(out2, s, y2), fma(out2, r, z2)
        in3, out3 = splat(load_scalar(b + 3 * b_row)), splat(load_scalar(c + 3 * c_row))
        s, r = fma(in3, u3, s), fma(in3, v3, r)
        y3, z3 = fma(out3, s, y3), fma(out3, r, z3)
        store(state, s)
        store(state + high, r)
        state += row
        b += FLOAT_BYTES
        c += FLOAT_BYTES
    return (y0, y1, y2, y3), (z0, z1, z2, z3)


@helper
def _inputs(x: int, row: int, step: int, step_row: int, lanes: int) -> Any:
    """Four rows of x, and the same multiplied with their steps."""
    x0, x1 = load_first(x, lanes), load_first(x + row, lanes)
    x2, x3 = load_first(x + 2 * row, lanes), load_first(x + 3 * row, lanes)
    us = (
        x0 * splat(load_scalar(step)),
        x1 * splat(load_scalar(step + step_row)),
        x2 * splat(load_scalar(step + 2 * step_row)),
        x3 * splat(load_scalar(step + 3 * step_row)),
    )
    return (x0, x1, x2, x3), us


@helper
def _results(out: int, row: int, scale: int, step_row: int, lanes: int, parts: Any) -> None:
    """Writes four rows: y * scale + skip * x."""
    skip, (x0, x1, x2, x3), (y0, y1, y2, y3) = parts
    y0, y1 = y0 * splat(load_scalar(scale)), y1 * splat(load_scalar(scale + step_row))
    y2 = y2 * splat(load_scalar(scale + 2 * step_row))
    y3 = y3 * splat(load_scalar(scale + 3 * step_row))
    store_first(out, fma(skip, x0, y0), lanes)
    store_first(out + row, fma(skip, x1, y1), lanes)
    store_first(out + 2 * row, fma(skip, x2, y2), lanes)
    store_first(out + 3 * row, fma(skip, x3, y3), lanes)


@helper
def _take_one(state: int, size: Any, lanes: int, skip: Vector, at: Any) -> None:
    x, step, part, b, c, out = at
    before, scale = splat(load_scalar(step + 2 * part)), splat(load_scalar(step + part))
    factor, high = splat(load_scalar(step)), 0
    while lanes > 0:
        value = load_first(x + high, lanes)
        y = _one_token(state + high, size, before, value * factor, b, c) * scale
        store_first(out + high, fma(skip, value, y), lanes)
        high += LANES * FLOAT_BYTES
        lanes -= LANES


@helper
def _take_four(state: int, size: Any, lanes: int, skip: Vector, at: Any, rows: Any) -> None:
    x, step, part, b, c, out = at
    x_row, step_row, b_row, c_row, out_row = rows
    for ahead in range(4, 8):  # rows lie too far apart for the CPU to fetch them on its own
        prefetch(x + ahead * x_row)
    before, high = step + 2 * part, LANES * FLOAT_BYTES
    plain, is_pair = _all_ones(before, step_row), VECTORS == 2 and lanes >= 2 * LANES
    xs, us = _inputs(x, x_row, step, step_row, lanes)
    if plain and is_pair:
        more, vs = _inputs(x + high, x_row, step, step_row, LANES)
        ys, zs = _four_tokens_of_two(state, size, (us, vs), b, c, (b_row, c_row))
        _results(out + high, out_row, step + part, step_row, LANES, (skip, more, zs))
    elif plain:
        ys = _four_tokens(state, size, us, b, c, (b_row, c_row))
    else:
        f0, f1 = splat(load_scalar(before)), splat(load_scalar(before + step_row))
        f2, f3 = (
            splat(load_scalar(before + 2 * step_row)),
            splat(load_scalar(before + 3 * step_row)),
        )
        fs = (f0, f1, f2, f3)
        ys = _four_tokens_rescaled(state, size, fs, us, b, c, (b_row, c_row))
        if is_pair:
            more, vs = _inputs(x + high, x_row, step, step_row, LANES)
            zs = _four_tokens_rescaled(state + high, size, fs, vs, b, c, (b_row, c_row))
            _results(out + high, out_row, step + part, step_row, LANES, (skip, more, zs))
    _results(out, out_row, step + part, step_row, lanes, (skip, xs, ys))


@helper
def _all_ones(at: int, row: int) -> bool:
    """Whether four numbers that lie ``row`` apart are 1."""
    two = load_scalar(at) == 1 and load_scalar(at + row) == 1
    return two and load_scalar(at + 2 * row) == 1 and load_scalar(at + 3 * row) == 1


@helper
def _scan_vector(
    state: int, size: Any, tokens: int, lanes: int, skip: Vector, at: Any, rows: Any
) -> None:
    """All tokens for one or two vectors of channels of one head, up to ``lanes`` channels."""
    x, step, part, b, c, out = at
    x_row, step_row, b_row, c_row, out_row = rows
    token = 0
    while token < tokens:
        taken = 4 if token + 4 <= tokens else 1
        here = (x, step, part, b, c, out)
        if taken == 4:
            _take_four(state, size, lanes, skip, here, rows)
        else:
            _take_one(state, size, lanes, skip, here)
        token += taken
        x += taken * x_row
        step += taken * step_row
        b += taken * b_row
        c += taken * c_row
        out += taken * out_row


@helper
def _copy(
    source: int, source_row: int, target: int, target_row: int, rows: int, lanes: int
) -> None:
    for row in range(rows):
        for lane in range(0, lanes, LANES):
            value = load_first(source + row * source_row + lane * FLOAT_BYTES, lanes - lane)
            store_first(target + row * target_row + lane * FLOAT_BYTES, value, lanes - lane)


@helper
def _widen(
    source: int, source_row: int, target: int, target_row: int, rows: int, lanes: int
) -> None:
    for row in range(rows):
        for lane in range(0, lanes, LANES):
            value = load_halves(source + row * source_row + lane * FLOAT_BYTES // 2, lanes - lane)
            store(target + row * target_row + lane * FLOAT_BYTES, value)


@helper
def _narrow(
    source: int, source_row: int, target: int, target_row: int, size: Any, scale: Vector
) -> None:
    rows, lanes = size
    for row in range(rows):
        for lane in range(0, lanes, LANES):
            value = load(source + row * source_row + lane * FLOAT_BYTES) * scale
            here = target + row * target_row + lane * FLOAT_BYTES // 2
            store_halves(here, value, lanes - lane)


@helper
def _scan_head(
    state: int, spare: int, size: Any, skip: Vector, at: Any, rows: Any, how: Any
) -> None:
    """One head, VECTORS by VECTORS; a ragged last one is worked on in padded ``spare`` memory.

    Masked writes in the innermost loop would be several times slower than copying there and back.
    All of a float16 state is worked on there, in float32, and then multiplied by its scale, the
    last of ``how``. Without keep, the first of it, so is any state, and it stays as it was.
    """
    keep, half, scale = how
    x, step, part, b, c, out = at
    tokens, n_state, channels = size
    row = channels * FLOAT_BYTES
    channel = 0
    while channel < channels:
        taken = VECTORS * LANES if channels - channel >= VECTORS * LANES else LANES
        lanes = min(channels - channel, taken)
        aside = lanes < LANES or not keep or half
        work, work_row = (spare, VECTORS * LANES * FLOAT_BYTES) if aside else (state, row)
        if half:
            _widen(state, row // 2, spare, work_row, n_state, lanes)
        elif aside:
            _copy(state, row, spare, work_row, n_state, lanes)
        here = (x, step, part, b, c, out)
        _scan_vector(work, (n_state, work_row), tokens, lanes, skip, here, rows)
        if half and keep:
            _narrow(spare, work_row, state, row // 2, (n_state, lanes), scale)
        elif aside and keep:
            _copy(spare, work_row, state, row, n_state, lanes)
        state += taken * FLOAT_BYTES // (2 if half else 1)
        x += taken * FLOAT_BYTES
        out += taken * FLOAT_BYTES
        channel += taken


@helper
def _scan(
    x: Any, dt: Any, a: Any, b: Any, c: Any, d: Any, dt_bias: Any, state: Any, scale: Any,
    out: Any, steps: Any, spare: Any, low: float, high: float, span: Any, how: Any,
) -> None:  # fmt: skip
    """Heads of a span; ``how`` is whether the state is kept, and whether it is float16."""
    heads, n_state, channels = state.shape
    tokens, (first, last), (keep, half) = x.shape[0], span, how
    heads_per_group = heads // (b.shape[1] // n_state)
    _coefficients((dt, a, dt_bias), scale, steps, (low, high), span, keep)
    rows = (x.strides[0], heads * FLOAT_BYTES, b.strides[0], c.strides[0], out.strides[0])
    # Each thread pads in the spare memory of its first head.
    spare_at = spare.ctypes.data + first * n_state * VECTORS * LANES * FLOAT_BYTES
    for head in range(first, last):
        group_at = head // heads_per_group * n_state * FLOAT_BYTES
        channels_at = head * channels * FLOAT_BYTES
        at = (
            x.ctypes.data + channels_at,
            steps.ctypes.data + head * FLOAT_BYTES,
            tokens * heads * FLOAT_BYTES,
            b.ctypes.data + group_at,
            c.ctypes.data + group_at,
            out.ctypes.data + channels_at,
        )
        state_at = state.ctypes.data + head * state.strides[0]
        size, how_here = (tokens, n_state, channels), (keep, half, splat(scale[head]))
        _scan_head(state_at, spare_at, size, splat(d[head]), at, rows, how_here)
        if half and keep:
            scale[head] = np.float32(1.0)


@kernel(*_SIGNATURE)
def ssd_kernel(
    x: Any, dt: Any, a: Any, b: Any, c: Any, d: Any, dt_bias: Any, state: Any, scale: Any,
    out: Any, steps: Any, spare: Any, low: float, high: float, first: int, last: int,
) -> None:  # fmt: skip
    """Heads first..last-1."""
    arrays = (x, dt, a, b, c, d, dt_bias, state, scale, out, steps, spare)
    _scan(*arrays, low, high, (first, last), (True, False))


@helper
def _task(at: int, state: Any, span: Any, half: bool) -> None:
    x, dt, a, b, c = (
        matrix(at), matrix(at + 40), vector(at + 80), matrix(at + 104), matrix(at + 144),
    )  # fmt: skip
    d, dt_bias, scale, out = (
        vector(at + 184), vector(at + 208), vector(at + 288), matrix(at + 312),
    )  # fmt: skip
    steps, spare = cube(at + 352), cube(at + 408)
    low, high, how = number(at, 58), number(at, 59), (word(at, 60) != 0, half)
    _scan(x, dt, a, b, c, d, dt_bias, state, scale, out, steps, spare, low, high, span, how)


@Task
def ssd_task(at: int, first: int, last: int, scratch: int) -> None:
    """As the kernel, for a table of steps; the last word says whether the state is kept."""
    _task(at, cube(at + 232), (first, last), False)


@Task
def ssd_half_task(at: int, first: int, last: int, scratch: int) -> None:
    """The same with a state in float16, which is rounded once a call."""
    _task(at, half_cube(at + 232), (first, last), True)
