"""From files to blocks, in this process: PDFium's side of it, and what no text means."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents.pdf_files import Text, assemble, column, content, objects, simple, stream

from edgehybrid.documents.document import PageText
from edgehybrid.documents.pdf import read_pdf
from edgehybrid.errors import (
    DamagedDocument,
    NoText,
    NotFound,
    RequestError,
)

SENTENCE = "The quick brown fox jumps over the lazy dog by the river"


def read(path: Path, data: bytes, **options: object) -> list[PageText]:
    path.write_bytes(data)
    return list(read_pdf(path, isolated=False, **options))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a file.pdf"


def test_two_columns(path: Path) -> None:
    left = column(72, [f"Left {n} {SENTENCE[:30]}" for n in range(9)])
    right = column(320, [f"Right {n} {SENTENCE[:30]}" for n in range(9)])
    interleaved = [line for pair in zip(left, right, strict=True) for line in pair]
    (page,) = read(path, simple(interleaved))
    words = " ".join(block.text for block in page.blocks)
    assert words.index("Left 8") < words.index("Right 0")


@pytest.mark.parametrize("rotate", [0, 90])
def test_a_turned_page_is_read_upright(path: Path, rotate: int) -> None:
    lines = [Text(100 + 12 * n, 72, f"Line {n} {SENTENCE}", turn=90) for n in range(4)]
    (page,) = read(path, simple(lines, rotate=rotate))
    assert len(page.blocks) == 1
    assert page.blocks[0].text == " ".join(f"Line {n} {SENTENCE}" for n in range(4))


def test_an_upside_down_page_is_read_upright(path: Path) -> None:
    (page,) = read(path, simple(column(72, ["First line here.", "Then the second."]), rotate=180))
    words = " ".join(block.text for block in page.blocks)
    assert words.index("Then") < words.index("First")  # as it shows, turned by half


def test_fonts_tell_headings_and_code(path: Path) -> None:
    lines = [
        Text(72, 720, "A Heading", font="F2"),
        *column(72, [f"{SENTENCE} and on" for _ in range(3)]),
        Text(72, 600, "print(1 + 2)", font="F3"),
    ]
    (page,) = read(path, simple(lines))
    assert [block.kind for block in page.blocks] == ["heading", "prose", "code"]


def test_marks_of_notes_are_left_out_but_figures_are_not(path: Path) -> None:
    lines = [
        Text(72, 700, "The claim was made in public"),
        Text(194, 704, "3", size=6),
        Text(202, 700, "by 22 people."),
    ]
    (page,) = read(path, simple(lines))
    assert page.blocks[0].text == "The claim was made in public by 22 people."


def test_a_part_of_the_pages(path: Path) -> None:
    data = simple(*[[Text(72, 700, f"This is page {n}, with words.")] for n in range(1, 6)])
    pages = read(path, data, pages=(2, 3))
    assert [page.number for page in pages] == [2, 3]
    assert "page 2" in pages[0].blocks[0].text


def test_pages_that_are_not_there(path: Path) -> None:
    with pytest.raises(RequestError, match="pages 2-9 were asked for, but it has pages 1-1"):
        read(path, simple([Text(72, 700, "One page only.")]), pages=(2, 9))


def test_no_text_says_so(path: Path) -> None:
    with pytest.raises(NoText, match="no text on pages 1-2"):
        read(path, simple([], []))


def picture() -> bytes:
    return b"q 612 0 0 792 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x80 EI Q"


def test_pictures_of_text_are_named_with_their_pages(path: Path) -> None:
    data = assemble(objects([stream(b"", picture()), stream(b"", picture())]))
    with pytest.raises(NoText, match=r"no text on pages 1-2, only pictures"):
        read(path, data)


def test_empty_pages_among_others_are_no_error(path: Path) -> None:
    pages = read(path, simple([Text(72, 700, "There are words here.")], []))
    assert [bool(page.blocks) for page in pages] == [True, False]


def test_forms_that_hold_one_another_are_damage(path: Path) -> None:
    words = b"BT /F1 24 Tf (Hello) Tj ET /X Do"
    head = (
        b"/Type/XObject/Subtype/Form/BBox[0 0 999 999]"
        b"/Resources<</Font<</F1 3 0 R>>/XObject<</X %d 0 R>>>>"
    )
    bodies = [
        *objects([stream(b"", b"/X Do")]),
        stream(head % 9, words),
        stream(head % 8, words),
    ]
    bodies[5] = bodies[5].replace(b"/Resources<<", b"/Resources<</XObject<</X 8 0 R>>")
    with pytest.raises(DamagedDocument, match="page 1: its forms are nested over"):
        read(path, assemble(bodies))


def test_a_page_tree_that_claims_too_much(path: Path) -> None:
    bodies = objects([stream(b"", content([Text(72, 700, "Words on it.")]))])
    bodies[1] = bodies[1].replace(b"/Count 1", b"/Count 2000000000")
    with pytest.raises(DamagedDocument, match="claims 2,000,000,000 pages, but 1 can be reached"):
        read(path, assemble(bodies))


def test_what_is_left_of_a_damaged_file(path: Path) -> None:
    data = simple([Text(72, 700, "Words are still here.")]).replace(b"xref\n0", b"xxxx\n0", 1)
    (page,) = read(path, data, damaged=True)
    assert page.blocks[0].text == "Words are still here."


def test_a_missing_file_and_a_strange_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        list(read_pdf(tmp_path / "no\nsuch.pdf", isolated=False))
    assert "no?such.pdf" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_vanishes_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgehybrid.documents.pdf.pdfium.PAGES_PER_OPENING", 2)
    path.write_bytes(simple(*[[Text(72, 700, f"Page {n} has words.")] for n in range(30)]))
    pages = read_pdf(path, isolated=False)
    assert pages.page_count == 30
    path.unlink()
    with pytest.raises(DamagedDocument, match="changed or removed while it was read"):
        list(pages)


def test_opening_a_file_again_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = simple(*[[Text(72, 700, f"Page {n} has words.")] for n in range(30)])
    at_once = read(path, data)
    monkeypatch.setattr("edgehybrid.documents.pdf.pdfium.PAGES_PER_OPENING", 4)
    assert read(path, data) == at_once
