"""Summaries as text, Markdown or JSON, and what is said of pages that were not read.

Nothing heavy is imported here: the command line needs the formats before it runs.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgehybrid.tasks.summarize import Summary

#: So many page numbers are named in a warning.
NAMED = 10


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
        return "\n".join(lines + [f"- {p.text} *(p. {p.page})*" for p in summary.points])
    if summary.written is not None:
        return summary.written
    return "\n".join(f"[p. {p.page}] {p.text}" for p in summary.points)


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
            "words": stats.words,
            "tokens": stats.tokens,
            "pages_without_text": list(stats.pages_without_text),
            "unreadable_pages": list(stats.unreadable_pages),
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


def unread(pages: int, without_text: tuple[int, ...], unreadable: tuple[int, ...]) -> list[str]:
    """What could not be read of `pages`, a line for each reason; page numbers are 1-based."""
    lines = []
    for numbers, what in (
        (without_text, "have no text (scanned?) and were not read"),
        (unreadable, "could not be parsed and were not read"),
    ):
        if numbers:
            some = ", ".join(map(str, numbers[:NAMED])) + (", …" if len(numbers) > NAMED else "")
            lines.append(f"{len(numbers)} of {pages} pages {what}: {some}")
    return lines
