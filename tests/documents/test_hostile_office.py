"""Office files made to do harm, and files that are not what they are called: one line each."""

from __future__ import annotations

import re
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from documents.office_files import archive, docx, epub, odt, paragraph, pptx, shape
from documents.pdf_files import Text, simple
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_cli import run

from edgehybrid.documents import office as office_module
from edgehybrid.documents import open_document
from edgehybrid.documents.formats import OLE
from edgehybrid.documents.isolated.order import Kind, Order
from edgehybrid.documents.isolated.readers import read_order
from edgehybrid.errors import (
    DamagedDocument,
    DocumentError,
    DocumentTooLarge,
    EmptyFile,
    NoText,
    NotThisFormat,
    PasswordNeeded,
    RequestError,
)

pytest.importorskip("lxml", reason="needs the extra `documents`")

BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha ha ha ha">'
    + "".join(
        f'<!ENTITY {name} "{("&" + before + ";") * 10}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)


def texts(path: Path) -> str:
    return "\n".join(page.text for page in open_document(path).pages)


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    path = docx(tmp_path / "a.docx", paragraph("Before &i; after."), prolog=BOMB)
    with pytest.raises(DamagedDocument, match=r"amplification|declares entities"):
        open_document(path)


def test_no_file_is_read_through_an_entity(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    prolog = f'<!DOCTYPE x [<!ENTITY s SYSTEM "file://{tmp_path}/secret">]>'
    path = docx(tmp_path / "a.docx", paragraph("Before &s; after."), prolog=prolog)
    with pytest.raises(DamagedDocument, match="declares entities, which such files never do"):
        open_document(path)


def test_an_archive_that_unpacks_without_end(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("_rels/.rels", b" " * (80 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DocumentTooLarge, match=r"a\.docx: unpacked it has over 64 MiB"):
        open_document(path)


def test_many_entries(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.docx", {f"{i}": "" for i in range(20_001)})
    with pytest.raises(DocumentTooLarge, match="20,001 entries"):
        open_document(path)


def test_elements_nested_without_end(tmp_path: Path) -> None:
    path = docx(tmp_path / "a.docx", "<w:sdt>" * 100_000 + "</w:sdt>" * 100_000)
    with pytest.raises(DamagedDocument, match="is not XML"):
        open_document(path)
    page = tmp_path / "a.html"
    page.write_text("<div>" * 100_000 + "Deep down.")
    with pytest.raises(NoText):  # the parser stops 256 deep
        open_document(page)


def test_a_path_out_of_a_book(tmp_path: Path) -> None:
    (tmp_path / "secret.xhtml").write_text("<p>the secret</p>")
    good = epub(tmp_path / "a.epub", ["<p>In the book.</p>"])
    with zipfile.ZipFile(good) as book:
        entries = {name: book.read(name) for name in book.namelist()}
    entries["OPS/book.opf"] = entries["OPS/book.opf"].replace(
        b"text/1.xhtml", b"../../../../secret.xhtml"
    )
    with pytest.raises(DamagedDocument, match=r"'secret\.xhtml' is missing in its archive"):
        open_document(archive(tmp_path / "b.epub", dict(entries)))


def test_a_large_table(tmp_path: Path) -> None:
    cell = f"<w:tc>{paragraph('x')}</w:tc>"
    path = docx(tmp_path / "a.docx", f"<w:tbl>{('<w:tr>' + cell * 50 + '</w:tr>') * 200}</w:tbl>")
    assert len(texts(path).split("\n\n")) == 200


def test_tables_in_tables(tmp_path: Path) -> None:
    nested = paragraph("x")
    for _ in range(40):
        nested = f"<w:tbl><w:tr><w:tc>{nested}</w:tc></w:tr></w:tbl>"
    assert "x" in texts(docx(tmp_path / "a.docx", nested))


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".odt", ".epub"])
def test_a_damaged_archive(tmp_path: Path, suffix: str) -> None:
    path = docx(tmp_path / f"a{suffix}", paragraph("Some words. " * 200))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedDocument, match=rf"^a\{suffix}: its archive cannot be opened"):
        open_document(path)


def test_bytes_changed_in_an_archive(tmp_path: Path) -> None:
    path = docx(tmp_path / "a.docx", paragraph("Some words. " * 200))
    with zipfile.ZipFile(path) as made:
        at = made.getinfo("word/document.xml").header_offset + 60
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DamagedDocument):
        open_document(path)


def test_encrypted_files(tmp_path: Path) -> None:
    word = tmp_path / "a.docx"
    word.write_bytes(OLE + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(1000))
    with pytest.raises(PasswordNeeded, match=r"a\.docx is encrypted"):
        open_document(word)
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    text = odt(tmp_path / "a.odt", "<text:p>x</text:p>", more={"META-INF/manifest.xml": manifest})
    with pytest.raises(PasswordNeeded):
        open_document(text)


def test_older_files_and_other_archives(tmp_path: Path) -> None:
    old = tmp_path / "a.doc"
    old.write_bytes(OLE + bytes(1000))
    with pytest.raises(NotThisFormat, match=r"older Word.*save it as \.docx"):
        open_document(old)
    with pytest.raises(NotThisFormat, match="is an archive, but no Word"):
        open_document(archive(tmp_path / "a.zip", {"a.txt": "words"}))


def test_content_decides_before_the_name(tmp_path: Path) -> None:
    pdf = tmp_path / "a.docx"
    pdf.write_bytes(simple([Text(72, 700, "In truth a PDF.")]))
    assert texts(pdf) == "In truth a PDF."
    word = docx(tmp_path / "b.txt", paragraph("In truth of Word."))
    assert texts(word) == "In truth of Word."
    page = tmp_path / "c.txt"
    page.write_text("<!DOCTYPE html><p>In truth a page.")
    assert texts(page) == "In truth a page."
    plain = tmp_path / "d.docx"
    plain.write_text("Only words.")
    with pytest.raises(NotThisFormat, match="is not a Word file, which its name says"):
        open_document(plain)


def test_nothing_in_it(tmp_path: Path) -> None:
    empty = tmp_path / "a.docx"
    empty.write_bytes(b"")
    with pytest.raises(EmptyFile):
        open_document(empty)
    for path in (docx(tmp_path / "b.docx", ""), pptx(tmp_path / "b.pptx", [shape([])])):
        with pytest.raises(NoText, match="no text in it"):
            open_document(path)
    with pytest.raises(RequestError, match="slides 2-3 were asked of"):
        open_document(pptx(tmp_path / "c.pptx", [shape(["Words."])]), pages=(2, 3))


def test_groups_of_rich_text(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    for text, said in (
        ("{\\rtf1 cut {off", "2 of its groups do not end"),
        ("{\\rtf1 " + "{" * 5000, "nested over 1000 deep"),
        ("{\\rtf1 a}}", "a group ends that did not begin"),
    ):
        path.write_text(text)
        with pytest.raises(DamagedDocument, match=said):
            open_document(path)


@pytest.mark.parametrize(
    ("name", "what"), [("a.docx", "a Word file"), ("a.html", "a web page"), ("a.epub", "an EPUB")]
)
def test_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    path = docx(tmp_path / name, paragraph("Words."))
    if name == "a.html":
        path.write_text("<html>Words.")
    monkeypatch.setattr(office_module, "find_spec", lambda name: None)
    with pytest.raises(NotThisFormat) as error:
        open_document(path)
    assert what in str(error.value)
    assert str(error.value).endswith("to read it: pip install 'edgehybrid[documents]'")


BODY = "".join(
    paragraph(f"The river rose in year {i}, and the farmers of the valley were glad of its water.")
    for i in range(30)
)


def test_the_command_cites_slides_and_sections(tmp_path: Path) -> None:
    slides = [shape([f"The river rose in year {i}, and all were glad of it."]) for i in range(9)]
    for path, unit in (
        (pptx(tmp_path / "a.pptx", slides), "slide"),
        (docx(tmp_path / "a.docx", paragraph("One", "berschrift1") + BODY), "section"),
    ):
        done = run("summarize", str(path), "--points", "1")
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(rf"\[{unit} \d\] The river rose .*\n", done.stdout), done.stdout


def test_the_command_on_a_bad_file(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.docx", {"a.txt": "words"})
    done = run("summarize", str(path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "a.docx is an archive, but no Word" in done.stderr


def test_standard_input(tmp_path: Path) -> None:
    path = docx(tmp_path / "a.docx", paragraph("One", "berschrift1") + BODY)
    done = run("summarize", "-", "--points", "1", stdin=path.read_bytes())
    assert done.stdout.startswith("[section 1] The river rose"), done.stderr


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), kind=st.sampled_from(["html", "rtf", "mail"]))
def test_any_bytes(tmp_path: Path, data: bytes, kind: Kind) -> None:
    path = tmp_path / "a"
    path.write_bytes((b"{\\rtf1 " if kind == "rtf" else b"") + data)
    with suppress(DocumentError):
        list(read_order(Order(str(path), kind=kind)))
