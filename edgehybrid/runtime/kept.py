"""Which tokens the attention layers of a stream hold now, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.state import Cache, CacheGroup, FullCache, RoutedCache


class KeptLayer(NamedTuple):
    """What one attention layer holds.

    Attributes:
        layer: its index among the layers of the manifest.
        heads: Hk, KV heads.
        sinks: the positions below are kept for ever.
        window: the positions from here on are in the window; 0 where every token is kept.
        routed: (Hk, n) int64 positions that the router keeps, in no order; -1 where it has room.
        scores: (Hk, n) float32, what the router thinks of them.
        full: every token is kept.
    """

    layer: int
    heads: int
    sinks: int
    window: int
    routed: NDArray[np.int64]
    scores: NDArray[np.float32]
    full: bool


def kept_layers(caches: Sequence[Cache]) -> list[KeptLayer]:
    """Of each attention layer, what is in its cache."""
    return [_kept(i, cache) for i, whole in enumerate(caches) for cache in _attention(whole)]


def _attention(cache: Cache) -> Iterator[RoutedCache | FullCache]:
    if isinstance(cache, CacheGroup):
        for part in cache.parts:
            yield from _attention(part)
    elif isinstance(cache, RoutedCache | FullCache):
        yield cache


def _kept(layer: int, cache: RoutedCache | FullCache) -> KeptLayer:
    heads, seen = cache.n_kv_heads, int(cache.seen[0])
    if isinstance(cache, FullCache):
        nothing = np.zeros((heads, 0))
        return KeptLayer(
            layer, heads, 0, 0, nothing.astype(np.int64), nothing.astype(np.float32), True
        )
    first = cache.sinks + cache.window
    return KeptLayer(
        layer,
        heads,
        min(cache.sinks, seen),
        max(seen - cache.window, min(cache.sinks, seen)),
        cache.position[:, first:].copy(),
        cache.score[:, first:].copy(),
        False,
    )
