"""Streaming attention in NumPy, for machines without Numba: the same tokens in the same slots.

Blocks of tokens are answered at once where scores come with the tokens, see ``blocks``; one by one
where the cache has a policy that has to see what was there when a token left.
"""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.attention import check, heap, no_scores
from edgehybrid_kernels.attention.blocks import Block, attend_block, block_length
from edgehybrid_kernels.attention.cache import RoutedCache
from edgehybrid_kernels.attention.full import FullCache
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import honest, softplus
from edgehybrid_kernels.products import add_product, multiply
from edgehybrid_kernels.routing import reference as routing


@honest
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
    """See :class:`edgehybrid_kernels.attention.Attention`.

    However a sequence is cut, the cache is the same to the bit, and outputs are to rounding.
    """
    sizes = check(q, k, v, score, cache, out, softcap)
    tokens, query_heads, kv_heads, head_dim, value_dim = sizes
    kept = cache.slots_for(tokens)
    scores = no_scores(tokens, kv_heads) if score is None or kept.policy != "learned" else score
    queries = q.reshape(tokens, kv_heads, query_heads // kv_heads, head_dim)
    scaled = queries * np.float32(scale)
    keys = k.reshape(tokens, kv_heads, head_dim)
    values = v.reshape(tokens, kv_heads, value_dim)
    step = block_length(kept, query_heads) if kept.policy == "learned" else 1
    by_head = [_by_head(array) for array in (scaled, keys, values, scores)] if step > 1 else []
    for start in range(0, tokens, step):
        part = slice(start, min(start + step, tokens))
        if part.stop - start > 1:
            mixed = attend_block(kept, Block(*(array[:, part] for array in by_head)), softcap)
            if mixed is not None:
                out[part] = mixed.reshape(len(mixed), -1)
                continue
        for token in range(part.start, part.stop):
            _make_room(kept, scale, queries.shape[2])
            routing.observe(kept, keys[token], queries[token])
            _store(kept, keys[token], values[token], scores[token])
            out[token] = _attend(kept, scaled[token], softcap).reshape(-1)


def _by_head(array: Floats) -> Floats:
    """(T, Hk, ...) to (Hk, T, ...), contiguous: how BLAS sums may depend on how rows lie."""
    return np.ascontiguousarray(np.moveaxis(array, 0, 1))


def _ring_slot(cache: RoutedCache, now: int) -> int:
    return now if now < cache.sinks else cache.sinks + (now - cache.sinks) % cache.window


def _make_room(cache: RoutedCache, scale: float, n_queries: int) -> None:
    """Offers the token that leaves the window, if one does, to the routed ones of its head."""
    now = int(cache.seen[0])
    if now < cache.sinks + cache.window:
        return
    slot = _ring_slot(cache, now)
    if cache.policy != "learned" and not cache.scores_change:
        cache.score[:, slot] = routing.score(cache, slot, scale, n_queries)
    for head in range(cache.n_kv_heads):
        _retire(cache, head, slot)


def _store(cache: RoutedCache, key: Floats, value: Floats, score: Floats) -> None:
    """Writes the next token to its slot."""
    now = int(cache.seen[0])
    slot = _ring_slot(cache, now)
    cache.keys[:, slot] = key
    cache.values[:, slot] = value
    cache.score[:, slot] = score
    cache.position[:, slot] = now
    cache.bias[:, slot] = 0.0
    cache.seen[0] = now + 1


def _retire(cache: RoutedCache, head: int, slot: int) -> None:
    """Offers the token in a ring slot to the routed ones of its head."""
    scores, positions = cache.score[head], cache.position[head]
    slots, length = cache.heap[head, : cache.budgets[head]], int(cache.n_routed[head])
    first = cache.sinks + cache.window
    if cache.scores_change:
        target = heap.admit_by_scan(slot, slots, length, first, scores, positions)
        record = heap.record_by_scan
    else:
        target = heap.admit(slot, slots, length, first, scores)
        record = heap.record
    if target == heap.NO_SLOT:
        return
    cache.keys[head, target] = cache.keys[head, slot]
    cache.values[head, target] = cache.values[head, slot]
    cache.bias[head, target] = -softplus(-scores[slot]) if cache.policy == "learned" else 0.0
    cache.n_routed[head] = record(target, slot, slots, length, scores, positions)


def _attend(cache: RoutedCache, queries: Floats, softcap: float | None) -> Floats:
    """(Hk, Hq / Hk, Dh) scaled queries to (Hk, Hq / Hk, Dv) outputs.

    A head that has fewer routed tokens than another has empty slots among these, of no weight.
    """
    kept = min(int(cache.seen[0]), cache.sinks + cache.window) + int(cache.n_routed.max())
    logits = np.empty((*queries.shape[:2], kept), np.float32)
    multiply(queries, cache.keys[:, :kept].transpose(0, 2, 1), logits)
    if softcap is not None:
        cap = np.float32(softcap)
        logits = np.tanh(logits / cap) * cap
    logits += cache.bias[:, None, :kept]
    logits -= logits.max(axis=2, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=2, keepdims=True)
    if cache.policy == "tova":
        cache.score[:, :kept] = 0.0
    if cache.scores_change:
        cache.score[:, :kept] += logits.mean(axis=1)
    mixed = np.zeros((*queries.shape[:2], cache.value_dim), np.float32)
    add_product(logits, cache.values[:, :kept], mixed)
    return mixed
