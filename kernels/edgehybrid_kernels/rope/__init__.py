"""Rotary position embedding: pairs of channels are turned by an angle that grows with position.

| symbol | meaning | in the paper |
|---|---|---|
| T | tokens in this call | |
| H | heads | |
| Dh | head_dim | d |
| R | leading channels of a head that are rotated, even, at most Dh | d |
| cos, sin | of position * inverse frequency (T, R / 2) | cos m theta_i, sin m theta_i |

Channel i < R / 2 of a head is paired with channel i + R / 2, the "half" layout of GPT-NeoX and
Llama, which is how published checkpoints of hybrids are stored:

    out[i]         = x[i] * cos[i] - x[i + R / 2] * sin[i]
    out[i + R / 2] = x[i + R / 2] * cos[i] + x[i] * sin[i]

and channels from R on are left alone. Su et al., RoFormer (2021), arXiv:2104.09864, section 3.2.2.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from edgehybrid_kernels.checks import Floats, check_array, check_rank
from edgehybrid_kernels.errors import KernelError


class Rotate(Protocol):
    """The signature shared by all backends."""

    def __call__(self, x: Floats, cos: Floats, sin: Floats, out: Floats, *, head_dim: int) -> None:
        """Rotates every head of T tokens; T may be 0.

        Args:
            x: (T, H * Dh) float32, rows may be strided.
            cos: (T, R / 2) float32, rows may be strided; see :func:`angles`.
            sin: (T, R / 2) float32, rows may be strided.
            out: (T, H * Dh) float32, rows may be strided; may be x itself.
            head_dim: Dh.

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say."""

    tokens: int
    heads: int
    head_dim: int
    pairs: int


def check(x: Floats, cos: Floats, sin: Floats, out: Floats, head_dim: int) -> Sizes:
    """Validates the arguments of :class:`Rotate`."""
    check_rank("x", x, 2)
    check_rank("cos", cos, 2)
    tokens, width = x.shape
    pairs = cos.shape[1]
    if head_dim < 1 or width % head_dim:
        raise KernelError(f"head_dim is {head_dim}, expected a divisor of the {width} columns of x")
    if 2 * pairs > head_dim:
        raise KernelError(f"cos has {pairs} columns, expected at most half of head_dim {head_dim}")
    check_array("x", x, (tokens, width), strided=True)
    check_array("cos", cos, (tokens, pairs), strided=True)
    check_array("sin", sin, (tokens, pairs), strided=True)
    check_array("out", out, (tokens, width), strided=True, written=True)
    return Sizes(tokens, width // head_dim, head_dim, pairs)


def angles(
    first: int, tokens: int, inverse_frequencies: Floats, scale: float = 1.0
) -> tuple[Floats, Floats]:
    """cos and sin (T, R / 2) for the positions from ``first`` on.

    Angles are products in float32, as in the implementations that models were trained with: at
    positions of a hundred thousand, exact ones would differ.

    Args:
        first: the position of the first token.
        tokens: T.
        inverse_frequencies: (R / 2,) float32, radians per position.
        scale: of both, ``attention_scaling`` of some variants for long contexts.
    """
    positions = np.arange(first, first + tokens).astype(np.float32)
    radians = positions[:, None] * inverse_frequencies.astype(np.float32)
    return np.cos(radians) * np.float32(scale), np.sin(radians) * np.float32(scale)
