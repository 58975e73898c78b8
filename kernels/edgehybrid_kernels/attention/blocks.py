"""Streaming attention in NumPy for a block of tokens at once, as matrix products under a mask.

Which tokens are kept is decided by scores alone, so it can be decided for a whole block before any
of its queries is answered. Each token is then a column that queries see for a time:

| symbol | meaning |
|---|---|
| columns | the K tokens in the cache before the block, by their slots, then the T of the block |
| came | the first query of the block (0 is its first) that sees a column |
| left | the first query for which it is no longer a sink or in the window |
| gone | the first query that no longer sees it at all |
| bias | of its logit from ``left`` to ``gone``, while it is routed |

Products sum in an order that depends on where blocks begin: outputs agree to float32 rounding,
however a sequence is cut, and what is kept agrees to the bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgehybrid_kernels.attention import heap
from edgehybrid_kernels.attention.cache import RoutedCache
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import softplus
from edgehybrid_kernels.products import add_product, multiply

Ints = npt.NDArray[np.int64]
Queries = npt.NDArray[np.int32]  # by their place in the block

#: Tokens a block: more see more columns in vain, fewer make smaller products.
BLOCK = 48
#: Logits that may be in memory at a time, 16 MB; a long cache has shorter blocks.
_LOGITS = 1 << 22
_NEVER = np.iinfo(np.int32).max


class Block(NamedTuple):
    """The next tokens: scaled queries (Hk, T, Hq / Hk, Dh), keys, values and scores."""

    queries: Floats
    keys: Floats  # (Hk, T, Dh)
    values: Floats  # (Hk, T, Dv)
    scores: Floats  # (Hk, T)

    @property
    def length(self) -> int:
        """T."""
        return int(self.keys.shape[1])


class Books(NamedTuple):
    """What the cache will hold after the block, of one kv head.

    ``source`` (S,) says where what is in a slot comes from: a slot before the block, or S + t.
    """

    heap: npt.NDArray[np.int32]
    n_routed: int
    source: Ints
    score: Floats
    position: Ints


def block_length(cache: RoutedCache, query_heads: int) -> int:
    """How many tokens to take at once, at least 1."""
    columns = min(int(cache.seen[0]) + BLOCK, cache.slots + BLOCK)
    return max(1, min(BLOCK, _LOGITS // (query_heads * columns)))


def attend_block(cache: RoutedCache, block: Block, softcap: float | None) -> Floats | None:
    """Answers the queries of ``block`` and moves ``cache``, whose policy is "learned", on.

    Returns:
        (T, Hk, Hq / Hk, Dv); None if a number in sight is not finite, and nothing was changed: a
        matrix product mixes tokens, and 0 * NaN is NaN.
    """
    now, first = int(cache.seen[0]), cache.sinks + cache.window
    kept = min(now, first) + int(cache.n_routed.max())
    books: list[Books] = []
    if now + block.length <= first:  # nobody leaves
        bias = np.broadcast_to(cache.bias[:, None, :kept], (cache.n_kv_heads, block.length, kept))
        bias = np.concatenate([bias, _causal(cache.n_kv_heads, block.length)], axis=2)
    else:
        bias, books = _decide(cache, block, kept)
    out = _mix(cache, block, bias, kept, softcap)
    if not np.isfinite(out).all():
        return None
    _enter(cache, block, books)
    return out


def _mix(
    cache: RoutedCache, block: Block, bias: Floats, kept: int, softcap: float | None
) -> Floats:
    """Softmax over all columns under ``bias`` (Hk, T, K + T), and the sum of values it weighs."""
    heads, length, per_kv, head_dim = block.queries.shape
    queries = block.queries.reshape(heads, length * per_kv, head_dim)
    logits = np.empty((heads, length * per_kv, kept + length), np.float32)
    multiply(queries, cache.keys[:, :kept].transpose(0, 2, 1), logits[..., :kept])
    multiply(queries, block.keys.transpose(0, 2, 1), logits[..., kept:])
    if softcap is not None:
        cap = np.float32(softcap)
        logits /= cap
        np.tanh(logits, out=logits)
        logits *= cap
    by_query = logits.reshape(heads, length, per_kv, -1)
    by_query += bias[:, :, None]
    logits -= logits.max(axis=2, keepdims=True)
    np.exp(logits, out=logits)
    mixed = np.zeros((heads, length * per_kv, cache.value_dim), np.float32)
    add_product(logits[..., :kept], cache.values[:, :kept], mixed)
    add_product(logits[..., kept:], block.values, mixed)
    mixed /= logits.sum(axis=2, keepdims=True)
    return mixed.reshape(heads, length, per_kv, -1).transpose(1, 0, 2, 3)


def _causal(heads: int, length: int) -> Floats:
    later = np.triu(np.full((length, length), -np.inf, np.float32), 1)
    return np.broadcast_to(later, (heads, length, length))


def _decide(cache: RoutedCache, block: Block, kept: int) -> tuple[Floats, list[Books]]:
    """The bias (Hk, T, K + T) of every column for every query, and the books of each head."""
    heads, length = block.scores.shape
    ring = slice(0, min(kept, cache.sinks + cache.window))  # and sinks
    left = _leaves(cache, length, kept)  # (K + T,), the same of all heads
    gone = np.repeat(left[None], heads, axis=0)
    gone[:, ring.stop : kept] = _NEVER
    bias = np.concatenate([cache.bias[:, :kept], -softplus(-block.scores)], axis=1)
    bias[:, ring] = -softplus(-cache.score[:, ring])
    query = np.arange(length, dtype=np.int32)
    leaving = _leaving(cache, length)
    books = [
        _route(cache, head, block.scores[head], leaving, gone[head], kept) for head in range(heads)
    ]
    came = np.concatenate([np.zeros(kept, np.int32), query])
    found = np.where(query[:, None] < left, np.float32(0), bias[:, None])
    hidden = (query[:, None] >= gone[:, None]) | (query[:, None] < came)
    np.putmask(found, hidden, -np.inf)
    return found, books


def _leaves(cache: RoutedCache, length: int, kept: int) -> Queries:
    """(K + T,): ``left`` of each column; 0 where it is among the routed slots."""
    now, first = int(cache.seen[0]), cache.sinks + cache.window
    position = np.concatenate([cache.position[0, :kept], np.arange(now, now + length)])
    left = np.minimum(position + cache.window - now, _NEVER)
    left[position < cache.sinks] = _NEVER
    left[min(first, kept) : kept] = 0
    narrow: Queries = left.astype(np.int32)
    return narrow


def _leaving(cache: RoutedCache, length: int) -> list[tuple[int, int]]:
    """Queries with which a token leaves the window, and its place: a ring slot, or S + t."""
    now, first = int(cache.seen[0]), cache.sinks + cache.window
    query = np.arange(max(first - now, 0), length)
    position = query + now - cache.window
    ring = cache.sinks + (position - cache.sinks) % cache.window
    place = np.where(position < now, ring, cache.slots + position - now)
    return list(zip(query.tolist(), place.tolist(), strict=True))


def _route(
    cache: RoutedCache,
    head: int,
    scores: Floats,
    leaving: list[tuple[int, int]],
    gone: Queries,
    kept: int,
) -> Books:
    """Offers each token that leaves the window to the routed ones, in order; fills ``gone`` in."""
    now, slots, first = int(cache.seen[0]), cache.slots, cache.sinks + cache.window
    length, budget = int(cache.n_routed[head]), cache.budgets[head]
    own = cache.heap[head, :budget].copy()
    score = np.concatenate([cache.score[head], scores])
    position = np.concatenate([cache.position[head], np.arange(now, now + len(scores))])
    source = np.arange(slots)
    for query, place in _worth_offering(leaving, score, own, length):
        target = heap.admit(place, own, length, first, score)
        if target == heap.NO_SLOT:
            continue
        if length == budget:
            gone[_column(int(source[target]), slots, kept)] = query
        source[target] = place
        gone[_column(place, slots, kept)] = _NEVER
        length = heap.record(target, place, own, length, score, position)
    return Books(own, length, source, score[:slots], position[:slots])


def _worth_offering(
    leaving: list[tuple[int, int]], score: Floats, own: Any, length: int
) -> list[tuple[int, int]]:
    """Without those that are not above the lowest of a full heap now: it only rises."""
    if length < len(own):
        return leaving
    if not length:
        return []
    above = score[[place for _, place in leaving]] > score[own[0]]
    return [leaving[i] for i in np.flatnonzero(above)]


def _column(place: int, slots: int, kept: int) -> int:
    return place if place < slots else kept + place - slots


def _enter(cache: RoutedCache, block: Block, books: list[Books]) -> None:
    """Writes what stays of the block into its slots: routed tokens, then the ring."""
    for head, book in enumerate(books):
        cache.heap[head, : cache.budgets[head]] = book.heap
        cache.n_routed[head] = book.n_routed
        changed = np.flatnonzero(book.source != np.arange(cache.slots))
        if not len(changed):
            continue
        place = book.source[changed]
        cache.keys[head, changed] = _gather(cache.keys[head], block.keys[head], place)
        cache.values[head, changed] = _gather(cache.values[head], block.values[head], place)
        cache.score[head], cache.position[head] = book.score, book.position
        cache.bias[head, changed] = -softplus(-book.score[changed])
    _store(cache, block)


def _gather(old: Floats, new: Floats, place: Ints) -> Any:
    slots = len(old)
    found = old[np.minimum(place, slots - 1)]
    of_block = place >= slots
    found[of_block] = new[place[of_block] - slots]
    return found


def _store(cache: RoutedCache, block: Block) -> None:
    """Those of the block that are sinks, or in the window after it."""
    now, length = int(cache.seen[0]), block.length
    position = np.arange(now, now + length)
    stays = np.flatnonzero((position < cache.sinks) | (position >= now + length - cache.window))
    position = position[stays]
    ring = cache.sinks + (position - cache.sinks) % cache.window
    slot = np.where(position < cache.sinks, position, ring)
    cache.keys[:, slot] = block.keys[:, stays]
    cache.values[:, slot] = block.values[:, stays]
    cache.score[:, slot] = block.scores[:, stays]
    cache.position[:, slot] = position
    cache.bias[:, slot] = 0.0
    cache.seen[0] = now + length
