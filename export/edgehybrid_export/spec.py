"""What every family is translated into: layers of mixers and MLPs, and a head.

Arrays are float32. Matrices are read when they are needed (`weights.py`), so a spec is small
whatever the size of its model. Multipliers that a family puts on residuals, keys or gates are
folded into the weights beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgehybrid_export.mixer_spec import Linear, Norm, OneMixer, ParallelMixer
from edgehybrid_export.weights import Array, Weight


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
