"""Which reader a kind of file needs; each is imported only when it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgehybrid.documents.document import PageText
from edgehybrid.documents.isolated.order import Header, Order


def read_order(
    order: Order, on_page: Callable[[int], None] = lambda number: None
) -> Iterator[Header | PageText]:
    """Yield the header, then the pages in order; `on_page` is told each page before it is read.

    Raises:
        DocumentError: the file cannot be read, or none of its pages has text.
        RequestError: the file does not have the pages that were asked for.
    """
    if order.kind == "pdf":
        from edgehybrid.documents.pdf.reader import read_order as read
    else:
        from edgehybrid.documents.plain import read_order as read
    yield from read(order, on_page)
