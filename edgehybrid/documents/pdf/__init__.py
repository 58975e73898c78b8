"""PDF files to pages of text, read in another process while this one does other things."""

from __future__ import annotations

import os

from edgehybrid.documents.isolated.order import Order
from edgehybrid.documents.isolated.pages import Pages


def read_pdf(
    path: str | os.PathLike[str],
    *,
    password: str | None = None,
    pages: tuple[int, int] | None = None,
    damaged: bool = False,
    isolated: bool = True,
) -> Pages:
    """Begin to read a PDF file, and return its pages as they come.

    `pages` are the first and the last page wanted (1-based). `damaged` reads what is left of a
    damaged file, of which text may be missing. Without `isolated`, or where Python cannot start
    another process, the file is read in this one: then a file made to do harm can do it.

    Raises:
        DocumentError: only later, from `page_count` or while iterating.
    """
    order = Order(os.path.abspath(os.fspath(path)), password, pages, damaged)
    return Pages(order, isolated=isolated)
