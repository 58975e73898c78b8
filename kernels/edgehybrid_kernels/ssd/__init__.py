"""State space duality (SSD): the recurrence of Mamba-2, one matrix of state per head.

| symbol | meaning | in the paper |
|---|---|---|
| T | tokens in this call | T |
| H | heads | H |
| P | channels of a head, head_dim | P |
| N | numbers of state per channel, d_state | N |
| G | groups of heads that share B and C | number of B, C heads (section 7.2) |
| dt | step size, softplus(dt + dt_bias) clamped to dt_limit | Delta (section 2.1) |
| a | decay rate of a head, -exp(A_log), negative | A (scalar times identity) |
| b, c | input and output maps (T, G * N) | B, C |
| d | skip connection of a head | D |
| state, scale | (H, N, P), (H,); their product S is | h, transposed |

For head h of group g = h // (H / G), at each token:

    S = exp(dt * a) * S + dt * outer(b, x)
    y = c @ S + d * x

A state is kept as S / scale: a decay then multiplies one number of a head instead of N * P, and
what is left to do for each of these is two multiplications instead of three. Where the scale would
leave its bounds, it is multiplied into the state and starts again from 1: when, is decided by the
scale alone, so that cutting a sequence changes no bit.

Dao and Gu, Transformers are SSMs (2024), arXiv:2405.21060, section 3 and listing 1. Lightning
attention and any other outer product recurrence with one decay per head are special cases.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edgehybrid_kernels.checks import Floats, check_array, check_rank
from edgehybrid_kernels.errors import KernelError

NO_LIMIT = (0.0, float("inf"))


class SsdScan(Protocol):
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
        scale: Floats,
        out: Floats,
        *,
        dt_limit: tuple[float, float] = NO_LIMIT,
    ) -> None:
        """Reads T tokens and moves the state on; T may be 0.

        Args:
            x: (T, H * P) float32, after convolution and activation; rows may be strided.
            dt: (T, H) float32, raw: bias, softplus and limits are applied here; may be strided.
            a: (H,) float32, negative.
            b: (T, G * N) float32, rows may be strided.
            c: (T, G * N) float32, rows may be strided.
            d: (H,) float32.
            dt_bias: (H,) float32.
            state: (H, N, P) float32, read and replaced.
            scale: (H,) float32, ones for a new state, read and replaced.
            out: (T, H * P) float32, rows may be strided; must not overlap b, c or dt; may be x.
            dt_limit: lowest and highest step after softplus (``time_step_limit``).

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say."""

    tokens: int
    heads: int
    groups: int
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
    scale: Floats,
    out: Floats,
    dt_limit: tuple[float, float],
) -> Sizes:
    """Validates the arguments of :class:`SsdScan`."""
    check_rank("x", x, 2)
    check_rank("b", b, 2)
    check_rank("state", state, 3)
    tokens = x.shape[0]
    heads, n_state, channels = state.shape
    groups = _groups(b.shape, state.shape)
    check_array("x", x, (tokens, heads * channels), strided=True)
    check_array("dt", dt, (tokens, heads), strided=True)
    check_array("b", b, (tokens, groups * n_state), strided=True)
    check_array("c", c, (tokens, groups * n_state), strided=True)
    for name, array in (("a", a), ("d", d), ("dt_bias", dt_bias)):
        check_array(name, array, (heads,))
    check_array("state", state, (heads, n_state, channels), written=True)
    check_array("scale", scale, (heads,), written=True)
    check_array("out", out, (tokens, heads * channels), strided=True, written=True)
    low, high = dt_limit
    if not low <= high:
        raise KernelError(f"dt_limit is {dt_limit}, expected the lower bound first")
    return Sizes(tokens, heads, groups, n_state, channels)


def _groups(b: tuple[int, ...], state: tuple[int, ...]) -> int:
    heads, n_state, _ = state
    if min(state) < 1:
        raise KernelError(f"state has shape {state}, expected (H, N, P) of at least 1 each")
    groups, rest = divmod(b[1], n_state)
    if rest or not groups or heads % groups:
        raise KernelError(
            f"b has {b[1]} columns, expected G * {n_state} where G divides the {heads} heads"
        )
    return groups
