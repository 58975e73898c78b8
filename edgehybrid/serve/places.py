"""How many requests are worked on at the same time, and how many may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from edgehybrid.serve.errors import ApiError

#: Seconds after which a client that was refused may try again.
RETRY_SECONDS = 5


class Places:
    """Threads that work, and a count of those who want one."""

    def __init__(self, parallel: int, queue: int) -> None:
        self._most, self._inside = parallel + queue, 0
        self.threads = ThreadPoolExecutor(parallel, thread_name_prefix="edgehybrid-serve")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Be counted, from before the body is received to the end of the answer.

        Raises:
            ApiError: there are too many.
        """
        if self._inside >= self._most:
            raise ApiError(
                503,
                f"{self._inside} requests are being worked on or wait, which is the most: try "
                "again later",
                code="server_busy",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def close(self) -> None:
        """Wait for the threads, whose work was stopped."""
        await asyncio.to_thread(self.threads.shutdown, cancel_futures=True)
