"""Gating: a product of what a mixer put out with a function of another projection.

| symbol | meaning |
|---|---|
| T | tokens in this call |
| D | channels |
| y | output of the mixer (T, D) |
| z | gate (T, D) |

    out = y * act(z)

| act | where |
|---|---|
| silu | Mamba (arXiv:2312.00752, section 3.4), Jamba, Falcon-H1 without a norm |
| sigmoid | attention of Qwen3-Next and Qwen3.5 (arXiv:2505.06708) |
| gelu_tanh | the branch beside an RG-LRU, Griffin (arXiv:2402.19427, section 2.4) |
| identity | gated short convolutions, LFM2 |
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

from edgehybrid_kernels.checks import Floats, check_array, check_rank
from edgehybrid_kernels.errors import KernelError

Activation: TypeAlias = Literal["silu", "sigmoid", "gelu_tanh", "identity"]
ACTIVATIONS = ("silu", "sigmoid", "gelu_tanh", "identity")


class ApplyGate(Protocol):
    """The signature shared by all backends."""

    def __call__(
        self, y: Floats, z: Floats, out: Floats, *, activation: Activation = "silu"
    ) -> None:
        """Gates T rows; T may be 0.

        Args:
            y: (T, D) float32, rows may be strided.
            z: (T, D) float32, rows may be strided.
            out: (T, D) float32, rows may be strided; may be y or z itself.
            activation: what is done to z.

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say."""

    tokens: int
    channels: int


def check(y: Floats, z: Floats, out: Floats, activation: str) -> Sizes:
    """Validates the arguments of :class:`ApplyGate`."""
    check_rank("y", y, 2)
    tokens, channels = y.shape
    check_array("y", y, (tokens, channels), strided=True)
    check_array("z", z, (tokens, channels), strided=True)
    check_array("out", out, (tokens, channels), strided=True, written=True)
    if activation not in ACTIVATIONS:
        raise KernelError(f"activation is {activation!r}, expected one of {list(ACTIVATIONS)}")
    return Sizes(tokens, channels)
