"""Damaged files are refused; healthy ones of every make are not."""

from __future__ import annotations

import zlib

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
    update,
)

from edgehybrid.documents.pdf.check import MAX_INFLATED, check_format, check_whole
from edgehybrid.errors import DamagedDocument, DocumentTooLarge, EmptyFile, NotThisFormat

PAGE = [Text(72, 700, "Some words stand on this page.")]
WHOLE = simple(PAGE)
BODIES = objects([stream(b"", content(PAGE))])


@pytest.mark.parametrize(
    "data",
    [
        WHOLE,
        assemble_with_stream(BODIES),
        b"junk before the header\n" + WHOLE,
        assemble(BODIES, start=b"offsets count from here\n" + HEADER),
        WHOLE + b"\r\n\0\0trailing bytes" * 200,
        update(WHOLE, 1, b"<</Type/Catalog/Pages 2 0 R/Lang(en)>>"),
        WHOLE.replace(b"\n%%EOF\n", b"\n%%EOF"),
        WHOLE.replace(b" n \n", b" n\r\n").replace(b" f \n", b" f\r\n"),
        simple(PAGE, PAGE),
    ],
    ids=["plain", "stream", "junk", "shifted", "trailing", "updated", "bare", "crlf", "two-pages"],
)
def test_healthy_files_pass(data: bytes) -> None:
    check_format(data, "a.pdf")
    assert check_whole(data, "a.pdf") in (1, 2)


def broken_content() -> bytes:
    packed = bytearray(zlib.compress(content(PAGE * 9)))
    packed[len(packed) // 2] ^= 0x55
    body = b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed)
    return assemble(objects([body]))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (WHOLE[:400], "startxref"),
        (WHOLE.replace(b"xref\n0", b"xxxx\n0", 1), "is not at byte"),
        (WHOLE.replace(b"4 0 obj", b"9 0 obj"), "objects are not where"),
        (WHOLE.replace(b"trailer", b"trialer"), "has no trailer"),
        (WHOLE.replace(b"%%EOF\n", b"%%EOF\n9 0 obj\n<<"), "cut off while being updated"),
        (broken_content(), "object 7 cannot be inflated"),
    ],
    ids=["cut", "no-table", "moved", "no-trailer", "half-updated", "bad-stream"],
)
def test_damage_is_named(data: bytes, what: str) -> None:
    with pytest.raises(DamagedDocument, match=what) as caught:
        check_whole(data, "a file.pdf")
    message = str(caught.value)
    assert message.startswith("a file.pdf: ")
    assert "qpdf 'a file.pdf' repaired.pdf" in message
    assert "--damaged" in message
    assert "\n" not in message


def test_a_missing_checksum_at_the_end_of_a_stream_does_no_harm() -> None:
    packed = zlib.compress(content(PAGE))[:-4]
    body = b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed)
    assert check_whole(assemble(objects([body])), "a.pdf") == 1


def test_a_stream_that_inflates_too_far_is_refused() -> None:
    bomb = stream(b"", bytes(MAX_INFLATED + 9))
    with pytest.raises(DocumentTooLarge, match=r"object 7 inflates from [\d,]+ bytes"):
        check_whole(assemble(objects([bomb])), "a.pdf")


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"PK\x03\x04rest", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"Dear reader,\n", "plain text"),
        (b"\x00\x01\x02\x03", "something else"),
    ],
)
def test_other_formats_are_named(data: bytes, looks: str) -> None:
    with pytest.raises(NotThisFormat, match=looks):
        check_format(data, "a.pdf")


def test_an_empty_file_is_named() -> None:
    with pytest.raises(EmptyFile, match="0 bytes"):
        check_format(b"", "a.pdf")
