"""From a path to pages: which reader a file needs is decided by its content, then its name."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from edgehybrid.documents.document import Document, PageText
from edgehybrid.documents.formats import MARKDOWN_SUFFIXES, OTHER_SUFFIXES, kind_of
from edgehybrid.documents.isolated.order import Kind, Order
from edgehybrid.documents.isolated.pages import Pages
from edgehybrid.documents.plain import MAX_TEXT_BYTES, SNIFF_BYTES, decode, split
from edgehybrid.documents.units import Unit
from edgehybrid.errors import EmptyFile, NotFound, NotThisFormat, RequestError

#: How names of documents end, where a folder is searched for them; a file that is named is opened
#: whatever its name is.
SUFFIXES = (".pdf", *MARKDOWN_SUFFIXES, ".txt", ".text", *OTHER_SUFFIXES)
#: Files of at most so many bytes are read in this process, which spares the start of another:
#: whatever they hold, they take at most some 150 MB, and 5 s for text, 1 s for Markdown.
HERE: dict[Kind, int] = {"text": 1 << 22, "markdown": 1 << 15}

__all__ = ["PageSource", "decode", "open_document", "open_pages", "open_text"]


@dataclass
class PageSource:
    """Pages as they are parsed; iterate once. `page_count` is how many will come."""

    name: str
    pages: Iterable[PageText]
    page_count: int
    unit: Unit = "page"

    def __iter__(self) -> Iterator[PageText]:
        return iter(self.pages)

    def watch(self, on_recognising: Callable[[int], None]) -> None:
        """Let `on_recognising` be told each page (1-based) whose text is about to be recognised."""
        if isinstance(self.pages, Pages):
            self.pages.on_recognising = on_recognising

    def __enter__(self) -> PageSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        close = getattr(self.pages, "close", None)
        if close:
            close()


def open_document(
    path: str | os.PathLike[str],
    *,
    password: str | None = None,
    pages: tuple[int, int] | None = None,
    damaged: bool = False,
) -> Document:
    """Read a file whole: PDF, Word, PowerPoint, OpenDocument, EPUB, HTML, RTF, mail, text.

    Args:
        path: the file.
        password: for an encrypted PDF.
        pages: first and last page, 1-based, both included.
        damaged: read what is left of a damaged PDF, instead of refusing it.

    Raises:
        DocumentError: the file is missing, empty, damaged, encrypted, too large or without text.
    """
    with open_pages(path, password=password, pages=pages, damaged=damaged) as source:
        return Document.from_pages(source, name=source.name, unit=source.unit)


def open_pages(
    path: str | os.PathLike[str],
    *,
    password: str | None = None,
    pages: tuple[int, int] | None = None,
    damaged: bool = False,
) -> PageSource:
    """As `open_document`, but pages come one by one while the file is being parsed."""
    check_range(pages)
    file = Path(path)
    head, size = _look_at(file)
    kind = kind_of(file, head)
    if kind not in ("pdf", "archive") and size > MAX_TEXT_BYTES:
        raise NotThisFormat(f"{file} has {size} bytes, over {MAX_TEXT_BYTES}: too large for a text")
    order = Order(os.path.abspath(os.fspath(path)), password, pages, damaged, kind)
    source = Pages(order, isolated=size > HERE.get(kind, -1))
    return PageSource(order.name, source, source.last - source.first + 1, source.unit)


def check_range(pages: tuple[int, int] | None) -> None:
    """Look at the first and the last page that are wanted, 1-based.

    Raises:
        RequestError: they are no range.
    """
    if pages is not None and not 1 <= pages[0] <= pages[1]:
        raise RequestError(f"pages {pages[0]}-{pages[1]} is not a range from 1 upwards")


def open_text(
    text: str, name: str, pages: tuple[int, int] | None = None, *, markdown: bool = False
) -> PageSource:
    """Pages of a text that is in memory; a form feed starts a new page."""
    kept = split(text, name, pages, markdown=markdown)
    return PageSource(name, kept, len(kept))


def _look_at(file: Path) -> tuple[bytes, int]:
    """How the file begins, and its size."""
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise NotThisFormat(f"{file} is a folder; name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise NotThisFormat(f"{file} is a pipe or device: name a file, or - for standard input")
        with file.open("rb") as opened:
            head = opened.read(SNIFF_BYTES)
    except (OSError, ValueError) as error:
        raise NotFound(f"cannot open {file}: {getattr(error, 'strerror', error)}") from error
    if not head:
        raise EmptyFile(f"{file} is empty (0 bytes)")
    return head, status.st_size
