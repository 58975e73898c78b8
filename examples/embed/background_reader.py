"""A reader in the background of a program: progress, cancel, questions while others are read.

    python examples/embed/background_reader.py report.pdf handbook.pdf --ask "What does it cost?"

Documents are read one after the other in a thread; the program stays free. Ctrl-C cancels the one
that is being read: what was read of it can be asked all the same, and because readings are kept,
the next run goes on from there.
"""

from __future__ import annotations

import argparse
import logging
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import edgehybrid
from edgehybrid.errors import Cancelled, EdgehybridError


@dataclass
class Job:
    """One document; `done` is set when `document` or `error` is."""

    path: Path
    on_progress: Callable[[Job, edgehybrid.Progress], None]
    done: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    document: edgehybrid.ReadDocument | None = None
    error: EdgehybridError | None = None

    def cancel(self) -> None:
        """Stop at the next batch."""
        self.cancelled.set()


class BackgroundReader:
    """Reads documents in a thread of its own, with one model for all of them."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="reader", daemon=True)
        self._thread.start()

    def read(self, path: Path, on_progress: Callable[[Job, edgehybrid.Progress], None]) -> Job:
        """Put a document in the queue; returns at once."""
        job = Job(path, on_progress)
        self._jobs.put(job)
        return job

    def close(self) -> None:
        """Finish the queue and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        model = edgehybrid.load()  # not in the caller's thread: it may take a while
        while (job := self._jobs.get()) is not None:
            self._read(model, job)
            job.done.set()

    def _read(self, model: edgehybrid.Model, job: Job) -> None:
        def progress(now: edgehybrid.Progress) -> bool:
            job.on_progress(job, now)
            return not job.cancelled.is_set()

        try:
            job.document = edgehybrid.read(job.path, model=model, keep=True, progress=progress)
        except Cancelled as cancelled:
            job.document, job.error = cancelled.document, cancelled
        except EdgehybridError as error:
            job.error = error


def main() -> None:
    """A program with such a reader."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--ask", default="What is this about?")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    reader = BackgroundReader()
    jobs = [reader.read(path, show) for path in args.files]
    try:
        for job in jobs:
            while not job.done.wait(0.1):  # here a program would do its own work
                pass
            tell(job, args.ask)
    except KeyboardInterrupt:
        for job in jobs:
            job.cancel()
            job.done.wait()
        tell(job, args.ask)
    reader.close()


def show(job: Job, now: edgehybrid.Progress) -> None:
    """Called in the reader's thread."""
    line = f"\r{job.path.name}: page {now.pages_read} of {now.pages_total}"
    print(line, end="\n" if now.pages_read == now.pages_total else "", file=sys.stderr, flush=True)


def tell(job: Job, question: str) -> None:
    """Print what is known of a job that is done."""
    if job.error is not None:
        print(f"{job.path.name}: {job.error}")
    if job.document is not None:
        for passage in job.document.ask(question).passages:
            print(f"{job.path.name}, p. {passage.page}: {passage.text}")


if __name__ == "__main__":
    main()
