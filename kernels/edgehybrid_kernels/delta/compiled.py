"""The gated delta rule with Numba: head outer, blocks of tokens, then pairs of vectors of channels.

By the formula a token passes over the state twice: to recall v from it, and to correct it. Here it
is once, since both products with the state before the correction give what is wanted:

    k @ S = (k * exp(g)) @ S'        q @ S = (q * exp(g)) @ S' + (q . k) u

with S' the state of the token before, whose own correction is entered in the same pass. The last
token of a block enters its own. Every number of the state sees the same operations in the same
order whatever the blocks; that is why chunking changes no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgehybrid_kernels import threads
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.delta import L2_EPS, check
from edgehybrid_kernels.jit import FLOAT, INT, Task, helper, kernel, read_only, writable
from edgehybrid_kernels.program.views import block, cube, matrix, number, word
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    Vector,
    fma,
    load,
    load_first,
    load_scalar,
    splat,
    store,
    store_first,
    store_scalar,
    total,
)
from edgehybrid_kernels.vmath import exp

# q, k, v, g, beta, state, out, rows (scratch), spare (scratch), block, eps, first, last
_SIGNATURE = (
    *(read_only(2), read_only(2), read_only(2), read_only(2), read_only(2)),
    *(writable(3), writable(2), writable(4), writable(3)),
    *(INT, FLOAT, INT, INT),
)
BLOCK = 16
# From so many tokens on it pays to work on a copy of a pair of vectors of a state: where they lie,
# a whole number of lines apart, all fall into a few sets of the first-level cache.
MANY = 4
# What is made of a token before it meets the state: k, exp(g), k * exp(g), q * exp(g), and in the
# first two numbers of the last row q . k and beta.
_KEY, _DECAY, _RECALL, _QUERY, _OTHER, ROWS_OF_TOKEN = range(6)
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_STATE = 9e-5


def gated_delta(
    q: Floats, k: Floats, v: Floats, g: Floats, beta: Floats, state: Floats, out: Floats
) -> None:
    """See :class:`edgehybrid_kernels.delta.GatedDelta`; bit-identical however cut."""
    tokens, _, heads, key_dim, value_dim, _ = check(q, k, v, g, beta, state, out)
    block = max(min(tokens, BLOCK), 1)
    padded = -(-max(key_dim, 2) // LANES) * LANES
    rows = np.empty((heads, block, ROWS_OF_TOKEN, padded), np.float32)
    aside = tokens >= MANY or value_dim % (2 * LANES)
    spare = np.empty((heads if aside else 0, key_dim, 2 * LANES), np.float32)
    threads.run(
        delta_kernel,
        (q, k, v, g, beta, state, out, rows, spare, block, L2_EPS),
        units=heads,
        work=tokens * state.size * _MICROSECONDS_PER_STATE,
    )


@helper
def _inverse_length(x: int, dim: int, eps: float) -> Any:
    squares = splat(0.0)
    for channel in range(0, dim, LANES):
        value = load_first(x + channel * FLOAT_BYTES, dim - channel)
        squares = fma(value, value, squares)
    return np.float32(1.0) / np.sqrt(np.float32(total(squares)) + np.float32(eps))


@helper
def _prepare(q: int, k: int, g: int, beta: Any, rows: int, row: int, size: Any) -> None:
    """Fills the rows of one token of one head; g holds one decay, or one per channel."""
    dim, decays, eps = size
    of_k = splat(_inverse_length(k, dim, eps))
    of_q = splat(_inverse_length(q, dim, eps) / np.sqrt(np.float32(dim)))
    single = exp(splat(load_scalar(g)))
    products = splat(0.0)
    for channel in range(0, dim, LANES):
        here, lanes = channel * FLOAT_BYTES, dim - channel
        key, query = load_first(k + here, lanes) * of_k, load_first(q + here, lanes) * of_q
        decay = exp(load_first(g + here, lanes)) if decays > 1 else single
        products = fma(query, key, products)
        at = rows + here
        store(at + _KEY * row, key)
        store(at + _DECAY * row, decay)
        store(at + _RECALL * row, key * decay)
        store(at + _QUERY * row, query * decay)
    store_scalar(rows + _OTHER * row, total(products))
    store_scalar(rows + _OTHER * row + FLOAT_BYTES, beta)


@helper
def _corrected(state: Vector, decay: Vector, key: Vector, change: Vector) -> Vector:
    """The state after a token: decay * state + key * change."""
    return fma(key, change, state * decay)


@helper
def _enter(state: int, size: Any, rows: int, changes: Any) -> None:
    """Enters the correction of the last token of a block."""
    dim, state_row, row, _ = size
    low_change, high_change = changes
    for _ in range(dim):
        decay, key = splat(load_scalar(rows + _DECAY * row)), splat(load_scalar(rows + _KEY * row))
        high = state + LANES * FLOAT_BYTES
        store(state, _corrected(load(state), decay, key, low_change))
        store(high, _corrected(load(high), decay, key, high_change))
        state += state_row
        rows += FLOAT_BYTES


@helper
def _first_pass(state: int, size: Any, rows: int) -> Any:
    """What a token recalls and reads, from a state that lacks no correction."""
    dim, state_row, row, _ = size
    recall0 = recall1 = read0 = read1 = splat(0.0)
    for _ in range(dim):
        low, high = load(state), load(state + LANES * FLOAT_BYTES)
        recall = splat(load_scalar(rows + _RECALL * row))
        query = splat(load_scalar(rows + _QUERY * row))
        recall0, recall1 = fma(recall, low, recall0), fma(recall, high, recall1)
        read0, read1 = fma(query, low, read0), fma(query, high, read1)
        state += state_row
        rows += FLOAT_BYTES
    return recall0, recall1, read0, read1


@helper
def _next_pass(state: int, size: Any, rows: int, changes: Any) -> Any:
    """The same, after entering the correction of the token before."""
    dim, state_row, row, token_row = size
    low_change, high_change = changes
    recall0 = recall1 = read0 = read1 = splat(0.0)
    before = rows - token_row
    for _ in range(dim):
        upper = state + LANES * FLOAT_BYTES
        decay = splat(load_scalar(before + _DECAY * row))
        key = splat(load_scalar(before + _KEY * row))
        low = _corrected(load(state), decay, key, low_change)
        high = _corrected(load(upper), decay, key, high_change)
        recall = splat(load_scalar(rows + _RECALL * row))
        query = splat(load_scalar(rows + _QUERY * row))
        recall0, recall1 = fma(recall, low, recall0), fma(recall, high, recall1)
        read0, read1 = fma(query, low, read0), fma(query, high, read1)
        store(state, low)
        store(upper, high)
        state += state_row
        rows += FLOAT_BYTES
        before += FLOAT_BYTES
    return recall0, recall1, read0, read1


@helper
def _scan_pair(state: int, size: Any, tokens: int, lanes: int, at: Any) -> None:
    """A block of tokens for two vectors of channels, of which ``lanes`` channels exist."""
    rows, v, v_row, out, out_row = at
    _, _, row, token_row = size
    more, high = lanes - LANES, LANES * FLOAT_BYTES
    changes = (splat(0.0), splat(0.0))
    for token in range(tokens):
        here = rows + token * token_row
        if token == 0:
            recall0, recall1, read0, read1 = _first_pass(state, size, here)
        else:
            recall0, recall1, read0, read1 = _next_pass(state, size, here, changes)
        product = splat(load_scalar(here + _OTHER * row))
        beta = splat(load_scalar(here + _OTHER * row + FLOAT_BYTES))
        low_change = beta * (load_first(v, lanes) - recall0)
        high_change = beta * (load_first(v + high, more) - recall1)
        changes = (low_change, high_change)
        store_first(out, fma(product, low_change, read0), lanes)
        store_first(out + high, fma(product, high_change, read1), more)
        v += v_row
        out += out_row
    _enter(state, size, rows + (tokens - 1) * token_row, changes)


@helper
def _copy(source: int, source_row: int, target: int, target_row: int, size: Any) -> None:
    rows, lanes = size
    high = LANES * FLOAT_BYTES
    for _ in range(rows):
        store_first(target, load_first(source, lanes), lanes)
        store_first(target + high, load_first(source + high, lanes - LANES), lanes - LANES)
        source += source_row
        target += target_row


@helper
def _scan_head(state: int, spare: int, size: Any, tokens: int, at: Any, keep: bool) -> None:
    """A block of one head, pair by pair, the last of which may be ragged, most in ``spare`` memory.

    Without ``keep`` the state stays as it was.
    """
    rows, v, v_row, out, out_row = at
    dim, value_dim, row, token_row = size
    state_row, spare_row = value_dim * FLOAT_BYTES, 2 * LANES * FLOAT_BYTES
    for channel in range(0, value_dim, 2 * LANES):
        lanes, here = value_dim - channel, channel * FLOAT_BYTES
        places = (rows, v + here, v_row, out + here, out_row)
        if lanes >= 2 * LANES and keep and tokens < MANY:
            _scan_pair(state + here, (dim, state_row, row, token_row), tokens, lanes, places)
        else:
            _copy(state + here, state_row, spare, spare_row, (dim, lanes))
            _scan_pair(spare, (dim, spare_row, row, token_row), tokens, lanes, places)
            if keep:
                _copy(spare, spare_row, state + here, state_row, (dim, lanes))


@helper
def _delta(
    q: Any, k: Any, v: Any, g: Any, beta: Any, state: Any, out: Any, rows: Any, spare: Any,
    block: int, eps: float, first: int, last: int, keep: bool,
) -> None:  # fmt: skip
    heads, dim, value_dim = state.shape
    per_key_head = heads * dim // q.shape[1]
    decays = g.shape[1] // heads
    tokens = q.shape[0]
    token_row, row = rows.strides[1], rows.strides[2]
    for head in range(first, last):
        of_key = head // per_key_head * dim * FLOAT_BYTES
        of_value = head * value_dim * FLOAT_BYTES
        q_at, k_at = q.ctypes.data + of_key, k.ctypes.data + of_key
        g_at = g.ctypes.data + head * decays * FLOAT_BYTES
        v_at, out_at = v.ctypes.data + of_value, out.ctypes.data + of_value
        rows_at = rows.ctypes.data + head * rows.strides[0]
        state_at = state.ctypes.data + dim * of_value
        spare_at = spare.ctypes.data + head * dim * 2 * LANES * FLOAT_BYTES
        for start in range(0, tokens, block):
            taken = min(block, tokens - start)
            for token in range(taken):
                now = start + token
                _prepare(
                    q_at + now * q.strides[0], k_at + now * k.strides[0], g_at + now * g.strides[0],
                    beta[now, head], rows_at + token * token_row, row, (dim, decays, eps),
                )  # fmt: skip
            v_here, out_here = v_at + start * v.strides[0], out_at + start * out.strides[0]
            at = (rows_at, v_here, v.strides[0], out_here, out.strides[0])
            _scan_head(state_at, spare_at, (dim, value_dim, row, token_row), taken, at, keep)


@kernel(*_SIGNATURE)
def delta_kernel(
    q: Any, k: Any, v: Any, g: Any, beta: Any, state: Any, out: Any, rows: Any, spare: Any,
    block: int, eps: float, first: int, last: int,
) -> None:  # fmt: skip
    """Heads first..last-1."""
    _delta(q, k, v, g, beta, state, out, rows, spare, block, eps, first, last, True)


@Task
def delta_task(at: int, first: int, last: int, scratch: int) -> None:
    """As the kernel, for a table of steps.

    The last word says whether the state is kept; if not, there is one block of tokens at most.
    """
    q, k, v, g, beta = (
        matrix(at), matrix(at + 40), matrix(at + 80), matrix(at + 120), matrix(at + 160),
    )  # fmt: skip
    state, out, rows, spare = cube(at + 200), matrix(at + 256), block(at + 296), cube(at + 368)
    taken, keep = min(word(at, 53), max(q.shape[0], 1)), word(at, 55) != 0
    _delta(q, k, v, g, beta, state, out, rows, spare, taken, number(at, 54), first, last, keep)
