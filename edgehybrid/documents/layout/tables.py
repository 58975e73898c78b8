"""Rows of tables whose cells are too long for one line."""

from __future__ import annotations

from edgehybrid.documents.layout.kinds import Paragraph

#: A cell goes on over at most so many lines.
MAX_CELL_LINES = 8
#: The head of one column of a table has at most so many words.
MAX_HEAD_WORDS = 4


def mark_tables(paragraphs: list[Paragraph]) -> list[Paragraph]:
    """Give the kind `table` to what stands between two rows, or hangs below one."""
    marked = list(paragraphs)
    for index, paragraph in enumerate(paragraphs):
        before = marked[index - 1] if index else None
        after = paragraphs[index + 1] if index + 1 < len(paragraphs) else None
        if _is_cell(before, paragraph, after):
            marked[index] = paragraph._replace(kind="table")
    return marked


def _is_cell(before: Paragraph | None, paragraph: Paragraph, after: Paragraph | None) -> bool:
    if _is_column_head(before, paragraph, after):
        return True
    if paragraph.kind in ("table", "caption", "toc") or paragraph.lines > MAX_CELL_LINES:
        return False
    if before is None or before.kind != "table" or before.column != paragraph.column:
        return False
    between = after is not None and after.kind == "table" and after.column == paragraph.column
    return paragraph.indented or (between and not paragraph.ended)


def _is_column_head(
    before: Paragraph | None, paragraph: Paragraph, after: Paragraph | None
) -> bool:
    """Whether a short "heading" stands over the rows of a table, below its caption."""
    return (
        paragraph.kind == "heading"
        and len(paragraph.text.split()) <= MAX_HEAD_WORDS
        and after is not None
        and after.kind == "table"
        and (before is None or before.kind in ("table", "caption"))
    )
