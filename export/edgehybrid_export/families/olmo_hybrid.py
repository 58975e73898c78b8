"""`olmo_hybrid`: gated delta rule whose eigenvalues may be negative, and attention normed after.

Layers of the delta rule have norms before their branches, attention layers behind them; queries
and keys are normalised over all heads together. Without rope_parameters there are no positions.
"""

from __future__ import annotations

import numpy as np

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.errors import CheckpointError
from edgehybrid_export.families.parts import (
    AttentionShape,
    attention,
    convolution,
    embedding,
    gated_mlp,
    layer_kinds,
    linear,
    logits_head,
    norm,
    side_by_side,
)
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.spec import DeltaMixer, Layer, ModelSpec, Rotary
from edgehybrid_export.weights import Array

OUTPUT_EPS = 1e-5
#: transformers' name and the authors', of which a file has one.
MIXER_NORM = ("input_layernorm", "attention_layer_norm")
MLP_NORM = ("post_attention_layernorm", "feedforward_layer_norm")
KINDS = {"linear_attention": "delta", "full_attention": "attention"}


def read(ckpt: Checkpoint) -> ModelSpec:
    """OLMo hybrids as transformers stores them."""
    ckpt.expect("hidden_act", "silu")
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps", 1e-6)
    bias = bool(ckpt.field("attention_bias", False))
    shape = AttentionShape.of(
        ckpt,
        bias=bias,
        out_bias=bias,
        head_norms=("q_norm", "k_norm"),
        whole_norms=True,
        eps=eps,
        rotary=_rotary(ckpt),
    )
    table = embedding(ckpt, "model.embed_tokens")
    layers = tuple(
        _delta_layer(ckpt, f"model.layers.{i}", eps)
        if kind == "delta"
        else _attention_layer(ckpt, f"model.layers.{i}", shape)
        for i, kind in enumerate(layer_kinds(ckpt, ckpt.field("layer_types"), KINDS))
    )
    final = norm(ckpt, "model.norm", hidden, eps)
    tied = bool(ckpt.field("tie_word_embeddings", False))
    return ModelSpec(table, layers, logits_head(ckpt, table, final, tied=tied))


def _rotary(ckpt: Checkpoint) -> Rotary | None:
    if (ckpt.field("rope_parameters", None) or {}).get("rope_theta") is None:
        return None
    return rotary(ckpt, ckpt.field("hidden_size") // ckpt.field("num_attention_heads"))


def _attention_layer(ckpt: Checkpoint, prefix: str, shape: AttentionShape) -> Layer:
    hidden, inner = shape.hidden, ckpt.field("intermediate_size")
    return Layer(
        norm=None,
        mixer=attention(ckpt, f"{prefix}.self_attn", shape),
        mlp=gated_mlp(ckpt, f"{prefix}.mlp", hidden, inner),
        post_norm=norm(ckpt, _named(ckpt, prefix, *MLP_NORM), hidden, shape.eps),
        mlp_post_norm=norm(ckpt, f"{prefix}.post_feedforward_layernorm", hidden, shape.eps),
    )


def _delta_layer(ckpt: Checkpoint, prefix: str, eps: float) -> Layer:
    hidden, inner = ckpt.field("hidden_size"), ckpt.field("intermediate_size")
    return Layer(
        norm=norm(ckpt, _named(ckpt, prefix, *MIXER_NORM), hidden, eps),
        mixer=_delta(ckpt, f"{prefix}.linear_attn"),
        mlp_norm=norm(ckpt, _named(ckpt, prefix, *MLP_NORM), hidden, eps),
        mlp=gated_mlp(ckpt, f"{prefix}.mlp", hidden, inner),
    )


def _named(ckpt: Checkpoint, prefix: str, name: str, other: str) -> str:
    return f"{prefix}.{name if ckpt.has(f'{prefix}.{name}.weight') else other}"


def _delta(ckpt: Checkpoint, name: str) -> DeltaMixer:
    hidden, v_heads = ckpt.field("hidden_size"), ckpt.field("linear_num_value_heads")
    k_heads, k_dim = ckpt.field("linear_num_key_heads"), ckpt.field("linear_key_head_dim")
    v_dim = ckpt.field("linear_value_head_dim")
    keys, values = k_heads * k_dim, v_heads * v_dim
    sizes = {"q": keys, "k": keys, "v": values, "g": values, "b": v_heads, "a": v_heads}
    weight = _convolution(ckpt, name, 2 * keys + values)
    return DeltaMixer(
        in_proj=side_by_side(
            *(linear(ckpt, f"{name}.{part}_proj", hidden, size) for part, size in sizes.items())
        ),
        conv_weight=weight,
        conv_bias=np.zeros(len(weight), np.float32),
        a_rate=-np.exp(ckpt.tensor(f"{name}.A_log", (v_heads,))),
        dt_bias=ckpt.tensor(f"{name}.dt_bias", (v_heads,)),
        norm=norm(ckpt, f"{name}.o_norm", v_dim, OUTPUT_EPS),
        out_proj=linear(ckpt, f"{name}.o_proj", values, hidden),
        k_heads=k_heads,
        v_heads=v_heads,
        k_dim=k_dim,
        v_dim=v_dim,
        correction=2.0 if ckpt.field("linear_allow_neg_eigval", True) else 1.0,
    )


def _convolution(ckpt: Checkpoint, name: str, channels: int) -> Array:
    """One convolution over q, k, v, or one for each, as the authors store it.

    transformers saves three too, cut into equal parts whatever q, k and v need: laid end to end
    both are the same.
    """
    taps = ckpt.field("linear_conv_kernel_dim", 4)
    if ckpt.has(f"{name}.conv1d.weight"):
        return convolution(ckpt, f"{name}.conv1d", channels, taps, bias=False)[0]
    names = [f"{name}.{part}_conv1d" for part in "qkv"]
    rows = [ckpt.shape(f"{part}.weight")[0] for part in names]
    if sum(rows) != channels:
        raise CheckpointError(f"{name}.[qkv]_conv1d have {rows} channels, expected {channels}")
    return np.concatenate(
        [convolution(ckpt, p, n, taps, bias=False)[0] for p, n in zip(names, rows, strict=True)]
    )
