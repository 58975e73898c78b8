"""Summaries of all documents in a folder: only what is missing is done, and nothing stops it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

import edgehybrid
from edgehybrid.batch.cluster import Cluster
from edgehybrid.batch.journal import Journal
from edgehybrid.batch.ledger import Ledger
from edgehybrid.batch.output import check_apart
from edgehybrid.batch.pool import Pool
from edgehybrid.batch.report import Report
from edgehybrid.batch.work import Moved, Options, Outcome, Setup, Task, Workers
from edgehybrid.bundle import open_bundle
from edgehybrid.cores import available_cores
from edgehybrid.errors import Cancelled, NotFound, RequestError
from edgehybrid.runtime.budgets import Budget
from edgehybrid.tasks.rendering import Format

#: Held while a run writes into a folder of summaries.
LOCK = ".edgehybrid.lock"
#: More workers are started only where they are asked for: each has the reader's 200 MB.
MOST_JOBS = 8


class FolderProgress(NamedTuple):
    """How far a folder is: documents that are done, up to date or failed, and pages read."""

    documents: int
    documents_total: int
    failed: int
    pages: int
    seconds: float


Tell = Callable[[FolderProgress], object]


def summarize_folder(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    format: str = "text",
    words: int | None = None,
    points: int | None = None,
    focus: str | None = None,
    pages: tuple[int, int] | None = None,
    password: str | None = None,
    damaged: bool = False,
    model: str | os.PathLike[str] | None = None,
    budget: Budget = None,
    router: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: Tell | None = None,
) -> Report:
    """Summarise all documents below a folder, each into a file of its own.

    A document whose summary is there already, made of the same content by the same model with the
    same options, is not read again. One that cannot be read is told in the report and stops
    nothing. In a script, call this under `if __name__ == "__main__":`, as workers are processes.

    Args:
        folder: where the documents are; hidden files, links that lead out, and files of other
            kinds are left out and counted.
        out: the folder of summaries, which is made; it mirrors `folder`.
        format: "text", "markdown" or "json".
        words, points, focus, pages, password, damaged, budget, router, max_tokens, temperature,
            seed: of each document, see `edgehybrid.summarize`.
        model: a bundle's folder; the default reader if None. Of a cluster, where its workers find
            it.
        jobs: how many documents are read at a time; as many as there are cores, up to 8, if None.
        scheduler: the address of a Dask scheduler, such as "tcp://host:8786", whose workers read
            the documents; they get a document's bytes and give back its summary.
        progress: called whenever something was read, and every second; stops the run by returning
            False.

    Raises:
        NotFound: the folder cannot be opened.
        RequestError: an argument cannot be satisfied.
        BundleError: the model cannot be loaded.
        WorkersError: processes cannot be started, or the cluster cannot be used.
        OSError: the summaries cannot be written.
        Cancelled: `progress` returned False; what was done is kept.
    """
    options = Options(
        _format(format), words, points, focus, pages, password, damaged, budget, router,
        max_tokens, temperature, seed,
    )  # fmt: skip
    if jobs is not None and (jobs < 1 or scheduler is not None):
        why = "the cluster decides with a scheduler" if scheduler else "ask for 1 or more"
        raise RequestError(f"jobs is {jobs}: {why}")
    source, target = Path(folder), Path(out)
    if not source.is_dir():
        raise NotFound(f"{source} is no folder, or is not there")
    check_apart(source, target)
    bundle = open_bundle(None if model is None else Path(model))
    path = None if model is None else os.path.abspath(model)
    setup = Setup(path, bundle.fingerprint, edgehybrid.__version__, options)
    report = Report(source, target, bundle.name, options.told())
    with _opened(target) as journal:
        _run(Ledger(report, setup, journal), lambda: _workers(setup, jobs, scheduler), progress)
        report.write()
    return report


def _format(name: str) -> Format:
    try:
        return Format(name)
    except ValueError:
        known = ", ".join(form.value for form in Format)
        raise RequestError(f"format {name!r} is not one of {known}") from None


@contextmanager
def _opened(out: Path) -> Iterator[Journal]:
    """The journal of a folder of summaries, which nobody else writes into meanwhile."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"out {out} is a file: name a folder")
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / LOCK, timeout=0), closing(Journal(out)) as journal:
            yield journal
    except Timeout:
        raise RequestError(f"another run writes into {out}: wait until it has ended") from None


def _workers(setup: Setup, jobs: int | None, scheduler: str | None) -> Workers:
    if scheduler is not None:
        return Cluster(setup, scheduler)
    cores = available_cores()
    jobs = jobs or min(cores, MOST_JOBS)
    return Pool(setup._replace(threads=max(cores // jobs, 1)), jobs)


def _run(ledger: Ledger, open_workers: Callable[[], Workers], progress: Tell | None) -> None:
    """Do all that is to be done. Without any, no worker is started."""
    teller = _Teller(ledger, progress)
    tasks = ledger.tasks(teller.tell)
    first = next(tasks, None)
    if first is not None:
        with closing(open_workers()) as workers:
            _work(workers, chain([first], tasks), ledger, teller)
    ledger.finish(teller.seconds)


def _work(workers: Workers, tasks: Iterator[Task], ledger: Ledger, teller: _Teller) -> None:
    under_way = 0
    while True:
        while workers.has_room() and (task := next(tasks, None)) is not None:
            workers.give(task)
            under_way += 1
        if not under_way:
            return
        for message in workers.take():
            if isinstance(message, Outcome):
                under_way -= 1
                ledger.enter(message)
            teller.note(message)
        teller.tell()  # also where nothing came: it may want to stop


class _Teller:
    """Tells `progress` how far a run is, and stops it if that returns False."""

    def __init__(self, ledger: Ledger, progress: Tell | None) -> None:
        self._ledger, self._progress, self._began = ledger, progress, time.monotonic()
        self._moving: dict[int, int] = {}  # pages of documents that are not done yet

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def note(self, message: Outcome | Moved) -> None:
        if isinstance(message, Moved):
            self._moving[message.number] = message.pages
        else:
            self._moving.pop(message.number, None)

    def tell(self) -> None:
        if self._progress is None:
            return
        ledger = self._ledger
        pages = ledger.pages + sum(self._moving.values())
        now = (len(ledger.rows), ledger.total, ledger.failed, pages, self.seconds)
        if self._progress(FolderProgress(*now)) is False:
            raise Cancelled(f"the run was stopped after {len(ledger.rows)} documents")
