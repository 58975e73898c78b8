"""The checkpoint's own mathematics in float32 NumPy: what finished graphs are held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgehybrid_export.spec import AttentionMixer, Layer, Linear, ModelSpec, Norm, SsdMixer
from edgehybrid_kernels import Kernels, RoutedCache, load_kernels

Array = NDArray[np.float32]


def residuals(spec: ModelSpec, ids: NDArray[np.int32]) -> list[Array]:
    """Residual stream (T, hidden) before the first layer and after each layer."""
    kernels = load_kernels("numpy")
    h = spec.embedding[ids]
    stages = [h]
    for layer in spec.layers:
        h = h + _apply(layer.mixer.out_proj, _mix(kernels, layer, _norm(layer.norm, h)))
        h = h + _mlp(layer, _norm(layer.mlp_norm, h))
        stages.append(h)
    return stages


def silu(x: Array) -> Array:
    """x * sigmoid(x), without overflow."""
    y: Array = x * (0.5 * (1 + np.tanh(0.5 * x)))
    return y


def _apply(linear: Linear, x: Array) -> Array:
    y = x @ linear.weight
    return y if linear.bias is None else y + linear.bias


def _norm(norm: Norm, x: Array) -> Array:
    rms = np.sqrt(np.square(x).mean(-1, keepdims=True) + norm.eps)
    y: Array = x / rms * norm.weight
    return y


def _mlp(layer: Layer, x: Array) -> Array:
    gate, up = np.split(_apply(layer.mlp.gate_up, x), 2, axis=-1)
    return _apply(layer.mlp.down, silu(gate) * up)


def _mix(kernels: Kernels, layer: Layer, x: Array) -> Array:
    if isinstance(layer.mixer, SsdMixer):
        return _ssd(kernels, layer.mixer, x)
    return _attention(kernels, layer.mixer, x)


def _ssd(kernels: Kernels, m: SsdMixer, x: Array) -> Array:
    heads, inner, conv = len(m.a), len(m.norm.weight), len(m.conv_bias)
    projected = _apply(m.in_proj, x)
    z, xbc, dt = np.split(projected, [inner, inner + conv], axis=-1)
    mixed, y, out = np.empty_like(xbc), np.empty_like(z), np.empty_like(z)
    tail = np.zeros((m.conv_weight.shape[1] - 1, conv), np.float32)
    kernels.causal_conv(xbc, m.conv_weight, m.conv_bias, tail, mixed, silu=True)
    xs, b, c = np.split(mixed, [inner, inner + m.n_groups * m.d_state], axis=-1)
    state = np.zeros((heads, m.d_state, m.head_dim), np.float32)
    kernels.ssd_scan(xs, dt, m.a, b, c, m.d, m.dt_bias, state, y)
    kernels.gated_rms_norm(y, z, m.norm.weight, out, eps=m.norm.eps, groups=1)
    return out


def _attention(kernels: Kernels, m: AttentionMixer, x: Array) -> Array:
    keys = m.n_kv_heads * m.head_dim
    q, k, v = np.split(
        _apply(m.qkv, x), [m.n_heads * m.head_dim, m.n_heads * m.head_dim + keys], -1
    )
    score = _apply(m.router.out, silu(_apply(m.router.hidden, x)))
    cache = RoutedCache.alloc(
        m.n_kv_heads,
        m.head_dim,
        sinks=m.router.sinks,
        window=m.router.window,
        budget=m.router.budget,
    )
    out = np.empty_like(q)
    kernels.attention(q, k, v, score, cache, out, scale=m.scale)
    return out
