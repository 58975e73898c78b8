"""The checkpoint's own mathematics in float32 NumPy: what finished graphs are held against.

Layer by layer, each weight read when it is needed: in the memory of the largest of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgehybrid_export.spec import (
    AttentionMixer,
    DeltaMixer,
    Experts,
    Layer,
    Linear,
    LogitsHead,
    Mlp,
    ModelSpec,
    Norm,
    OneMixer,
    Rotary,
    ShortConvMixer,
    SsdMixer,
)
from edgehybrid_export.weights import Array, Weight
from edgehybrid_kernels import Kernels, RoutedCache, load_kernels

Convolved: TypeAlias = SsdMixer | ShortConvMixer | DeltaMixer


def residuals(spec: ModelSpec, ids: NDArray[np.int32]) -> Iterator[Array]:
    """Residual stream (T, hidden) before the first layer and after each layer."""
    kernels = load_kernels("numpy")
    rows = [spec.embedding.rows(int(i), int(i) + 1) for i in ids]
    h: Array = np.concatenate(rows) * np.float32(spec.embedding_multiplier)
    yield h
    for layer in spec.layers:
        h = _layer(kernels, layer, h)
        yield h


def logits(head: LogitsHead, h: Array) -> Array:
    """Logits (T, vocab) of residuals (T, hidden)."""
    y: Array = _apply(head.project, _norm(head.norm, h)) * np.float32(head.scale)
    if head.softcap is None:
        return y
    capped: Array = np.tanh(y / np.float32(head.softcap)) * np.float32(head.softcap)
    return capped


def silu(x: Array) -> Array:
    """x * sigmoid(x), without overflow."""
    y: Array = x * sigmoid(x)
    return y


def sigmoid(x: Array) -> Array:
    """Without overflow."""
    y: Array = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))
    return y


def _layer(kernels: Kernels, layer: Layer, h: Array) -> Array:
    x = _norm(layer.norm, h)
    for mixer in layer.mixers:
        h = h + _norm(layer.post_norm, _apply(mixer.out_proj, _mix(kernels, mixer, x)))
    if layer.mlp is None:
        return h
    return h + _norm(layer.mlp_post_norm, _feed_forward(layer.mlp, _norm(layer.mlp_norm, h)))


def _apply(linear: Linear, x: Array) -> Array:
    y = _product(linear.weight, x)
    if linear.adapter is not None:
        down, up = linear.adapter
        y += _product(up, _product(down, x))
    return y if linear.bias is None else y + linear.bias


def _product(weight: Weight, x: Array) -> Array:
    y = np.empty((len(x), weight.outputs), np.float32)
    for where, rows in weight.blocks():
        y[:, where] = x @ rows.T
    return y


def _norm(norm: Norm | None, x: Array) -> Array:
    if norm is None:
        return x
    rms = np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(norm.eps))
    y: Array = x / rms * norm.weight
    return y


def _feed_forward(mlp: Mlp | Experts, x: Array) -> Array:
    if isinstance(mlp, Mlp):
        return _mlp(mlp, x)
    y = _mixture(mlp, x)
    if mlp.shared is None:
        return y
    shared = _mlp(mlp.shared, x)
    return y + (shared * sigmoid(_apply(mlp.shared_gate, x)) if mlp.shared_gate else shared)


def _mixture(mlp: Experts, x: Array) -> Array:
    weights, chosen = _choice(mlp, x)
    x = x if mlp.latent is None else _apply(mlp.latent[0], x)
    y = np.zeros_like(x)
    for i, expert in enumerate(mlp.experts):
        rows, places = np.nonzero(chosen == i)
        if len(rows):
            y[rows] += _mlp(expert, x[rows]) * weights[rows, places, None]
    return y if mlp.latent is None else _apply(mlp.latent[1], y)


def _mlp(mlp: Mlp, x: Array) -> Array:
    wide = _apply(mlp.gate_up, x)
    if not mlp.gated:
        return _apply(mlp.down, _act(mlp.act, wide))
    gate, up = np.split(wide, 2, axis=-1)
    return _apply(mlp.down, _act(mlp.act, gate) * up)


def _act(name: str, x: Array) -> Array:
    if name == "relu2":
        return np.square(np.maximum(x, 0))
    if name == "silu":
        return silu(x)
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x**3)
    y: Array = np.float32(0.5) * x * (1 + np.tanh(inner))
    return y


def _choice(mlp: Experts, x: Array) -> tuple[Array, NDArray[np.int64]]:
    """Weights and numbers (T, top_k) of the experts that each row goes to."""
    raw = _apply(mlp.router, x)
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


def _mix(kernels: Kernels, mixer: OneMixer, x: Array) -> Array:
    if isinstance(mixer, SsdMixer):
        return _ssd(kernels, mixer, x)
    if isinstance(mixer, ShortConvMixer):
        return _short_conv(kernels, mixer, x)
    if isinstance(mixer, DeltaMixer):
        return _delta(kernels, mixer, x)
    return _attention(kernels, mixer, x)


def _ssd(kernels: Kernels, m: SsdMixer, x: Array) -> Array:
    heads, inner, conv = len(m.a), m.width, len(m.conv_bias)
    projected = _apply(m.in_proj, x)
    z, xbc, dt = np.split(projected, [inner, inner + conv], axis=-1)
    mixed = _conv(kernels, m, xbc, activate=True)
    y, out = np.empty_like(z), np.empty_like(z)
    xs, b, c = np.split(mixed, [inner, inner + m.n_groups * m.d_state], axis=-1)
    state = np.zeros((heads, m.d_state, m.head_dim), np.float32)
    kernels.ssd_scan(
        xs, dt, m.a, b, c, m.d, m.dt_bias, state, y, dt_limit=m.dt_limit
    )  # fmt: skip
    if m.norm is None:
        return y * silu(z)
    kernels.gated_rms_norm(
        y, z, m.norm.weight, out,
        eps=m.norm.eps, groups=m.norm_groups, norm_before_gate=m.norm_before_gate,
    )  # fmt: skip
    return out


def _short_conv(kernels: Kernels, m: ShortConvMixer, x: Array) -> Array:
    b, c, xs = np.split(_apply(m.in_proj, x), 3, axis=-1)
    return c * _conv(kernels, m, b * xs, activate=False)


def _delta(kernels: Kernels, m: DeltaMixer, x: Array) -> Array:
    heads, conv, keys = m.v_heads, len(m.conv_bias), m.k_heads * m.k_dim
    parts = np.cumsum([conv, m.width, heads])
    qkv, z, b, a = np.split(_apply(m.in_proj, x), parts, axis=-1)
    q, k, v = np.split(_conv(kernels, m, qkv, activate=True), [keys, 2 * keys], axis=-1)
    g = m.a_rate * np.logaddexp(a + m.dt_bias, np.float32(0))
    beta = np.float32(0.5 * m.correction) * (1 + np.tanh(b / 2))
    y, out = np.empty_like(z), np.empty_like(z)
    state = np.zeros((heads, m.k_dim, m.v_dim), np.float32)
    kernels.gated_delta(q, k, v, g, beta, state, y)
    weight = np.tile(m.norm.weight, heads)
    kernels.gated_rms_norm(
        y, z, weight, out, eps=m.norm.eps, groups=heads, norm_before_gate=True
    )  # fmt: skip
    return out


def _conv(kernels: Kernels, m: Convolved, x: Array, *, activate: bool) -> Array:
    out, taps = np.empty_like(x), m.conv_weight.shape[1]
    tail = np.zeros((taps - 1, x.shape[1]), np.float32)
    kernels.causal_conv(x, m.conv_weight, m.conv_bias, tail, out, silu=activate)
    return out


def _attention(kernels: Kernels, m: AttentionMixer, x: Array) -> Array:
    keys = m.n_kv_heads * m.head_dim
    ends = [m.width, m.width + keys, m.width + 2 * keys]
    q, k, v, gate = np.split(_apply(m.qkv, x), ends, -1)
    q, k = _positioned(m, q, m.q_norm), _positioned(m, k, m.k_norm)
    score = np.zeros((len(x), m.n_kv_heads), np.float32)
    sinks, window, budget = len(x), 1, 0  # of which every token is a sink
    if m.router:
        score = _apply(m.router.out, silu(_apply(m.router.hidden, x)))
        sinks, window, budget = m.router.sinks, m.router.window, m.router.budget
    elif m.window:
        sinks, window = 0, m.window
    cache = RoutedCache.alloc(m.n_kv_heads, m.head_dim, sinks, window, budget)
    out = np.empty_like(q)
    kernels.attention(q, k, v, score, cache, out, scale=m.scale)
    return out * sigmoid(gate) if m.gated else out


def _positioned(m: AttentionMixer, x: Array, norm: Norm | None) -> Array:
    """Heads side by side (T, heads * head_dim), normalised and rotated."""
    size = m.head_dim if norm is None else len(norm.weight)
    heads = _norm(norm, x.reshape(len(x), -1, size)).reshape(len(x), -1, m.head_dim)
    heads = heads if m.rotary is None else _rotate(m.rotary, heads)
    return heads.reshape(x.shape)


def _rotate(rotary: Rotary, x: Array) -> Array:
    """x (T, heads, head_dim) at positions 0..T-1."""
    angles = np.arange(len(x), dtype=np.float32)[:, None, None] * rotary.inv_freq
    cos, sin = np.cos(angles) * rotary.factor, np.sin(angles) * rotary.factor
    pairs = len(rotary.inv_freq)
    low, high, rest = np.split(x, [pairs, 2 * pairs], axis=-1)
    turned = [low * cos - high * sin, high * cos + low * sin, rest]
    return np.concatenate(turned, axis=-1).astype(np.float32)
