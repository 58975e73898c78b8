"""Office files, web pages and mail: texts word for word, kinds of blocks, and what has a number."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents.office_files import docx, epub, odt, paragraph, pptx, run, shape

from edgehybrid.documents import open_document
from edgehybrid.documents.document import Document, PageText
from edgehybrid.documents.isolated.order import Header, Kind, Order
from edgehybrid.documents.isolated.readers import read_order
from edgehybrid.documents.units import counted, place

pytest.importorskip("lxml", reason="needs the extra `documents`")

#: Nothing of it may be lost: quotes, ampersands, signs of markup.
ODD = 'Smith &amp; Jones said "no" to 2*3*4 &lt;b&gt; _and_ AT&amp;T.'
PLAIN = 'Smith & Jones said "no" to 2*3*4 <b> _and_ AT&T.'


def read(path: Path, kind: Kind = "archive") -> tuple[Header, list[PageText]]:
    header, *pages = read_order(Order(str(path), kind=kind))
    assert isinstance(header, Header)
    assert header.page_count == len(pages)
    return header, [page for page in pages if isinstance(page, PageText)]


def blocks(pages: list[PageText]) -> list[list[tuple[str, str]]]:
    return [[(block.kind, block.text) for block in page.blocks] for page in pages]


NOTE = '<w:footnote w:id="2">' + paragraph("The text of a note.") + "</w:footnote>"


def test_word_by_sections(tmp_path: Path) -> None:
    number = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    body = (
        paragraph("A title", "Mein")
        + f"<w:p>{run(ODD)}<w:r><w:footnoteReference w:id='2'/></w:r></w:p>"
        + paragraph("An item", inside=number)
        + paragraph("The second", "berschrift1")
        + "<w:tbl><w:tr><w:tc>"
        + paragraph("depth")
        + "</w:tc><w:tc>"
        + paragraph("4 m")
        + "</w:tc></w:tr></w:tbl>"
        + paragraph("x = 1", "Code")
        + paragraph("A river", "Legende")
        + f"<w:p><w:ins>{run('Kept')}</w:ins><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        + f"<w:hyperlink>{run(' and linked.')}</w:hyperlink></w:p>"
    )
    header, pages = read(docx(tmp_path / "a.docx", body, notes=NOTE))
    assert header.unit == "section"
    assert blocks(pages) == [
        [
            ("heading", "A title"),
            ("prose", PLAIN),
            ("caption", "The text of a note."),
            ("list", "An item"),
        ],
        [
            ("heading", "The second"),
            ("table", "depth | 4 m"),
            ("code", "x = 1"),
            ("caption", "A river"),
            ("prose", "Kept and linked."),
        ],
    ]


def test_pages_of_word_and_a_sentence_on_the_later_one(tmp_path: Path) -> None:
    page = "<w:r><w:lastRenderedPageBreak/></w:r>"
    body = (
        paragraph("The first page.") + f"<w:p>{run('This one begins here. And this')}{page}"
        f"{run(' ends there. It is later.')}</w:p>" + f"<w:p>{page}{run('The third page.')}</w:p>"
    )
    path = docx(tmp_path / "a.docx", body)
    header, pages = read(path)
    assert header.unit == "page"
    assert [page.continues for page in pages] == [True, False, False]
    document = open_document(path)
    assert [(s.page, s.text) for s in document.sentences] == [
        (1, "The first page."),
        (1, "This one begins here."),
        (1, "And this ends there."),
        (2, "It is later."),
        (3, "The third page."),
    ]


def test_a_text_box_is_read_once(tmp_path: Path) -> None:
    box = f"<w:txbxContent>{paragraph('In a box.')}</w:txbxContent>"
    body = (
        f"<w:p>{run('Around it.')}<w:r><mc:AlternateContent><mc:Choice>{box}</mc:Choice>"
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    _, pages = read(docx(tmp_path / "a.docx", body))
    assert blocks(pages) == [[("prose", "Around it."), ("prose", "In a box.")]]


def test_slides_in_their_order(tmp_path: Path) -> None:
    second = shape(["Opening"], "ctrTitle") + shape(["7"], "sldNum")
    first = shape(["Results"], "title") + shape(["The river rose.", ODD])
    table = (
        "<p:graphicFrame><a:graphic><a:graphicData><a:tbl><a:tr>"
        "<a:tc><a:txBody><a:p><a:r><a:t>depth</a:t></a:r></a:p></a:txBody></a:tc>"
        "<a:tc><a:txBody><a:p><a:r><a:t>4 m</a:t></a:r></a:p></a:txBody></a:tc>"
        "</a:tr></a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )
    choice = f"<mc:AlternateContent><mc:Choice>{shape(['Once.'])}</mc:Choice><mc:Fallback>"
    choice += f"{shape(['Once.'])}</mc:Fallback></mc:AlternateContent>"
    header, pages = read(pptx(tmp_path / "a.pptx", [first + table + choice, second], order=[2, 1]))
    assert header.unit == "slide"
    assert blocks(pages) == [
        [("heading", "Opening")],
        [
            ("heading", "Results"),
            ("prose", "The river rose."),
            ("prose", PLAIN),
            ("table", "depth | 4 m"),
            ("prose", "Once."),
        ],
    ]


def test_items_of_a_slide(tmp_path: Path) -> None:
    slide = shape(["One item", "Another"], "obj")
    _, pages = read(pptx(tmp_path / "a.pptx", [slide]))
    assert [block.kind for block in pages[0].blocks] == ["list", "list"]


def test_opendocument_by_sections(tmp_path: Path) -> None:
    note = "<text:note><text:note-body><text:p>A note.</text:p></text:note-body></text:note>"
    formula = '<draw:frame><draw:object xlink:href="./Formula-0"/></draw:frame>'
    body = (
        "<text:h>A title</text:h>"
        f"<text:p>{ODD}{note} See <text:a>the <text:span>link</text:span></text:a>.</text:p>"
        f"<text:p>Where {formula} holds.</text:p>"
        "<text:list><text:list-item><text:p>An item</text:p></text:list-item></text:list>"
        "<text:h>The second</text:h><table:table><table:table-row>"
        "<table:table-cell><text:p>depth</text:p></table:table-cell>"
        "<table:table-cell><text:p>4 m</text:p></table:table-cell>"
        "</table:table-row></table:table>"
        '<text:p text:style-name="Preformatted_20_Text">x<text:s text:c="2"/>= 1</text:p>'
    )
    held = {"Formula-0/content.xml": "<math><mi>x</mi><mo>&lt;</mo><mi>y</mi></math>"}
    header, pages = read(odt(tmp_path / "a.odt", body, more=held))
    assert header.unit == "section"
    assert blocks(pages) == [
        [
            ("heading", "A title"),
            ("prose", f"{PLAIN} See the link."),
            ("caption", "A note."),
            ("prose", "Where x<y holds."),
            ("list", "An item"),
        ],
        [("heading", "The second"), ("table", "depth | 4 m"), ("code", "x = 1")],
    ]


def test_pages_of_opendocument(tmp_path: Path) -> None:
    style = (
        '<style:style style:name="P1"><style:paragraph-properties fo:break-before="page"/>'
        "</style:style>"
    )
    body = (
        "<text:p>The first.</text:p><text:p>It goes <text:soft-page-break/>on.</text:p>"
        '<text:p text:style-name="P1">The third.</text:p>'
    )
    header, pages = read(odt(tmp_path / "a.odt", body, styles=style))
    assert header.unit == "page"
    assert blocks(pages) == [
        [("prose", "The first."), ("prose", "It goes")],
        [("prose", "on.")],
        [("prose", "The third.")],
    ]
    assert pages[0].continues


def test_chapters_of_a_book(tmp_path: Path) -> None:
    book = epub(tmp_path / "a.epub", [f"<h1>One</h1><p>{ODD}</p>", "<h1>Two</h1><p>More.</p>"])
    header, pages = read(book)
    assert header.unit == "chapter"
    assert blocks(pages) == [
        [("heading", "One"), ("prose", PLAIN)],
        [("heading", "Two"), ("prose", "More.")],
    ]


PAGE = """<!doctype html><html><head><title>No</title><style>p {}</style></head><body>
<nav>Menu</nav><h1>A <em>title</em></h1>
<p>%s It goes<sup><a href="#1">[1]</a></sup> on.<br>Next
line.<ul><li>An item<li>Another</ul>
<h2>The second</h2><table><tr><th>depth<td>4 m</table><pre>x  = 1</pre>
<div hidden>No</div><p style="display: none">No</p><script>no()</script>
<figure><img src="http://127.0.0.1:9/a.png" alt="No"><figcaption>A river</figcaption></figure>
<div>Loose <b>text</b> here<p>A last one.</div></body></html>"""


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_web_page(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.html"
    path.write_bytes((PAGE % (ODD + " Größe.")).encode(encoding))
    header, pages = read(path, "html")
    assert header.unit == "section"
    assert blocks(pages) == [
        [
            ("heading", "A title"),
            ("prose", PLAIN + " Größe. It goes on. Next line."),
            ("list", "An item"),
            ("list", "Another"),
        ],
        [
            ("heading", "The second"),
            ("table", "depth | 4 m"),
            ("code", "x = 1"),
            ("caption", "A river"),
            ("prose", "Loose text here"),
            ("prose", "A last one."),
        ],
    ]


def test_tables_that_only_place_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        "<html><table><tr><td>Menu<td><h1>A title</h1><p>A paragraph.</p>"
        "<table><tr><td>depth<td>4 m<tr><td>width<td>30 m</table>After it.</td></tr></table>"
        "<table><tr><th>One<table><tr><td>in one</table>more<td>Two</table>"
    )
    _, pages = read(path, "html")
    assert [one for page in blocks(pages) for one in page] == [
        ("prose", "Menu"),
        ("heading", "A title"),
        ("prose", "A paragraph."),
        ("table", "depth | 4 m"),
        ("table", "width | 30 m"),
        ("prose", "After it."),
        ("table", "One"),
        ("table", "in one"),
        ("table", "more | Two"),
    ]


RTF = rb"""{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Times;}}{\*\generator No}
{\stylesheet{\s0 Normal;}{\*\cs0 heading 1 Char;}{\s1\sbasedon0 heading 1;}}{\info{\title No}}
\pard\s1 A title\par
\pard Smith & Jones said \ldblquote no\rdblquote  to Gr\'f6\'dfe{\*\footnote\pard A note.}
 \u8364?5 \u-10179?\u-8704?.\par
