"""Office files, web pages and mail to pages, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgehybrid.documents.document import PageText
from edgehybrid.documents.isolated.order import Header, Order
from edgehybrid.documents.office.items import Contents, pages_of
from edgehybrid.documents.plain import read_bytes
from edgehybrid.errors import NoText, NotThisFormat, RequestError

if TYPE_CHECKING:
    from edgehybrid.documents.office.archive import Archive

#: OpenDocument and EPUB say in this entry what they are.
MIMETYPE = "mimetype"


def read_order(order: Order, on_page: Callable[[int], None]) -> Iterator[Header | PageText]:
    """Yield the header, then the pages in order; `on_page` is told each page before it is sent.

    Raises:
        DocumentError: the file cannot be read, or has no text.
        RequestError: the file does not have the pages that were asked for.
    """
    contents = _contents(order)
    pages = pages_of(contents)
    unit, (first, last) = contents.unit, order.pages or (1, len(pages))
    if first > len(pages):
        raise RequestError(
            f"{unit}s {first}-{last} were asked of {order.name}, which has {len(pages)}"
        )
    if not any(page.blocks for page in pages[first - 1 : last]):
        raise NoText(f"{order.name}: no text in it, which is all that is read; pictures are not")
    last = min(last, len(pages))
    yield Header(len(pages), first, last, unit)
    for page in pages[first - 1 : last]:
        on_page(page.number)
        yield page


def _contents(order: Order) -> Contents:
    if order.kind == "archive":
        from edgehybrid.documents.office.archive import Archive

        return _of_archive(Archive(order.path, order.name))
    data = read_bytes(Path(order.path))
    if order.kind == "html":
        from edgehybrid.documents.office.html import read as read_html

        return read_html(data)
    if order.kind == "rtf":
        from edgehybrid.documents.office.rtf import read as read_rtf

        return read_rtf(data, order.name)
    from edgehybrid.documents.office.mail import read as read_mail

    return read_mail(data, order.name)


def _of_archive(archive: Archive) -> Contents:
    """The contents of an archive, by what it says of itself, and never by its name.

    Raises:
        NotThisFormat: it is none that is read.
        DocumentError: as of those.
    """
    from edgehybrid.documents.office import docx, epub, odt, pptx

    said = archive.read(MIMETYPE)[:100].decode("ascii", "replace") if MIMETYPE in archive else ""
    main = archive.first("", "officeDocument") or ""
    if said.startswith("application/epub") or epub.CONTAINER in archive:
        return epub.read(archive)
    if said.startswith("application/vnd.oasis.opendocument.text"):
        return odt.read(archive)
    if main.startswith("word/"):
        return docx.read(archive)
    if main.startswith("ppt/"):
        return pptx.read(archive)
    raise NotThisFormat(
        f"{archive.name} is an archive, but no Word, PowerPoint, OpenDocument text or EPUB file"
    )
