"""The selective scan of Mamba-1: a few numbers of state for every channel.

| symbol | meaning | in the paper |
|---|---|---|
| T | tokens in this call | L |
| C | channels, d_inner | D |
| N | numbers of state per channel, d_state, usually 16 | N |
| dt | step size, softplus(dt + dt_bias) | Delta |
| a | decay rates (N, C), -exp(A_log) transposed, negative | A |
| b, c | input and output maps (T, N), shared by all channels | B, C |
| d | skip connection of a channel | D |
| state | (N, C) | h, transposed |

    S = exp(dt * a) * S + outer(b, dt * x)
    y = c @ S + d * x

Gu and Dao, Mamba (2023), arXiv:2312.00752, section 3.2 and algorithm 2. Channels come last in
state and rates, unlike in checkpoints: neighbouring channels then share a vector, for any N, and
nothing is summed across its lanes.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edgehybrid_kernels.checks import Floats, check_array, check_rank
from edgehybrid_kernels.errors import KernelError


class SelectiveScan(Protocol):
    """The signature shared by all backends."""

    def __call__(
        self,
        x: Floats,
        dt: Floats,
        a: Floats,
        b: Floats,
        c: Floats,
        d: Floats,
        dt_bias: Floats,
        state: Floats,
        out: Floats,
    ) -> None:
        """Reads T tokens and moves the state on; T may be 0.

        Args:
            x: (T, C) float32, after convolution and activation; rows may be strided.
            dt: (T, C) float32, raw: bias and softplus are applied here; rows may be strided.
            a: (N, C) float32, negative.
            b: (T, N) float32, rows may be strided.
            c: (T, N) float32, rows may be strided.
            d: (C,) float32.
            dt_bias: (C,) float32.
            state: (N, C) float32, read and replaced.
            out: (T, C) float32, rows may be strided; may be x or dt itself.

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say."""

    tokens: int
    state: int
    channels: int


def check(
    x: Floats,
    dt: Floats,
    a: Floats,
    b: Floats,
    c: Floats,
    d: Floats,
    dt_bias: Floats,
    state: Floats,
    out: Floats,
) -> Sizes:
    """Validates the arguments of :class:`SelectiveScan`."""
    check_rank("x", x, 2)
    check_rank("state", state, 2)
    tokens = x.shape[0]
    n_state, channels = state.shape
    if min(state.shape) < 1:
        raise KernelError(f"state has shape {state.shape}, expected (N, C) of at least 1 each")
    check_array("x", x, (tokens, channels), strided=True)
    check_array("dt", dt, (tokens, channels), strided=True)
    check_array("a", a, (n_state, channels))
    check_array("b", b, (tokens, n_state), strided=True)
    check_array("c", c, (tokens, n_state), strided=True)
    check_array("d", d, (channels,))
    check_array("dt_bias", dt_bias, (channels,))
    check_array("state", state, (n_state, channels), written=True)
    check_array("out", out, (tokens, channels), strided=True, written=True)
    return Sizes(tokens, n_state, channels)
