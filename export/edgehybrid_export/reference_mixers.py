"""Mixers in float32 NumPy, for the reference: whole sequences from an empty state."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from edgehybrid_export.reference_parts import act, apply, apply_blocks, norm, sigmoid, silu
from edgehybrid_export.spec import (
    AttentionMixer,
    DeltaMixer,
    Norm,
    OneMixer,
    RgLruMixer,
    Rotary,
    SelectiveMixer,
    ShortConvMixer,
    SsdMixer,
)
from edgehybrid_export.weights import Array
from edgehybrid_kernels import Kernels, RoutedCache

Convolved: TypeAlias = SsdMixer | ShortConvMixer | DeltaMixer | SelectiveMixer | RgLruMixer


def mix(kernels: Kernels, mixer: OneMixer, x: Array) -> Array:
    """What a mixer makes of a whole sequence x (T, hidden)."""
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
    b, c, xs = np.split(apply(m.in_proj, x), 3, axis=-1)
    return c * _conv(kernels, m, b * xs, activate=False)


def _delta(kernels: Kernels, m: DeltaMixer, x: Array) -> Array:
    heads, conv, keys = m.v_heads, len(m.conv_bias), m.k_heads * m.k_dim
    parts = np.cumsum([conv, m.width, heads])
    qkv, z, b, a = np.split(apply(m.in_proj, x), parts, axis=-1)
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


def _selective(kernels: Kernels, m: SelectiveMixer, x: Array) -> Array:
    x, z = np.split(apply(m.in_proj, x), 2, axis=-1)
    x = _conv(kernels, m, x, activate=True)
    parts = np.split(apply(m.x_proj, x), np.cumsum(m.parts)[:2], axis=-1)
    dt, b, c = (norm(own, p) for own, p in zip(m.norms or [None] * 3, parts, strict=True))
    y, state = np.empty_like(x), np.zeros_like(m.a)
    kernels.selective_scan(x, apply(m.dt_proj, dt), m.a, b, c, m.d, m.dt_bias, state, y)
    return y * silu(z)


def _rg_lru(kernels: Kernels, m: RgLruMixer, x: Array) -> Array:
    x, z = np.split(apply(m.in_proj, x), 2, axis=-1)
    x = _conv(kernels, m, x, activate=False)
    gate_a, gate_x = apply_blocks(m.gate_a, x), apply_blocks(m.gate_x, x)
    y, state = np.empty_like(x), np.zeros_like(m.log_a)
    kernels.rg_lru(x, gate_a, gate_x, m.log_a, state, y, starts=True)
    return y * act("gelu", z)


def _conv(kernels: Kernels, m: Convolved, x: Array, *, activate: bool) -> Array:
    out, taps = np.empty_like(x), m.conv_weight.shape[1]
    tail = np.zeros((taps - 1, x.shape[1]), np.float32)
    kernels.causal_conv(x, m.conv_weight, m.conv_bias, tail, out, silu=activate)
    return out


def _attention(kernels: Kernels, m: AttentionMixer, x: Array) -> Array:
    keys = m.n_kv_heads * m.head_dim
    ends = [m.width, m.width + keys, m.width + 2 * keys]
    q, k, v, gate = np.split(apply(m.qkv, x), ends, -1)
    q, k = _positioned(m, q, m.q_norm), _positioned(m, k, m.k_norm)
    score = np.zeros((len(x), m.n_kv_heads), np.float32)
    sinks, window, budget = len(x), 1, 0  # of which every token is a sink
    if m.router:
        score = apply(m.router.out, silu(apply(m.router.hidden, x)))
        sinks, window, budget = m.router.sinks, m.router.window, m.router.budget
    elif m.window:
        sinks, window = 0, m.window
    cache = RoutedCache.alloc(m.n_kv_heads, m.head_dim, sinks, window, budget)
    out = np.empty_like(q)
    kernels.attention(q, k, v, score, cache, out, scale=m.scale)
    return out * sigmoid(gate) if m.gated else out


def _positioned(m: AttentionMixer, x: Array, own: Norm | None) -> Array:
    """Heads side by side (T, heads * head_dim), normalised and rotated."""
    size = m.head_dim if own is None else len(own.weight)
    heads = norm(own, x.reshape(len(x), -1, size)).reshape(len(x), -1, m.head_dim)
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
