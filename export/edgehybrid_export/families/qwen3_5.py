"""`qwen3_5_text`, and the text part of `qwen3_5`: gated delta rule, and gated attention.

Norm weights are stored around zero. The first half of each head of q_proj is the query, the second
its output gate. With text alone the three sections of mrope have one position: plain rotation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.attention import AttentionShape
from edgehybrid_export.families.parts import (
    convolution,
    embedding,
    gated_mlp,
    ignore_absent,
    layer_kinds,
    linear,
    logits_head,
    norm,
    side_by_side,
)
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.mixer_spec import AttentionMixer, DeltaMixer, Linear
from edgehybrid_export.spec import Experts, Layer, Mlp, ModelSpec
from edgehybrid_export.weights import pick

PARTIAL, INTERVAL = 0.25, 4
KINDS = {"linear_attention": "delta", "full_attention": "attention"}
DELTA_FIELDS = (
    "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
    "linear_value_head_dim", "linear_conv_kernel_dim",
)  # fmt: skip
ATTENTION_FIELDS = (
    "num_attention_heads", "num_key_value_heads", "head_dim", "rope_parameters", "rope_theta",
    "rope_scaling", "partial_rotary_factor",
)  # fmt: skip


def read(ckpt: Checkpoint) -> ModelSpec:
    """Qwen3.5, dense, text only."""
    return read_with(ckpt, "model", _in_proj, _mlp)


def read_text_of(ckpt: Checkpoint) -> ModelSpec:
    """The language model in a checkpoint that also sees: its other tensors are left out."""
    ckpt.config = {**ckpt.config, **ckpt.field("text_config"), "model_type": ckpt.family}
    ckpt.skip_all("model.visual.")
    ckpt.skip_all("mtp.")
    return read_with(ckpt, "model.language_model", _in_proj, _mlp)


def read_with(
    ckpt: Checkpoint,
    root: str,
    in_proj: Callable[[Checkpoint, str], Linear],
    mlp: Callable[[Checkpoint, str, int], Mlp | Experts],
) -> ModelSpec:
    """Qwen3.5's names below `root`.

    `in_proj` reads the first product of the delta rule of a name, which gives q, k, v, z, b, a;
    `mlp` what stands in the place of an MLP, of a name and the number of its layer.
    """
    ckpt.expect("hidden_act", "silu")
    ckpt.expect("attention_bias", False)
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps", 1e-6)
    table = embedding(ckpt, f"{root}.embed_tokens")
    layers, kinds = [], layer_kinds(ckpt, _types(ckpt), KINDS)
    ignore_absent(ckpt, kinds, {"delta": DELTA_FIELDS, "attention": ATTENTION_FIELDS})
    for i, kind in enumerate(kinds):
        prefix = f"{root}.layers.{i}"
        layers.append(
            Layer(
                norm=norm(ckpt, f"{prefix}.input_layernorm", hidden, eps, add=1),
                mixer=(
                    _delta(ckpt, f"{prefix}.linear_attn", in_proj)
                    if kind == "delta"
                    else _attention(ckpt, f"{prefix}.self_attn")
                ),
                mlp_norm=norm(ckpt, f"{prefix}.post_attention_layernorm", hidden, eps, add=1),
                mlp=mlp(ckpt, f"{prefix}.mlp", i),
            )
        )
    final = norm(ckpt, f"{root}.norm", hidden, eps, add=1)
    tied = bool(ckpt.field("tie_word_embeddings", False))
    return ModelSpec(table, tuple(layers), logits_head(ckpt, table, final, tied=tied))


def _types(ckpt: Checkpoint) -> list[str]:
    if listed := ckpt.field("layer_types", None):
        return list(listed)
    interval = ckpt.field("full_attention_interval", INTERVAL)
    count = ckpt.field("num_hidden_layers")
    return ["linear_attention" if (i + 1) % interval else "full_attention" for i in range(count)]


def _mlp(ckpt: Checkpoint, name: str, i: int) -> Mlp:
    return gated_mlp(ckpt, name, ckpt.field("hidden_size"), ckpt.field("intermediate_size"))


@dataclass(frozen=True)
class DeltaSizes:
    """Heads and their sizes, as the config says."""

    k_heads: int
    v_heads: int
    k_dim: int
    v_dim: int

    @classmethod
    def of(cls, ckpt: Checkpoint) -> DeltaSizes:
        """Read the config."""
        names = ("num_key_heads", "num_value_heads", "key_head_dim", "value_head_dim")
        return cls(*(ckpt.field(f"linear_{name}") for name in names))

    @property
    def values(self) -> int:
        """Columns of v and z."""
        return self.v_heads * self.v_dim

    @property
    def conv(self) -> int:
        """Columns of q, k, v."""
        return 2 * self.k_heads * self.k_dim + self.values


def _in_proj(ckpt: Checkpoint, name: str) -> Linear:
    hidden, size = ckpt.field("hidden_size"), DeltaSizes.of(ckpt)
    sizes = {"qkv": size.conv, "z": size.values, "b": size.v_heads, "a": size.v_heads}
    parts = (linear(ckpt, f"{name}.in_proj_{part}", hidden, n) for part, n in sizes.items())
    return side_by_side(*parts)


def _delta(ckpt: Checkpoint, name: str, in_proj: Callable[[Checkpoint, str], Linear]) -> DeltaMixer:
    hidden, size = ckpt.field("hidden_size"), DeltaSizes.of(ckpt)
    taps = ckpt.field("linear_conv_kernel_dim", 4)
    weight, bias = convolution(ckpt, f"{name}.conv1d", size.conv, taps, bias=False)
    return DeltaMixer(
        in_proj=in_proj(ckpt, name),
        conv_weight=weight,
        conv_bias=bias,
        a_rate=-np.exp(ckpt.tensor(f"{name}.A_log", (size.v_heads,))),
        dt_bias=ckpt.tensor(f"{name}.dt_bias", (size.v_heads,)),
        norm=norm(ckpt, f"{name}.norm", size.v_dim, ckpt.field("rms_norm_eps", 1e-6)),
        out_proj=linear(ckpt, f"{name}.out_proj", size.values, hidden),
        k_heads=size.k_heads,
        v_heads=size.v_heads,
        k_dim=size.k_dim,
        v_dim=size.v_dim,
    )


def _attention(ckpt: Checkpoint, name: str) -> AttentionMixer:
    shape = AttentionShape.of(ckpt)
    hidden, size, eps = shape.hidden, shape.head_dim, ckpt.field("rms_norm_eps", 1e-6)
    queries, keys = shape.heads * size, shape.kv_heads * size
    both = linear(ckpt, f"{name}.q_proj", hidden, 2 * queries).weight
    places = np.arange(2 * queries).reshape(shape.heads, 2, size)
    q, gate = (Linear(pick(both, places[:, half].reshape(-1))) for half in (0, 1))
    k, v = (linear(ckpt, f"{name}.{part}_proj", hidden, keys) for part in "kv")
    return AttentionMixer(
        qkv=side_by_side(q, k, v, gate),
        router=None,
        out_proj=linear(ckpt, f"{name}.o_proj", queries, hidden),
        n_heads=shape.heads,
        n_kv_heads=shape.kv_heads,
        head_dim=size,
        scale=shape.scale,
        rotary=rotary(ckpt, size, partial=PARTIAL),
        q_norm=norm(ckpt, f"{name}.q_norm", size, eps, add=1),
        k_norm=norm(ckpt, f"{name}.k_norm", size, eps, add=1),
        gated=True,
    )
