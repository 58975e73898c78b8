"""What every family is translated into: layers of mixers and MLPs, and a head.

Arrays are float32. Linear weights are (in, out), so that y = x @ weight + bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Linear:
    """weight (in, out); bias (out,) or None."""

    weight: Array
    bias: Array | None = None


@dataclass(frozen=True)
class Norm:
    """RMSNorm: weight (size,)."""

    weight: Array
    eps: float


@dataclass(frozen=True)
class SsdMixer:
    """Mamba-2. in_proj gives z, x, B, C, dt side by side."""

    in_proj: Linear
    conv_weight: Array  # (conv_dim, K), last tap is the current token
    conv_bias: Array  # (conv_dim,)
    a: Array  # (heads,), negative
    d: Array  # (heads,)
    dt_bias: Array  # (heads,)
    norm: Norm
    out_proj: Linear
    head_dim: int
    d_state: int
    n_groups: int


@dataclass(frozen=True)
class Router:
    """score = silu(x @ hidden) @ out, one score a KV head."""

    hidden: Linear
    out: Linear
    sinks: int
    window: int
    budget: int


@dataclass(frozen=True)
class AttentionMixer:
    """Grouped queries without positions. qkv gives queries, keys, values side by side."""

    qkv: Linear
    router: Router
    out_proj: Linear
    n_heads: int
    n_kv_heads: int
    head_dim: int
    scale: float


@dataclass(frozen=True)
class Mlp:
    """down(silu(gate) * up): gate and up side by side."""

    gate_up: Linear
    down: Linear


@dataclass(frozen=True)
class Layer:
    norm: Norm
    mixer: SsdMixer | AttentionMixer
    mlp_norm: Norm
    mlp: Mlp


@dataclass(frozen=True)
class SentenceHead:
    """Sentence vectors from pooled residuals, and their scores at the document's end."""

    mean_norm: Norm
    end_norm: Norm
    project: Linear
    hidden: Linear
    out: Linear
    vector_size: int
    context_size: int
    place_size: int
    end_tokens: tuple[int, ...]


@dataclass(frozen=True)
class ModelSpec:
    """A whole model: embedding (vocab, hidden), layers, head."""

    embedding: Array
    layers: tuple[Layer, ...]
    head: SentenceHead

    @property
    def hidden_size(self) -> int:
        return int(self.embedding.shape[1])
