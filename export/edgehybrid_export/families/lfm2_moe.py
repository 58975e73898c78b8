"""`lfm2_moe`: LFM2 whose MLPs, after the first few, are mixtures of experts.

Experts are scored by a sigmoid; a bias decides with which of them a token goes, not how much each
counts.
"""

from __future__ import annotations

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families import lfm2
from edgehybrid_export.families.experts import listed
from edgehybrid_export.families.parts import gated_mlp, linear
from edgehybrid_export.spec import Experts, Mlp, ModelSpec

NAMES = ("w1", "w3", "w2")


def read(ckpt: Checkpoint) -> ModelSpec:
    """LFM2 with experts."""
    return lfm2.read_with(ckpt, _mlp)


def _mlp(ckpt: Checkpoint, i: int) -> Mlp | Experts:
    name, hidden = f"model.layers.{i}.feed_forward", ckpt.field("hidden_size")
    if i < ckpt.field("num_dense_layers", 2):
        return gated_mlp(ckpt, name, hidden, ckpt.field("intermediate_size"), names=NAMES)
    count, inner = ckpt.field("num_experts"), ckpt.field("moe_intermediate_size")
    biased = ckpt.field("use_expert_bias", True)
    return Experts(
        router=linear(ckpt, f"{name}.gate", hidden, count),
        experts=listed(ckpt, f"{name}.experts", count, hidden, inner, NAMES),
        top_k=ckpt.field("num_experts_per_tok"),
        act="sigmoid",
        choice_bias=ckpt.tensor(f"{name}.expert_bias", (count,)) if biased else None,
        normalise=bool(ckpt.field("norm_topk_prob", True)),
        eps=1e-6,
        scale=float(ckpt.field("routed_scaling_factor", 1.0)),
    )
