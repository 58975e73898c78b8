"""From a path to pages: which reader a file needs is decided by its content, then its name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from edgehybrid.documents.document import Document, PageText
from edgehybrid.errors import EmptyFile, NotFound, NotThisFormat, RequestError

MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdown")
#: Text is read whole: a larger file is no document but data.
MAX_TEXT_BYTES = 256 << 20
_SNIFF_BYTES = 4096


@dataclass
class PageSource:
    """Pages as they are parsed; iterate once. `page_count` is how many will come."""

    name: str
    pages: Iterable[PageText]
    page_count: int

    def __iter__(self) -> Iterator[PageText]:
        return iter(self.pages)

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
    """Read a PDF, Markdown or text file whole.

    Args:
        path: the file.
        password: for an encrypted PDF.
        pages: first and last page, 1-based, both included.
        damaged: read what is left of a damaged PDF, instead of refusing it.

    Raises:
        DocumentError: the file is missing, empty, damaged, encrypted, too large or without text.
    """
    with open_pages(path, password=password, pages=pages, damaged=damaged) as source:
        return Document.from_pages(source, name=source.name)


def open_pages(
    path: str | os.PathLike[str],
    *,
    password: str | None = None,
    pages: tuple[int, int] | None = None,
    damaged: bool = False,
) -> PageSource:
    """As `open_document`, but pages come one by one while the file is being parsed."""
    if pages is not None and not 1 <= pages[0] <= pages[1]:
        raise RequestError(f"pages {pages[0]}-{pages[1]} is not a range from 1 upwards")
    file = Path(path)
    head = _head(file)
    if b"%PDF-" in head[:1024] or file.suffix.lower() == ".pdf":
        from edgehybrid.documents.pdf import read_pdf

        source = read_pdf(file, password=password, pages=pages, damaged=damaged)
        return PageSource(file.name, source, source.last - source.first + 1)
    text = _decode(file)
    return open_text(text, file.name, pages, markdown=file.suffix.lower() in MARKDOWN_SUFFIXES)


def open_text(
    text: str, name: str, pages: tuple[int, int] | None = None, *, markdown: bool = False
) -> PageSource:
    """Pages of a text that is in memory; a form feed starts a new page."""
    if not text.strip():
        raise EmptyFile(f"{name} holds no text")
    if markdown:
        from edgehybrid.documents.markdown import pages_of_markdown as split
    else:
        from edgehybrid.documents.text import pages_of_text as split
    every = list(split(text))
    kept = [p for p in every if pages is None or pages[0] <= p.number <= pages[1]]
    if pages and not kept:
        raise RequestError(
            f"pages {pages[0]}-{pages[1]} were asked of {name}, which has {len(every)}"
        )
    return PageSource(name, kept, len(kept))


def _head(file: Path) -> bytes:
    try:
        if file.is_dir():
            raise NotThisFormat(f"{file} is a folder; name a file in it")
        with file.open("rb") as opened:
            head = opened.read(_SNIFF_BYTES)
    except OSError as error:
        raise NotFound(f"cannot open {file}: {error.strerror or error}") from error
    if not head:
        raise EmptyFile(f"{file} is empty (0 bytes)")
    return head


def _decode(file: Path) -> str:
    size = file.stat().st_size
    if size > MAX_TEXT_BYTES:
        raise NotThisFormat(f"{file} has {size} bytes, over {MAX_TEXT_BYTES}: too large for a text")
    return decode(file.read_bytes(), file.name)


def decode(data: bytes, name: str) -> str:
    """Bytes of a text file as text: UTF-8, UTF-16 with a mark, else Windows-1252.

    Raises:
        NotThisFormat: the bytes are no text, e.g. an image or an archive.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:_SNIFF_BYTES]:
        raise NotThisFormat(f"{name} is not text; PDF, Markdown and plain text are read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
