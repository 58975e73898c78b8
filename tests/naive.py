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


def sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return 1 / (1 + np.exp(-x))


def gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


GATES = {"silu": silu, "sigmoid": sigmoid, "gelu_tanh": gelu_tanh, "identity": lambda x: x}


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


def selective_scan(
    x: Array,
    dt: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Array,
    dt_bias: Array,
    state: Array,
) -> tuple[Array, Array]:
    """(T, C) outputs and the (N, C) state after them."""
    state = state.astype(np.float64)
    out = np.zeros(x.shape)
    for t in range(len(x)):
        for channel in range(x.shape[1]):
            step = softplus(np.float64(dt[t, channel]) + dt_bias[channel])
            value = np.float64(x[t, channel])
            decay = np.exp(step * a[:, channel])
            state[:, channel] = decay * state[:, channel] + step * value * b[t]
            out[t, channel] = c[t] @ state[:, channel] + d[channel] * value
    return out, state


def gated_delta(
    q: Array, k: Array, v: Array, g: Array, beta: Array, state: Array
) -> tuple[Array, Array]:
    """(T, Hv * Dv) outputs and the (Hv, Dk, Dv) state after them."""
    heads, key_dim, value_dim = state.shape
    per_key_head = heads * key_dim // q.shape[1]
    state = state.astype(np.float64)
    out = np.zeros(v.shape)
    for t in range(len(q)):
        for h in range(heads):
            of_key = slice(h // per_key_head * key_dim, (h // per_key_head + 1) * key_dim)
            of_value = slice(h * value_dim, (h + 1) * value_dim)
            key, query = k[t, of_key].astype(np.float64), q[t, of_key].astype(np.float64)
            key = key / np.sqrt(np.sum(key**2) + 1e-6)
            query = query / np.sqrt(np.sum(query**2) + 1e-6) / np.sqrt(key_dim)
            decay = np.exp(g[t].reshape(heads, -1)[h].astype(np.float64))
            state[h] = decay[:, None] * state[h]
            state[h] += np.outer(key, beta[t, h] * (v[t, of_value] - state[h].T @ key))
            out[t, of_value] = state[h].T @ query
    return out, state


def rg_lru(
    x: Array, gate_a: Array, gate_x: Array, log_a: Array, state: Array, *, starts: bool
) -> tuple[Array, Array]:
    """(T, C) outputs and the (C,) state after them."""
    state = state.astype(np.float64)
    out = np.zeros(x.shape)
    for t in range(len(x)):
        rate = sigmoid(gate_a[t].astype(np.float64)) * log_a
        inputs = sigmoid(gate_x[t].astype(np.float64)) * x[t]
        if starts and t == 0:
            state = inputs
        else:
            state = np.exp(rate) * state + np.sqrt(1 - np.exp(2 * rate)) * inputs
        out[t] = state
    return out, state


def rotate(x: Array, cos: Array, sin: Array, *, head_dim: int) -> Array:
    """Every pair of channels as one complex number, turned by an angle."""
    out = x.astype(np.float64)
    pairs = cos.shape[1]
    for start in range(0, x.shape[1], head_dim):
        low, high = slice(start, start + pairs), slice(start + pairs, start + 2 * pairs)
        turned = (out[:, low] + 1j * out[:, high]) * (cos + 1j * sin.astype(np.float64))
        out[:, low], out[:, high] = turned.real, turned.imag
    return out


def gated_rms_norm(
    y: Array,
    z: Array | None,
    weight: Array | None,
    *,
    eps: float,
    groups: int,
    norm_before_gate: bool,
    gate: str = "silu",
) -> Array:
    out = np.zeros(y.shape)
    width = y.shape[1] // groups
    if weight is None:
        weight = np.ones(width)
    weights = np.tile(weight, groups * width // len(weight))
    for t in range(len(y)):
        for g in range(groups):
            part = slice(g * width, (g + 1) * width)
            gates = 1.0 if z is None else GATES[gate](z[t, part].astype(np.float64))
            value = y[t, part].astype(np.float64)
            if not norm_before_gate:
                value = value * gates
            value = value / np.sqrt(np.mean(value**2) + eps) * weights[part]
            out[t, part] = value * gates if norm_before_gate else value
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
    softcap: float | None = None,
) -> Array:
    """Dense softmax attention over all tokens under the cumulative top-``budget`` mask."""
    tokens = len(q)
    head_dim = k.shape[1] // kv_heads
    value_dim = v.shape[1] // kv_heads
    query_heads = q.shape[1] // head_dim
    out = np.zeros((tokens, query_heads * value_dim))
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
            logits = scale * (keys @ query)
            if softcap is not None:
                logits = softcap * np.tanh(logits / softcap)
            logits = logits + bias
            weights = np.exp(logits - logits.max())
            values = v[:, g * value_dim : (g + 1) * value_dim]
            mixed = weights / weights.sum() @ values
            out[now, h * value_dim : (h + 1) * value_dim] = mixed
    return out


def kept_by(
    policy: str,
    q: Array,
    k: Array,
    v: Array,
    *,
    sinks: int,
    window: int,
    budget: int,
    scale: float,
    head: int,
    weights: Array,
) -> set[int]:
    """Routed tokens of one kv head after q (T, Hq / Hk, Dh), k (T, Dh), v (T, Dv), by a policy."""
    q, k, v = (array.astype(np.float64) for array in (q, k, v))
    routed: dict[int, float] = {}  # position to score
    received = np.zeros(len(k))
    for now in range(len(k)):
        leaving = now - window
        if leaving >= sinks:
            routed[leaving] = score_of(policy, leaving, now, q, k, v, scale, head, weights)
            if policy in ("h2o", "tova"):
                routed = {j: float(received[j]) for j in routed}
            if len(routed) > budget:
                del routed[min(routed, key=lambda j: (np.float32(routed[j]), -j))]
        seen = [j for j in range(now + 1) if j < sinks or j > now - window or j in routed]
        logits = scale * q[now] @ k[seen].T
        softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
        part = (softmax / softmax.sum(axis=1, keepdims=True)).mean(axis=0)
        received[seen] = part + (received[seen] if policy == "h2o" else 0.0)
    return set(routed)


def score_of(
    policy: str, j: int, now: int, q: Array, k: Array, v: Array, scale: float, head: int, w: Array
) -> float:
    """What token ``j`` that leaves when ``now`` comes is worth, by a policy whose scores stay."""
    if policy == "keynorm":
        return -float(np.linalg.norm(k[j]))
    if policy == "fitted":
        return float(np.concatenate([k[j], v[j]]) @ w)
    if policy == "keydiff":
        mean = np.mean([k[i] / np.linalg.norm(k[i]) for i in range(now)], axis=0)
        return -float(k[j] @ mean / np.linalg.norm(k[j]) / np.linalg.norm(mean))
    if policy == "expected":
        queries = q[:now].reshape(-1, q.shape[2])
        logit = scale * queries.mean(axis=0) @ k[j]
        logit += scale**2 / 2 * queries.var(axis=0) @ k[j] ** 2
        return float(logit + np.log(np.linalg.norm(v[j])))
    if policy == "lagkv" and now - j > 1:
        return sum(_std_among(x[j], x[j + 1 : now]) for x in (k, v))
    if policy == "random":
        from edgehybrid_kernels.routing import place_of

        return place_of(j, head)
    return 0.0


def _std_among(x: Array, others: Array) -> float:
    low, span = others.min(axis=0), others.max(axis=0) - others.min(axis=0)
    return float(np.std(np.where(span > 0, (x - low) / np.where(span > 0, span, 1), 0)))
