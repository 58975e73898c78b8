"""Scores of tokens that leave the window, for Numba: one token of one kv head."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgehybrid_kernels.jit import helper
from edgehybrid_kernels.routing import (
    EXPECTED,
    FITTED,
    KEYDIFF,
    KEYNORM,
    LAGKV,
    TINY,
    place_of,
)
from edgehybrid_kernels.simd import (
    FLOAT_BYTES,
    LANES,
    at_least,
    at_most,
    largest,
    load_first,
    load_first_or,
    load_scalar,
    splat,
    store,
)

_place_of = helper(place_of)


@helper
def observe(policy: int, stats: Any, key: int, queries: Any, seen: int) -> None:
    """Takes note of the next token, whose numbers lie side by side; see the NumPy twin.

    ``queries`` are the address of the first, how many share the kv head, and their dimension.
    """
    query, n_queries, head_dim = queries
    if policy == KEYDIFF:
        norm = np.sqrt(_squares(key, FLOAT_BYTES, head_dim))
        if norm > 0.0:
            for dim in range(head_dim):
                stats[0, dim] += np.float64(load_scalar(key + dim * FLOAT_BYTES)) / norm
    elif policy == EXPECTED:
        count = np.float64(seen) * n_queries
        for i in range(n_queries):
            count += 1.0
            for dim in range(head_dim):
                number = np.float64(load_scalar(query + (i * head_dim + dim) * FLOAT_BYTES))
                away = number - stats[0, dim]
                stats[0, dim] += away / count
                stats[1, dim] += away * (number - stats[0, dim])


@helper
def score_leaving(policy: int, slot: int, at: Any, dims: Any, own: Any, of_queries: Any) -> Any:
    """The score of the token in a ring slot.

    Args:
        policy: one whose scores are fixed when a token leaves.
        slot: of the oldest token in the window.
        at: where the keys are, the bytes from one of their dimensions to the next, where the values
            are, and room for two vectors.
        dims: Dh, Dv, sinks, window.
        own: the head's weights, stats, position of the token, and the head.
        of_queries: their scale, and how many of the head were seen.
    """
    keys, key_row, values, scratch = at
    head_dim, value_dim, _, _ = dims
    weights, stats, position, head = own
    key, value = keys + slot * FLOAT_BYTES, values + slot * value_dim * FLOAT_BYTES
    if policy == KEYNORM:
        found = -np.sqrt(_squares(key, key_row, head_dim))
    elif policy == KEYDIFF:
        found = _keydiff(key, key_row, head_dim, stats)
    elif policy == EXPECTED:
        found = _expected(key, key_row, head_dim, stats, of_queries)
        found += 0.5 * np.log(max(_squares(value, FLOAT_BYTES, value_dim), TINY))
    elif policy == LAGKV:
        found = _spread_of_keys(slot, keys, key_row, dims)
        found += _spread_of_values(slot, values, dims, scratch)
    elif policy == FITTED:
        found = _dot(weights, 0, key, key_row, head_dim)
        found += _dot(weights, head_dim, value, FLOAT_BYTES, value_dim)
    else:
        found = _place_of(position, head)
    return np.float32(found)


@helper
def _squares(at: int, stride: int, count: int) -> Any:
    total = 0.0
    for i in range(count):
        number = np.float64(load_scalar(at + i * stride))
        total += number * number
    return total


@helper
def _dot(weights: Any, first: int, at: int, stride: int, count: int) -> Any:
    total = 0.0
    for i in range(count):
        total += np.float64(weights[first + i]) * np.float64(load_scalar(at + i * stride))
    return total


@helper
def _keydiff(key: int, stride: int, head_dim: int, stats: Any) -> Any:
    dot = norm = total = 0.0
    for dim in range(head_dim):
        number = np.float64(load_scalar(key + dim * stride))
        dot += number * stats[0, dim]
        norm += number * number
        total += stats[0, dim] * stats[0, dim]
    both = np.sqrt(norm * total)
    return -dot / both if both > 0.0 else 0.0


@helper
def _expected(key: int, stride: int, head_dim: int, stats: Any, of_queries: Any) -> Any:
    scale, count = np.float64(of_queries[0]), np.float64(of_queries[1])
    half = scale * scale / (2.0 * count)
    total = 0.0
    for dim in range(head_dim):
        number = np.float64(load_scalar(key + dim * stride))
        total += stats[0, dim] * number * scale + stats[1, dim] * number * number * half
    return total


@helper
def _spread_of_keys(slot: int, keys: int, key_row: int, dims: Any) -> Any:
    """Of the key in ``slot`` among those of the rest of the window, a dimension after another."""
    head_dim, _, sinks, window = dims
    if window < 2:
        return 0.0
    mean = square = 0.0
    for dim in range(head_dim):
        row = keys + dim * key_row
        low, high = splat(np.inf), splat(-np.inf)
        for first, last in ((sinks, slot), (slot + 1, sinks + window)):
            for other in range(first, last, LANES):
                here, lanes = row + other * FLOAT_BYTES, last - other
                low = at_most(load_first_or(here, lanes, splat(np.inf)), low)
                high = at_least(load_first_or(here, lanes, splat(-np.inf)), high)
        place = _place(
            load_scalar(row + slot * FLOAT_BYTES), -largest(splat(0.0) - low), largest(high)
        )
        mean += place
        square += place * place
    return _deviation(mean, square, head_dim)


@helper
def _spread_of_values(slot: int, values: int, dims: Any, scratch: int) -> Any:
    """As of keys; here the dimensions of a slot lie side by side, and a vector is as many."""
    _, value_dim, sinks, window = dims
    if window < 2:
        return 0.0
    mean = square = 0.0
    for first in range(0, value_dim, LANES):
        lanes = min(value_dim - first, LANES)
        low, high = splat(np.inf), splat(-np.inf)
        for other in range(sinks, sinks + window):
            if other != slot:
                numbers = load_first(values + (other * value_dim + first) * FLOAT_BYTES, lanes)
                low, high = at_most(numbers, low), at_least(numbers, high)
        store(scratch, low)
        store(scratch + LANES * FLOAT_BYTES, high)
        for lane in range(lanes):
            at = scratch + lane * FLOAT_BYTES
            number = load_scalar(values + (slot * value_dim + first + lane) * FLOAT_BYTES)
            place = _place(number, load_scalar(at), load_scalar(at + LANES * FLOAT_BYTES))
            mean += place
            square += place * place
    return _deviation(mean, square, value_dim)


@helper
def _place(number: float, low: float, high: float) -> Any:
    span = np.float64(high) - np.float64(low)
    return (np.float64(number) - np.float64(low)) / span if span > 0.0 else 0.0


@helper
def _deviation(total: float, squares: float, count: int) -> Any:
    mean = total / count
    return np.sqrt(max(squares / count - mean * mean, 0.0))
