"""A PDF file to pages of text, in this process: checks, PDFium, layout, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from shlex import quote

from edgehybrid.documents import ocr
from edgehybrid.documents.document import PageText
from edgehybrid.documents.isolated.order import Header, Order
from edgehybrid.documents.layout import RawPage
from edgehybrid.documents.layout.stream import lay_out
from edgehybrid.documents.pdf.check import (
    check_format,
    check_sizes,
    check_whole,
    damaged,
    mapped,
)
from edgehybrid.documents.pdf.pdfium import PdfiumError, PdfiumFile
from edgehybrid.documents.pdf.scans import MIN_SCAN_WORDS, Scans
from edgehybrid.errors import (
    DocumentTooLarge,
    NoText,
    NotFound,
    PasswordNeeded,
    RequestError,
)

#: A file that claims more pages than this is refused; a part of it can be asked for.
MAX_PAGES = 100_000


def read_order(
    order: Order, on_page: Callable[[int], None], on_recognising: Callable[[int], None]
) -> Iterator[Header | PageText]:
    """Yield the header, then the pages in order; `on_page` is told each page before it is read,
    `on_recognising` each of which the text is recognised.

    Raises:
        DocumentError: the file cannot be read, or none of its pages has text.
        RequestError: the file does not have the pages that were asked for.
    """
    claimed = _check(order)
    file = _open(order)
    try:
        if claimed not in (None, file.page_count) and not order.damaged:
            raise damaged(
                order.name,
                f"its page tree claims {claimed:,} pages, but {file.page_count:,} can be reached",
            )
        header = _header(order, file.page_count)
        yield header
        found, scans = _Found(), Scans(file, on_recognising)
        for page in lay_out(_raw_pages(file, header, found, on_page, scans)):
            found.add(page)
            yield page
        found.check(order, header)
    except PdfiumError as error:
        what = "it was changed or removed while it was read"
        raise damaged(order.name, what, readable=False) from error
    finally:
        file.close()


def _check(order: Order) -> int | None:
    try:
        data = mapped(order.path)
    except OSError as error:
        raise NotFound(
            f"{order.name}: cannot be opened ({error.strerror}); check the path"
        ) from error
    check_format(data, order.name)
    if order.damaged:
        check_sizes(data, order.name)
        return None
    return check_whole(data, order.name)


def _open(order: Order) -> PdfiumFile:
    try:
        return PdfiumFile(order.path, order.password)
    except PdfiumError as error:
        if not error.needs_password:
            what = f"PDFium cannot open it ({error})"
            raise damaged(order.name, what, readable=False) from error
        if order.password is None:
            raise PasswordNeeded(
                f"{order.name}: the PDF file is encrypted; give its password with --password"
            ) from error
        raise PasswordNeeded(
            f"{order.name}: the given password does not open the PDF file; check it for "
            "capitals and spaces"
        ) from error


def _header(order: Order, page_count: int) -> Header:
    if page_count < 1:
        raise damaged(order.name, "it has no pages", readable=False)
    first, last = order.pages or (1, page_count)
    if not 1 <= first <= last <= page_count:
        raise RequestError(
            f"{order.name}: pages {first}-{last} were asked for, but it has pages 1-{page_count}"
        )
    if last - first >= MAX_PAGES:
        raise DocumentTooLarge(
            f"{order.name}: {last - first + 1:,} pages, over the limit of {MAX_PAGES:,}; "
            f"read a part of it with --pages, e.g. --pages 1-{MAX_PAGES}"
        )
    return Header(page_count, first, last)


def _raw_pages(
    file: PdfiumFile,
    header: Header,
    found: _Found,
    on_page: Callable[[int], None],
    scans: Scans,
) -> Iterator[RawPage]:
    for number in range(header.first, header.last + 1):
        on_page(number)
        page = scans.recognised(file.read(number))
        found.add_raw(page)
        yield page


def _advice(name: str) -> str:
    if ocr.version() is None:
        return f", as of a scan; {ocr.HINT}"
    return (
        ", and none was recognised in them (OCR); if you see text, another recogniser may know its "
        f"letters, e.g. ocrmypdf {name} with-text.pdf"
    )


class _Found:
    """What was found on the pages so far, to tell at the end why there is no text."""

    def __init__(self) -> None:
        self._with_text = 0
        self._with_images: set[int] = set()
        self._pictures: list[int] = []
        self._faults: list[str] = []

    def add_raw(self, page: RawPage) -> None:
        if page.fault:
            self._faults.append(f"page {page.number}: {page.fault}")
        if page.images:
            self._with_images.add(page.number)

    def add(self, page: PageText) -> None:
        words = sum(len(block.text.split()) for block in page.blocks)
        has_images = page.number in self._with_images
        if words >= (MIN_SCAN_WORDS if has_images else 1):
            self._with_text += 1
        elif has_images:
            self._pictures.append(page.number)

    def check(self, order: Order, header: Header) -> None:
        """Raise if no page had text.

        Raises:
            DamagedDocument: none could be read.
            NoText: there is none.
        """
        if self._with_text:
            return
        if self._faults and not self._pictures:
            what = f"none of its pages can be read ({self._faults[0]})"
            raise damaged(order.name, what, readable=False)
        pages = _span(self._pictures or [header.first, header.last])
        name = quote(order.name)
        if self._pictures:
            raise NoText(f"{order.name}: no text on {pages}, only pictures{_advice(name)}")
        raise NoText(
            f"{order.name}: no text on {pages}: nothing is there, or letters are drawn as "
            f"shapes; if you see text, recognise it (OCR), e.g. ocrmypdf {name} with-text.pdf"
        )


def _span(pages: list[int]) -> str:
    first, last = min(pages), max(pages)
    return f"page {first}" if first == last else f"pages {first}-{last}"
