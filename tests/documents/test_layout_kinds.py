"""Which kinds paragraphs get, and which sections are never quoted."""

from __future__ import annotations

import pytest

from edgehybrid.documents.layout import BOLD, MONO, Line
from edgehybrid.documents.layout.boilerplate import is_boilerplate
from edgehybrid.documents.layout.kinds import Paragraph, classify
from edgehybrid.documents.layout.sections import Sections


def line(text: str, *, size: float = 10, style: int = 0, cells: int = 1) -> Line:
    return Line(60, 500, 700, size, size, style, text, cells, 0, 60, 500)


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([line("A sentence that says something.")], "prose"),
        ([line("Introduction", size=14)], "heading"),
        ([line("Introduction", style=BOLD)], "heading"),
        ([line("2.1 Materials and Methods")], "heading"),
        ([line("2.1 Cells. These were kept at a temperature of 4 degrees")], "prose"),
        ([line("• an item of a list")], "list"),
        ([line("(a) an item of a list;")], "list"),
        ([line("Figure 2: The flow of water")], "caption"),
        ([line("Fig. 2 The flow of water")], "caption"),
        ([line("Figure 2 shows the flow of water.")], "prose"),
        ([line("A note below the text.", size=8)], "caption"),
        ([line("Scope . . . . . . . . . . . . 12")], "toc"),
        ([line("one 1 2", cells=3), line("two 3 4", cells=3)], "table"),
        ([line("x <- c(1, 2)", style=MONO)], "code"),
        ([line("x = 2 + 1 / y")], "formula"),
        ([line("[3] A. Smith, On water, J. Flow, vol. 3, 2001, pp. 3-9.")], "reference"),
    ],
)
def test_kinds(lines: list[Line], kind: str) -> None:
    text = " ".join(one.text for one in lines)
    assert classify(lines, text, 10.0, 5).kind == kind


def test_list_items_lose_their_bullets() -> None:
    assert classify([line("• an item")], "• an item", 10.0, 5).text == "an item"


@pytest.mark.parametrize(
    ("text", "page", "expected"),
    [
        ("© 2018 The Authors. This is an open access article.", 9, True),
        ("Correspondence: a.b@example.org", 1, True),
        ("Department of Water, University of Flow, 1000 Rivertown, Seeland", 1, True),
        ("Department of Water, University of Flow, 1000 Rivertown, Seeland", 9, False),
        ("The authors declare that they have no competing interests.", 9, True),
        ("The university is in the north, by the sea, and was founded late.", 1, False),
        ("Received: 3 May 2017; accepted: 4 June 2017", 1, True),
    ],
)
def test_boilerplate(text: str, page: int, expected: bool) -> None:
    assert is_boilerplate(text, page) is expected


def paragraph(text: str, kind: str = "prose", size: float = 10) -> Paragraph:
    return Paragraph(text, kind, size, kind == "heading", 0, 1, False)


def kinds(*paragraphs: Paragraph) -> list[str]:
    return [placed.kind for placed in Sections().place(list(paragraphs))]


def test_references_last_until_an_appendix() -> None:
    assert kinds(
        paragraph("References", "heading", 12),
        paragraph("Smith, A. (2001). On water."),
        paragraph("7. Nature of Things, vol. 2", "heading", 12),
        paragraph("Jones, B. (2002). On fire."),
        paragraph("Appendix A", "heading", 12),
        paragraph("More text."),
    ) == ["heading", "reference", "reference", "reference", "heading", "prose"]


def test_a_column_of_a_table_named_references_begins_no_section() -> None:
    assert kinds(
        paragraph("References", "heading"),
        paragraph("1 Sabinene and other names", "table"),
        paragraph("Text goes on."),
    ) == ["heading", "table", "prose"]


def test_thanks_and_contents_are_not_prose() -> None:
    assert kinds(
        paragraph("Table of Contents", "heading", 14),
        paragraph("Scope 3"),
        paragraph("Acknowledgements", "heading", 12),
        paragraph("We thank many people."),
        paragraph("1. Results", "heading", 12),
        paragraph("There are some."),
    ) == ["heading", "toc", "heading", "boilerplate", "heading", "prose"]
