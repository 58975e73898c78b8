"""The SSD scan in NumPy, for machines without Numba.

Blocks of tokens are computed as matrix products (section 6 of the paper), which is where the work
of a device without a compiler belongs: in BLAS. Products sum in an order that depends on where
blocks begin, so results agree with the recurrence to float32 rounding, not to the bit.
"""

from __future__ import annotations

import numpy as np

from edgehybrid_kernels.checks import Floats
from edgehybrid_kernels.elementwise import honest, softplus
from edgehybrid_kernels.ssd import NO_LIMIT, check

_BLOCK = 32


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
    rate = step * a  # (T, H), the logarithm of the decay
    by_head = x.reshape(tokens, heads, channels)
    skip = by_head * d[:, None]  # before out is written: it may be x
    inputs = by_head * step[:, :, None]  # (T, H, P)
    b = b.reshape(tokens, groups, n_state)
    c = c.reshape(tokens, groups, n_state)
    # A matrix product mixes tokens, 0 * NaN is NaN: what is not finite goes one token at a time.
    finite = all(np.isfinite(array).all() for array in (inputs, rate, b, c))
    length = _BLOCK if finite else 1
    scan = _block if finite and tokens > 1 else _token
    for first in range(0, tokens, length):
        part = slice(first, min(first + length, tokens))
        y = scan(inputs[part], rate[part], b[part], c[part], state)
        out[part] = (y + skip[part]).reshape(-1, heads * channels)


def _token(inputs: Floats, rate: Floats, b: Floats, c: Floats, state: Floats) -> Floats:
    """One token by the recurrence itself; arguments as in :func:`_block` with T = 1."""
    per_group = state.shape[0] // b.shape[1]
    state *= np.exp(rate[0])[:, None, None]
    state += np.repeat(b[0], per_group, axis=0)[:, :, None] * inputs[0][:, None, :]
    y = np.repeat(c[0], per_group, axis=0)[:, None, :] @ state  # (H, 1, P)
    return y.transpose(1, 0, 2)


def _block(inputs: Floats, rate: Floats, b: Floats, c: Floats, state: Floats) -> Floats:
    """Output and new state of a block: what tokens give each other, and what the state gives.

    Args:
        inputs: (T, H, P), dt * x.
        rate: (T, H), dt * a.
        b: (T, G, N).
        c: (T, G, N).
        state: (H, N, P), replaced.

    Returns:
        (T, H, P), y without the skip connection.
    """
    tokens, heads, channels = inputs.shape
    groups = b.shape[1]
    since_start = np.cumsum(rate, axis=0).T  # (H, T)
    between = since_start[:, :, None] - since_start[:, None, :]  # (H, T, T)
    later = np.triu(np.ones((tokens, tokens), bool), 1)
    decay = np.exp(np.where(later, -np.inf, between))
    similarity = c.transpose(1, 0, 2) @ b.transpose(1, 2, 0)  # (G, T, T)
    weights = decay.reshape(groups, -1, tokens, tokens) * similarity[:, None]
    values = inputs.transpose(1, 0, 2)  # (H, T, P)
    y: Floats = weights.reshape(heads, tokens, tokens) @ values
    of_group = state.reshape(groups, heads // groups, -1, channels)
    from_state = (c.transpose(1, 0, 2)[:, None] @ of_group).reshape(heads, tokens, channels)
    y += np.exp(since_start)[:, :, None] * from_state
    to_end = np.exp(since_start[:, -1:] - since_start)  # (H, T)
    faded = (values * to_end[:, :, None]).reshape(groups, heads // groups, tokens, channels)
    state *= np.exp(since_start[:, -1])[:, None, None]
    state += (b.transpose(1, 2, 0)[:, None] @ faded).reshape(state.shape)
    return y.transpose(1, 0, 2)
