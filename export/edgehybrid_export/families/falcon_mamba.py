"""`falcon_mamba`: Mamba-1 whose dt, B and C are normalised, without weights."""

from __future__ import annotations

import numpy as np

from edgehybrid_export.checkpoint import Checkpoint
from edgehybrid_export.families.mamba import mamba_shape, read_with
from edgehybrid_export.spec import ModelSpec, Norm


def read(ckpt: Checkpoint) -> ModelSpec:
    """Falcon Mamba."""
    shape, eps = mamba_shape(ckpt), float(ckpt.field("mixer_rms_eps", 1e-6))
    dt, maps = (Norm(np.ones(size, np.float32), eps) for size in (shape.rank, shape.d_state))
    return read_with(ckpt, shape, (dt, maps, maps))
