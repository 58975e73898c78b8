"""PDF files to pages of text, read in another process while this one does other things."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType

from edgehybrid.documents.document import PageText
from edgehybrid.documents.pdf.child import Child, can_start
from edgehybrid.documents.pdf.reader import Header, Order, read_order


class PdfPages(Iterator[PageText]):
    """The pages of a PDF file, as they are read; close it, or use it in a `with` statement.

    Reading begins when this is made. Everything raises `DocumentError` if the file cannot be
    read, `NoText` after the last page if no page had text.
    """

    def __init__(self, messages: Iterator[Header | PageText], child: Child | None) -> None:
        self._messages = messages
        self._child = child
        self._header: Header | None = None

    @property
    def page_count(self) -> int:
        """The number of pages in the file; waits until it is known.

        Raises:
            DocumentError: the file cannot be read.
            RequestError: it does not have the pages that were asked for.
        """
        return self._known().page_count

    @property
    def first(self) -> int:
        """The first page that is read (1-based)."""
        return self._known().first

    @property
    def last(self) -> int:
        """The last page that is read (1-based)."""
        return self._known().last

    def __iter__(self) -> PdfPages:
        return self

    def __next__(self) -> PageText:
        self._known()
        page = next(self._messages)
        if not isinstance(page, PageText):
            raise TypeError(f"expected a page, not {page!r}")
        return page

    def _known(self) -> Header:
        if self._header is None:
            header = next(self._messages)
            if not isinstance(header, Header):
                raise TypeError(f"expected a header, not {header!r}")
            self._header = header
        return self._header

    def close(self) -> None:
        """Stop reading and end the other process; a second call does nothing."""
        if self._child is not None:
            self._child.close()

    def __enter__(self) -> PdfPages:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_pdf(
    path: str | os.PathLike[str],
    *,
    password: str | None = None,
    pages: tuple[int, int] | None = None,
    damaged: bool = False,
    isolated: bool = True,
) -> PdfPages:
    """Begin to read a PDF file, and return its pages as they come.

    `pages` are the first and the last page wanted (1-based). `damaged` reads what is left of a
    damaged file, of which text may be missing. Without `isolated`, or where Python cannot start
    another process, the file is read in this one: then a file made to do harm can do it.

    Raises:
        DocumentError: only later, from `page_count` or while iterating.
    """
    order = Order(os.path.abspath(os.fspath(path)), password, pages, damaged)
    if isolated and can_start():
        child = Child(order)
        return PdfPages(child.messages(), child)
    return PdfPages(read_order(order, lambda number: None), None)
