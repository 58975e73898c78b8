"""`qwen3_next`: Qwen3.5's layers with fused projections, and mixtures of experts.

The first product of the delta rule is stored by key head: its q, k, then v and z of the value heads
that share it; b and a likewise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families import qwen3_5
from edgehybrid_export.families.experts import listed
from edgehybrid_export.families.parts import gated_mlp, ignore_absent, linear, side_by_side
from edgehybrid_export.families.qwen3_5 import DeltaSizes
from edgehybrid_export.mixer_spec import Linear
from edgehybrid_export.spec import Experts, Mlp, ModelSpec
from edgehybrid_export.weights import pick

EXPERT_FIELDS = (
    "num_experts", "num_experts_per_tok", "norm_topk_prob", "moe_intermediate_size",
    "shared_expert_intermediate_size", "decoder_sparse_step",
)  # fmt: skip


def read(ckpt: Checkpoint) -> ModelSpec:
    """Qwen3-Next."""
    ckpt.skip_all("mtp.")
    ckpt.ignore("intermediate_size", "full_attention_interval")
    sparse = any(_is_sparse(ckpt, i) for i in range(ckpt.field("num_hidden_layers")))
    ignore_absent(ckpt, ["experts"] if sparse else [], {"experts": EXPERT_FIELDS})
    return qwen3_5.read_with(ckpt, "model", _in_proj, _mlp)


def _in_proj(ckpt: Checkpoint, name: str) -> Linear:
    hidden, size = ckpt.field("hidden_size"), DeltaSizes.of(ckpt)
    shared = size.v_heads // size.k_heads
    wide = linear(ckpt, f"{name}.in_proj_qkvz", hidden, size.conv + size.values).weight
    narrow = linear(ckpt, f"{name}.in_proj_ba", hidden, 2 * size.v_heads).weight
    each = (size.k_dim, size.k_dim, shared * size.v_dim, shared * size.v_dim)
    return side_by_side(
        Linear(pick(wide, _by_part(size.k_heads, each))),
        Linear(pick(narrow, _by_part(size.k_heads, (shared, shared)))),
    )


def _by_part(heads: int, sizes: tuple[int, ...]) -> NDArray[np.int64]:
    """Places of outputs that are stored head by head, in the order of their parts."""
    places = np.arange(heads * sum(sizes)).reshape(heads, -1)
    parts = np.split(places, np.cumsum(sizes)[:-1], axis=1)
    return np.concatenate([part.reshape(-1) for part in parts])


def _is_sparse(ckpt: Checkpoint, i: int) -> bool:
    if i in (ckpt.field("mlp_only_layers", None) or ()) or not ckpt.field("num_experts", 0):
        return False
    return (i + 1) % int(ckpt.field("decoder_sparse_step", 1)) == 0


def _mlp(ckpt: Checkpoint, name: str, i: int) -> Mlp | Experts:
    hidden, count = ckpt.field("hidden_size"), ckpt.field("num_experts", 0)
    if not _is_sparse(ckpt, i):
        return gated_mlp(ckpt, name, hidden, ckpt.field("intermediate_size"))
    inner, shared = ckpt.field("moe_intermediate_size"), "shared_expert_intermediate_size"
    return Experts(
        router=linear(ckpt, f"{name}.gate", hidden, count),
        experts=listed(ckpt, f"{name}.experts", count, hidden, inner),
        top_k=ckpt.field("num_experts_per_tok"),
        normalise=bool(ckpt.field("norm_topk_prob", True)),
        shared=gated_mlp(ckpt, f"{name}.shared_expert", hidden, ckpt.field(shared)),
        shared_gate=linear(ckpt, f"{name}.shared_expert_gate", hidden, 1),
    )
