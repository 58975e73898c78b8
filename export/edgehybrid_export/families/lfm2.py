"""`lfm2`: gated short convolutions, and attention with norms of queries and keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.attention import AttentionShape, attention
from edgehybrid_export.families.parts import (
    convolution,
    embedding,
    gated_mlp,
    layer_kinds,
    linear,
    logits_head,
    norm,
)
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.mixer_spec import ShortConvMixer
from edgehybrid_export.spec import Experts, Layer, Mlp, ModelSpec

THETA = 1_000_000.0
KINDS = {"conv": "conv", "full_attention": "attention"}


def read(ckpt: Checkpoint) -> ModelSpec:
    """LFM2, dense."""
    return read_with(ckpt, _mlp)


def read_with(ckpt: Checkpoint, mlp: Callable[[Checkpoint, int], Mlp | Experts]) -> ModelSpec:
    """LFM2's names, with what `mlp` makes of the feed-forward part of layer i."""
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("norm_eps")
    ckpt.expect("block_use_swiglu", True)
    ckpt.expect("use_pos_enc", True)
    ckpt.ignore("block_dim", "block_norm_eps", "conv_dim", "conv_dim_out", "num_heads", "theta")
    ckpt.ignore(
        "block_multiple_of", "block_ffn_dim_multiplier", "full_attn_idxs"
    )  # where other fields say it
    shape = AttentionShape.of(
        ckpt, out="out_proj", head_norms=("q_layernorm", "k_layernorm"), eps=eps
    )
    shape = replace(shape, rotary=rotary(ckpt, shape.head_dim, theta=THETA))
    table = embedding(ckpt, "model.embed_tokens")
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
                mlp=mlp(ckpt, i),
            )
        )
    final = norm(ckpt, "model.embedding_norm", hidden, eps)
    tied = bool(ckpt.field("tie_embedding", ckpt.field("tie_word_embeddings", True)))
    return ModelSpec(table, tuple(layers), logits_head(ckpt, table, final, tied=tied))


def _mlp(ckpt: Checkpoint, i: int) -> Mlp:
    return gated_mlp(
        ckpt, f"model.layers.{i}.feed_forward", ckpt.field("hidden_size"), mlp_width(ckpt),
        names=("w1", "w3", "w2"),
    )  # fmt: skip


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
