"""What the numbers of a document count: its pages, or what a format has instead of pages."""

from __future__ import annotations

from typing import Literal, get_args

#: Presentations have slides, books chapters, mail messages. A section goes from one heading to the
#: next, where a format has no pages of its own.
Unit = Literal["page", "slide", "section", "chapter", "message"]
UNITS: tuple[Unit, ...] = get_args(Unit)


def place(unit: str, number: int) -> str:
    """How a place is cited: `p. 3`, `slide 3`."""
    return f"p. {number}" if unit == "page" else f"{unit} {number}"


def counted(unit: str, count: int) -> str:
    """So many of them: `1 page`, `1,200 slides`."""
    return f"{count:,} {unit}" + ("" if count == 1 else "s")
