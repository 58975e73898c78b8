"""How many tokens of each page are kept, in numbers and as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edgehybrid.report.marks import Marks
from edgehybrid.report.units import Unit


class Counts(NamedTuple):
    """Tokens of one page.

    Attributes:
        page: 1-based; 0 before the first.
        tokens: read.
        routed: of them, those that a router keeps.
        kept: those that are kept at all, as sinks or in a window too.
        share: 0..1, the length of the page's bar.
        full: all are kept, in a layer that keeps every token.
    """

    page: int
    tokens: int
    routed: int
    kept: int
    share: float
    full: bool

    def told(self) -> str:
        """In words."""
        if self.full:
            by_router = f", {self.routed:,} of them by a router too" if self.routed else ""
            return f"{self.tokens:,} tokens, all kept by a layer without a budget{by_router}"
        counts = (
            (self.routed, "by the router"),
            (self.kept - self.routed, "as sinks or in the window"),
        )
        ways = [(count, how) for count, how in counts if count]
        named = ", ".join(f"{count:,} {how}" for count, how in ways)
        how = f": {named}" if len(ways) > 1 else "".join(f" {how}" for _, how in ways)
        return f"{self.kept:,} of {self.tokens:,} tokens kept{how}"


def count_pages(units: Sequence[Unit], marks: Marks) -> dict[int, Counts]:
    """Counts of each page, in the order of the document.

    Bars are of the tokens that a router keeps; of all that are kept where there is no router.
    """
    sums: dict[int, list[int]] = {}
    for unit in units:
        of_page = sums.setdefault(unit.page, [0, 0, 0])
        found = (unit.tokens, *marks.counts(unit.start, unit.start + unit.tokens))
        of_page[:] = [total + count for total, count in zip(of_page, found, strict=True)]
    shown = 1 if marks.routed else 2
    most = max((of_page[shown] for of_page in sums.values()), default=0) or 1
    return {
        page: Counts(page, tokens, routed, kept, (tokens, routed, kept)[shown] / most, marks.full)
        for page, (tokens, routed, kept) in sums.items()
    }


def bar(counts: Counts) -> str:
    """A bar beside a page's heading; the numbers stand below it, so it says nothing itself."""
    return (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * counts.share:.1f}" height="6"/></svg>\n'
    )


def strip(pages: dict[int, Counts], unit: str) -> str:
    """All pages at a glance, each a link; `unit` is what is counted as one."""
    items = "".join(_cell(counts, unit) for counts in pages.values())
    return (
        f'<nav class="strip-of-pages" aria-label="{unit.capitalize()}s">\n'
        f"<h2>{unit.capitalize()}s</h2>\n"
        f'<ol class="strip">\n{items}</ol>\n</nav>\n'
    )


def _cell(counts: Counts, unit: str) -> str:
    height = 28 * counts.share
    name = f"{unit} {counts.page}" if counts.page else f"before the first {unit}"
    told = f"{name}: {counts.told()}"
    return (
        f'<li><a href="#page-{counts.page}" title="{told}" aria-label="{told}">'
        '<svg viewBox="0 0 40 28" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect y="{28 - height:.1f}" width="40" height="{height:.1f}"/></svg>'
        f"{counts.page or '-'}</a></li>\n"
    )
