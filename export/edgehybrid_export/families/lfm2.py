"""`lfm2`: gated short convolutions, and attention with norms of queries and keys."""

from __future__ import annotations

from dataclasses import replace

from edgehybrid_export.checkpoint import Checkpoint
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
)
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.spec import Layer, ModelSpec, ShortConvMixer

THETA = 1_000_000.0
KINDS = {"conv": "conv", "full_attention": "attention"}


def read(ckpt: Checkpoint) -> ModelSpec:
    """LFM2, dense."""
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("norm_eps")
    shape = AttentionShape.of(
        ckpt, out="out_proj", head_norms=("q_layernorm", "k_layernorm"), eps=eps
    )
    shape = replace(shape, rotary=rotary(ckpt, shape.head_dim, theta=THETA))
    table, inner = embedding(ckpt, "model.embed_tokens"), mlp_width(ckpt)
    layers = []
    for i, kind in enumerate(layer_kinds(ckpt, _types(ckpt), KINDS)):
        prefix = f"model.layers.{i}"
        layers.append(
            Layer(
                norm=norm(ckpt, f"{prefix}.operator_norm", hidden, eps),
                mixer=(
                    attention(ckpt, f"{prefix}.self_attn", shape)
                    if kind == "attention"
                    else _short_conv(ckpt, f"{prefix}.conv")
                ),
                mlp_norm=norm(ckpt, f"{prefix}.ffn_norm", hidden, eps),
                mlp=gated_mlp(
                    ckpt, f"{prefix}.feed_forward", hidden, inner, names=("w1", "w3", "w2")
                ),
            )
        )
    final = norm(ckpt, "model.embedding_norm", hidden, eps)
    tied = bool(ckpt.field("tie_embedding", ckpt.field("tie_word_embeddings", True)))
    return ModelSpec(table, tuple(layers), logits_head(ckpt, table, final, tied=tied))


def mlp_width(ckpt: Checkpoint) -> int:
    """Two thirds of the field's size, rounded up, where the config says to adjust it."""
    size = int(ckpt.field("block_ff_dim", ckpt.field("intermediate_size", 0)))
    if not ckpt.field("block_auto_adjust_ff_dim", True):
        return size
    size = int(2 * size / 3)
    multiplier = ckpt.field("block_ffn_dim_multiplier", 1.0)
    if multiplier is None:
        return size
    multiple = int(ckpt.field("block_multiple_of", 256))
    return -(-int(multiplier * size) // multiple) * multiple


def _types(ckpt: Checkpoint) -> list[str]:
    if listed := ckpt.field("layer_types", None):
        return list(listed)
    count, attending = ckpt.field("num_hidden_layers"), ckpt.field("full_attn_idxs")
    return ["full_attention" if i in attending else "conv" for i in range(count)]


def _short_conv(ckpt: Checkpoint, name: str) -> ShortConvMixer:
    hidden, bias = ckpt.field("hidden_size"), bool(ckpt.field("conv_bias", False))
    taps = ckpt.field("conv_L_cache", 3)
    weight, offset = convolution(ckpt, f"{name}.conv", hidden, taps, bias=bias)
    return ShortConvMixer(
        in_proj=linear(ckpt, f"{name}.in_proj", hidden, 3 * hidden, bias=bias),
        conv_weight=weight,
        conv_bias=offset,
        out_proj=linear(ckpt, f"{name}.out_proj", hidden, hidden, bias=bias),
    )
