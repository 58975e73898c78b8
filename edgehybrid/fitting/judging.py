"""How well scores tell what to keep: against targets, and by the attention that is kept."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgehybrid.fitting.received import Segment, far, softmax_blocks
from edgehybrid.runtime.routers.regions import Regions

Doubles = NDArray[np.float64]


def evictions(scores: Doubles, regions: Regions, budget: int) -> NDArray[np.int64]:
    """(T,) the first query that no longer sees each token; T + window for those never evicted.

    As a cache does it: a token that leaves the window is kept if it is among the `budget` highest
    scores so far, of equal ones the earlier; sinks stay for ever.
    """
    tokens = len(scores)
    until = np.full(tokens, tokens + regions.window)
    heap: list[tuple[float, int]] = []
    for token in range(regions.sinks, tokens):
        heapq.heappush(heap, (float(scores[token]), -token))
        if len(heap) > budget:
            until[-heapq.heappop(heap)[1]] = token + regions.window
    return until


def kept_shares(
    seen: Segment, head: int, until: Mapping[str, NDArray[np.int64]], regions: Regions
) -> dict[str, float]:
    """By name, the share of attention to far tokens that goes to those which are kept then.

    Args:
        seen: the segment.
        head: the KV head.
        until: by name, (T,) from `evictions`.
        regions: the sinks are left out: everybody keeps them.
    """
    kept = dict.fromkeys(until, 0.0)
    whole = 0.0
    for first, weights in softmax_blocks(seen, head):
        queries, known = weights.shape
        weights[~far(first, queries, known, regions.window)] = 0
        weights[:, : regions.sinks] = 0
        whole += float(weights.sum(dtype=np.float64))
        now = np.arange(first, first + queries)[:, None]
        for name, ends in until.items():
            kept[name] += float(weights[now < ends[:known]].sum(dtype=np.float64))
    return {name: share / whole if whole else 1.0 for name, share in kept.items()}


def r_squared(y: Doubles, predicted: Doubles) -> float:
    """1 - squared errors / squared deviations from the mean; 0 of a constant y."""
    away = float(((y - y.mean()) ** 2).sum())
    return 1 - float(((y - predicted) ** 2).sum()) / away if away else 0.0


def rank_correlation(y: Doubles, predicted: Doubles) -> float:
    """Spearman's rho, for numbers that hardly ever are equal."""
    if len(y) < 2 or not np.ptp(y) or not np.ptp(predicted):
        return 0.0
    ranks, others = (np.argsort(np.argsort(x, kind="stable")) for x in (y, predicted))
    return float(np.corrcoef(ranks, others)[0, 1])
