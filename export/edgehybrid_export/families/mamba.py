"""`mamba`: nothing but Mamba-1 mixers, without MLPs."""

from __future__ import annotations

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.parts import embedding, logits_head, norm
from edgehybrid_export.families.selective import SelectiveShape, rank_of, selective
from edgehybrid_export.spec import Layer, ModelSpec, Norm


def read(ckpt: Checkpoint) -> ModelSpec:
    """Mamba as transformers stores it."""
    return read_with(ckpt)


def read_with(ckpt: Checkpoint, norms: tuple[Norm, Norm, Norm] | None = None) -> ModelSpec:
    """Mamba's names; `norms` are of dt, B and C."""
    ckpt.expect("hidden_act", "silu")
    ckpt.ignore("d_model", "d_inner", "n_layer", "ssm_cfg", "rms_norm", "fused_add_norm")
    ckpt.ignore("use_associative_scan", "use_falcon_mambapy", "time_step_init_scheme")
    hidden, eps = ckpt.field("hidden_size"), ckpt.field("layer_norm_epsilon")
    shape = SelectiveShape(
        hidden=hidden,
        inner=ckpt.field("intermediate_size", 0) or int(ckpt.field("expand") * hidden),
        d_state=ckpt.field("state_size"),
        rank=rank_of(ckpt, "time_step_rank"),
        taps=ckpt.field("conv_kernel"),
        bias=bool(ckpt.field("use_bias", False)),
        conv_bias=bool(ckpt.field("use_conv_bias", True)),
    )
    table = embedding(ckpt, "backbone.embeddings")
    layers = tuple(
        Layer(
            norm=norm(ckpt, f"backbone.layers.{i}.norm", hidden, eps),
            mixer=selective(ckpt, f"backbone.layers.{i}.mixer", shape, norms),
        )
        for i in range(ckpt.field("num_hidden_layers"))
    )
    final = norm(ckpt, "backbone.norm_f", hidden, eps)
    tied = bool(ckpt.field("tie_word_embeddings", True))
    return ModelSpec(table, layers, logits_head(ckpt, table, final, tied=tied))
