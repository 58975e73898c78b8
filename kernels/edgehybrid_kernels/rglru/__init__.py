"""The real-gated linear recurrent unit (RG-LRU) of Griffin: one number of state per channel.

| symbol | meaning | in the paper |
|---|---|---|
| T | tokens in this call | t |
| C | channels, lru_width | D |
| x | inputs (T, C), after convolution | x |
| gate_a | before its sigmoid (T, C): the block-diagonal product with bias | W_a x + b_a |
| gate_x | the same for the input gate (T, C) | W_x x + b_x |
| log_a | rates (C,), -8 * softplus(recurrent_param), not above 0 | c log a, c = 8 |
| state | (C,) | h |

    l = sigmoid(gate_a) * log_a
    S = exp(l) * S + sqrt(1 - exp(2 l)) * sigmoid(gate_x) * x
    y = S

At position 0 of a stream the state is ignored and the root is left out: S = sigmoid(gate_x) * x.

De et al., Griffin (2024), arXiv:2402.19427, section 2.4 and appendix A; position 0 as in the
implementation of RecurrentGemma.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edgehybrid_kernels.checks import Floats, check_array, check_rank


class RgLru(Protocol):
    """The signature shared by all backends."""

    def __call__(
        self,
        x: Floats,
        gate_a: Floats,
        gate_x: Floats,
        log_a: Floats,
        state: Floats,
        out: Floats,
        *,
        starts: bool,
    ) -> None:
        """Reads T tokens and moves the state on; T may be 0.

        Args:
            x: (T, C) float32, rows may be strided.
            gate_a: (T, C) float32, rows may be strided.
            gate_x: (T, C) float32, rows may be strided.
            log_a: (C,) float32.
            state: (C,) float32, read and replaced.
            out: (T, C) float32, rows may be strided; may be x or a gate itself.
            starts: whether the first of these tokens is at position 0 of its stream.

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say."""

    tokens: int
    channels: int


def check(
    x: Floats, gate_a: Floats, gate_x: Floats, log_a: Floats, state: Floats, out: Floats
) -> Sizes:
    """Validates the arguments of :class:`RgLru`."""
    check_rank("x", x, 2)
    tokens, channels = x.shape
    for name, array in (("x", x), ("gate_a", gate_a), ("gate_x", gate_x)):
        check_array(name, array, (tokens, channels), strided=True)
    check_array("log_a", log_a, (channels,))
    check_array("state", state, (channels,), written=True)
    check_array("out", out, (tokens, channels), strided=True, written=True)
    return Sizes(tokens, channels)
