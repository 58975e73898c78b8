"""What the token that was read last has attended to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.mixers import Attention, Parallel
from edgehybrid.runtime.state import CacheGroup, FullCache, RoutedCache

if TYPE_CHECKING:
    from edgehybrid.runtime.engine import Plan
    from edgehybrid.runtime.model import Model
    from edgehybrid.runtime.remembered import Remembered

Array = NDArray[np.float32]


class Attended(NamedTuple):
    """One attention layer: weights (Hk, S) that sum to 1 a head, and positions (Hk, S).

    Slots that are empty have the position -1 and the weight 0. Of the queries that share a head of
    keys, up to the last four are averaged.
    """

    weights: Array
    positions: NDArray[np.int64]
    sinks: int


def attended(model: Model, memory: Remembered, plan: Plan | None) -> list[Attended]:
    """Of each attention layer, after one token; `plan` is None where graphs have read it."""
    if plan is not None:
        return [_averaged(raw[:, :, : kept.slots], kept) for raw, kept in plan.attended()]
    return [
        _averaged(_exponentials(mixer, queries, kept), kept)
        for mixer, queries, kept in _layers(model, memory)
    ]


def _averaged(raw: Array, kept: RoutedCache) -> Attended:
    full = np.where(kept.position[:, None] >= 0, raw, 0)
    sums = full.sum(axis=2, keepdims=True)
    used = np.maximum((sums > 0).sum(axis=1), 1)
    weights = np.divide(full, sums, out=np.zeros_like(full), where=sums > 0).sum(axis=1) / used
    return Attended(weights.astype(np.float32), kept.position.copy(), kept.sinks)


def _layers(model: Model, memory: Remembered) -> Iterator[tuple[Attention, Array, RoutedCache]]:
    """Attention layers with the queries of the last token, which are still in the work space."""
    space = model.spaces[0]
    for i, (mixer, cache) in enumerate(zip(model.mixers, memory.caches, strict=True)):
        parts: Any = mixer.parts if isinstance(mixer, Parallel) else [mixer]
        states: Any = cache.parts if isinstance(cache, CacheGroup) else [cache]
        for part, state in zip(parts, states, strict=True):
            if isinstance(part, Attention):
                queries = space.mixing[i]["qkv"][space.length - 1, : part.sizes[0]]
                yield part, queries, state.kept if isinstance(state, FullCache) else state


def _exponentials(mixer: Attention, queries: Array, kept: RoutedCache) -> Array:
    """(Hk, up to 4, S), as a kernel leaves them."""
    grouped = queries.reshape(mixer.kv_heads, -1, mixer.head_dim)[:, -4:] * mixer.scale
    logits = grouped @ kept.keys.transpose(0, 2, 1) + kept.bias[:, None]
    made: Array = np.exp(logits - logits.max(axis=2, keepdims=True))
    return made
