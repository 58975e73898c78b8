"""The queue: documents one after the other, and what is known of each."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from edgehybrid_desktop.messages import (
    Answer,
    Ask,
    Cancel,
    Failed,
    Forget,
    Message,
    Note,
    Piece,
    Progress,
    Read,
    Summarize,
    Summary,
    Warm,
    Wish,
)
from edgehybrid_desktop.settings import Settings
from edgehybrid_desktop.worker import ReaderProcess


class State(enum.Enum):
    """Where a job is."""

    WAITING = "waiting"
    READING = "reading"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(eq=False)
class Exchange:
    """A question and, when it has come, its answer; `failure` instead where there is none."""

    question: str
    answer: Answer | None = None
    failure: str | None = None


@dataclass(eq=False)
class Job:
    """One document of the queue.

    Attributes:
        kind: the name of the error's class, if it has failed; see `edgehybrid.errors`.
        password: for an encrypted PDF; it is kept nowhere else.
        damaged: whether damaged files are read.
        writing: what a language model has written up to now, while it writes.
        held: whether the reading process still has the document in memory.
    """

    number: int
    path: Path
    state: State = State.WAITING
    progress: Progress | None = None
    error: str = ""
    kind: str = ""
    password: str | None = None
    damaged: bool = False
    summary: Summary | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    writing: str = ""
    held: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done."""
        return self.state in (State.WAITING, State.READING, State.STOPPING)

    @property
    def waiting_for(self) -> Exchange | None:
        """The first question that has no answer yet."""
        return next((e for e in self.exchanges if not e.answer and not e.failure), None)


class Queue(QObject):
    """Orders one reading at a time; signals carry the job that has changed."""

    added = Signal(object)
    changed = Signal(object)
    removed = Signal(object)
    noted = Signal(str)  # what the process is busy with; empty when it no longer is

    def __init__(
        self, reader: ReaderProcess, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.jobs: list[Job] = []
        self._reader, self._settings, self._last = reader, settings, 0
        reader.told.connect(self._take)
        reader.ended.connect(self._lost)

    def warm(self) -> None:
        """Let the model be loaded before it is needed."""
        self._reader.order(Warm(self._settings.model or None))

    def add(self, paths: Iterable[Path]) -> list[Job]:
        """Put documents at the end of the queue."""
        jobs = []
        for path in paths:
            self._last += 1
            jobs.append(Job(self._last, path))
            self.jobs.append(jobs[-1])
            self.added.emit(jobs[-1])
        self._next()
        return jobs

    def cancel(self, job: Job) -> None:
        """Stop the reading, or leave a waiting one out; a finished one stays as it is."""
        if job.state is State.READING:
            self._reader.order(Cancel(job.number))
            self._change(job, State.STOPPING)
        elif job.state is State.WAITING:
            self._change(job, State.CANCELLED)

    def remove(self, job: Job) -> None:
        """Take a job out of the queue and out of memory."""
        self.jobs.remove(job)
        self._reader.order(Forget(job.number))
        self.removed.emit(job)
        self._next()

    def retry(self, job: Job, *, password: str | None = None, damaged: bool = False) -> None:
        """Read it (again), when its turn comes."""
        if not job.is_open:
            job.password, job.damaged = password or job.password, damaged or job.damaged
            self._last += 1  # a new number: what is still told of the old one is not meant
            job.number = self._last
            job.progress, job.error, job.kind, job.held = None, "", "", False
            self._change(job, State.WAITING)
            self._next()

    def summarize(self, job: Job, wish: Wish) -> None:
        """Summarise in another way; nothing is read again for it."""
        if job.held:
            job.writing = ""
            self._reader.order(Summarize(job.number, wish))

    def ask(self, job: Job, question: str) -> None:
        """Ask; a document that is no longer in memory is read again first."""
        job.exchanges.append(Exchange(question))
        job.writing = ""
        if job.held:
            self._reader.order(Ask(job.number, question))
        else:
            self.retry(job)
        self.changed.emit(job)

    def _next(self) -> None:
        if any(job.state in (State.READING, State.STOPPING) for job in self.jobs):
            return
        job = next((job for job in self.jobs if job.state is State.WAITING), None)
        if job is not None:
            settings = self._settings
            self._reader.order(
                Read(
                    job.number,
                    str(job.path),
                    settings.model or None,
                    settings.keep,
                    settings.wish(),
                    job.password,
                    job.damaged,
                )
            )
            self._change(job, State.READING)

    def _take(self, message: Message) -> None:
        if isinstance(message, Note):
            self.noted.emit(message.text)
            return
        number = getattr(message, "job", 0)
        job = next((job for job in self.jobs if job.number == number), None)
        if job is None:  # it was removed, or is read again under another number
            return
        self._note(job, message)
        self.changed.emit(job)
        self._next()

    def _note(self, job: Job, message: Message) -> None:
        if isinstance(message, Progress):
            job.progress = message
        elif isinstance(message, Piece):
            job.writing += message.text
        elif isinstance(message, Summary):
            if not job.held:  # it has just been read: what was asked meanwhile is asked now
                self._ask_what_waits(job)
            job.summary, job.state, job.held, job.writing = message, State.DONE, True, ""
        elif isinstance(message, Answer):
            if (exchange := job.waiting_for) is not None:
                exchange.answer, job.writing = message, ""
        elif isinstance(message, Failed):
            self._fail(job, message)

    def _ask_what_waits(self, job: Job) -> None:
        for exchange in job.exchanges:
            if not exchange.answer and not exchange.failure:
                self._reader.order(Ask(job.number, exchange.question))

    def _fail(self, job: Job, failed: Failed) -> None:
        job.writing = ""
        if failed.what == Ask.__name__:
            if (exchange := job.waiting_for) is not None:
                exchange.failure = failed.error
        elif failed.what == Read.__name__:
            job.state = State.CANCELLED if failed.kind == "Cancelled" else State.FAILED
            job.error, job.kind = failed.error, failed.kind
        else:
            job.error = failed.error  # of another summary: the one that is there stays

    def _lost(self, why: str) -> None:
        self.noted.emit("")
        for job in self.jobs:
            job.held = False
            if (asked := job.waiting_for) is not None:
                asked.failure = why
            if job.state in (State.READING, State.STOPPING):
                was_stopping = job.state is State.STOPPING
                job.error = why
                job.state = State.CANCELLED if was_stopping else State.FAILED
            self.changed.emit(job)
        self._next()

    def _change(self, job: Job, state: State) -> None:
        job.state = state
        self.changed.emit(job)
