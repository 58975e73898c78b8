"""`recurrent_gemma`: RG-LRU blocks and attention in a window, MLPs gated by GELU.

Norm weights are stored around zero; embeddings are multiplied by the root of their size, which the
original rounds to bfloat16; logits are capped.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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
    side_by_side,
)
from edgehybrid_export.families.rope import rotary
from edgehybrid_export.spec import Layer, Mlp, ModelSpec, RgLruMixer
from edgehybrid_export.weights import Array

PARTIAL, RATE = 0.5, -8.0
KINDS = {"recurrent": "recurrent", "attention": "attention"}


def read(ckpt: Checkpoint) -> ModelSpec:
    """Griffin as RecurrentGemma stores it."""
    ckpt.expect("hidden_activation", "gelu_pytorch_tanh")
    ckpt.ignore("embeddings_scale_by_sqrt_dim", "w_init_variance_scale", "head_dim")
    ckpt.ignore("final_w_init_variance_scale", "layer_types", "layers_block_type")
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps")
    shape = _attention_shape(ckpt)
    table = embedding(ckpt, "model.embed_tokens")
    layers = tuple(
        Layer(
            norm=norm(ckpt, f"model.layers.{i}.temporal_pre_norm", hidden, eps, add=1),
            mixer=(
                attention(ckpt, f"model.layers.{i}.temporal_block", shape)
                if kind == "attention"
                else _recurrent(ckpt, f"model.layers.{i}.temporal_block")
            ),
            mlp_norm=norm(ckpt, f"model.layers.{i}.channel_pre_norm", hidden, eps, add=1),
            mlp=_mlp(ckpt, f"model.layers.{i}.mlp_block"),
        )
        for i, kind in enumerate(_kinds(ckpt))
    )
    head = logits_head(
        ckpt,
        table,
        norm(ckpt, "model.final_norm", hidden, eps, add=1),
        tied=bool(ckpt.field("tie_word_embeddings", True)),
        softcap=ckpt.field("logits_soft_cap", 30.0),
    )
    return ModelSpec(table, layers, head, float(_bfloat16(hidden**0.5)))


def _kinds(ckpt: Checkpoint) -> list[str]:
    """The pattern, over and over."""
    pattern, count = ckpt.field("block_types"), ckpt.field("num_hidden_layers")
    return layer_kinds(ckpt, (list(pattern) * count)[:count], KINDS)


def _attention_shape(ckpt: Checkpoint) -> AttentionShape:
    size = ckpt.field("hidden_size") // ckpt.field("num_attention_heads")
    shape = AttentionShape.of(
        ckpt,
        head_dim=size,
        scale=float(size) ** -0.5,
        bias=bool(ckpt.field("attention_bias", False)),
        out_bias=True,
        window=ckpt.field("attention_window_size"),
    )
    return replace(shape, rotary=rotary(ckpt, size, partial=PARTIAL))


def _mlp(ckpt: Checkpoint, name: str) -> Mlp:
    hidden, inner = ckpt.field("hidden_size"), ckpt.field("intermediate_size") // 2
    return replace(gated_mlp(ckpt, name, hidden, inner, bias=True), act="gelu_tanh")


def _recurrent(ckpt: Checkpoint, name: str) -> RgLruMixer:
    hidden, width = ckpt.field("hidden_size"), ckpt.field("lru_width", None)
    width = width or hidden
    heads = ckpt.field("num_attention_heads")
    size, gates = width // heads, ("recurrent_gate", "input_gate")
    weight, bias = convolution(
        ckpt, f"{name}.conv_1d", width, ckpt.field("conv1d_width"), bias=True
    )
    rates = ckpt.tensor(f"{name}.rg_lru.recurrent_param", (width,))
    return RgLruMixer(
        in_proj=side_by_side(
            linear(ckpt, f"{name}.linear_y", hidden, width, bias=True),
            linear(ckpt, f"{name}.linear_x", hidden, width, bias=True),
        ),
        conv_weight=weight,
        conv_bias=bias,
        gate_weight=np.stack(
            [ckpt.tensor(f"{name}.rg_lru.{gate}_weight", (heads, size, size)) for gate in gates]
        ),
        gate_bias=np.stack(
            [ckpt.tensor(f"{name}.rg_lru.{gate}_bias", (heads, size)) for gate in gates]
        ),
        log_a=(RATE * np.logaddexp(rates, 0)).astype(np.float32),
        out_proj=linear(ckpt, f"{name}.linear_out", width, hidden, bias=True),
    )


def _bfloat16(value: float) -> Array:
    """Rounded to the nearest number whose lower 16 bits are zero, ties to even."""
    bits = np.array(value, np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    number: Array = (rounded & np.uint32(0xFFFF0000)).view(np.float32)
    return number
