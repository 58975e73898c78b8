"""The reading process: does all that is heavy, so that the window never waits.

Reading in a thread of the app would hold Python's global lock for long stretches, above all while
modules are imported and kernels are compiled (`measure_blocking.py --thread` shows it). A process
of its own has a lock of its own; if it dies, the app says so and starts another one.

Two threads work here: one reads documents, one after the other; the other answers questions about
those that were read, meanwhile. Streams of one model take turns, so both may use it.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from edgehybrid_desktop.messages import (
    Answer,
    Ask,
    Cancel,
    Cited,
    Failed,
    Forget,
    Message,
    NotAMessageError,
    Note,
    Piece,
    Progress,
    Read,
    Summarize,
    Summary,
    Warm,
    decode,
    encode,
)

if TYPE_CHECKING:
    import edgehybrid

Tell = Callable[[Message], None]
#: Lower priority than the window's: on a busy machine that is what keeps it smooth.
NICENESS = 10


def main() -> int:
    """Do what standard input orders, until it is closed; answer on standard output."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    tell = _teller(_claim_output())
    session = Session(tell)
    logging.getLogger("edgehybrid").addHandler(_Notes(tell))
    logging.getLogger("edgehybrid").setLevel(logging.INFO)
    readings: queue.Queue[Message] = queue.Queue()
    questions: queue.Queue[Message] = queue.Queue()
    for orders in (readings, questions):
        threading.Thread(target=_work, args=(orders, session), daemon=True).start()
    while line := sys.stdin.buffer.readline():
        try:
            order = decode(line)
        except NotAMessageError:
            continue
        if isinstance(order, Cancel | Forget):
            session.stop(order)
        else:
            (readings if isinstance(order, Read | Warm) else questions).put(order)
    os._exit(0)  # the app has gone: whatever is being read is of no use any more


def _claim_output() -> BinaryIO:
    """Standard output for messages alone: what libraries print goes to standard error."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output


def _teller(output: BinaryIO) -> Tell:
    lock = threading.Lock()

    def tell(message: Message) -> None:
        with lock:
            output.write(encode(message))
            output.flush()

    return tell


def _work(orders: queue.Queue[Message], session: Session) -> None:
    while True:
        session.do(orders.get())


class _Notes(logging.Handler):
    """Sends what the package logs, such as that kernels are compiled, to the window."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(Note(record.getMessage()))


class Session:
    """The model, and the documents that were read, by the numbers of their jobs."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._model: tuple[str | None, edgehybrid.Model] | None = None
        self._documents: dict[int, edgehybrid.ReadDocument] = {}
        self._stopped: set[int] = set()

    def stop(self, order: Cancel | Forget) -> None:
        """Let what is done for this job end at its next step."""
        self._stopped.add(order.job)
        if isinstance(order, Forget):
            self._documents.pop(order.job, None)

    def do(self, order: Message) -> None:
        """Carry out an order; whatever goes wrong is told in one line."""
        from edgehybrid.errors import EdgehybridError

        try:
            self._do(order)
        except EdgehybridError as error:
            self._fail(order, error, str(error))
        except MemoryError as error:
            self._fail(order, error, "there is not enough memory for this")
        except Exception as error:  # a bug, which must not leave the window waiting for ever
            reason = f"{type(error).__name__}: {error}".replace("\n", " ")
            self._fail(order, error, f"{reason}; please report this as a bug of edgehybrid")

    def _fail(self, order: Message, error: BaseException, why: str) -> None:
        job, what = getattr(order, "job", 0), type(order).__name__
        self._tell(Failed(job, what, why, type(error).__name__))

    def _do(self, order: Message) -> None:
        if isinstance(order, Warm):
            self._load(order.model)
        elif isinstance(order, Read):
            self._read(order)
        elif isinstance(order, Summarize):
            self._stopped.discard(order.job)
            self._tell(self._summary(order, self._documents[order.job]))
        elif isinstance(order, Ask):
            self._stopped.discard(order.job)
            self._tell(self._answer(order))

    def _load(self, path: str | None) -> edgehybrid.Model:
        if self._model is None or self._model[0] != path:
            import edgehybrid

            self._tell(Note("Loading the model …"))
            self._model = None  # before another is loaded, so that both need not fit
            self._model = path, edgehybrid.load(path)
            self._tell(Note(""))
        return self._model[1]

    def _read(self, order: Read) -> None:
        import edgehybrid

        job, model = order.job, self._load(order.model)

        def progress(now: edgehybrid.Progress) -> bool:
            pages, memory = (now.pages_read, now.pages_total), (now.peak_rss_bytes, now.state_bytes)
            self._tell(Progress(job, *pages, now.seconds, *memory, now.recognising, now.unit))
            return job not in self._stopped

        document = edgehybrid.read(
            order.path,
            password=order.password,
            damaged=order.damaged,
            model=model,
            keep=order.keep,
            progress=progress,
        )
        self._documents[job] = document
        self._tell(self._summary(Summarize(job, order.wish), document))
        if job in self._stopped:  # it was removed meanwhile
            self._documents.pop(job, None)

    def _summary(self, order: Summarize, document: edgehybrid.ReadDocument) -> Summary:
        from edgehybrid.tasks.rendering import unread

        wish = order.wish
        made = document.summarize(
            words=wish.words, points=wish.points, focus=wish.focus, show=self._show(order.job)
        )
        stats = made.stats
        return Summary(
            job=order.job,
            wish=wish,
            points=tuple(Cited(point.text, point.page) for point in made.points),
            written=made.written,
            pages=stats.pages,
            words=stats.words,
            seconds=stats.seconds,
            peak_rss_bytes=stats.peak_rss_bytes,
            state_bytes=stats.state_bytes,
            resumed=stats.tokens_resumed > 0,
            notices=(*unread(stats), *made.notices),
            unit=stats.unit,
        )

    def _answer(self, order: Ask) -> Answer:
        found = self._documents[order.job].ask(order.question, show=self._show(order.job))
        passages = tuple(Cited(passage.text, passage.page) for passage in found.passages)
        sources = tuple(source.page for source in found.sources)
        return Answer(order.job, order.question, passages, found.written, sources, found.unit)

    def _show(self, job: int) -> Callable[[str], None]:
        """For a language model: passes on each piece, and stops the writing if that is wanted."""
        from edgehybrid.errors import Cancelled

        def show(piece: str) -> None:
            if job in self._stopped:
                raise Cancelled("writing was stopped")
            self._tell(Piece(job, piece))

        return show
