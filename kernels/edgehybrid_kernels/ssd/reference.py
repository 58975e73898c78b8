"""The SSD scan in NumPy, for machines without Numba.

Blocks of tokens are computed as matrix products (section 6 of the paper), which is where the work
of a device without a compiler belongs: in BLAS. Products sum in an order that depends on where
blocks begin, so results agree with the recurrence to float32 rounding, not to the bit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import honest, softplus
from edgehybrid_kernels.products import TILE
from edgehybrid_kernels.ssd import NO_LIMIT, check

#: Tokens a block, and where states are large: its products stay within a tile.
_BLOCK, _SHORTEST = 32, 8


@honest
def ssd_scan(
    x: Floats,
    dt: Floats,
    a: Floats,
    b: Floats,
    c: Floats,
    d: Floats,
    dt_bias: Floats,
    state: Floats,
    scale: Floats,
    out: Floats,
    *,
    dt_limit: tuple[float, float] = NO_LIMIT,
) -> None:
    """See :class:`edgehybrid_kernels.ssd.SsdScan`; leaves scales of 1."""
    sizes = check(x, dt, a, b, c, d, dt_bias, state, scale, out, dt_limit)
    tokens, heads, groups, n_state, channels = sizes
    state *= scale[:, None, None]
    scale[:] = 1
    step = np.clip(softplus(dt + dt_bias), *dt_limit, dtype=np.float32)  # (T, H)
    by_head = x.reshape(tokens, heads, channels)
    b = b.reshape(tokens, groups, n_state)
    c = c.reshape(tokens, groups, n_state)
    length = max(_SHORTEST, min(_BLOCK, TILE // (n_state * channels)))
    for first in range(0, tokens, length):
        part = slice(first, min(first + length, tokens))
        arrays = (by_head[part], step[part], b[part], c[part])
        y = _block(*arrays, a, d, state) if len(arrays[0]) > 1 else None
        if y is None:
            y = _one_by_one(*arrays, a, d, state)
        out[part] = y.reshape(-1, heads * channels)


def _one_by_one(
    x: Floats, step: Floats, b: Floats, c: Floats, a: Floats, d: Floats, state: Floats
) -> Floats:
    """The recurrence itself; arguments and result as in :func:`_block`."""
    per_group = state.shape[0] // b.shape[1]
    y = x * d[:, None]
    for t in range(len(x)):
        state *= np.exp(step[t] * a)[:, None, None]
        inputs = x[t] * step[t][:, None]
        state += np.repeat(b[t], per_group, axis=0)[:, :, None] * inputs[:, None, :]
        y[t] += (np.repeat(c[t], per_group, axis=0)[:, None, :] @ state)[:, 0]
    return y


def _block(
    x: Floats, step: Floats, b: Floats, c: Floats, a: Floats, d: Floats, state: Floats
) -> Floats | None:
    """Output and new state of a block: what tokens give each other, and what the state gives.

    Args:
        x: (T, H, P).
        step: (T, H), dt.
        b: (T, G, N).
        c: (T, G, N).
        a: (H,).
        d: (H,).
        state: (H, N, P), replaced.

    Returns:
        (T, H, P); None if a number is not finite, and the state is as it was: a matrix product
        mixes tokens, and 0 * NaN is NaN.
    """
    tokens, heads, channels = x.shape
    groups = b.shape[1]
    step = step.T.copy()  # (H, T)
    since_start = np.cumsum(step * a[:, None], axis=1)  # logarithms of decays
    weights = since_start[:, :, None] - since_start[:, None, :]  # (H, T, T)
    weights += _later(tokens)
    np.exp(weights, out=weights)
    weights *= step[:, None]
    b, c = b.transpose(1, 2, 0), c.transpose(1, 0, 2)  # (G, N, T), (G, T, N)
    by_group = weights.reshape(groups, -1, tokens, tokens)
    by_group *= (c @ b)[:, None]
    weights.reshape(heads, -1)[:, :: tokens + 1] += d[:, None]  # the diagonal: the skip connection
    values = x.transpose(1, 0, 2)  # (H, T, P)
    of_group = state.reshape(groups, heads // groups, -1, channels)
    y = (c[:, None] @ of_group).reshape(heads, tokens, channels)
    y *= np.exp(since_start)[:, :, None]
    y += weights @ values
    if not np.isfinite(y).all():
        return None
    to_end = np.exp(since_start[:, -1:] - since_start) * step  # (H, T)
    faded = (values * to_end[:, :, None]).reshape(groups, heads // groups, tokens, channels)
    state *= np.exp(since_start[:, -1])[:, None, None]
    state += (b[:, None] @ faded).reshape(state.shape)
    return y.transpose(1, 0, 2)


@lru_cache(maxsize=_BLOCK)
def _later(tokens: int) -> Floats:
    """(T, T): -inf where the second is later than the first, else 0."""
    return np.triu(np.full((tokens, tokens), -np.inf, np.float32), 1)
