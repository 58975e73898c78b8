"""`mamba2`: nothing but Mamba-2 mixers, without MLPs."""

from __future__ import annotations

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.parts import embedding, logits_head, norm
from edgehybrid_export.families.ssd import SsdShape, limits, ssd
from edgehybrid_export.spec import Layer, ModelSpec


def read(ckpt: Checkpoint) -> ModelSpec:
    """Mamba-2 as transformers stores it."""
    ckpt.expect("hidden_act", "silu")
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("layer_norm_epsilon")
    bias = bool(ckpt.field("use_bias", False))
    shape = SsdShape(
        hidden=hidden,
        heads=ckpt.field("num_heads"),
        head_dim=ckpt.field("head_dim"),
        d_state=ckpt.field("state_size"),
        groups=ckpt.field("n_groups"),
        taps=ckpt.field("conv_kernel"),
        eps=eps,
        bias=bias,
        out_bias=bias,
        conv_bias=bool(ckpt.field("use_conv_bias", True)),
        dt_limit=limits(ckpt),
    )
    table = embedding(ckpt, "backbone.embeddings")
    layers = tuple(
        Layer(
            norm=norm(ckpt, f"backbone.layers.{i}.norm", hidden, eps),
            mixer=ssd(ckpt, f"backbone.layers.{i}.mixer", shape),
        )
        for i in range(ckpt.field("num_hidden_layers"))
    )
    final = norm(ckpt, "backbone.norm_f", hidden, eps)
    tied = bool(ckpt.field("tie_word_embeddings", False))
    return ModelSpec(table, layers, logits_head(ckpt, table, final, tied=tied))
