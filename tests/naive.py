"""Slow and obvious references, in float64, written as the formulas are in the papers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def silu(x: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return x / (1 + np.exp(-x))


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def causal_conv(
    x: Array, weight: Array, bias: Array, state: Array, *, activate: bool
) -> tuple[Array, Array]:
    """(T, C) outputs and the (K - 1, C) state after them."""
    inputs = np.concatenate([state, x]).astype(np.float64)
    taps = weight.shape[1]
    out = np.zeros(x.shape)
    for t in range(len(x)):
        for channel in range(x.shape[1]):
            window = inputs[t : t + taps, channel]
            out[t, channel] = bias[channel] + sum(window * weight[channel])
    return (silu(out) if activate else out), inputs[len(x) :]


def ssd_scan(
    x: Array,
    dt: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Array,
    dt_bias: Array,
    state: Array,
    dt_limit: tuple[float, float],
) -> tuple[Array, Array]:
    """(T, H * P) outputs and the (H, N, P) state after them."""
    heads, n_state, channels = state.shape
    groups = b.shape[1] // n_state
    state = state.astype(np.float64)
    out = np.zeros(x.shape)
    for t in range(len(x)):
        for h in range(heads):
            g = h // (heads // groups)
            step = np.clip(softplus(np.float64(dt[t, h]) + dt_bias[h]), *dt_limit)
            x_h = x[t, h * channels : (h + 1) * channels].astype(np.float64)
            b_g = b[t, g * n_state : (g + 1) * n_state]
            c_g = c[t, g * n_state : (g + 1) * n_state]
            state[h] = np.exp(step * a[h]) * state[h] + step * np.outer(b_g, x_h)
            out[t, h * channels : (h + 1) * channels] = c_g @ state[h] + d[h] * x_h
    return out, state


def gated_rms_norm(
    y: Array, z: Array, weight: Array, *, eps: float, groups: int, norm_before_gate: bool
) -> Array:
    out = np.zeros(y.shape)
    width = y.shape[1] // groups
    for t in range(len(y)):
        for g in range(groups):
            part = slice(g * width, (g + 1) * width)
            gate = silu(z[t, part].astype(np.float64))
            value = y[t, part].astype(np.float64)
            if not norm_before_gate:
                value = value * gate
            value = value / np.sqrt(np.mean(value**2) + eps) * weight[part]
            out[t, part] = value * gate if norm_before_gate else value
    return out


def routed_tokens(scores: Array, now: int, *, sinks: int, window: int, budget: int) -> list[int]:
    """The far tokens that position ``now`` sees: a stable top-``budget`` of all that left."""
    far = range(sinks, now - window + 1)
    return sorted(far, key=lambda j: (-scores[j], j))[:budget]


def routed_attention(
    q: Array,
    k: Array,
    v: Array,
    scores: Array,
    *,
    kv_heads: int,
    sinks: int,
    window: int,
    budget: int,
    scale: float,
) -> Array:
    """Dense softmax attention over all tokens under the cumulative top-``budget`` mask."""
    tokens = len(q)
    head_dim = k.shape[1] // kv_heads
    query_heads = q.shape[1] // head_dim
    out = np.zeros(q.shape)
    for now in range(tokens):
        for h in range(query_heads):
            g = h // (query_heads // kv_heads)
            bias = np.full(tokens, -np.inf)
            for j in range(now + 1):
                if j < sinks or j > now - window:
                    bias[j] = 0
            routed = routed_tokens(scores[:, g], now, sinks=sinks, window=window, budget=budget)
            bias[routed] = -softplus(-scores[routed, g].astype(np.float64))
            query = q[now, h * head_dim : (h + 1) * head_dim].astype(np.float64)
            keys = k[:, g * head_dim : (g + 1) * head_dim]
            logits = scale * (keys @ query) + bias
            weights = np.exp(logits - logits.max())
            values = v[:, g * head_dim : (g + 1) * head_dim]
            out[now, h * head_dim : (h + 1) * head_dim] = weights / weights.sum() @ values
    return out
