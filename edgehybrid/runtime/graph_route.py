"""Reading a chunk with graphs between the mixers, one thread a part of the layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import NonFiniteError
from edgehybrid.runtime.heads import LogitsHead, SentenceHead
from edgehybrid.runtime.pipeline import run_stages
from edgehybrid.runtime.remembered import Remembered
from edgehybrid.runtime.state import PoolState
from edgehybrid.runtime.workspace import Workspace

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model

Array = NDArray[np.float32]


def run_graphs(
    model: Model,
    memory: Remembered,
    tokens: NDArray[np.int32],
    emitted: list[Array],
    *,
    all_logits: bool,
) -> None:
    """Read `tokens` after what is in `memory`, which changes; append what the head makes."""
    spaces, position = model.spaces, memory.position
    size = spaces[0].chunk
    starts = range(0, len(tokens), size)
    spaces = spaces[: len(starts)] or spaces[:1]  # one chunk needs no threads
    fills = (_filler(tokens[i : i + size], position + i) for i in starts)
    wanted = None if all_logits else position + len(tokens)
    run_stages(_stages(model, memory, emitted, wanted), spaces, fills)


def _stages(
    model: Model, memory: Remembered, emitted: list[Array], wanted: int | None
) -> list[Callable[[Workspace], None]]:
    """Work for each thread; logits are of the token before position `wanted`, None: of all."""
    last, head = len(model.mixers), model.head

    def stage(steps: range) -> Callable[[Workspace], None]:
        def run(space: Workspace) -> None:
            for i in steps:
                space.run_segment(i)
                if i < last:
                    mix(model, memory, i, space)
                elif isinstance(head, LogitsHead):
                    _emit_logits(head, space, wanted, emitted)
                else:
                    emit_sentences(
                        head, memory.pool, _last(space), space.ids[: space.length], emitted
                    )

        return run

    return [stage(steps) for steps in model.stages]


def mix(model: Model, memory: Remembered, i: int, space: Workspace) -> None:
    """Run mixer `i` on the chunk in `space`, after segment `i`."""
    y = space.mixed[i][: space.length]
    model.mixers[i].run(model.kernels, space.mixing[i], space.length, memory.caches[i], y)


def emit_sentences(
    head: SentenceHead, pool: PoolState, h: Array, ids: NDArray[np.int32], emitted: list[Array]
) -> None:
    """Append the vectors (n, width) of the sentences that end in `ids`, if any do."""
    ends = np.flatnonzero(np.isin(ids, head.end_tokens))
    means = pool.means(h, ends)
    if len(ends):
        emitted.append(head.vectors(means, h[ends]))


def finite(h: Array, position: int) -> Array:
    """The last residuals (T, hidden) of a chunk, if they are numbers.

    Raises:
        NonFiniteError: they are not.
    """
    if not np.isfinite(h).all():
        raise NonFiniteError(
            f"NaN or infinity came out of the model after position {position}; "
            "the bundle or the state is damaged"
        )
    return h


def _emit_logits(
    head: LogitsHead, space: Workspace, wanted: int | None, emitted: list[Array]
) -> None:
    h = _last(space)
    if wanted is None:
        emitted.append(head.logits(h))
    elif space.position + space.length == wanted:
        emitted.append(head.logits(h[-1:]))


def _last(space: Workspace) -> Array:
    return finite(space.last_h[: space.length], space.position)


def _filler(chunk: NDArray[np.int32], position: int) -> Callable[[Workspace], None]:
    return lambda space: space.fill(chunk, position)
