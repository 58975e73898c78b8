"""Text and Markdown files to pages, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from edgehybrid.documents.document import PageText
from edgehybrid.documents.isolated.order import Header, Order
from edgehybrid.errors import EmptyFile, NotFound, NotThisFormat, RequestError

#: Text is read whole: a larger file is no document but data.
MAX_TEXT_BYTES = 256 << 20
#: Enough to tell text from other files.
SNIFF_BYTES = 4096


def read_order(order: Order, on_page: Callable[[int], None]) -> Iterator[Header | PageText]:
    """Yield the header, then the pages in order; `on_page` is told each page before it is sent.

    Raises:
        DocumentError: the file cannot be read, or is no text.
        RequestError: the file does not have the pages that were asked for.
    """
    text = decode(read_bytes(Path(order.path)), order.name)
    pages = split(text, order.name, order.pages, markdown=order.kind == "markdown")
    del text
    header = Header(pages[-1].number, pages[0].number, pages[-1].number)
    yield header
    for page in pages:
        on_page(page.number)
        yield page


def split(
    text: str, name: str, pages: tuple[int, int] | None = None, *, markdown: bool = False
) -> list[PageText]:
    """Those of the pages of `text` that are wanted; a form feed starts a new page.

    Raises:
        EmptyFile: there is no text.
        RequestError: there are no such pages.
    """
    if not text.strip():
        raise EmptyFile(f"{name} holds no text")
    if markdown:
        from edgehybrid.documents.markdown import pages_of_markdown as pages_of
    else:
        from edgehybrid.documents.text import pages_of_text as pages_of
    every = list(pages_of(text))
    kept = [p for p in every if pages is None or pages[0] <= p.number <= pages[1]]
    if not kept:
        first, last = pages or (1, 1)
        raise RequestError(f"pages {first}-{last} were asked of {name}, which has {len(every)}")
    return kept


def decode(data: bytes, name: str) -> str:
    """Bytes of a text file as text: UTF-8, UTF-16 with a mark, else Windows-1252.

    Raises:
        NotThisFormat: the bytes are no text, e.g. an image or an archive.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:SNIFF_BYTES]:
        raise NotThisFormat(f"{name} is not text, nor another format that is read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def read_bytes(file: Path) -> bytes:
    """All of a file that is read whole.

    Raises:
        NotFound: it cannot be opened.
        NotThisFormat: it is too large.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise NotFound(f"cannot open {file}: {error.strerror or error}") from error
    if len(data) > MAX_TEXT_BYTES:
        raise NotThisFormat(f"{file} has over {MAX_TEXT_BYTES} bytes: too large for a text")
    return data
