"""The SSD scan of Mamba-2 in chunked matrix form (Dao and Gu 2024, arXiv 2405.21060, section 6).

x       (batch, T, heads, head_dim)   input of the scan
dt      (batch, T, heads)             step size, after softplus
a       (heads,)                      A, negative
b, c    (batch, T, d_state)           one group for all heads
state   (batch, heads, d_state, head_dim)

S_t = exp(dt_t a) S_{t-1} + dt_t b_t x_t^T        y_t = c_t S_t
"""

from __future__ import annotations

import torch
from torch import Tensor


def ssd_chunked(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """Return y (batch, T, heads, head_dim) and the state after the last token."""
    batch, length, heads, head_dim = x.shape
    pad = -length % chunk
    if pad:
        x, dt, b, c = (
            torch.nn.functional.pad(t, (0, 0) * (t.dim() - 2) + (0, pad)) for t in (x, dt, b, c)
        )
    n = (length + pad) // chunk
    x = (x * dt.unsqueeze(-1).to(x.dtype)).view(batch, n, chunk, heads, head_dim).transpose(2, 3)
    b, c = b.reshape(batch, n, chunk, -1), c.reshape(batch, n, chunk, -1)
    cum = (dt * a).view(batch, n, chunk, heads).transpose(2, 3).cumsum(-1)  # (b, n, h, q)

    later = torch.ones(chunk, chunk, dtype=torch.bool).tril()
    decay = (cum.unsqueeze(-1) - cum.unsqueeze(-2)).masked_fill(~later, float("-inf")).exp()
    within = (c @ b.transpose(-1, -2)).unsqueeze(2) * decay.to(x.dtype)
    y = within @ x  # (b, n, h, q, p)

    to_end = (cum[..., -1:] - cum).exp().unsqueeze(-1).to(x.dtype)
    added = b.transpose(-1, -2).unsqueeze(2) @ (x * to_end)  # (b, n, h, state, p)
    whole = cum[..., -1].exp()
    before = []
    for i in range(n):
        before.append(state)
        state = state * whole[:, i, :, None, None] + added[:, i].float()
    carried = c.unsqueeze(2) @ torch.stack(before, 1).to(x.dtype)
    y = y + carried * cum.exp().unsqueeze(-1).to(x.dtype)
    return y.transpose(2, 3).reshape(batch, length + pad, heads, head_dim)[:, :length], state
