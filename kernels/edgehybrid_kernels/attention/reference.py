"""Streaming attention in NumPy, for machines without Numba: the same slots, token by token."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.attention import check, heap, no_scores
from edgehybrid_kernels.attention.cache import RoutedCache
from edgehybrid_kernels.attention.full import FullCache
from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import honest, softplus


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
    """See :class:`edgehybrid_kernels.attention.Attention`; bit-identical however cut."""
    sizes = check(q, k, v, score, cache, out, softcap)
    tokens, query_heads, kv_heads, head_dim, value_dim = sizes
    kept = cache.slots_for(tokens)
    scores = no_scores(tokens, kv_heads) if score is None else score
    by_group = (tokens, kv_heads, query_heads // kv_heads, head_dim)
    queries = q.reshape(by_group) * np.float32(scale)
    keys = k.reshape(tokens, kv_heads, head_dim)
    values = v.reshape(tokens, kv_heads, value_dim)
    for token in range(tokens):
        _store(kept, keys[token], values[token], scores[token])
        out[token] = _attend(kept, queries[token], softcap).reshape(-1)


def _store(cache: RoutedCache, key: Floats, value: Floats, score: Floats) -> None:
    """Makes room for the next token and writes it to its slot."""
    now = int(cache.seen[0])
    slot = now
    if now >= cache.sinks:
        slot = cache.sinks + (now - cache.sinks) % cache.window
    if now >= cache.sinks + cache.window:
        for head in range(cache.n_kv_heads):
            _retire(cache, head, slot)
    cache.keys[:, slot] = key
    cache.values[:, slot] = value
    cache.score[:, slot] = score
    cache.position[:, slot] = now
    cache.bias[:, slot] = 0.0
    cache.seen[0] = now + 1


def _retire(cache: RoutedCache, head: int, slot: int) -> None:
    """Offers the token in a ring slot to the routed ones of its head."""
    scores, positions, slots = cache.score[head], cache.position[head], cache.heap[head]
    length = int(cache.n_routed[head])
    target = heap.admit(slot, slots, length, cache.sinks + cache.window, scores)
    if target == heap.NO_SLOT:
        return
    cache.keys[head, target] = cache.keys[head, slot]
    cache.values[head, target] = cache.values[head, slot]
    cache.bias[head, target] = -softplus(-scores[slot])
    cache.n_routed[head] = heap.record(target, slot, slots, length, scores, positions)


def _attend(cache: RoutedCache, queries: Floats, softcap: float | None) -> Floats:
    """(Hk, Hq / Hk, Dh) scaled queries to (Hk, Hq / Hk, Dv) outputs.

    Every head has as many routed tokens as any other, so the occupied slots are one slice.
    """
    kept = min(int(cache.seen[0]), cache.sinks + cache.window) + int(cache.n_routed[0])
    logits: Floats = queries @ cache.keys[:, :kept].transpose(0, 2, 1)  # (Hk, Hq / Hk, kept)
    if softcap is not None:
        cap = np.float32(softcap)
        logits = np.tanh(logits / cap) * cap
    logits += cache.bias[:, None, :kept]
    logits -= logits.max(axis=2, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=2, keepdims=True)
    mixed: Floats = logits @ cache.values[:, :kept]
    return mixed
