"""`recurrent_gemma`: Griffin, an RG-LRU in most layers and attention over a window in the others.

Norm weights are stored around zero. The embedding's multiplier is bfloat16 in the authors' code.
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
from edgehybrid_export.spec import AttentionMixer, BlockLinear, Layer, ModelSpec, RgLruMixer

PARTIAL, DECAY = 0.5, -8
KINDS = {"recurrent": "recurrent", "attention": "attention"}


def read(ckpt: Checkpoint) -> ModelSpec:
    """RecurrentGemma."""
    ckpt.expect("hidden_activation", "gelu_pytorch_tanh")
    ckpt.expect("embeddings_scale_by_sqrt_dim", True)
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps", 1e-6)
    table = embedding(ckpt, "model.embed_tokens")
    count, blocks = ckpt.field("num_hidden_layers"), ckpt.field("block_types")
    kinds = layer_kinds(ckpt, [blocks[i % len(blocks)] for i in range(count)], KINDS)
    layers = tuple(_layer(ckpt, f"model.layers.{i}", kind) for i, kind in enumerate(kinds))
    final = norm(ckpt, "model.final_norm", hidden, eps, add=1)
    tied, cap = bool(ckpt.field("tie_word_embeddings", True)), ckpt.field("logits_soft_cap", 30.0)
    head = logits_head(ckpt, table, final, tied=tied, softcap=float(cap))
    return ModelSpec(table, layers, head, _bfloat16(hidden**0.5))


def _layer(ckpt: Checkpoint, prefix: str, kind: str) -> Layer:
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("rms_norm_eps", 1e-6)
    inner, block = ckpt.field("intermediate_size") // 2, f"{prefix}.temporal_block"
    mlp = gated_mlp(ckpt, f"{prefix}.mlp_block", hidden, inner, bias=True)
    return Layer(
        norm=norm(ckpt, f"{prefix}.temporal_pre_norm", hidden, eps, add=1),
        mixer=_attention(ckpt, block) if kind == "attention" else _rg_lru(ckpt, block),
        mlp_norm=norm(ckpt, f"{prefix}.channel_pre_norm", hidden, eps, add=1),
        mlp=replace(mlp, act="gelu"),
    )


def _attention(ckpt: Checkpoint, name: str) -> AttentionMixer:
    shape = AttentionShape.of(
        ckpt,
        bias=bool(ckpt.field("attention_bias", False)),
        out_bias=True,
        window=ckpt.field("attention_window_size", 2048),
    )
    turning = rotary(ckpt, shape.head_dim, partial=PARTIAL)
    return attention(ckpt, name, replace(shape, rotary=turning))


def _rg_lru(ckpt: Checkpoint, name: str) -> RgLruMixer:
    hidden = ckpt.field("hidden_size")
    width = ckpt.field("lru_width", None) or hidden
    weight, bias = convolution(
        ckpt, f"{name}.conv_1d", width, ckpt.field("conv1d_width", 4), bias=True
    )
    param = ckpt.tensor(f"{name}.rg_lru.recurrent_param", (width,))
    return RgLruMixer(
        in_proj=side_by_side(
            *(linear(ckpt, f"{name}.linear_{part}", hidden, width, bias=True) for part in "xy")
        ),
        conv_weight=weight,
        conv_bias=bias,
        gate_a=_gate(ckpt, f"{name}.rg_lru.recurrent_gate", width),
        gate_x=_gate(ckpt, f"{name}.rg_lru.input_gate", width),
        log_a=np.float32(DECAY) * np.logaddexp(param, np.float32(0)),
        out_proj=linear(ckpt, f"{name}.linear_out", width, hidden, bias=True),
    )


def _gate(ckpt: Checkpoint, name: str, width: int) -> BlockLinear:
    blocks = ckpt.field("num_attention_heads")
    size = width // blocks
    (weight,) = ckpt.weights(f"{name}_weight", (1, width, size), stored=(blocks, size, size))
    return BlockLinear(weight, ckpt.tensor(f"{name}_bias", (blocks, size)).reshape(-1), blocks)


def _bfloat16(value: float) -> float:
    """The nearest number with 8 bits of mantissa."""
    bits = np.array(value, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return float(rounded.astype(np.uint32).view(np.float32))
