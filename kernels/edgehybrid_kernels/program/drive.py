"""The loop that every thread runs over a table of steps."""

from __future__ import annotations

from edgehybrid_kernels.jit import INT, kernel
from edgehybrid_kernels.program.atomics import call, give_way, pause, read, take
from edgehybrid_kernels.simd import load_word

#: Bytes of a step: task, arguments, units, grain, and two to choose it from; then, in a line of
#: its own, two counters.
STEP, TAKEN, DONE = 128, 64, 72
#: So many pauses (some microseconds) before the core is offered to other threads.
_PATIENCE = 2000


@kernel(INT, INT, INT)
def drive(table: int, steps: int, scratch: int) -> None:
    """Do units of each of ``steps`` steps with this thread's ``scratch`` memory."""
    for index in range(steps):
        step = table + index * STEP
        task, at = load_word(step), load_word(step + 8)
        units, grain = load_word(step + 16), load_word(step + 24)
        while True:
            first = take(step + TAKEN, grain)
            if first >= units:
                break
            last = min(first + grain, units)
            call(task, at, first, last, scratch)
            take(step + DONE, last - first)
        waited = 0
        while read(step + DONE) < units:
            pause()
            waited += 1
            if waited > _PATIENCE:
                give_way()
