"""The books of one run: which documents are to be read, and what became of each."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from edgehybrid.batch.find import find
from edgehybrid.batch.journal import Journal, Record, name_of
from edgehybrid.batch.output import output_of, write_output
from edgehybrid.batch.report import DONE, FAILED, UP_TO_DATE, Report, Row
from edgehybrid.batch.work import Made, Outcome, Setup, Task, one_line
from edgehybrid.documents import ocr
from edgehybrid.errors import RequestError
from edgehybrid.tasks.rendering import shown

#: Changes where summaries of before should be made again.
FORMAT = 1
#: The disk is full: no other document would fare better.
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class _Content(NamedTuple):
    """What a summary is made from: `key` stands for it; `stamp` tells whether the file changed."""

    key: str
    stamp: tuple[int, ...]


class Ledger:
    """Which documents a run reads, and what became of them.

    Attributes:
        rows: of the documents that were dealt with, by their numbers.
        total: how many there are.
        failed, pages: how many failed, and what was read in this run or before.
    """

    def __init__(self, report: Report, setup: Setup, journal: Journal) -> None:
        """Search the folder.

        Raises:
            NotFound: it cannot be opened.
        """
        self._report, self._setup, self._journal = report, setup, journal
        self._found = find(report.folder)
        self._contents: dict[int, _Content] = {}
        self._peak = 0
        self.rows: dict[int, Row] = {}
        self.total, self.failed, self.pages = len(self._found.documents), 0, 0

    def tasks(self, tell: Callable[[], None]) -> Iterator[Task]:
        """The documents that are to be read, each looked at when it is its turn.

        Args:
            tell: called after each that is not.
        """
        for number, document in enumerate(self._found.documents):
            try:
                content = _look(self._report.folder / document, self._setup)
            except OSError as error:
                self._fail(number, f"cannot be opened: {error.strerror or error}")
            else:
                record = self._journal.find(document, content.key)
                if record is None or not (self._report.out / self._output(number)).is_file():
                    self._contents[number] = content
                    yield Task(number, Path(os.path.abspath(self._report.folder / document)))
                    continue
                self._enter(number, UP_TO_DATE, record)
            tell()

    def enter(self, outcome: Outcome) -> None:
        """Write the summary of a document, and take note of it.

        Raises:
            OSError: the disk is full, or the journal cannot be written.
        """
        number, made = outcome.number, outcome.made
        content = self._contents.pop(number)
        if made is None:
            self._fail(number, outcome.reason)
            return
        self._peak = max(self._peak, made.peak_rss_bytes or 0)
        if problem := self._write(number, made, content):
            self._fail(number, problem)
            return
        document = self._found.documents[number]
        counts = (made.pages, made.words, made.tokens, made.seconds, list(made.notes))
        record = Record(name_of(document), content.key, shown(document.as_posix()), *counts)
        self._journal.add(record)
        self._enter(number, DONE, record)

    def finish(self, seconds: float) -> None:
        """Complete the report."""
        report = self._report
        report.rows = [self.rows[number] for number in sorted(self.rows)]
        for folder, reason in self._found.unreadable:
            report.rows.append(Row(shown(f"{folder.as_posix()}/"), FAILED, reason=reason))
        report.skipped, report.seconds = dict(self._found.skipped), seconds
        report.peak_rss_bytes = self._peak or None

    def _output(self, number: int) -> Path:
        return output_of(self._found.documents[number], self._setup.options.format)

    def _write(self, number: int, made: Made, content: _Content) -> str | None:
        """Write a summary; or what is wrong, in one line."""
        try:
            path = self._report.folder / self._found.documents[number]
            if _stamp(path.stat()) != content.stamp:
                return "it was changed while it was read: run again"
            write_output(self._report.out, self._output(number), made.text)
        except RequestError as error:
            return one_line(str(error))
        except OSError as error:
            if error.errno in FULL:
                raise
            return one_line(f"its summary cannot be written: {error.strerror or error}")
        return None

    def _enter(self, number: int, status: str, record: Record) -> None:
        output = shown(self._output(number).as_posix())
        counts = (record.pages, record.words, record.tokens, record.seconds, tuple(record.notes))
        self.rows[number] = Row(record.path, status, output, *counts)
        self.pages += record.pages

    def _fail(self, number: int, reason: str) -> None:
        path = shown(self._found.documents[number].as_posix())
        self.rows[number] = Row(path, FAILED, reason=reason)
        self.failed += 1


def _look(path: Path, setup: Setup) -> _Content:
    """Read a document to see whether it is another one than before.

    Its bytes decide, not its time: times change when files are copied, and stay when two writes
    fall into one tick of the clock. Reading bytes takes a thousandth of the time of a summary.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        stamp = _stamp(os.fstat(file.fileno()))
        while block := file.read(1 << 20):
            digest.update(block)
    told = setup.options.told()
    parts = [FORMAT, setup.version, setup.fingerprint, told, ocr.version(), digest.hexdigest()]
    return _Content(hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32], stamp)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ino
