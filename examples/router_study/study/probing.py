"""A linear probe for the router `fitted`: which keys and values will be looked at from afar."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from study.mixers import ATTENTION_DIM, SINKS, WINDOW, Attention
from study.model import Model
from study.tasks import mixed

ROWS, FLOOR, RIDGE = 60, 1e-4, 1e-3


@torch.inference_mode()
def fit_probe(model: Model, length: int, rows: int = ROWS) -> np.ndarray:
    """Weights (H, 2 D) float32 of the last layer's attention, by ridge regression of each head.

    The target of a token is the log of the most attention that a later query pays it from beyond
    the window; the rows are the six tasks at the length of training.
    """
    batch = mixed(np.random.default_rng(95), rows, length)
    h = model.embed(torch.from_numpy(batch.ids))
    for layer in model.layers:
        if isinstance(layer.mixer, Attention):
            q, k, v, _ = layer.mixer.parts(layer.before(h))
            break
        h = layer(h, 0, 0.0)
    received = torch.cat([needed(*part) for part in zip(q.split(20), k.split(20), strict=True)])
    both = torch.cat([k, v], -1).transpose(0, 1).flatten(1, 2).double()  # (H, N, 2 D)
    target = (received + FLOOR).log().transpose(0, 1).flatten(1).double()
    target = target - target.mean(1, keepdim=True)
    both = both - both.mean(1, keepdim=True)
    gram = both.transpose(1, 2) @ both
    damped = gram + RIDGE * gram.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] * torch.eye(
        gram.shape[1]
    )
    moment = both.transpose(1, 2) @ target.unsqueeze(-1)
    return torch.linalg.solve(damped, moment).squeeze(-1).float().numpy()


def needed(q: Tensor, k: Tensor) -> Tensor:
    """(B, H, T): the most that a query pays each key from beyond the window, and not as a sink."""
    i, j = torch.arange(q.shape[2]).unsqueeze(1), torch.arange(q.shape[2])
    logits = (q @ k.transpose(-1, -2) * ATTENTION_DIM**-0.5).masked_fill(j > i, float("-inf"))
    return (logits.softmax(-1) * ((j <= i - WINDOW) & (j >= SINKS))).amax(2)
