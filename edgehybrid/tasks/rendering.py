"""Summaries as text, Markdown or JSON, and what is said of pages that were not read.

Nothing heavy is imported here: the command line needs the formats before it runs.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from edgehybrid.documents import ocr
from edgehybrid.documents.units import counted, place

if TYPE_CHECKING:
    from edgehybrid.tasks.summarize import Summary

#: So many page numbers are named in a warning.
NAMED = 10
_WITHOUT_TEXT = "have no text (scanned?) and were not read"


class Format(str, enum.Enum):
    """How the answer is written."""

    text = "text"
    markdown = "markdown"
    json = "json"


def shown(name: str) -> str:
    """A name without what would steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in name)


def render(summary: Summary, format: Format) -> str:
    """The summary as the user asked for it, without a final newline."""
    if format is Format.json:
        import json

        return json.dumps(as_json(summary), ensure_ascii=False, indent=2)
    if format is Format.markdown:
        lines = [f"# {shown(summary.document)}", ""]
        if summary.written is not None:
            return "\n".join([*lines, summary.written])
        return "\n".join(
            lines + [f"- {p.text} *({place(summary.unit, p.page)})*" for p in summary.points]
        )
    if summary.written is not None:
        return summary.written
    return "\n".join(f"[{place(summary.unit, p.page)}] {p.text}" for p in summary.points)


def as_json(summary: Summary) -> dict[str, Any]:
    """The object that `--format json` prints."""
    stats = summary.stats
    return {
        "summary": summary.text,
        "written": summary.written is not None,
        "points": [{"text": p.text, "page": p.page, "score": p.score} for p in summary.points],
        "document": {
            "name": summary.document,
            "pages": stats.pages,
            "unit": stats.unit,
            "words": stats.words,
            "tokens": stats.tokens,
            "pages_without_text": list(stats.pages_without_text),
            "unreadable_pages": list(stats.unreadable_pages),
            "recognised_pages": list(stats.recognised_pages),
            "language": stats.language,
        },
        "model": summary.model,
        "notices": list(summary.notices),
        "stats": {
            "seconds": stats.seconds,
            "tokens_per_second": stats.tokens_per_second,
            "peak_rss_bytes": stats.peak_rss_bytes,
            "state_bytes": stats.state_bytes,
            "kv_tokens_kept": stats.kv_tokens_kept,
            "kv_tokens_seen": stats.kv_tokens_seen,
            "tokens_written": stats.tokens_written,
            "tokens_resumed": stats.tokens_resumed,
        },
    }


class Found(Protocol):
    """What is known of a reading; page numbers are 1-based."""

    @property
    def pages(self) -> int:
        """How many."""

    @property
    def unit(self) -> str:
        """What is counted as one."""

    @property
    def pages_without_text(self) -> Sequence[int]:
        """Their numbers."""

    @property
    def unreadable_pages(self) -> Sequence[int]:
        """Their numbers."""

    @property
    def recognised_pages(self) -> Sequence[int]:
        """Their numbers."""


def unread(found: Found) -> list[str]:
    """What could not be read, a line for each reason."""
    lines = []
    for numbers, what in (
        (found.pages_without_text, _WITHOUT_TEXT if found.unit == "page" else "have no text"),
        (found.unreadable_pages, "could not be parsed and were not read"),
    ):
        if numbers:
            several = counted(found.unit, found.pages)
            hint = f"; {ocr.HINT}" if what == _WITHOUT_TEXT and ocr.version() is None else ""
            lines.append(f"{len(numbers)} of {several} {what}: {named(numbers)}{hint}")
    return lines


def recognised(found: Found) -> list[str]:
    """What was read off pictures, in one line, if anything was."""
    if not found.recognised_pages:
        return []
    several = f"{len(found.recognised_pages)} of {counted(found.unit, found.pages)}"
    how = f"(OCR of {ocr.LETTERS} letters), which makes mistakes"
    return [f"{several} were read off pictures {how}: {named(found.recognised_pages)}"]


def named(numbers: Sequence[int]) -> str:
    """The first few numbers."""
    return ", ".join(map(str, numbers[:NAMED])) + (", …" if len(numbers) > NAMED else "")
