"""`mamba`: nothing but Mamba-1 mixers, without MLPs."""

from __future__ import annotations

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.parts import embedding, logits_head, norm
from edgehybrid_export.families.selective import SelectiveShape, dt_rank, selective
from edgehybrid_export.spec import Layer, ModelSpec, Norm


def read(ckpt: Checkpoint) -> ModelSpec:
    """Mamba as transformers stores it."""
    return read_with(ckpt, mamba_shape(ckpt))


def read_with(
    ckpt: Checkpoint, shape: SelectiveShape, norms: tuple[Norm, Norm, Norm] | None = None
) -> ModelSpec:
    """With `norms` of dt, B and C that all layers share."""
    ckpt.expect("hidden_act", "silu")
    ckpt.expect("rms_norm", True)
    ckpt.ignore("use_associative_scan", "fused_add_norm", "d_model", "n_layer")
    hidden, eps = shape.hidden, ckpt.field("layer_norm_epsilon", 1e-5)
    older = ckpt.has("backbone.embedding.weight")
    table = embedding(ckpt, "backbone.embedding" if older else "backbone.embeddings")
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


def mamba_shape(ckpt: Checkpoint) -> SelectiveShape:
    """Sizes; a stored intermediate_size counts, whatever `expand` says."""
    hidden = ckpt.field("hidden_size")
    inner = ckpt.field("intermediate_size", None) or int(ckpt.field("expand", 2) * hidden)
    return SelectiveShape(
        hidden=hidden,
        inner=inner,
        d_state=ckpt.field("state_size"),
        rank=dt_rank(ckpt, "time_step_rank"),
        taps=ckpt.field("conv_kernel", 4),
        bias=bool(ckpt.field("use_bias", False)),
        conv_bias=bool(ckpt.field("use_conv_bias", True)),
    )
