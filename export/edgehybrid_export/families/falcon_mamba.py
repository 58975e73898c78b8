"""`falcon_mamba`: Mamba whose dt, B and C are normalised, without weights."""

from __future__ import annotations

import numpy as np

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families import mamba
from edgehybrid_export.families.selective import rank_of
from edgehybrid_export.spec import ModelSpec, Norm


def read(ckpt: Checkpoint) -> ModelSpec:
    """Falcon-Mamba."""
    eps, states = float(ckpt.field("mixer_rms_eps", 1e-6)), ckpt.field("state_size")
    sizes = rank_of(ckpt, "time_step_rank"), states, states
    dt, b, c = (Norm(np.ones(size, np.float32), eps) for size in sizes)
    return mamba.read_with(ckpt, (dt, b, c))
