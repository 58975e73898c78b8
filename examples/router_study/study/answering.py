"""Answers of trained models, with the masks of training or with the caches of the product."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgehybrid.runtime import routers
from edgehybrid_kernels import RoutedCache, load_kernels
from study.mixers import ATTENTION_DIM, ATTENTION_HEADS, CHUNK, SINKS, WINDOW, Attention
from study.model import Model
from study.tasks import MQAR_VOCABULARY, VOCABULARY, Batch

Array = np.ndarray
#: A cache for one row.
Alloc = Callable[[], RoutedCache]


class Trained(NamedTuple):
    """A model, and what its training said of itself."""

    model: Model
    said: dict[str, object]


def trained(folder: Path, experiment: str, name: str) -> Trained:
    """The model that `sweep.py` trained, whatever rate was best.

    Raises:
        SystemExit: there is none.
    """
    found = sorted(folder.glob(f"{experiment}-{name}-[0-9]*.json"))
    if not found:
        raise SystemExit(f"no {experiment}-{name}-*.json in {folder}; train it with sweep.py")
    model = Model(name, MQAR_VOCABULARY if experiment == "mqar" else VOCABULARY)
    model.load_state_dict(torch.load(found[0].with_suffix(".pt"), weights_only=True))
    return Trained(model.eval(), json.loads(found[0].read_text()))


def policy(name: str, budget: int, weights: Array | None = None) -> Alloc:
    """Caches of the product's router `name` with the sinks and window of the study."""

    def alloc() -> RoutedCache:
        return routers.get(name).alloc(
            ATTENTION_HEADS, ATTENTION_DIM, SINKS, WINDOW, budget, weights=weights
        )

    return alloc


@torch.inference_mode()
def right(model: Model, batch: Batch, alloc: Alloc | None = None) -> Array:
    """(B, A) whether each answer is right; a router needs `alloc`, others are masked without."""
    ids, where, answers = (torch.from_numpy(np.ascontiguousarray(part)) for part in batch)
    padded = torch.nn.functional.pad(ids, (0, -ids.shape[1] % CHUNK))  # causal: changes nothing
    if alloc is None:
        logits = model(padded, where)
    else:
        logits = model.logits(through_caches(model, padded, alloc), where)
    return (logits.argmax(-1) == answers).numpy()


def shares(model: Model, batch: Batch, alloc: Alloc | None = None) -> float:
    """The share of answers that are right, to four places."""
    return round(float(right(model, batch, alloc).mean()), 4)


def through_caches(model: Model, ids: Tensor, alloc: Alloc) -> Tensor:
    """Residuals (B, T, width) after the last layer, where each row's attention has a cache."""
    h = model.embed(ids)
    for layer in model.layers:
        x = layer.before(h)
        if isinstance(layer.mixer, Attention):
            h = h + layer.mixer.out(attend(layer.mixer, x, alloc))
        else:
            h = h + layer.mixer(x)
        gate, up = layer.up(layer.between(h)).chunk(2, -1)
        h = h + layer.down(torch.nn.functional.silu(gate) * up)
    return h


def attend(mixer: Attention, x: Tensor, alloc: Alloc) -> Tensor:
    """What attention gives (B, T, H * D) when each row of x (B, T, width) has a cache."""
    kernels, parts = load_kernels(), mixer.parts(x)
    q, k, v = (part.transpose(1, 2).flatten(2).numpy() for part in parts[:3])
    scores = None if parts[3] is None else parts[3].transpose(1, 2).contiguous().numpy()
    out = np.empty_like(q)
    for row in range(len(x)):
        cache = alloc()
        score = scores[row] if cache.policy == "learned" and scores is not None else None
        kernels.attention(q[row], k[row], v[row], score, cache, out[row], scale=ATTENTION_DIM**-0.5)
    return torch.from_numpy(out)