\pard\ls1 {\listtext\'B7\tab}An item\par
{\header No}{\pict\bin3 }{}}{\v No}
\pard\outlinelevel0 The second\par
\trowd\pard\intbl depth\cell 4 m\cell\row
\pard{\field{\*\fldinst HYPERLINK "http://127.0.0.1:9/"}{\fldrslt A link}}.\par}"""


def test_rich_text(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(RTF)
    header, pages = read(path, "rtf")
    assert header.unit == "section"
    assert blocks(pages) == [
        [
            ("heading", "A title"),
            ("prose", "Smith & Jones said “no” to Größe €5 😀."),
            ("caption", "A note."),
            ("list", "An item"),
        ],
        [("heading", "The second"), ("table", "depth | 4 m"), ("prose", "A link.")],
    ]


MAIL = """Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=
From: a@example.org
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=M

--M
Content-Type: multipart/alternative; boundary=A

--A
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

The river rose twice, and it carried sand & mud to the f=FCrst.

--A
Content-Type: text/html

<p>No</p>
--A--
--M
Content-Type: text/plain
Content-Disposition: attachment; filename=notes.txt

No
--M
Content-Type: message/rfc822

Subject: Before
Content-Type: text/html

<p>An older one &amp; its text.</p>
--M--
"""


def test_mail(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_text(MAIL)
    header, pages = read(path, "mail")
    assert header.unit == "message"
    assert blocks(pages) == [
        [
            ("heading", "Größe"),
            ("boilerplate", "From: a@example.org"),
            ("prose", "The river rose twice, and it carried sand & mud to the fürst."),
            ("boilerplate", "Attachment: notes.txt"),
        ],
        [("heading", "Before"), ("prose", "An older one & its text.")],
    ]


def test_a_part_of_it(tmp_path: Path) -> None:
    path = pptx(tmp_path / "a.pptx", [shape([f"This is slide {i}."]) for i in range(1, 6)])
    document = open_document(path, pages=(2, 3))
    assert [page.number for page in document.pages] == [2, 3]
    assert document.unit == document.only(3, 3).unit == "slide"


def test_places_are_cited_as_what_they_are() -> None:
    assert place("page", 3) == "p. 3"
    assert place("slide", 3) == "slide 3"
    assert (counted("page", 1), counted("chapter", 1200)) == ("1 page", "1,200 chapters")
    assert Document.from_text("Some words.").unit == "page"
