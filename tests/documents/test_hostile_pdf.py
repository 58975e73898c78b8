"""PDF files made to do harm: each ends in pages or in one line, in seconds and limited memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from documents.pdf_files import (
    HEADER,
    Text,
    assemble,
    assemble_with_stream,
    content,
    objects,
    simple,
    stream,
)

from edgehybrid.documents.pdf import read_pdf
from edgehybrid.errors import DocumentError
from edgehybrid.memory import peak_rss_bytes

FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>"
WORDS = b"BT /F1 10 Tf 72 700 Td (Some plain words.) Tj ET"


def page(resources: bytes, drawn: bytes, *others: bytes, box: bytes = b"0 0 612 792") -> bytes:
    """One page, object 3, with content 4 and a font 5; `others` are 6, 7, ..."""
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R/Resources<<%s>>>>"
        % (box, resources),
        stream(b"", drawn),
        FONT,
        *others,
    ]
    return assemble(bodies)


def flate_twice() -> bytes:
    """100 MB of spaces, packed twice, so that the first layer is small."""
    packed = zlib.compress(zlib.compress(b" " * 100_000_000, 9), 9)
    body = b"<</Filter[/FlateDecode/FlateDecode]/Length %d>>\nstream\n%s\nendstream" % (
        len(packed),
        packed,
    )
    return page(b"/Font<</F1 5 0 R>>", WORDS).replace(stream(b"", WORDS), body)


def flate_many_times() -> bytes:
    packed = b" " * 200_000_000
    for _ in range(6):
        packed = zlib.compress(packed, 9)
    filters = b"/FlateDecode" * 6
    body = b"<</Filter[%s]/Length %d>>\nstream\n%s\nendstream" % (filters, len(packed), packed)
    bodies = objects([body])
    return assemble(bodies)


def object_stream_bomb() -> bytes:
    packed = zlib.compress(b"1 0 " + b" " * 200_000_000, 9)
    body = b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream" % (
        len(packed),
        packed,
    )
    return assemble([*objects([stream(b"", WORDS)]), body])


def kids_cycle() -> bytes:
    return assemble(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000>>"]
    )


def kids_that_multiply() -> bytes:
    """Thirty levels, each of which has the next one twice: a thousand million pages."""
    levels = [
        b"<</Type/Pages/Parent %d 0 R/Kids[%d 0 R %d 0 R]/Count %d>>"
        % (max(n - 1, 1), n + 1, n + 1, 2 ** (30 - n))
        for n in range(2, 32)
    ]
    last = b"<</Type/Page/Parent 31 0 R/MediaBox[0 0 9 9]>>"
    return assemble([b"<</Type/Catalog/Pages 2 0 R>>", *levels, last])


def parents_cycle() -> bytes:
    data = simple([Text(72, 700, "Some plain words.")])
    return data.replace(b"/Parent 2 0 R/MediaBox[0 0 612 792]", b"/Parent 6 0 R" + b" " * 22)


def glyph_that_draws_itself() -> bytes:
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/FirstChar 65"
        b"/LastChar 65/Widths[9]/CharProcs<</A 7 0 R>>/Encoding<</Differences[65/A]>>"
        b"/Resources<</Font<</F1 6 0 R>>>>>>"
    )
    glyph = stream(b"", b"9 0 d0 BT /F1 9 Tf (AAAAAAAA) Tj ET")
    return page(b"/Font<</F1 6 0 R>>", b"BT /F1 10 Tf 72 700 Td (AAAA) Tj ET", font, glyph)


def form_that_draws_itself() -> bytes:
    form = stream(
        b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>",
        b"/X Do /X Do",
    )
    return page(b"/XObject<</X 6 0 R>>/Font<</F1 5 0 R>>", WORDS + b" /X Do", form)


def forms_that_multiply() -> bytes:
    forms = [
        stream(
            b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>"
            b"/Font<</F1 5 0 R>>>>" % min(n + 1, 20),
            b"/X Do " * 10 if n < 20 else WORDS,
        )
        for n in range(6, 21)
    ]
    return page(b"/XObject<</X 6 0 R>>/Font<</F1 5 0 R>>", WORDS + b" /X Do", *forms)


def cmap_that_uses_itself() -> bytes:
    font = (
        b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding 7 0 R/ToUnicode 7 0 R"
        b"/DescendantFonts[<</Type/Font/Subtype/CIDFontType2/BaseFont/X"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>]>>"
    )
    cmap = stream(
        b"/Type/CMap/CMapName/X/UseCMap 7 0 R",
        b"/X usecmap 1 begincodespacerange <0000> <ffff> endcodespacerange "
        b"1 beginbfrange <0000> <ffff> <0041> endbfrange " * 2000,
    )
    return page(b"/Font<</F1 6 0 R>>", WORDS, font, cmap)


def huge_box() -> bytes:
    return page(b"/Font<</F1 5 0 R>>", WORDS, box=b"0 0 1000000000 1000000000")


def deep_arrays() -> bytes:
    return page(b"/Font<</F1 5 0 R>>/X " + b"[" * 30_000 + b"]" * 30_000, WORDS)


def length_that_refers_to_itself() -> bytes:
    body = b"<</Length 7 0 R>>\nstream\n%s\nendstream" % WORDS
    return assemble(objects([body]))


def xref_cycle() -> bytes:
    data = simple([Text(72, 700, "Some plain words.")])
    table = int(data.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    return data.replace(b"/Root 1 0 R>>", b"/Root 1 0 R/Prev %d>>" % table)


def negative_columns() -> bytes:
    data = assemble_with_stream(objects([stream(b"", WORDS)]))
    return data.replace(b"/Columns 5", b"/Columns -5")


def columns_without_end() -> bytes:
    data = assemble_with_stream(objects([stream(b"", WORDS)]))
    return data.replace(b"/Columns 5", b"/Columns 99999999999999")


HOSTILE: list[Callable[[], bytes]] = [
    flate_twice,
    flate_many_times,
    object_stream_bomb,
    kids_cycle,
    kids_that_multiply,
    parents_cycle,
    glyph_that_draws_itself,
    form_that_draws_itself,
    forms_that_multiply,
    cmap_that_uses_itself,
    huge_box,
    deep_arrays,
    length_that_refers_to_itself,
    xref_cycle,
    negative_columns,
    columns_without_end,
]


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_pages_or_one_line(tmp_path: Path, make: Callable[[], bytes], damaged: bool) -> None:
    path = tmp_path / "hostile.pdf"
    path.write_bytes(make())
    said = ""
    try:
        with read_pdf(path, damaged=damaged) as pages:
            assert sum(1 for _ in pages) == pages.last - pages.first + 1
    except DocumentError as error:
        said = str(error)
    assert not said or said.startswith("hostile.pdf: ")
    assert "\n" not in said
    assert "bug" not in said


def test_words_in_a_huge_box_are_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.pdf"
    path.write_bytes(huge_box())
    (only,) = read_pdf(path)
    assert [block.text for block in only.blocks] == ["Some plain words."]


def test_fonts_do_not_steer_terminals(tmp_path: Path) -> None:
    cmap = (
        b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange 4 beginbfchar <41> <001b>"
        b" <42> <202e> <43> <009b> <44> <2066> endbfchar endcmap"
    )
    font = FONT.replace(b">>", b"/ToUnicode 7 0 R>>")
    drawn = b"BT /F1 10 Tf 72 700 Td (Some A[2J B words C and D more.) Tj ET"
    path = tmp_path / "steers.pdf"
    path.write_bytes(page(b"/Font<</F1 6 0 R>>", drawn, font, stream(b"", cmap)))
    (only,) = read_pdf(path)
    assert "words" in only.blocks[0].text
    assert only.blocks[0].text.isprintable()


def test_a_page_with_too_many_words_costs_that_page(tmp_path: Path) -> None:
    line = b"BT /F1 1 Tf 1 0 0 1 10 %d Tm (" + b"words " * 1000 + b") Tj ET "
    many = b"".join(line % (y % 700) for y in range(200))
    path = tmp_path / "words.pdf"
    path.write_bytes(assemble(objects([stream(b"", many), stream(b"", WORDS)])))
    first, second = read_pdf(path)
    assert not first.readable
    assert [block.text for block in second.blocks] == ["Some plain words."]


def test_ten_thousand_pages_in_memory_that_does_not_grow(tmp_path: Path) -> None:
    body = stream(b"", content([Text(72, 700, "Some plain words of a page.")]))
    path = tmp_path / "long.pdf"
    path.write_bytes(assemble(objects([body] * 10_000), start=HEADER))
    with read_pdf(path) as pages:
        for _ in range(1000):
            next(pages)
        before = peak_rss_bytes()
        assert sum(page.readable for page in pages) == 9000
    after = peak_rss_bytes()
    assert before is not None
    assert after is not None
    assert after - before < 8 << 20
