"""Spreading a kernel call over threads.

Kernels release the interpreter lock, so plain Python threads run them at the same time: no second
compilation of each kernel, and idle threads sleep. Numba's ``prange`` was measured against this on
two cores: with its GNU OpenMP layer, which is the default where libgomp is found, waiting threads
spin, and one call took 4 to 8 ms instead of 0.02 to 0.5 ms as soon as another process (or ONNX
Runtime's pool) wanted the same cores; its workqueue layer cost 50 us a call. Handing work over here
costs about 30 us, and a share that no thread has begun is taken back by the caller, so that on a
busy machine a call is hardly slower than on one thread.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from edgehybrid_kernels.errors import KernelError

if TYPE_CHECKING:
    from edgehybrid_kernels.jit import Kernel

# Below this many microseconds of work a second thread does not pay for being woken.
PARALLEL_FROM = 200.0
# More shares than threads, so that a core which is slower or busy elsewhere takes fewer.
_SHARES_PER_THREAD = 4

_region = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_limit: int | None = None


def set_threads(count: int | None) -> None:
    """Sets how many threads a kernel call may use, the calling one included.

    Args:
        count: at least 1; None for as many as Numba would use, which are the CPUs this process may
            run on, or NUMBA_NUM_THREADS.

    Raises:
        KernelError: count is less than 1.
    """
    global _limit
    if count is not None and count < 1:
        raise KernelError(f"threads is {count}, expected at least 1")
    with _region:
        _forget_pool()
        _limit = count


def get_threads() -> int:
    """How many threads a kernel call may use, the calling one included."""
    if _limit is not None:
        return _limit
    import numba

    config: Any = numba.config
    return int(config.NUMBA_NUM_THREADS)


def run(kernel: Kernel, arguments: tuple[Any, ...], *, units: int, work: float) -> None:
    """Calls ``kernel(*arguments, first, last)`` so that the ranges cover ``units``.

    A call that finds another one spread over the threads already stays on its own thread.

    Args:
        kernel: its result must not depend on how the units are divided.
        arguments: all but the range.
        units: independent pieces of the work: heads, channels, rows.
        work: the estimated microseconds on one thread.
    """
    threads = 1 if work < PARALLEL_FROM else min(get_threads(), units)
    if threads <= 1 or not _region.acquire(blocking=False):
        kernel(*arguments, 0, units)
        return
    try:
        _spread(kernel, arguments, units, threads)
    finally:
        _region.release()


def _spread(kernel: Kernel, arguments: tuple[Any, ...], units: int, threads: int) -> None:
    shares = min(units, threads * _SHARES_PER_THREAD)
    bounds = [share * units // shares for share in range(shares + 1)]
    ranges = deque(pairwise(bounds))

    def take_ranges() -> None:
        while True:
            try:
                first, last = ranges.popleft()
            except IndexError:
                return
            kernel(*arguments, first, last)

    helpers = [_workers().submit(take_ranges) for _ in range(threads - 1)]
    take_ranges()
    for helper in helpers:
        if not helper.cancel():
            helper.result()


def share(work: Callable[[int], None], threads: int) -> None:
    """Calls ``work(0)`` here and ``work(1)`` ... in other threads, which may come late or not.

    Args:
        work: must do all there is to do even if it is only called once.
        threads: how many calls at most.
    """
    helpers = [_workers().submit(work, i) for i in range(1, threads)]
    try:
        work(0)
    finally:
        for helper in helpers:
            if not helper.cancel():
                helper.result()


def _workers() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max(get_threads() - 1, 1), "edgehybrid-kernel")
    return _pool


def _forget_pool() -> None:
    global _pool
    if _pool is not None:
        _pool.shutdown(wait=False)
    _pool = None


def _after_fork() -> None:
    """Threads do not survive a fork, nor does a lock that one of them held."""
    global _pool, _region
    _pool = None
    _region = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
