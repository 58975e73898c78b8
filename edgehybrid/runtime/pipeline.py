"""Chunks through stages, each stage in a thread of its own.

While the last layers work on one chunk, the first layers already read the next. Two thread pools
on two cores fight (ONNX Runtime's and the kernels'), single-threaded stages do not; the order of
chunks within a stage, and so every result, is the same as without threads.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

Work = TypeVar("Work")
Stage = Callable[[Work], None]


def split_evenly(costs: Sequence[float], parts: int) -> list[range]:
    """Cut indices 0..n-1 into at most `parts` runs of about equal summed cost."""
    runs: list[range] = []
    total, begin, spent = sum(costs), 0, 0.0
    for i, cost in enumerate(costs):
        left = parts - len(runs)
        if i > begin and left > 1 and spent + cost / 2 > total * (len(runs) + 1) / parts:
            runs.append(range(begin, i))
            begin = i
        spent += cost
    runs.append(range(begin, len(costs)))
    return runs


def run_stages(
    stages: Sequence[Stage[Work]],
    spaces: Sequence[Work],
    fills: Iterable[Callable[[Work], None]],
) -> None:
    """For each of `fills`, in order: fill a free space, then pass it through all stages.

    The calling thread does the filling and the first stage. The first exception, from any
    stage, stops the work and is raised here once all threads have ended.
    """
    if len(stages) == 1 or len(spaces) == 1:
        for fill in fills:
            fill(spaces[0])
            for stage in stages:
                stage(spaces[0])
        return
    _Pipeline(stages, spaces).run(fills)


class _Pipeline(Generic[Work]):
    def __init__(self, stages: Sequence[Stage[Work]], spaces: Sequence[Work]) -> None:
        self.stages = stages
        self.free: queue.SimpleQueue[Work] = queue.SimpleQueue()
        for space in spaces:
            self.free.put(space)
        self.between: list[queue.SimpleQueue[Work | None]] = [
            queue.SimpleQueue() for _ in stages[1:]
        ]
        self.error: BaseException | None = None

    def run(self, fills: Iterable[Callable[[Work], None]]) -> None:
        threads = [
            threading.Thread(target=self._serve, args=(i,), daemon=True)
            for i in range(1, len(self.stages))
        ]
        for thread in threads:
            thread.start()
        try:
            for fill in fills:
                space = self.free.get()
                if self.error:
                    break
                fill(space)
                self.stages[0](space)
                self.between[0].put(space)
        finally:
            self.between[0].put(None)
            for thread in threads:
                thread.join()
        if self.error:
            raise self.error

    def _serve(self, i: int) -> None:
        last = i == len(self.stages) - 1
        onward = self.free if last else self.between[i]
        while (space := self.between[i - 1].get()) is not None:
            if not self.error:
                try:
                    self.stages[i](space)
                except BaseException as error:  # raised again by run
                    self.error = error
            onward.put(space)
        if not last:
            self.between[i].put(None)
