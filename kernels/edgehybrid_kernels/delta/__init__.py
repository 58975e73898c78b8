"""The gated delta rule: a matrix of state per head that is corrected, not only added to.

| symbol | meaning | in the papers |
|---|---|---|
| T | tokens in this call | L |
| Hk, Hv | heads of q and k; heads of v, each q and k serving Hv / Hk neighbours | H |
| Dk, Dv | channels of a head of q and k; of v | d_k, d_v |
| q, k, v | (T, Hk * Dk) twice, (T, Hv * Dv), after convolution and activation | q, k, v |
| g | logarithm of the decay, not above 0: (T, Hv), or (T, Hv * Dk) per channel of k | log alpha |
| beta | how much is corrected (T, Hv), usually 0 to 1 | beta |
| state | (Hv, Dk, Dv) | S, transposed |

With q = q / |q| / sqrt(Dk) and k = k / |k|, where 1 / |x| = (sum x**2 + 1e-6)**-0.5, per head:

    S = exp(g) * S                 g per channel scales rows of S
    u = beta * (v - k @ S)
    S = S + outer(k, u)
    o = q @ S

Yang, Kautz and Hatamizadeh, Gated Delta Networks (2024), arXiv:2412.06464, section 3.1: one decay
per head, as in Qwen3-Next, Qwen3.5 and OLMo hybrids. Kimi Linear (2025), arXiv:2510.26692,
section 3: one per channel.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edgehybrid_kernels.checks import Floats, check_array, check_rank
from edgehybrid_kernels.errors import KernelError

L2_EPS = 1e-6


class GatedDelta(Protocol):
    """The signature shared by all backends."""

    def __call__(
        self,
        q: Floats,
        k: Floats,
        v: Floats,
        g: Floats,
        beta: Floats,
        state: Floats,
        out: Floats,
    ) -> None:
        """Reads T tokens and moves the state on; T may be 0.

        Args:
            q: (T, Hk * Dk) float32, not yet normalised; rows may be strided, as of all that follow.
            k: (T, Hk * Dk) float32, not yet normalised.
            v: (T, Hv * Dv) float32.
            g: (T, Hv) or (T, Hv * Dk) float32.
            beta: (T, Hv) float32, after its sigmoid.
            state: (Hv, Dk, Dv) float32, contiguous; read and replaced.
            out: (T, Hv * Dv) float32; must not overlap q, k, g or beta; may be v.

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say; ``decays`` is 1 for one decay per head, or Dk."""

    tokens: int
    key_heads: int
    heads: int
    key_dim: int
    value_dim: int
    decays: int


def check(
    q: Floats, k: Floats, v: Floats, g: Floats, beta: Floats, state: Floats, out: Floats
) -> Sizes:
    """Validates the arguments of :class:`GatedDelta`."""
    check_rank("q", q, 2)
    check_rank("g", g, 2)
    check_rank("state", state, 3)
    tokens, width = q.shape
    heads, key_dim, value_dim = state.shape
    if min(state.shape) < 1:
        raise KernelError(f"state has shape {state.shape}, expected (Hv, Dk, Dv) of at least 1")
    key_heads, rest = divmod(width, key_dim)
    if rest or not key_heads or heads % key_heads:
        raise KernelError(
            f"q has {width} columns, expected Hk * {key_dim} where Hk divides the {heads} heads"
        )
    decays = key_dim if g.shape[1] == heads * key_dim else 1
    check_array("q", q, (tokens, width), strided=True)
    check_array("k", k, (tokens, width), strided=True)
    check_array("v", v, (tokens, heads * value_dim), strided=True)
    check_array("g", g, (tokens, heads * decays), strided=True)
    check_array("beta", beta, (tokens, heads), strided=True)
    check_array("state", state, (heads, key_dim, value_dim), written=True)
    check_array("out", out, (tokens, heads * value_dim), strided=True, written=True)
    return Sizes(tokens, key_heads, heads, key_dim, value_dim, decays)
