"""What every family is translated into: layers of mixers and MLPs, and a head.

Arrays are float32. Matrices are read when they are needed (`weights.py`), so a spec is small
whatever the size of its model. Multipliers that a family puts on residuals, keys or gates are
folded into the weights beside them.
"""

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


@dataclass(frozen=True)
class Mlp:
    """down(act(gate) * up), gate and up side by side; ungated: down(act(up)).

    act is "silu", "gelu", "gelu_tanh" (its tanh form) or "relu2" (relu(x) ** 2).
    """

    gate_up: Linear
    down: Linear
    gated: bool = True
    act: str = "silu"


@dataclass(frozen=True)
class Experts:
    """A mixture: every token goes to the `top_k` MLPs of the highest scores, which weigh them.

    scores = act(router(x)), act "softmax" or "sigmoid". `choice_bias` (experts,) is added for the
    choice only. With `groups` (n, k) the experts come in n groups, and only those of the k groups
    with the highest sums of their two best are chosen from. The weights are divided by their sum
    plus `eps` if `normalise`, and multiplied by `scale`. Every token also passes the `shared`
    MLP, whose result is multiplied by sigmoid(shared_gate(x)) where there is one. With a `latent`
    (down, up) the experts, not the router, read down(x), and up is applied to their sum.
    """

    router: Linear
    experts: tuple[Mlp, ...]
    top_k: int
    act: str = "softmax"
    choice_bias: Array | None = None
    groups: tuple[int, int] | None = None
    normalise: bool = True
    eps: float = 0.0
    scale: float = 1.0
    shared: Mlp | None = None
    shared_gate: Linear | None = None
    latent: tuple[Linear, Linear] | None = None


@dataclass(frozen=True)
class Layer:
    """h + mixer(norm(h)), then h + mlp(mlp_norm(h)) where there is an MLP.

    Each norm may be missing, or stand after instead: h + post_norm(mixer(h)).
    A `joined` layer reads h and the embedding side by side. With `aside`, nothing is added to h:
    aside(mlp(mlp_norm(mixer(norm(...))))) goes into what the next layer reads, and only there.
    """

    norm: Norm | None
    mixer: OneMixer | ParallelMixer
    mlp_norm: Norm | None = None
    mlp: Mlp | Experts | None = None
    post_norm: Norm | None = None
    mlp_post_norm: Norm | None = None
    joined: bool = False
    aside: Linear | None = None

    @property
    def mixers(self) -> tuple[OneMixer, ...]:
        """The mixers of this layer, one or several in parallel."""
        return self.mixer.parts if isinstance(self.mixer, ParallelMixer) else (self.mixer,)


@dataclass(frozen=True)
class SentenceHead:
    """Sentence vectors from pooled residuals, and their scores at the document's end."""

    mean_norm: Norm
    end_norm: Norm
    project: Linear
    hidden: Linear
    out: Linear
    vector_size: int
    context_size: int
    place_size: int
    end_tokens: tuple[int, ...]


@dataclass(frozen=True)
class LogitsHead:
    """logits = scale * project(norm(h)); with a cap c: c * tanh(logits / c)."""

    norm: Norm
    project: Linear
    scale: float = 1.0
    softcap: float | None = None
    stop_tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelSpec:
    """A whole model: embedding (vocab, hidden) times its multiplier, layers, head."""

    embedding: Weight
    layers: tuple[Layer, ...]
    head: SentenceHead | LogitsHead
    embedding_multiplier: float = 1.0

    @property
    def hidden_size(self) -> int:
        return self.embedding.inputs

    @property
    def tied(self) -> bool:
        """Whether the head's product is the embedding again."""
        head = self.head
        return isinstance(head, LogitsHead) and head.project.weight.key == self.embedding.key
