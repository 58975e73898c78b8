"""What the query heads of one kv head see in its cache: softmax and mixing, compiled.

Two or four query heads share each pass over keys and values, because it is the reading of those,
from the second-level cache, that takes the time. Keys lie with neighbouring slots side by side,
values with neighbouring dimensions, so neither product sums across lanes. A query sees the same
operations in the same order whichever others share its pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgehybrid_kernels.jit import helper
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    Vector,
    at_least,
    fma,
    largest,
    load,
    load_first,
    load_scalar,
    splat,
    store,
    store_first,
    total,
)
from edgehybrid_kernels.vmath import exp, tanh


@helper
def _biased(product: Vector, bias: Vector, scaling: Any) -> Vector:
    """The logits of products q . k, bounded by softcap unless that is 0, with their bias."""
    scale, softcap = scaling
    if softcap > 0.0:
        capped = tanh(product * splat(scale) / splat(softcap))
        return fma(capped, splat(softcap), bias)
    return fma(product, splat(scale), bias)


@helper
def _finished(
    low: Vector, high: Vector, biases: Any, scaling: Any, logits: int, top: Vector
) -> Vector:
    """Writes the logits of two vectors of slots; returns the largest so far of each lane."""
    low, high = _biased(low, biases[0], scaling), _biased(high, biases[1], scaling)
    store(logits, low)
    store(logits + LANES * FLOAT_BYTES, high)
    return at_least(at_least(top, low), high)


@helper
def _logits(queries: Any, at: Any, shape: Any, scaling: Any) -> Any:
    """Fills two rows of logits, one per query; returns the largest of each."""
    query0, query1 = queries
    keys, key_row, bias, logits, row = at
    head_dim, _, occupied = shape
    top0 = top1 = splat(-np.inf)
    for slot in range(0, occupied, 2 * LANES):
        here = slot * FLOAT_BYTES
        next_ = here + LANES * FLOAT_BYTES
        low0 = low1 = high0 = high1 = splat(0.0)
        for dim in range(head_dim):
            low = load(keys + dim * key_row + here)
            high = load(keys + dim * key_row + next_)
            q0 = splat(load_scalar(query0 + dim * FLOAT_BYTES))
            q1 = splat(load_scalar(query1 + dim * FLOAT_BYTES))
            low0, high0 = fma(q0, low, low0), fma(q0, high, high0)
            low1, high1 = fma(q1, low, low1), fma(q1, high, high1)
        biases = (load(bias + here), load(bias + next_))
        top0 = _finished(low0, high0, biases, scaling, logits + here, top0)
        top1 = _finished(low1, high1, biases, scaling, logits + row + here, top1)
    return largest(top0), largest(top1)


@helper
def _four_logits(queries: Any, at: Any, shape: Any, scaling: Any) -> Any:
    """As :func:`_logits` for four queries, each of which sees the same operations as there."""
    query0, query1, query2, query3 = queries
    keys, key_row, bias, logits, row = at
    head_dim, _, occupied = shape
    top0 = top1 = top2 = top3 = splat(-np.inf)
    for slot in range(0, occupied, 2 * LANES):
        here = slot * FLOAT_BYTES
        next_ = here + LANES * FLOAT_BYTES
        low0 = low1 = low2 = low3 = high0 = high1 = high2 = high3 = splat(0.0)
        for dim in range(head_dim):
            low = load(keys + dim * key_row + here)
            high = load(keys + dim * key_row + next_)
            q0 = splat(load_scalar(query0 + dim * FLOAT_BYTES))
            q1 = splat(load_scalar(query1 + dim * FLOAT_BYTES))
            q2 = splat(load_scalar(query2 + dim * FLOAT_BYTES))
            q3 = splat(load_scalar(query3 + dim * FLOAT_BYTES))
            low0, high0 = fma(q0, low, low0), fma(q0, high, high0)
            low1, high1 = fma(q1, low, low1), fma(q1, high, high1)
            low2, high2 = fma(q2, low, low2), fma(q2, high, high2)
            low3, high3 = fma(q3, low, low3), fma(q3, high, high3)
        biases = (load(bias + here), load(bias + next_))
        at_logits = logits + here
        top0 = _finished(low0, high0, biases, scaling, at_logits, top0)
        top1 = _finished(low1, high1, biases, scaling, at_logits + row, top1)
        top2 = _finished(low2, high2, biases, scaling, at_logits + 2 * row, top2)
        top3 = _finished(low3, high3, biases, scaling, at_logits + 3 * row, top3)
    return largest(top0), largest(top1), largest(top2), largest(top3)


@helper
def _exponentials(logits: int, occupied: int, top: float) -> Vector:
    """Replaces logits by exp(logit - top); returns their sum in every lane."""
    weights = splat(0.0)
    for slot in range(0, occupied, LANES):
        weight = exp(load(logits + slot * FLOAT_BYTES) - splat(top))
        store(logits + slot * FLOAT_BYTES, weight)
        weights = weights + weight
    return splat(total(weights))


@helper
def _mix(values: int, weights: int, row: int, shape: Any, outs: Any, sums: Any) -> None:
    """out = sum of weight * value / sum, for two queries and two vectors of channels a pass."""
    _, value_dim, occupied = shape
    out0, out1 = outs
    sum0, sum1 = sums
    value_row = value_dim * FLOAT_BYTES
    for dim in range(0, value_dim, 2 * LANES):
        here, next_ = dim * FLOAT_BYTES, (dim + LANES) * FLOAT_BYTES
        lanes, more = value_dim - dim, value_dim - dim - LANES
        low0 = low1 = high0 = high1 = splat(0.0)
        for slot in range(occupied):
            low = load_first(values + slot * value_row + here, lanes)
            high = load_first(values + slot * value_row + next_, more)
            weight0 = splat(load_scalar(weights + slot * FLOAT_BYTES))
            weight1 = splat(load_scalar(weights + row + slot * FLOAT_BYTES))
            low0, high0 = fma(weight0, low, low0), fma(weight0, high, high0)
            low1, high1 = fma(weight1, low, low1), fma(weight1, high, high1)
        store_first(out0 + here, low0 / sum0, lanes)
        store_first(out0 + next_, high0 / sum0, more)
        store_first(out1 + here, low1 / sum1, lanes)
        store_first(out1 + next_, high1 / sum1, more)


@helper
def _four_mix(values: int, weights: int, row: int, shape: Any, outs: Any, sums: Any) -> None:
    """As :func:`_mix` for four queries, each of which sees the same operations as there."""
    _, value_dim, occupied = shape
    out0, out1, out2, out3 = outs
    sum0, sum1, sum2, sum3 = sums
    value_row = value_dim * FLOAT_BYTES
    for dim in range(0, value_dim, 2 * LANES):
        here, next_ = dim * FLOAT_BYTES, (dim + LANES) * FLOAT_BYTES
        lanes, more = value_dim - dim, value_dim - dim - LANES
        low0 = low1 = low2 = low3 = high0 = high1 = high2 = high3 = splat(0.0)
        for slot in range(occupied):
            low = load_first(values + slot * value_row + here, lanes)
            high = load_first(values + slot * value_row + next_, more)
            at = weights + slot * FLOAT_BYTES
            weight0, weight1 = splat(load_scalar(at)), splat(load_scalar(at + row))
            weight2, weight3 = splat(load_scalar(at + 2 * row)), splat(load_scalar(at + 3 * row))
            low0, high0 = fma(weight0, low, low0), fma(weight0, high, high0)
            low1, high1 = fma(weight1, low, low1), fma(weight1, high, high1)
            low2, high2 = fma(weight2, low, low2), fma(weight2, high, high2)
            low3, high3 = fma(weight3, low, low3), fma(weight3, high, high3)
        store_first(out0 + here, low0 / sum0, lanes)
        store_first(out0 + next_, high0 / sum0, more)
        store_first(out1 + here, low1 / sum1, lanes)
        store_first(out1 + next_, high1 / sum1, more)
        store_first(out2 + here, low2 / sum2, lanes)
        store_first(out2 + next_, high2 / sum2, more)
        store_first(out3 + here, low3 / sum3, lanes)
        store_first(out3 + next_, high3 / sum3, more)


@helper
def _attend_two(queries: Any, outs: Any, at: Any, shape: Any, scaling: Any) -> Any:
    keys, key_row, values, bias, logits, row = at
    _, _, occupied = shape
    top0, top1 = _logits(queries, (keys, key_row, bias, logits, row), shape, scaling)
    sum0 = _exponentials(logits, occupied, top0)
    sum1 = _exponentials(logits + row, occupied, top1)
    _mix(values, logits, row, shape, outs, (sum0, sum1))
    return sum0, sum1


@helper
def _attend_four(queries: Any, outs: Any, at: Any, shape: Any, scaling: Any) -> Any:
    keys, key_row, values, bias, logits, row = at
    _, _, occupied = shape
    places = (keys, key_row, bias, logits, row)
    top0, top1, top2, top3 = _four_logits(queries, places, shape, scaling)
    sum0 = _exponentials(logits, occupied, top0)
    sum1 = _exponentials(logits + row, occupied, top1)
    sum2 = _exponentials(logits + 2 * row, occupied, top2)
    sum3 = _exponentials(logits + 3 * row, occupied, top3)
    _four_mix(values, logits, row, shape, outs, (sum0, sum1, sum2, sum3))
    return sum0, sum1, sum2, sum3


@helper
def _receive(received: int, weights: int, occupied: int, share: Vector) -> None:
    """Adds to each slot's score its part of one query's softmax."""
    for slot in range(0, occupied, LANES):
        here, lanes = slot * FLOAT_BYTES, occupied - slot
        sum_ = fma(load(weights + here), share, load_first(received + here, lanes))
        store_first(received + here, sum_, lanes)


@helper
def attend(
    q: int, out: int, n_queries: int, at: Any, shape: Any, scaling: Any, received: int
) -> None:
    """All query heads of one kv head, in fours and twos; the last stands in for one that lacks.

    Unless ``received`` is 0, the mean of their softmax is added to the scores that begin there.
    """
    q_step, out_step = shape[0] * FLOAT_BYTES, shape[1] * FLOAT_BYTES
    _, _, _, _, logits, row = at
    occupied, part = shape[2], splat(1.0 / n_queries)
    query, end = 0, n_queries - 1
    while query < n_queries:
        one, two, three = min(query + 1, end), min(query + 2, end), min(query + 3, end)
        q0, q1 = q + query * q_step, q + one * q_step
        out0, out1 = out + query * out_step, out + one * out_step
        if query + 2 >= n_queries:
            sum0, sum1 = _attend_two((q0, q1), (out0, out1), at, shape, scaling)
            if received:
                _receive(received, logits, occupied, part / sum0)
                if query < end:
                    _receive(received, logits + row, occupied, part / sum1)
            query += 2
        else:
            queries = (q0, q1, q + two * q_step, q + three * q_step)
            outs = (out0, out1, out + two * out_step, out + three * out_step)
            sum0, sum1, sum2, sum3 = _attend_four(queries, outs, at, shape, scaling)
            if received:
                _receive(received, logits, occupied, part / sum0)
                _receive(received, logits + row, occupied, part / sum1)
                _receive(received, logits + 2 * row, occupied, part / sum2)
                if query + 3 <= end:
                    _receive(received, logits + 3 * row, occupied, part / sum3)
            query += 4
