"""Scores of tokens that leave the window, in NumPy: all kv heads at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.routing import TINY, place_of

if TYPE_CHECKING:
    from edgehybrid_kernels.attention.cache import RoutedCache

Doubles = npt.NDArray[np.float64]


def observe(cache: RoutedCache, key: Floats, queries: Floats) -> None:
    """Takes note of the next token, before its query is answered.

    Args:
        cache: not yet moved on to it.
        key: (Hk, Dh).
        queries: (Hk, Hq / Hk, Dh), not scaled.
    """
    if cache.policy == "keydiff":
        wide = key.astype(np.float64)
        norm = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
        cache.stats[:, 0] += np.divide(wide, norm, out=np.zeros_like(wide), where=norm > 0)
    elif cache.policy == "expected":
        count = float(cache.seen[0]) * queries.shape[1]
        mean, squares = cache.stats[:, 0], cache.stats[:, 1]
        for query in queries.astype(np.float64).transpose(1, 0, 2):
            count += 1.0
            away = query - mean
            mean += away / count
            squares += away * (query - mean)


def score(cache: RoutedCache, slot: int, scale: float, n_queries: int) -> Floats:
    """(Hk,) scores of the tokens in ring slot ``slot``, from what was observed before the next.

    Args:
        cache: its policy is one whose scores are fixed when a token leaves.
        slot: of the oldest tokens in the window.
        scale: of the logits.
        n_queries: that share a kv head.
    """
    key, value = cache.keys[:, slot].astype(np.float64), cache.values[:, slot].astype(np.float64)
    if cache.policy == "expected":
        found = _expected(cache, key, value, scale, n_queries)
    elif cache.policy == "lagkv":
        rest = [s for s in range(cache.sinks, cache.sinks + cache.window) if s != slot]
        found = _spread(key, cache.keys[:, rest]) + _spread(value, cache.values[:, rest])
    else:
        found = _OF_ONE[cache.policy](cache, slot, key, value)
    return found.astype(np.float32)


def _fitted(cache: RoutedCache, slot: int, key: Doubles, value: Doubles) -> Doubles:
    both: Doubles = np.concatenate([key, value], axis=1) * cache.weights
    total: Doubles = both.sum(axis=1)
    return total


def _keynorm(cache: RoutedCache, slot: int, key: Doubles, value: Doubles) -> Doubles:
    norm: Doubles = np.sqrt((key * key).sum(axis=1))
    return -norm


def _random(cache: RoutedCache, slot: int, key: Doubles, value: Doubles) -> Doubles:
    positions = cache.position[:, slot].tolist()
    return np.array([place_of(p, head) for head, p in enumerate(positions)])


def _keydiff(cache: RoutedCache, slot: int, key: Doubles, value: Doubles) -> Doubles:
    total = cache.stats[:, 0]
    norms = np.sqrt((key * key).sum(axis=1) * (total * total).sum(axis=1))
    dots = (key * total).sum(axis=1)
    found: Doubles = -np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)
    return found


_OF_ONE: dict[str, Callable[[RoutedCache, int, Doubles, Doubles], Doubles]] = {
    "fitted": _fitted,
    "keynorm": _keynorm,
    "random": _random,
    "keydiff": _keydiff,
}


def _expected(
    cache: RoutedCache, key: Doubles, value: Doubles, scale: float, n_queries: int
) -> Doubles:
    mean, squares = cache.stats[:, 0], cache.stats[:, 1]
    wide, count = np.float64(np.float32(scale)), float(cache.seen[0]) * n_queries
    logits = (mean * key * wide + squares * key * key * (wide * wide / (2 * count))).sum(axis=1)
    length = np.maximum((value * value).sum(axis=1), TINY)
    found: Doubles = logits + 0.5 * np.log(length)
    return found


def _spread(numbers: Doubles, rest: npt.NDArray[Any]) -> Doubles:
    """Standard deviation over channels of where each lies between the extremes of the others."""
    if not rest.shape[1]:
        return np.zeros(len(numbers))
    low, high = rest.min(axis=1).astype(np.float64), rest.max(axis=1).astype(np.float64)
    span = high - low
    place = np.divide(numbers - low, span, out=np.zeros_like(numbers), where=span > 0)
    mean = place.sum(axis=1) / place.shape[1]
    variance = (place * place).sum(axis=1) / place.shape[1] - mean * mean
    found: Doubles = np.sqrt(np.maximum(variance, 0.0))
    return found
