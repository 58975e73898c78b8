"""Which reader a kind of file needs; each is imported only when it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgehybrid.documents.document import PageText
from edgehybrid.documents.isolated.order import Header, Order


def _ignore(number: int) -> None:
    return


def read_order(
    order: Order,
    on_page: Callable[[int], None] = _ignore,
    on_recognising: Callable[[int], None] = _ignore,
) -> Iterator[Header | PageText]:
    """Yield the header, then the pages in order; `on_page` is told each page before it is read,
    `on_recognising` each of which the text is recognised.

    Raises:
        DocumentError: the file cannot be read, or none of its pages has text.
        RequestError: the file does not have the pages that were asked for.
    """
    if order.kind == "pdf":
        from edgehybrid.documents.pdf.reader import read_order as read_pdf

        yield from read_pdf(order, on_page, on_recognising)
        return
    if order.kind in ("text", "markdown"):
        from edgehybrid.documents.plain import read_order as read
    else:
        from edgehybrid.documents.office.reader import read_order as read
    yield from read(order, on_page)
