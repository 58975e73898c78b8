"""Linear products, norms, and the mixers that are made of them: see `spec.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from edgehybrid_export.weights import Array, Weight

NO_LIMIT = (0.0, float("inf"))


@dataclass(frozen=True)
class Linear:
    """y = x @ weight.T + bias: weight (out, in), bias (out,) or None.

    An adapter (down, up) adds (x @ down.T) @ up.T: where one weight is shared by several layers.
    """

    weight: Weight
    bias: Array | None = None
    adapter: tuple[Weight, Weight] | None = None


@dataclass(frozen=True)
class Norm:
    """RMSNorm: weight (size,)."""

    weight: Array
    eps: float


@dataclass(frozen=True)
class SsdMixer:
    """Mamba-2. in_proj gives z, x, B, C, dt side by side."""

    in_proj: Linear
    conv_weight: Array  # (conv_dim, K), last tap is the current token
    conv_bias: Array  # (conv_dim,)
    a: Array  # (heads,), negative
    d: Array  # (heads,)
    dt_bias: Array  # (heads,)
    norm: Norm | None  # of y * silu(z); None: gated only
    out_proj: Linear
    head_dim: int
    d_state: int
    n_groups: int
    norm_groups: int = 1  # parts of y that are normalised each on its own
    norm_before_gate: bool = False
    dt_limit: tuple[float, float] = NO_LIMIT  # after softplus

    @property
    def width(self) -> int:
        """Columns of what the mixer gives to out_proj."""
        return len(self.a) * self.head_dim


@dataclass(frozen=True)
class ShortConvMixer:
    """y = C * conv(B * x). in_proj gives B, C, x side by side."""

    in_proj: Linear
    conv_weight: Array  # (width, K), last tap is the current token
    conv_bias: Array  # (width,)
    out_proj: Linear

    @property
    def width(self) -> int:
        """Columns of what the mixer gives to out_proj."""
        return int(self.conv_weight.shape[0])


@dataclass(frozen=True)
class DeltaMixer:
    """Gated delta rule. in_proj gives q, k, v, z, b, a side by side.

    The decay is exp(a_rate * softplus(a + dt_bias)), one for each head or for each channel of its
    keys; the correction is sigmoid(b). y is normalised by head and then gated by z. With `widen`,
    in_proj gives narrow z and a, of which these products make the full ones.
    """

    in_proj: Linear
    conv_weight: Array  # (conv_dim, K) over q, k, v
    conv_bias: Array  # (conv_dim,)
    a_rate: Array  # (v_heads,) or (v_heads * k_dim,), negative
    dt_bias: Array  # the same
    norm: Norm  # (v_dim,), of each head
    out_proj: Linear
    k_heads: int
    v_heads: int  # of v, z and of the state
    k_dim: int
    v_dim: int
    correction: float = 1.0  # multiplies sigmoid(b); 2 lets eigenvalues be negative
    gate: Literal["silu", "sigmoid"] = "silu"  # what is done to z
    widen: tuple[Linear, Linear] | None = None

    @property
    def width(self) -> int:
        """Columns of what the mixer gives to out_proj."""
        return self.v_heads * self.v_dim


@dataclass(frozen=True)
class SelectiveMixer:
    """Mamba-1. in_proj gives x, z side by side; x_proj, of the convolved x, gives dt, B, C.

    Each of these three is normalised where there are `norms`; dt_proj then widens dt.
    """

    in_proj: Linear
    conv_weight: Array  # (width, K), last tap is the current token
    conv_bias: Array  # (width,)
    x_proj: Linear
    dt_proj: Linear
    a: Array  # (d_state, width), negative
    d: Array  # (width,)
    dt_bias: Array  # (width,)
    out_proj: Linear
    norms: tuple[Norm, Norm, Norm] | None = None

    @property
    def d_state(self) -> int:
        """Numbers of state per channel."""
        return int(self.a.shape[0])

    @property
    def width(self) -> int:
        """Columns of what the mixer gives to out_proj."""
        return int(self.a.shape[1])


@dataclass(frozen=True)
class RgLruMixer:
    """Griffin's recurrent block. in_proj gives the gating branch and x side by side.

    Of the convolved x, block-diagonal products give the gates of rate and input.
    """

    in_proj: Linear
    conv_weight: Array  # (width, K), last tap is the current token
    conv_bias: Array  # (width,)
    gate_weight: Array  # (2, heads, size, size): of the rate, of the input; x @ weight
    gate_bias: Array  # (2, heads, size)
    log_a: Array  # (width,), not above 0
    out_proj: Linear

    @property
    def width(self) -> int:
        """Columns of what the mixer gives to out_proj."""
        return len(self.log_a)


@dataclass(frozen=True)
class Router:
    """score = silu(x @ hidden) @ out, one score a KV head."""

    hidden: Linear
    out: Linear
    sinks: int
    window: int
    budget: int


@dataclass(frozen=True)
class Rotary:
    """Angles position * inv_freq (pairs,) on the first 2 * pairs dimensions of each head.

    Halves are paired, not neighbours; cos and sin are multiplied by `factor`.
    """

    inv_freq: Array
    factor: float = 1.0


@dataclass(frozen=True)
class Latent:
    """Keys and values from a narrow vector that all heads share (DeepSeek-V2, arXiv:2405.04434).

    qkv then gives queries (narrow ones, with q_up), the vector, and a part of the keys that is the
    same for all heads. k_up gives the other part of each head's keys, v_up its values.
    """

    norm: Norm  # of the vector
    k_up: Linear
    v_up: Linear
    q_norm: Norm | None = None
    q_up: Linear | None = None


@dataclass(frozen=True)
class AttentionMixer:
    """Grouped queries. qkv gives queries, keys, values side by side, unless they are latent."""

    qkv: Linear
    router: Router | None  # None: every token is kept
    out_proj: Linear
    n_heads: int
    n_kv_heads: int
    head_dim: int
    scale: float
    rotary: Rotary | None = None  # None: no positions
    q_norm: Norm | None = None  # before the rotation: (head_dim,) of each head, or (all heads,)
    k_norm: Norm | None = None
    window: int | None = None  # a query sees the last `window` tokens, itself included
    gated: bool = False  # y * sigmoid(gate); the gate comes after the values in qkv
    latent: Latent | None = None

    @property
    def value_dim(self) -> int:
        """Columns of a head's values."""
        return self.latent.v_up.weight.outputs // self.n_kv_heads if self.latent else self.head_dim

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Columns of queries, keys and values."""
        keys, values = self.n_kv_heads * self.head_dim, self.n_kv_heads * self.value_dim
        return self.n_heads * self.head_dim, keys, values

    @property
    def width(self) -> int:
        """Columns of what the mixer gives to out_proj."""
        return self.n_heads * self.value_dim


OneMixer: TypeAlias = (
    SsdMixer | ShortConvMixer | DeltaMixer | SelectiveMixer | RgLruMixer | AttentionMixer
)


@dataclass(frozen=True)
class ParallelMixer:
    """Mixers that read the same input and whose outputs are added (Falcon-H1)."""

    parts: tuple[OneMixer, ...]
