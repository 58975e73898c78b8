"""Workers that are processes of this machine, each with the model loaded once.

Each has a pipe of its own, so that it is known which document a worker was reading when it died,
and no lock that it held stays locked. Only that worker is started again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from edgehybrid.batch.work import Moved, Outcome, Setup, Task, Workers, attempt, open_model
from edgehybrid.errors import EdgehybridError, WorkersError

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model

#: Seconds to wait for a message before the caller may look around.
MOMENT = 1.0
#: Seconds that an ended process may take to be gone.
PATIENCE = 10.0
#: A worker that has loaded the model says so.
READY = "ready"


class _Worker:
    def __init__(self, setup: Setup) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        with _interrupts_held_back():
            self.process.start()
        theirs.close()  # the pipe then ends when the worker does
        self.task: Task | None = None
        self.is_ready = False

    def end(self) -> int | None:
        self.process.kill()
        self.process.join(PATIENCE)
        self.pipe.close()
        return self.process.exitcode


class Pool(Workers):
    """At most `jobs` workers, which are started when they are needed."""

    def __init__(self, setup: Setup, jobs: int) -> None:
        self._setup, self._jobs = setup, jobs
        self._workers: list[_Worker] = []

    def has_room(self) -> bool:
        """Whether a worker is idle, or can be started."""
        return len(self._workers) < self._jobs or any(not w.task for w in self._workers)

    def give(self, task: Task) -> None:
        """Give it to an idle worker."""
        worker = next((w for w in self._workers if not w.task), None)
        if worker is not None and not worker.process.is_alive():  # it died with nothing to do
            self._forget(worker)
            worker = None
        if worker is None:
            worker = _Worker(self._setup)
            self._workers.append(worker)
        worker.task = task
        with suppress(OSError):  # it has died just now, which `take` will see
            worker.pipe.send(task)

    def take(self) -> Iterator[Outcome | Moved]:
        """What the workers tell.

        Raises:
            WorkersError: one cannot start.
            EdgehybridError: the model cannot be loaded, or cannot do what is asked.
        """
        told = wait([worker.pipe for worker in self._workers], MOMENT)
        for worker in [worker for worker in self._workers if worker.pipe in told]:
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                yield from self._lost(worker)
                continue
            if isinstance(message, EdgehybridError):
                raise message
            if message == READY:
                worker.is_ready = True
                continue
            if isinstance(message, Outcome):
                worker.task = None
            yield message

    def close(self) -> None:
        """Kill all; what they have not told yet is lost."""
        while self._workers:
            self._workers.pop().end()

    def _lost(self, worker: _Worker) -> Iterator[Outcome]:
        code = self._forget(worker)
        cause = f"exit code {code}" if code is None or code >= 0 else signal.strsignal(-code)
        if not worker.is_ready:
            raise WorkersError(
                f"a worker process ended ({cause}) before it had loaded the model: try fewer jobs; "
                'and call summarize_folder under `if __name__ == "__main__":` in a script'
            )
        if worker.task is not None:
            reason = f"the worker process ended ({cause}) while it read this"
            yield Outcome(worker.task.number, None, reason)

    def _forget(self, worker: _Worker) -> int | None:
        self._workers.remove(worker)
        worker.process.join(PATIENCE)  # its own exit code, not that of being killed here
        return worker.end()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process that starts meanwhile is never interrupted; its parent is, a moment later."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # when this starts, it lets interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, setup: Setup) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _hold_threads(setup.threads or 1)
    with suppress(EOFError, OSError):  # the parent has ended
        try:
            model = open_model(setup)
        except EdgehybridError as error:
            pipe.send(error)
            return
        except MemoryError:
            pipe.send(WorkersError("there is not enough memory to load the model: try fewer jobs"))
            return
        pipe.send(READY)
        while True:
            _do(pipe.recv(), pipe, model, setup)


def _do(task: Task, pipe: Connection, model: Model, setup: Setup) -> None:
    def tell(pages: int) -> None:
        pipe.send(Moved(task.number, pages))

    pipe.send(attempt(model, setup.options, task, task.path.name, tell))


def _hold_threads(count: int) -> None:
    """Let libraries use so many threads, beside what this program starts itself."""
    for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(count))  # looked at when they are imported
    from edgehybrid_kernels import set_threads

    set_threads(count)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
