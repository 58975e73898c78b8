"""Streaming attention with Numba: tokens in order, kv heads independent of each other.

This file keeps the cache; attend.py computes what a token sees in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from edgehybrid_kernels import threads
from edgehybrid_kernels.attention import check, heap, no_scores
from edgehybrid_kernels.attention.attend import attend
from edgehybrid_kernels.attention.cache import RoutedCache, padded_slots
from edgehybrid_kernels.attention.full import FullCache
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.jit import FLOAT, INT, Task, helper, kernel, read_only, writable
from edgehybrid_kernels.program.views import (
    cube,
    double_cube,
    int_matrix,
    long_matrix,
    longs,
    matrix,
    number,
    word,
)
from edgehybrid_kernels.routing import CHANGING, LEARNED, TOVA
from edgehybrid_kernels.routing.compiled import observe, score_leaving
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    first_lane,
    load_first,
    load_scalar,
    splat,
    store_first,
    store_scalar,
)
from edgehybrid_kernels.vmath import softplus

for _function in (
    *(heap.leaves_first, heap.sift_up, heap.sift_down, heap.admit, heap.record),
    *(heap.admit_by_scan, heap.record_by_scan),
):
    helper(_function)
NO_SLOT = heap.NO_SLOT

# q, k, v, score, out, logits (scratch), scale, softcap (0 for none)
# then of the cache: keys, values, bias, score, position, heap, n_routed, seen, sinks, window,
# policy, weights, stats, budgets
# then: first, last
_SIGNATURE = (
    *(read_only(2), read_only(2), read_only(2), read_only(2), writable(2), writable(3)),
    *(FLOAT, FLOAT),
    *(writable(3), writable(3), writable(2), writable(2), writable(2, types.int64)),
    *(writable(2, types.int32), writable(1, types.int64), INT, INT, INT),
    *(INT, read_only(2), writable(3, types.float64), read_only(1, types.int64), INT, INT),
)
# Of one core of a Zen 4 server; it only decides whether a call is worth a second thread.
_MICROSECONDS_PER_PRODUCT = 5e-5


def attention(
    q: Floats,
    k: Floats,
    v: Floats,
    score: Floats | None,
    cache: RoutedCache | FullCache,
    out: Floats,
    *,
    scale: float,
    softcap: float | None = None,
) -> None:
    """See :class:`edgehybrid_kernels.attention.Attention`; bit-identical however cut."""
    tokens, _, kv_heads, _, _ = check(q, k, v, score, cache, out, softcap)
    scores = no_scores(tokens, kv_heads) if score is None else score
    kept = cache.slots_for(tokens)
    logits = np.empty((kv_heads, 4, padded_slots(kept.slots)), np.float32)
    seen = int(kept.seen[0])
    arrays = (kept.keys, kept.values, kept.bias, kept.score, kept.position, kept.heap)
    threads.run(
        attention_kernel,
        (
            *(q, k, v, scores, out, logits, scale, softcap or 0.0),
            *(*arrays, kept.n_routed, seen, kept.sinks, kept.window),
            *(kept.code, kept.weights, kept.stats, kept.capacities),
        ),
        units=kv_heads,
        work=q.size * min(seen + tokens, kept.slots) * _MICROSECONDS_PER_PRODUCT,
    )
    kept.seen[0] = seen + tokens


@helper
def _write_key(keys: int, row: int, slot: int, key: int, stride: int, head_dim: int) -> None:
    """Copies numbers that lie ``stride`` apart into a slot, where they lie ``row`` apart."""
    for dim in range(head_dim):
        value = load_scalar(key + dim * stride)
        store_scalar(keys + dim * row + slot * FLOAT_BYTES, value)


@helper
def _write_value(values: int, slot: int, value: int, value_dim: int) -> None:
    target = values + slot * value_dim * FLOAT_BYTES
    for dim in range(0, value_dim, LANES):
        at = dim * FLOAT_BYTES
        store_first(target + at, load_first(value + at, value_dim - dim), value_dim - dim)


@helper
def _log_sigmoid(score: float) -> Any:
    zero = splat(0.0)
    return first_lane(zero - softplus(zero - splat(score)))


@helper
def _retire(
    slot: int, regions: Any, kept: Any, books: Any, dims: Any, length: int, policy: int
) -> int:
    """Offers the token in a ring slot to the routed ones; returns how many these are then."""
    keys, key_row, values = kept
    heap_of, score, position, bias = books
    head_dim, value_dim = dims
    first = regions[0] + regions[1]
    if policy < CHANGING:
        target = heap.admit(slot, heap_of, length, first, score)
    else:
        target = heap.admit_by_scan(slot, heap_of, length, first, score, position)
    if target == NO_SLOT:
        return length
    _write_key(keys, key_row, target, keys + slot * FLOAT_BYTES, key_row, head_dim)
    _write_value(values, target, values + slot * value_dim * FLOAT_BYTES, value_dim)
    bias[target] = _log_sigmoid(score[slot]) if policy == LEARNED else np.float32(0.0)
    if policy < CHANGING:
        return heap.record(target, slot, heap_of, length, score, position)
    return heap.record_by_scan(target, slot, heap_of, length, score, position)


@helper
def _read_head(
    inputs: Any, kept: Any, books: Any, length: int, sizes: Any, scaling: Any, routing: Any
) -> int:
    """All tokens of one kv head; returns its number of routed tokens."""
    q, k, v, scores, out, logits, logits_row = inputs
    keys, key_row, values, bias_at = kept
    _, score, position, bias = books
    head, n_queries, dims, seen, regions = sizes
    head_dim, value_dim = dims
    sinks, window = regions
    policy, weights, stats = routing
    at = (keys, key_row, values, bias_at, logits, logits_row)
    k_at = k.ctypes.data + head * head_dim * FLOAT_BYTES
    v_at = v.ctypes.data + head * value_dim * FLOAT_BYTES
    q_at = q.ctypes.data + head * n_queries * head_dim * FLOAT_BYTES
    out_at = out.ctypes.data + head * n_queries * value_dim * FLOAT_BYTES
    received = score.ctypes.data if policy >= CHANGING else 0
    for token in range(q.shape[0]):
        now = seen + token
        slot = now if now < sinks else sinks + (now - sinks) % window
        query, key = q_at + token * q.strides[0], k_at + token * k.strides[0]
        if now >= sinks + window:
            if LEARNED < policy < CHANGING:
                places = (keys, key_row, values, logits)
                spaces = (head_dim, value_dim, sinks, window)
                own = (weights, stats, position[slot], head)
                of_queries = (scaling[0], now * n_queries)
                score[slot] = score_leaving(policy, slot, places, spaces, own, of_queries)
            length = _retire(slot, regions, (keys, key_row, values), books, dims, length, policy)
        _write_key(keys, key_row, slot, key, FLOAT_BYTES, head_dim)
        _write_value(values, slot, v_at + token * v.strides[0], value_dim)
        score[slot] = scores[token, head] if policy == LEARNED else np.float32(0.0)
        position[slot] = now
        bias[slot] = np.float32(0.0)
        occupied = min(now + 1, sinks + window) + length
        if policy != LEARNED:
            observe(policy, stats, key, (query, n_queries, head_dim), now)
            if policy == TOVA:
                score[:occupied] = np.float32(0.0)
        result, shape = out_at + token * out.strides[0], (head_dim, value_dim, occupied)
        attend(query, result, n_queries, at, shape, scaling, received)
    return length


@kernel(*_SIGNATURE)
def attention_kernel(
    q: Any, k: Any, v: Any, scores: Any, out: Any, logits: Any, scale: float, softcap: float,
    keys: Any, values: Any, bias: Any, score: Any, position: Any, heaps: Any, n_routed: Any,
    seen: int, sinks: int, window: int, policy: int, weights: Any, stats: Any, budgets: Any,
    first: int, last: int,
) -> None:  # fmt: skip
    """KV heads first..last-1."""
    kv_heads, _, head_dim = keys.shape
    n_queries = q.shape[1] // (kv_heads * head_dim)
    for head in range(first, last):
        logits_at = logits.ctypes.data + head * logits.strides[0]
        inputs = (q, k, v, scores, out, logits_at, logits.strides[1])
        kept = (
            keys.ctypes.data + head * keys.strides[0],
            keys.strides[2],
            values.ctypes.data + head * values.strides[0],
            bias.ctypes.data + head * bias.strides[0],
        )
        books = (heaps[head, : budgets[head]], score[head], position[head], bias[head])
        sizes = (head, n_queries, (head_dim, values.shape[2]), seen, (sinks, window))
        scaling, routing = (scale, softcap), (policy, weights[head], stats[head])
        n_routed[head] = _read_head(inputs, kept, books, n_routed[head], sizes, scaling, routing)


_attention = attention_kernel.function


@Task
def attention_task(at: int, first: int, last: int, scratch: int) -> None:
    """As the kernel, for a table of steps; how many tokens were seen is read when it runs."""
    q, k, v, scores, out = (
        matrix(at), matrix(at + 40), matrix(at + 80), matrix(at + 120), matrix(at + 160),
    )  # fmt: skip
    logits, scale, softcap = cube(at + 200), number(at, 32), number(at, 33)
    keys, values, bias, score = (
        cube(at + 272), cube(at + 328), matrix(at + 384), matrix(at + 424),
    )  # fmt: skip
    position, heaps, n_routed = long_matrix(at + 464), int_matrix(at + 504), longs(at + 544)
    seen = longs(at + 568)[0]
    sinks, window, policy = word(at, 74), word(at, 75), word(at, 76)
    weights, stats, budgets = matrix(at + 616), double_cube(at + 656), longs(at + 712)
    _attention(
        q, k, v, scores, out, logits, scale, softcap, keys, values, bias, score, position, heaps,
        n_routed, seen, sinks, window, policy, weights, stats, budgets, first, last,
    )  # fmt: skip
