"""The mixers of `reference.py`, and what both files need: products, norms, activations."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from edgehybrid_export.mixer_spec import (
    AttentionMixer,
    DeltaMixer,
    Latent,
    Linear,
    Norm,
    OneMixer,
    RgLruMixer,
    Rotary,
    SelectiveMixer,
    ShortConvMixer,
    SsdMixer,
)
from edgehybrid_export.weights import Array, Weight
from edgehybrid_kernels import Kernels, RoutedCache

Convolved: TypeAlias = SsdMixer | ShortConvMixer | DeltaMixer | SelectiveMixer | RgLruMixer


def silu(x: Array) -> Array:
    """x * sigmoid(x), without overflow."""
    y: Array = x * sigmoid(x)
    return y


def sigmoid(x: Array) -> Array:
    """Without overflow."""
    y: Array = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))
    return y


def apply(linear: Linear, x: Array) -> Array:
    """A product, its bias, and what an adapter adds."""
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


def normed(norm: Norm | None, x: Array) -> Array:
    """x after an RMSNorm, or as it is."""
    if norm is None:
        return x
    rms = np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(norm.eps))
    y: Array = x / rms * norm.weight
    return y


def gelu(x: Array) -> Array:
    """In its tanh form."""
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x**3)
    y: Array = np.float32(0.5) * x * (1 + np.tanh(inner))
    return y


def mix(kernels: Kernels, mixer: OneMixer, x: Array) -> Array:
    """What a mixer gives to its out_proj, (T, width), of x (T, hidden)."""
    if isinstance(mixer, SsdMixer):
        return _ssd(kernels, mixer, x)
    if isinstance(mixer, ShortConvMixer):
        return _short_conv(kernels, mixer, x)
    if isinstance(mixer, DeltaMixer):
        return _delta(kernels, mixer, x)
    if isinstance(mixer, SelectiveMixer):
        return _selective(kernels, mixer, x)
    if isinstance(mixer, RgLruMixer):
        return _rg_lru(kernels, mixer, x)
    return _attention(kernels, mixer, x)


def _ssd(kernels: Kernels, m: SsdMixer, x: Array) -> Array:
    heads, inner, conv = len(m.a), m.width, len(m.conv_bias)
    projected = apply(m.in_proj, x)
    z, xbc, dt = np.split(projected, [inner, inner + conv], axis=-1)
    mixed = _conv(kernels, m, xbc, activate=True)
    y, out = np.empty_like(z), np.empty_like(z)
    xs, b, c = np.split(mixed, [inner, inner + m.n_groups * m.d_state], axis=-1)
    state = np.zeros((heads, m.d_state, m.head_dim), np.float32)
    scale = np.ones(heads, np.float32)
    kernels.ssd_scan(
        xs, dt, m.a, b, c, m.d, m.dt_bias, state, scale, y, dt_limit=m.dt_limit
    )  # fmt: skip
    if m.norm is None:
        return y * silu(z)
    kernels.gated_rms_norm(
        y, z, m.norm.weight, out,
        eps=m.norm.eps, groups=m.norm_groups, norm_before_gate=m.norm_before_gate,
    )  # fmt: skip
    return out


def _short_conv(kernels: Kernels, m: ShortConvMixer, x: Array) -> Array:
    b, c, xs = np.split(apply(m.in_proj, x), 3, axis=-1)
    return c * _conv(kernels, m, b * xs, activate=False)


def _delta(kernels: Kernels, m: DeltaMixer, x: Array) -> Array:
    heads, conv, keys = m.v_heads, len(m.conv_bias), m.k_heads * m.k_dim
    narrow = m.widen[0].weight.inputs if m.widen else m.width
    parts = np.cumsum([conv, narrow, heads])
    qkv, z, b, a = np.split(apply(m.in_proj, x), parts, axis=-1)
    if m.widen:
        z, a = apply(m.widen[0], z), apply(m.widen[1], a)
    q, k, v = np.split(_conv(kernels, m, qkv, activate=True), [keys, 2 * keys], axis=-1)
    g = m.a_rate * np.logaddexp(a + m.dt_bias, np.float32(0))
    beta = np.float32(0.5 * m.correction) * (1 + np.tanh(b / 2))
    y, out = np.empty_like(z), np.empty_like(z)
    state = np.zeros((heads, m.k_dim, m.v_dim), np.float32)
    kernels.gated_delta(q, k, v, g, beta, state, y)
    weight = np.tile(m.norm.weight, heads)
    kernels.gated_rms_norm(
        y, z, weight, out,
        eps=m.norm.eps, groups=heads, norm_before_gate=True, gate=m.gate,
    )  # fmt: skip
    return out


def _selective(kernels: Kernels, m: SelectiveMixer, x: Array) -> Array:
    xs, z = np.split(apply(m.in_proj, x), 2, axis=-1)
    mixed = _conv(kernels, m, xs, activate=True)
    rank = m.dt_proj.weight.inputs
    parts = np.split(apply(m.x_proj, mixed), [rank, rank + m.d_state], axis=-1)
    norms = m.norms or (None,) * 3
    dt, b, c = (normed(norm, part) for norm, part in zip(norms, parts, strict=True))
    y, state = np.empty_like(mixed), np.zeros_like(m.a)
    kernels.selective_scan(mixed, apply(m.dt_proj, dt), m.a, b, c, m.d, m.dt_bias, state, y)
    return y * silu(z)


def _rg_lru(kernels: Kernels, m: RgLruMixer, x: Array) -> Array:
    branch, xs = np.split(apply(m.in_proj, x), 2, axis=-1)
    mixed = _conv(kernels, m, xs, activate=False)
    blocks = mixed.reshape(len(x), m.gate_weight.shape[1], -1)
    gates = np.einsum("thi,ghij->gthj", blocks, m.gate_weight) + m.gate_bias[:, None]
    gate_a, gate_x = np.ascontiguousarray(gates.reshape(2, *mixed.shape), np.float32)
    y, state = np.empty_like(mixed), np.zeros(m.width, np.float32)
    kernels.rg_lru(mixed, gate_a, gate_x, m.log_a, state, y, starts=True)
    return y * gelu(branch)


def _conv(kernels: Kernels, m: Convolved, x: Array, *, activate: bool) -> Array:
    out, taps = np.empty_like(x), m.conv_weight.shape[1]
    tail = np.zeros((taps - 1, x.shape[1]), np.float32)
    kernels.causal_conv(x, m.conv_weight, m.conv_bias, tail, out, silu=activate)
    return out


def _attention(kernels: Kernels, m: AttentionMixer, x: Array) -> Array:
    projected = apply(m.qkv, x)
    if m.latent:
        projected = _expanded(m, m.latent, projected)
    q, k, v, gate = np.split(projected, np.cumsum(m.sizes), -1)
    q, k = _positioned(m, q, m.q_norm), _positioned(m, k, m.k_norm)
    score = np.zeros((len(x), m.n_kv_heads), np.float32)
    sinks, window, budget = len(x), 1, 0  # of which every token is a sink
    if m.router:
        score = apply(m.router.out, silu(apply(m.router.hidden, x)))
        sinks, window, budget = m.router.sinks, m.router.window, m.router.budget
    elif m.window:
        sinks, window = 0, m.window
    cache = RoutedCache.alloc(
        m.n_kv_heads, m.head_dim, sinks, window, budget, value_dim=m.value_dim
    )
    out = np.empty((len(x), m.width), np.float32)
    kernels.attention(q, k, v, score, cache, out, scale=m.scale)
    return out * sigmoid(gate) if m.gated else out


def _expanded(m: AttentionMixer, latent: Latent, narrow: Array) -> Array:
    heads, ranks = m.n_kv_heads, latent.k_up.weight.inputs
    queries = latent.q_up.weight.inputs if latent.q_up else m.sizes[0]
    q, vector, shared = np.split(narrow, [queries, queries + ranks], axis=-1)
    if latent.q_up:
        q = apply(latent.q_up, normed(latent.q_norm, q))
    vector = normed(latent.norm, vector)
    own = apply(latent.k_up, vector).reshape(len(narrow), heads, -1)
    k = np.concatenate([own, np.repeat(shared[:, None], heads, axis=1)], axis=-1)
    return np.concatenate([q, k.reshape(len(narrow), -1), apply(latent.v_up, vector)], axis=-1)


def _positioned(m: AttentionMixer, x: Array, norm: Norm | None) -> Array:
    """Heads side by side (T, heads * head_dim), normalised and rotated."""
    size = m.head_dim if norm is None else len(norm.weight)
    heads = normed(norm, x.reshape(len(x), -1, size)).reshape(len(x), -1, m.head_dim)
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
