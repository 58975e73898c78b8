"""Workers of a Dask cluster: a document's bytes go there, and its summary comes back.

They need not see this machine's files, but need this version of edgehybrid, and the model.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from edgehybrid.batch.remote import Sent, read
from edgehybrid.batch.work import Outcome, Setup, Task, Workers, one_line
from edgehybrid.errors import EdgehybridError, RequestError, WorkersError

if TYPE_CHECKING:
    from distributed import Client, Future, Variable

#: Seconds in which a scheduler has to answer, and in which a cluster has to have a worker.
PATIENCE, WORKERLESS = 10.0, 60.0
#: Seconds to wait for an answer before the caller may look around.
MOMENT = 1.0
#: Bytes of one document, and of all that are under way, which the scheduler holds meanwhile.
MAX_SENT, MAX_UNDER_WAY = 64 << 20, 256 << 20
#: Dask warns where a task is larger than this says; ours are as large as documents.
_WARN_FROM = "distributed.admin.large-graph-warning-threshold"


class _UnderWay(NamedTuple):
    number: int
    size: int
    future: Future[Outcome]
    tries: Variable


class Cluster(Workers):
    """The workers of a scheduler. As many documents are under way as these have threads."""

    def __init__(self, setup: Setup, address: str) -> None:
        """Connect to the scheduler.

        Raises:
            RequestError: the extra `cluster` is not installed.
            WorkersError: the scheduler cannot be reached.
        """
        self._setup, self._address, self._client = setup, address, _connect(address)
        self._run = secrets.token_hex(8)
        self._under_way: dict[str, _UnderWay] = {}
        self._come: queue.SimpleQueue[Future[Outcome] | Outcome] = queue.SimpleQueue()
        self._had_workers = time.monotonic()

    def has_room(self) -> bool:
        """Whether a thread is idle, as far as is known, and not too many bytes are under way."""
        held = sum(one.size for one in self._under_way.values())
        return len(self._under_way) < max(self._threads(), 1) and held < MAX_UNDER_WAY

    def give(self, task: Task) -> None:
        """Send a document's bytes, if they are not too many."""
        import dask
        from distributed import Variable

        try:
            with task.path.open("rb") as file:
                content = file.read(MAX_SENT + 1)
        except OSError as error:
            reason = f"cannot be opened: {error.strerror or error}"
            self._come.put(Outcome(task.number, None, reason))
            return
        if len(content) > MAX_SENT:
            reason = f"over {MAX_SENT >> 20} MiB are not sent to a cluster: read it without one"
            self._come.put(Outcome(task.number, None, reason))
            return
        key = f"edgehybrid-{self._run}-{task.number}"
        with self._answering(), dask.config.set({_WARN_FROM: 2 * MAX_SENT}):
            tries = Variable(key, client=self._client)
            tries.set(0)
            sent = Sent(task.number, task.path.name, content, key)
            future = self._client.submit(read, self._setup, sent, key=key, pure=False)
        self._under_way[key] = _UnderWay(task.number, len(content), future, tries)
        future.add_done_callback(self._come.put)

    def take(self) -> Iterator[Outcome]:
        """What has come back.

        Raises:
            WorkersError: the cluster cannot be used any more, or is of another version or model.
            EdgehybridError: the model cannot be loaded, or cannot do what is asked.
        """
        try:
            come = self._come.get(timeout=MOMENT)
        except queue.Empty:
            self._check_workers()
            return
        if isinstance(come, Outcome):
            yield come
            return
        one = self._under_way.pop(str(come.key))
        outcome = self._outcome(one)
        one.tries.delete()
        yield outcome

    def close(self) -> None:
        """Cancel what has not begun. What has begun ends by itself, and is not taken."""
        with suppress(Exception):  # it may be gone
            self._client.cancel([one.future for one in self._under_way.values()])
            for one in self._under_way.values():
                one.tries.delete()
        self._client.close(timeout=PATIENCE)

    def _outcome(self, one: _UnderWay) -> Outcome:
        from distributed import KilledWorker

        if one.future.status == "cancelled":
            raise WorkersError(f"the connection to {self._address} was lost; run again to go on")
        error = one.future.exception()
        if error is None:
            outcome: Outcome = one.future.result()
            return outcome
        if isinstance(error, KilledWorker):
            return Outcome(one.number, None, "its worker was lost each time it was read")
        if isinstance(error, EdgehybridError):
            raise WorkersError(f"a worker of {self._address}: {error}") from error
        what = one_line(f"{type(error).__name__}: {error}")
        raise WorkersError(f"the workers of {self._address} cannot read documents: {what}")

    def _threads(self) -> int:
        with self._answering():
            return sum(self._client.nthreads().values())

    def _check_workers(self) -> None:
        now = time.monotonic()
        if self._threads():
            self._had_workers = now
        elif now - self._had_workers > WORKERLESS:
            raise WorkersError(
                f"{self._address} has had no workers for {WORKERLESS:.0f} s: start some, such as "
                f"dask worker {self._address}"
            )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Tell in one line if the scheduler does not answer any more."""
        try:
            yield
        except (OSError, CancelledError, RuntimeError) as error:
            raise WorkersError(
                f"{self._address} does not answer any more ({one_line(str(error))}); run again to "
                "go on"
            ) from error


def _connect(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise RequestError(
            f"scheduler is {address}, but Dask is not installed ({error}): "
            "pip install 'edgehybrid[cluster]'"
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # errors are told in one line
    try:
        with ThreadPoolExecutor(1) as thread:  # the caller may run an event loop of its own
            thread.submit(asyncio.run, _knock(address)).result()
        return Client(address, timeout=PATIENCE, set_as_default=False, direct_to_workers=False)
    except Exception as error:  # what does not speak Dask's protocol leads to any kind of error
        why = f"cannot use a Dask scheduler at {address}: {_root(error)}"
        raise WorkersError(
            f"{why}; is it there, and is the address like tcp://host:8786?"
        ) from error


async def _knock(address: str) -> None:
    """Connect once, and go: a client that finds nobody would try for long, and tell it at the end.

    Raises:
        OSError: nobody is there.
        ValueError: it is no address.
    """
    from distributed.comm.core import connect
    from distributed.security import Security

    comm = await connect(address, timeout=PATIENCE, **Security().get_connection_args("client"))
    comm.abort()


def _root(error: BaseException) -> str:
    """What a connection failed of in the end; Dask says much more."""
    if isinstance(error, MemoryError):  # the first bytes of an answer were taken for a length
        return "what answers there is something else"
    while error.__cause__ is not None:
        error = error.__cause__
    return one_line(str(getattr(error, "strerror", None) or error)) or type(error).__name__
