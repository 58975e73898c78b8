"""The mask of a router, for training: which far tokens each position may attend to.

The same function as the runtime's heap computes (`edgehybrid_kernels.attention`): position i sees
sinks, its window, and of the tokens in between the `budget` with the highest scores.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@numba.njit(cache=True)
def _eviction_times(scores: NDArray[np.float32], sinks: int, budget: int) -> NDArray[np.int64]:
    rows, length = scores.shape
    gone = np.full((rows, length), length, np.int64)
    kept = np.zeros(max(budget, 1), np.int64)
    for row in range(rows):
        for j in range(sinks, length):
            if j - sinks < budget:
                kept[j - sinks] = j
                continue
            loser, at = j, -1
            for slot in range(budget):
                other = kept[slot]
                worse = scores[row, other] < scores[row, loser]
                if worse or (scores[row, other] == scores[row, loser] and other > loser):
                    loser, at = other, slot
            gone[row, loser] = j
            if at >= 0:
                kept[at] = j
    return gone


def eviction_times(scores: Tensor, sinks: int, budget: int) -> Tensor:
    """First arrival (rows, T) int64 at which a token is dropped, T if never; scores (rows, T)."""
    return torch.from_numpy(_eviction_times(scores.detach().float().numpy(), sinks, budget))


def window_mask(length: int, sinks: int, window: int) -> Tensor:
    """(T, T) bool: which tokens each position sees without a router."""
    i, j = torch.arange(length).unsqueeze(1), torch.arange(length)
    return (j <= i) & ((j > i - window) | (j < sinks))


def routed_bias(scores: Tensor, sinks: int, window: int, budget: int, noise: float) -> Tensor:
    """Additive mask (B, H, T, T) of scores (B, H, T): log sigmoid(score) where far and kept.

    `noise` is the scale of logistic noise with which the choice, not the bias, explores tokens that
    would be dropped.
    """
    length = scores.shape[-1]
    ranked = scores.detach()
    if noise:
        ranked = ranked + noise * torch.logit(torch.rand_like(ranked).clamp(1e-6, 1 - 1e-6))
    gone = eviction_times(ranked.flatten(0, -2), sinks, budget).view(*scores.shape[:-1], 1, length)
    i, j = torch.arange(length).unsqueeze(1), torch.arange(length)
    far = (j >= sinks) & (j <= i - window) & (gone > i - window)
    bias = torch.nn.functional.logsigmoid(scores).unsqueeze(-2)
    unseen = torch.full((), float("-inf"))
    near = torch.where(window_mask(length, sinks, window), torch.zeros(()), unseen)
    return torch.where(far, bias, near)
