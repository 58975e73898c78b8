"""What the reading process is asked for, and what it answers first."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple, get_args

from edgehybrid.documents.units import Unit

#: An archive is of Word, PowerPoint, OpenDocument or EPUB: the reading process looks which.
Kind = Literal["pdf", "text", "markdown", "archive", "html", "rtf", "mail"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Order(NamedTuple):
    """What to read: `pages` are the first and the last wanted (1-based), None for all.

    `damaged` allows damaged files, of which text may be missing.
    """

    path: str
    password: str | None = None
    pages: tuple[int, int] | None = None
    damaged: bool = False
    kind: Kind = "pdf"

    @property
    def name(self) -> str:
        """The name of the file, without its folder, fit for a message of one line."""
        name = os.path.basename(self.path)
        return "".join(character if character.isprintable() else "?" for character in name)


class Header(NamedTuple):
    """What is known before the first page: pages in the file, and those that will be read.

    `unit` is what the format counts as a page.
    """

    page_count: int
    first: int
    last: int
    unit: Unit = "page"
