"""Markdown to pages of blocks, by markdown-it (CommonMark and tables)."""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from edgehybrid.documents.document import Block, PageText
from edgehybrid.documents.text import clean, cut, in_section, section_after


def pages_of_markdown(text: str) -> Iterator[PageText]:
    """Yield the pages of `text`: a form feed starts a new page."""
    section = "prose"
    for number, page in enumerate(clean(text).split("\f"), start=1):
        blocks = []
        for block in _blocks(_without_front_matter(page) if number == 1 else page):
            section = section_after(section, block)
            blocks += [in_section(block._replace(text=piece), section) for piece in cut(block.text)]
        yield PageText(number, tuple(blocks))


def _without_front_matter(text: str) -> str:
    if text.startswith("---\n") and (end := text.find("\n---\n", 4)) > 0:
        return text[end + 5 :]
    return text


def _blocks(text: str) -> Iterator[Block]:
    kinds: list[str] = []
    row: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type in ("fence", "code_block"):
            yield Block(" ".join(token.content.split()), "code")
        elif token.type == "tr_close":
            yield Block(" | ".join(row), "table")
            row = []
        elif token.type in ("heading_open", "list_item_open", "table_open"):
            kinds.append(token.type.removesuffix("_open"))
        elif token.type in ("heading_close", "list_item_close", "table_close"):
            kinds.pop()
        elif token.type == "inline" and (words := _plain(token)):
            inner = kinds[-1] if kinds else "prose"
            if inner == "table":
                row.append(words)
            else:
                yield Block(words, "list" if inner == "list_item" else inner)


def _plain(token: Token) -> str:
    """The words that a reader sees: marks, link targets and images left out."""
    pieces = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            pieces.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            pieces.append(" ")
    return " ".join(clean("".join(pieces)).split())  # entities may be control characters
