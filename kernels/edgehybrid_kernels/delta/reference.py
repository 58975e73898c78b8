"""The gated delta rule in NumPy, for machines without Numba: token by token, all heads at once."""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.delta import L2_EPS, check
from edgehybrid_kernels.elementwise import honest


@honest
def gated_delta(
    q: Floats, k: Floats, v: Floats, g: Floats, beta: Floats, state: Floats, out: Floats
) -> None:
    """See :class:`edgehybrid_kernels.delta.GatedDelta`; however cut, within rounding."""
    tokens, key_heads, heads, key_dim, value_dim, decays = check(q, k, v, g, beta, state, out)
    queries = _normalised(q, key_heads, heads) * np.float32(key_dim**-0.5)
    keys = _normalised(k, key_heads, heads)  # (T, Hv, Dk)
    values = v.reshape(tokens, heads, value_dim)
    decay = np.exp(g.reshape(tokens, heads, decays, 1))
    for token in range(tokens):
        key = keys[token]
        state *= decay[token]
        recalled = (key[:, None, :] @ state)[:, 0]  # (Hv, Dv)
        change = beta[token][:, None] * (values[token] - recalled)
        state += key[:, :, None] * change[:, None, :]
        out[token] = (queries[token][:, None, :] @ state).reshape(-1)


def _normalised(x: Floats, key_heads: int, heads: int) -> Floats:
    """(T, Hk * Dk) to unit length per head, each repeated for its heads of v: (T, Hv, Dk)."""
    by_head = x.reshape(len(x), key_heads, x.shape[1] // key_heads)
    squares = np.sum(by_head * by_head, axis=2, keepdims=True)
    unit = by_head / np.sqrt(squares + np.float32(L2_EPS))
    return np.repeat(unit, heads // key_heads, axis=1)
