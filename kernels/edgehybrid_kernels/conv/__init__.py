"""Depthwise causal convolution: each channel is filtered by its own few taps.

| symbol | meaning | in Mamba-2 |
|---|---|---|
| T | tokens in this call | chunk |
| C | channels | conv_dim = d_inner + 2 n_groups d_state |
| K | taps, the last of which meets the current token | d_conv |
| x | inputs (T, C) | xBC |
| state | the K - 1 inputs before x, oldest first (K - 1, C) | conv_state without its last column |

    out[t, c] = act(bias[c] + sum_k weight[c, k] * input[t - (K - 1) + k, c])

where input is state followed by x, and act is SiLU or nothing. Mamba (Gu and Dao, 2023,
arXiv:2312.00752, section 3.4) and Mamba-2 use it with K = 4, LFM2 with K = 3 and no activation.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edgehybrid_kernels.checks import Floats, check_array, check_rank
from edgehybrid_kernels.errors import KernelError


class CausalConv(Protocol):
    """The signature shared by all backends."""

    def __call__(
        self, x: Floats, weight: Floats, bias: Floats, state: Floats, out: Floats, *, silu: bool
    ) -> None:
        """Convolves T tokens and moves the state on; T may be 0.

        Args:
            x: (T, C) float32, rows may be strided.
            weight: (C, K) float32.
            bias: (C,) float32.
            state: (K - 1, C) float32, replaced by the last K - 1 inputs.
            out: (T, C) float32, rows may be strided; must not overlap x or state.
            silu: whether to apply x * sigmoid(x).

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say."""

    tokens: int
    channels: int
    taps: int


def check(x: Floats, weight: Floats, bias: Floats, state: Floats, out: Floats) -> Sizes:
    """Validates the arguments of :class:`CausalConv`."""
    check_rank("x", x, 2)
    check_rank("weight", weight, 2)
    tokens, channels = x.shape
    taps = weight.shape[1]
    if taps < 1:
        raise KernelError(f"weight has shape {weight.shape}, expected at least one tap")
    check_array("x", x, (tokens, channels), strided=True)
    check_array("weight", weight, (channels, taps))
    check_array("bias", bias, (channels,))
    check_array("state", state, (taps - 1, channels), written=True)
    check_array("out", out, (tokens, channels), strided=True, written=True)
    return Sizes(tokens, channels, taps)
