"""The same for programs that run an event loop: nothing here blocks it.

    from edgehybrid import aio

    document = await aio.read("report.pdf", progress=bar.update)
    answer = await aio.ask(document, "What did it cost?")
    async for piece in aio.generate(stream, max_tokens=200):
        ...

Work is done in threads, of which those of one model take turns. A task that is cancelled ends at
the next batch: it waits for the thread, so that streams and readings are whole when it is done.
`progress` and `show` are called in the loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from edgehybrid.documents import Document
from edgehybrid.errors import Cancelled, EdgehybridError
from edgehybrid.runtime import model as _model
from edgehybrid.runtime.model import Model
from edgehybrid.runtime.stream import Stream
from edgehybrid.tasks.ask import Answer
from edgehybrid.tasks.ask import ask as _ask
from edgehybrid.tasks.read import ReadDocument
from edgehybrid.tasks.read import read as _read
from edgehybrid.tasks.reading import Progress
from edgehybrid.tasks.summarize import Summary
from edgehybrid.tasks.summarize import summarize as _summarize

Source = str | os.PathLike[str] | Document
T = TypeVar("T")


async def load(path: str | os.PathLike[str] | None = None, **options: Any) -> Model:
    """See `edgehybrid.load`."""
    return await asyncio.to_thread(_model.load, path, **options)


async def read(source: Source, **options: Any) -> ReadDocument:
    """See `edgehybrid.read`."""
    return await _stoppable(partial(_read, source, **options), options.get("progress"))


async def summarize(source: Source | ReadDocument, **options: Any) -> Summary:
    """See `edgehybrid.summarize`; of a document that was read, `ReadDocument.summarize`."""
    if isinstance(source, ReadDocument):
        return await _writing(partial(source.summarize, **options), options.get("show"))
    return await _stoppable(partial(_summarize, source, **options), options.get("progress"))


async def ask(source: Source | ReadDocument, question: str, **options: Any) -> Answer:
    """See `edgehybrid.ask`; of a document that was read, `ReadDocument.ask`."""
    if isinstance(source, ReadDocument):
        return await _writing(partial(source.ask, question, **options), options.get("show"))
    return await _stoppable(partial(_ask, source, question, **options), options.get("progress"))


async def generate(stream: Stream, max_tokens: int = 256, **options: Any) -> AsyncIterator[str]:
    """See `Stream.generate`; the stream is whole whenever a piece has come."""
    pieces = stream.generate(max_tokens, **options)
    while (piece := await _finished(partial(next, pieces, None))) is not None:
        yield piece


async def _stoppable(call: Callable[..., T], progress: Callable[[Progress], object] | None) -> T:
    stop, loop = threading.Event(), asyncio.get_running_loop()

    def tell(now: Progress) -> bool:
        if progress is not None:
            loop.call_soon_threadsafe(progress, now)
        return not stop.is_set()

    return await _finished(partial(call, progress=tell), stop)


async def _writing(call: Callable[..., T], show: Callable[[str], object] | None) -> T:
    stop, loop = threading.Event(), asyncio.get_running_loop()

    def tell(piece: str) -> None:
        if stop.is_set():
            raise Cancelled("writing was stopped")
        if show is not None:
            loop.call_soon_threadsafe(show, piece)

    return await _finished(partial(call, show=tell), stop)


async def _finished(call: Callable[[], T], stop: threading.Event | None = None) -> T:
    """What `call` returns in a thread; if this is cancelled, only once the thread has ended."""
    work = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if stop is not None:
            stop.set()
        with suppress(EdgehybridError):
            await work
        raise
