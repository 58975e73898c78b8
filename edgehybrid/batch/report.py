"""What became of a folder's documents: for people on the screen, and for programs in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgehybrid.files import write_whole
from edgehybrid.tasks.rendering import shown

#: The report's name in the folder of summaries; summaries have two suffixes.
REPORT = "report.json"
DONE, UP_TO_DATE, FAILED = "done", "up to date", "failed"
#: So many documents are named on the screen; the file has all of them.
NAMED = 20


@dataclass(frozen=True)
class Row:
    """One document.

    Attributes:
        document: its path below the folder.
        status: done, up to date, or failed.
        summary: the path of its summary below the folder of summaries, if there is one.
        pages, words, tokens: what was read of it, now or in the run that made its summary.
        seconds: how long that took.
        notes: what was not read of it.
        reason: why it failed, in one line.
    """

    document: str
    status: str
    summary: str | None = None
    pages: int = 0
    words: int = 0
    tokens: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    reason: str = ""


@dataclass
class Report:
    """What became of a folder's documents.

    Attributes:
        folder, out: of documents, of summaries.
        model: the bundle's name.
        options: what was asked of each document.
        rows: one for each document, in order.
        skipped: what was found and not read, by reason.
        seconds: the whole run.
        peak_rss_bytes: the most memory that one worker ever had; None if none was needed.
    """

    folder: Path
    out: Path
    model: str
    options: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    peak_rss_bytes: int | None = None

    def of(self, status: str) -> list[Row]:
        """The rows with a status."""
        return [row for row in self.rows if row.status == status]

    @property
    def failed(self) -> list[Row]:
        """The documents, and folders, that could not be read."""
        return self.of(FAILED)

    def write(self) -> None:
        """Write the report beside the summaries.

        Raises:
            OSError: it cannot be written.
        """
        told = {
            "folder": shown(str(self.folder)),
            "model": self.model,
            "options": self.options,
            "seconds": round(self.seconds, 3),
            "peak_rss_bytes": self.peak_rss_bytes,
            "skipped": self.skipped,
            "documents": [asdict(row) for row in self.rows],
        }
        data = json.dumps(told, ensure_ascii=False, indent=2).encode()
        write_whole(self.out / REPORT, data + b"\n")


def table(report: Report) -> str:
    """The report for the screen, without a final newline."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{'':12}{'documents':>10}{'pages':>9}{'words':>12}"
    for status in (DONE, UP_TO_DATE, FAILED):
        rows = report.of(status)
        pages, words = sum(row.pages for row in rows), sum(row.words for row in rows)
        read = "" if status == FAILED else f"{pages:>9,}{words:>12,}"
        yield f"{status:12}{len(rows):>10,}{read}"
    if report.skipped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in report.skipped.items())
        yield f"{'not read':12}{sum(report.skipped.values()):>10,}  ({reasons})"
    yield from _named("failed", [(row.document, row.reason) for row in report.failed])
    in_part = [(row.document, note) for row in report.rows for note in row.notes]
    yield from _named("not read whole", in_part)
    yield ""
    memory = report.peak_rss_bytes
    most = f", at most {memory / 2**20:,.0f} MB a worker" if memory else ""
    yield f"{report.seconds:,.1f} s{most}; all of it is in {shown(str(report.out / REPORT))}"


def _named(title: str, pairs: list[tuple[str, str]]) -> Iterator[str]:
    if not pairs:
        return
    yield ""
    yield f"{title}:"
    yield from (f"  {document}: {reason}" for document, reason in pairs[:NAMED])
    if len(pairs) > NAMED:
        yield f"  and {len(pairs) - NAMED:,} more"
