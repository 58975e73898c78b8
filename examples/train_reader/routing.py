"""Which far tokens each position may attend to: the cumulative top-B mask, for training.

Token j is *far* from position i when j <= i - window. Of the far tokens that are not sinks,
position i sees the `budget` with the highest scores. A token that was evicted once can never
come back, so each token has one eviction time, and a heap of size `budget` finds it: the
runtime keeps the same heap, so training and inference are the same function.
"""

from __future__ import annotations

import heapq

import numpy as np
import torch
from torch import Tensor


def eviction_times(scores: np.ndarray, sinks: int, budget: int) -> np.ndarray:
    """First arrival (int64) at which each of the tokens, given by `scores` (T,), is dropped.

    Arrivals are counted in positions: token j arrives when it leaves the window. Of equal
    scores the later token goes first. Tokens that are never dropped get T.
    """
    length = len(scores)
    gone = np.full(length, length, dtype=np.int64)
    heap: list[tuple[float, int]] = []
    for j in range(sinks, length):
        entry = (float(scores[j]), -j)
        if len(heap) < budget:
            heapq.heappush(heap, entry)
        else:
            _, loser = heapq.heappushpop(heap, entry) if budget else entry
            gone[-loser] = j
    return gone


def attention_bias(
    scores: Tensor, *, sinks: int, window: int, budget: int, noise: float = 0.0
) -> Tensor:
    """Additive mask (batch, kv_heads, T, T): 0 near, log sigmoid(score) far, -inf unseen.

    `scores` is (batch, kv_heads, T). `noise` is the scale of logistic noise with which the
    selection, not the bias, explores tokens that would be dropped.
    """
    batch, heads, length = scores.shape
    ranked = scores.detach().float()
    if noise > 0:
        uniform = torch.rand_like(ranked).clamp(1e-6, 1 - 1e-6)
        ranked = ranked + noise * torch.logit(uniform)
    flat = ranked.reshape(-1, length).numpy()
    gone = torch.from_numpy(np.stack([eviction_times(row, sinks, budget) for row in flat]))
    gone = gone.view(batch, heads, 1, length)
    i = torch.arange(length).view(1, 1, -1, 1)
    j = torch.arange(length).view(1, 1, 1, -1)
    arrived = i - window
    near = ((j <= i) & (j > arrived)) | ((j < sinks) & (j <= i))
    far = (j >= sinks) & (j <= arrived) & (gone > arrived)
    bias = torch.nn.functional.logsigmoid(scores.float()).unsqueeze(2)
    unseen = torch.full((), float("-inf"))
    return torch.where(far, bias, torch.where(near, torch.zeros(()), unseen))
