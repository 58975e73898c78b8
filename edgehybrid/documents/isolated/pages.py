"""The pages of a file, as a reading process, or this one, gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType

from edgehybrid.documents.document import PageText
from edgehybrid.documents.isolated.child import Child
from edgehybrid.documents.isolated.order import Header, Order
from edgehybrid.documents.isolated.readers import read_order
from edgehybrid.documents.isolated.wire import Recognising
from edgehybrid.documents.units import Unit
from edgehybrid.frozen import can_start


class Pages(Iterator[PageText]):
    """The pages of a file, as they are read; close it, or use it in a `with` statement.

    Reading begins when this is made. Everything raises `DocumentError` if the file cannot be
    read, `NoText` after the last page if no page had text.
    """

    def __init__(self, order: Order, *, isolated: bool = True) -> None:
        """Without `isolated`, or where Python cannot start another process, read in this one."""
        self._child = Child(order) if isolated and can_start() else None
        self._messages: Iterator[Header | Recognising | PageText]
        self._messages = self._child.messages() if self._child else self._here(order)
        self._header: Header | None = None
        #: Called with the number of each page (1-based) whose text is about to be recognised.
        self.on_recognising: Callable[[int], None] = lambda number: None

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

    @property
    def unit(self) -> Unit:
        """What the format counts as a page."""
        return self._known().unit

    def __iter__(self) -> Pages:
        return self

    def __next__(self) -> PageText:
        self._known()
        page = next(self._messages)
        while isinstance(page, Recognising):
            self.on_recognising(page.number)
            page = next(self._messages)
        if not isinstance(page, PageText):
            raise TypeError(f"expected a page, not {page!r}")
        return page

    def _here(self, order: Order) -> Iterator[Header | PageText]:
        return read_order(order, on_recognising=lambda number: self.on_recognising(number))

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

    def __enter__(self) -> Pages:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
