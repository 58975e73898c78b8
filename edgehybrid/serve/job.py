"""Work in a thread, and what it tells on the way, until its client is gone or its time is over."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.types import Receive

from edgehybrid.errors import Cancelled, EdgehybridError
from edgehybrid.serve.errors import NO_RETRY, ApiError, ClientGone, as_api_error, too_late

log = logging.getLogger("edgehybrid")
T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    """The last item: what came out, or why nothing did."""

    value: Any = None
    error: Exception | None = None


class Job(Generic[T]):
    """One request's work. What `call` tells comes out of `items`, what it returns is `result`."""

    def __init__(self, receive: Receive, end: float) -> None:
        """The body was received already; `end` is when the time is over, on the loop's clock."""
        self._receive, self._end_time = receive, end
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[Any] = asyncio.Queue()
        self._stop = threading.Event()
        self._future: Future[None] | None = None
        self._cleanup: Callable[[], None] = lambda: None
        self.result: T

    def start(
        self,
        threads: Executor,
        call: Callable[[Job[T]], T],
        cleanup: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin as soon as a thread is free; `cleanup` is done in any case, before the end."""
        self._cleanup = cleanup
        self._watch = asyncio.create_task(self._watch_client())
        self._timer = self._loop.call_at(self._end_time, self._items.put_nowait, too_late())
        self._future = threads.submit(self._run, call)

    def close(self) -> None:
        """Stop the work, if it goes on; more than once does nothing."""
        self._stop.set()
        self._watch.cancel()
        self._timer.cancel()
        if self._future is not None and self._future.cancel():
            self._cleanup()

    async def items(self) -> AsyncIterator[Any]:
        """What the work tells, as it does; afterwards `result` is there.

        Raises:
            ClientGone: nobody waits for the answer any more.
            ApiError: the time is over, or the work failed.
        """
        while True:
            item = await self._items.get()
            if isinstance(item, ApiError | ClientGone):
                raise item
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                self.result = item.value
                return
            yield item

    def tell(self, item: object) -> None:
        """Of the thread: let `items` yield it.

        Raises:
            Cancelled: the work is to stop.
        """
        self.check()
        self._put(item)

    def check(self) -> None:
        """Of the thread: see whether to go on.

        Raises:
            Cancelled: the work is to stop.
        """
        if self._stop.is_set():
            raise Cancelled("the request was given up")

    def _put(self, item: object) -> None:
        self._loop.call_soon_threadsafe(self._items.put_nowait, item)

    def _run(self, call: Callable[[Job[T]], T]) -> None:
        try:
            self.check()
            end = _End(call(self))
        except BaseException as error:  # a panic of a library is no Exception
            end = _End(error=_told(error))
        self._cleanup()
        self._put(end)

    async def _watch_client(self) -> None:
        try:
            while (await self._receive())["type"] != "http.disconnect":
                continue
        except ApiError:  # a body that goes on and on
            pass
        self._items.put_nowait(ClientGone())


def _told(error: BaseException) -> ApiError:
    """What the client is told of an error; of those that nobody expects, no more than that."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, EdgehybridError):
        return as_api_error(error)
    if isinstance(error, MemoryError):
        return ApiError(503, "there is not enough memory for this request", headers=NO_RETRY)
    return internal_error(error)


def internal_error(error: BaseException) -> ApiError:
    """An error that nobody expects: the log has its kind and place, without what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    log.error("%s at %s: please report this as a bug", type(error).__name__, where)
    return ApiError(500, "something went wrong that should not; the server's log says where")
