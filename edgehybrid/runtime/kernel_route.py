"""Reading a chunk with kernels alone, as a stream's table of steps has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.graph_route import emit_sentences, finite
from edgehybrid.runtime.heads import LogitsHead, SentenceHead
from edgehybrid.runtime.limits import HEAD_ROWS
from edgehybrid.runtime.remembered import Remembered

if TYPE_CHECKING:
    from edgehybrid.runtime.engine import Plan
    from edgehybrid.runtime.model import Model

Array = NDArray[np.float32]


def run_plan(
    model: Model,
    memory: Remembered,
    plan: Plan,
    tokens: NDArray[np.int32],
    emitted: list[Array],
    *,
    all_logits: bool,
) -> None:
    """Read `tokens` after what is in `memory`, which changes; append what the head makes."""
    head = model.head
    size = HEAD_ROWS if all_logits else plan.chunk
    for start in range(0, len(tokens), size):
        part, position = tokens[start : start + size], memory.position + start
        is_last = start + len(part) == len(tokens)
        logits = len(part) if all_logits else int(is_last and isinstance(head, LogitsHead))
        plan.run(part, position, logits)
        h = finite(plan.last_h[: len(part)], position)
        if isinstance(head, SentenceHead):
            emit_sentences(head, memory.pool, h, part, emitted)
        elif all_logits:
            emitted.append(plan.logits(logits).copy())
        elif logits:
            emitted.append(plan.logits(1))  # a view of what the next run replaces
