"""The checkpoint's own mathematics in float32 NumPy: what finished graphs are held against.

Layer by layer, each weight read when it is needed: in the memory of the largest of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgehybrid_export.reference_mixers import apply, gelu, mix, normed, sigmoid, silu
from edgehybrid_export.spec import (
    Experts,
    Layer,
    Linear,
    LogitsHead,
    Mlp,
    ModelSpec,
)
from edgehybrid_export.weights import Array
from edgehybrid_kernels import Kernels, load_kernels

_erf = np.vectorize(math.erf, otypes=[np.float32])


def residuals(spec: ModelSpec, ids: NDArray[np.int32]) -> Iterator[Array]:
    """Residual stream (T, hidden) before the first layer and after each layer."""
    kernels = load_kernels("numpy")
    rows = [spec.embedding.rows(int(i), int(i) + 1) for i in ids]
    embedded: Array = np.concatenate(rows) * np.float32(spec.embedding_multiplier)
    h, aside = embedded, np.zeros_like(embedded)
    yield h
    for layer in spec.layers:
        read = np.concatenate([h, embedded], axis=-1) if layer.joined else h + aside
        if layer.aside:
            aside = _aside(kernels, layer, layer.aside, read)
        else:
            h, aside = _layer(kernels, layer, h, read), np.zeros_like(aside)
        yield h


def logits(head: LogitsHead, h: Array) -> Array:
    """Logits (T, vocab) of residuals (T, hidden)."""
    y: Array = apply(head.project, normed(head.norm, h)) * np.float32(head.scale)
    if head.softcap is None:
        return y
    capped: Array = np.tanh(y / np.float32(head.softcap)) * np.float32(head.softcap)
    return capped


def _layer(kernels: Kernels, layer: Layer, h: Array, read: Array) -> Array:
    x = normed(layer.norm, read)
    for mixer in layer.mixers:
        h = h + normed(layer.post_norm, apply(mixer.out_proj, mix(kernels, mixer, x)))
    if layer.mlp is None:
        return h
    return h + normed(layer.mlp_post_norm, _feed_forward(layer.mlp, normed(layer.mlp_norm, h)))


def _aside(kernels: Kernels, layer: Layer, aside: Linear, read: Array) -> Array:
    (mixer,) = layer.mixers
    y = apply(mixer.out_proj, mix(kernels, mixer, normed(layer.norm, read)))
    y = normed(layer.mlp_norm, y)
    return apply(aside, y if layer.mlp is None else _feed_forward(layer.mlp, y))


def _feed_forward(mlp: Mlp | Experts, x: Array) -> Array:
    if isinstance(mlp, Mlp):
        return _mlp(mlp, x)
    y = _mixture(mlp, x)
    if mlp.shared is None:
        return y
    shared = _mlp(mlp.shared, x)
    return y + (shared * sigmoid(apply(mlp.shared_gate, x)) if mlp.shared_gate else shared)


def _mixture(mlp: Experts, x: Array) -> Array:
    weights, chosen = _choice(mlp, x)
    x = x if mlp.latent is None else apply(mlp.latent[0], x)
    y = np.zeros_like(x)
    for i, expert in enumerate(mlp.experts):
        rows, places = np.nonzero(chosen == i)
        if len(rows):
            y[rows] += _mlp(expert, x[rows]) * weights[rows, places, None]
    return y if mlp.latent is None else apply(mlp.latent[1], y)


def _mlp(mlp: Mlp, x: Array) -> Array:
    wide = apply(mlp.gate_up, x)
    if not mlp.gated:
        return apply(mlp.down, _act(mlp.act, wide))
    gate, up = np.split(wide, 2, axis=-1)
    return apply(mlp.down, _act(mlp.act, gate) * up)


def _act(name: str, x: Array) -> Array:
    if name == "relu2":
        return np.square(np.maximum(x, 0))
    if name == "silu":
        return silu(x)
    return gelu(x) if name == "gelu_tanh" else _exact_gelu(x)


def _exact_gelu(x: Array) -> Array:
    y: Array = np.float32(0.5) * x * (1 + _erf(x * np.float32(0.5**0.5)))
    return y


def _choice(mlp: Experts, x: Array) -> tuple[Array, NDArray[np.int64]]:
    """Weights and numbers (T, top_k) of the experts that each row goes to."""
    raw = apply(mlp.router, x)
    if mlp.act == "softmax":
        powers = np.exp(raw - raw.max(-1, keepdims=True))
        scores = powers / powers.sum(-1, keepdims=True)
    else:
        scores = sigmoid(raw)
    wish = scores if mlp.choice_bias is None else scores + mlp.choice_bias
    if mlp.groups is not None:
        groups, kept = mlp.groups
        parts = wish.reshape(len(x), groups, -1)
        sums = np.sort(parts, axis=-1)[..., -2:].sum(-1)
        lowest = np.sort(sums, axis=-1)[:, -kept, None]
        wish = np.where((sums >= lowest)[..., None], parts, -np.inf).reshape(wish.shape)
    chosen = np.argsort(-wish, axis=-1, kind="stable")[:, : mlp.top_k]
    weights = np.take_along_axis(scores, chosen, -1)
    if mlp.normalise:
        weights = weights / (weights.sum(-1, keepdims=True) + np.float32(mlp.eps))
    return weights * np.float32(mlp.scale), chosen
