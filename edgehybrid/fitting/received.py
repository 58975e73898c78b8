"""How much attention tokens receive from queries that they are far from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

#: Queries whose softmax is in memory at a time.
BLOCK = 256
#: Added to the mean before its logarithm: a thousandth of even attention and nothing are alike.
FLOOR = 1e-3
#: A token that fewer queries are far from is not fitted to: their mean says little.
FEWEST_QUERIES = 64


class Segment(NamedTuple):
    """What one attention layer saw of a segment, as it comes to the cache.

    Attributes:
        q: (T, Hq, Dh) float32.
        k: (T, Hk, Dh) float32.
        v: (T, Hk, Dv) float32.
        scale: of q . k.
    """

    q: Array
    k: Array
    v: Array
    scale: float


def softmax_blocks(seen: Segment, head: int) -> Iterator[tuple[int, Array]]:
    """The first query of each block, and p (queries, tokens up to its last one) of one KV head."""
    tokens, kv_heads = seen.k.shape[:2]
    group = seen.q.shape[1] // kv_heads
    queries = seen.q[:, head * group : (head + 1) * group].transpose(1, 0, 2) * seen.scale
    for first in range(0, tokens, BLOCK):
        last = min(first + BLOCK, tokens)
        weights = queries[:, first:last] @ seen.k[:last, head].T  # (Hq / Hk, queries, last)
        weights[:, np.arange(last) > np.arange(first, last)[:, None]] = -np.inf
        weights -= weights.max(axis=2, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=2, keepdims=True)
        yield first, weights.mean(axis=0)


def far(first: int, queries: int, tokens: int, window: int) -> NDArray[np.bool_]:
    """(queries, tokens) where token j is outside the window of the query at first + row."""
    last_far = np.arange(first, first + queries) - window
    return np.arange(tokens) <= last_far[:, None]


def targets(seen: Segment, window: int) -> NDArray[np.float64]:
    """(Hk, T) y_j of each token, log(FLOOR) where no query is far from it.

    The formula stands in :mod:`edgehybrid.fitting`. Softmax is computed in blocks of queries.
    """
    tokens, kv_heads = seen.k.shape[:2]
    sums = np.zeros((kv_heads, tokens))
    for head in range(kv_heads):
        for first, weights in softmax_blocks(seen, head):
            queries, known = weights.shape
            even = np.arange(first + 1, first + queries + 1, dtype=np.float32)[:, None]
            lifted = np.where(far(first, queries, known, window), weights * even, 0)
            sums[head, :known] += lifted.sum(axis=0, dtype=np.float64)
    counts = np.maximum(tokens - window - np.arange(tokens), 1)
    made: NDArray[np.float64] = np.log(sums / counts + FLOOR)
    return made


def judged(tokens: int, first: int, window: int) -> slice:
    """Those of `tokens` whose targets mean something: from `first` on, with enough queries."""
    return slice(first, max(tokens - window - FEWEST_QUERIES + 1, first))
