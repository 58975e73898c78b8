"""Small PDF files, written by hand, for tests."""

from __future__ import annotations

import zlib
from typing import NamedTuple

HEADER = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"


class Text(NamedTuple):
    """A line of text at `x`, `y` in points; `turn` is in degrees, 0 or 90."""

    x: float
    y: float
    text: str
    size: float = 10
    font: str = "F1"
    turn: int = 0


def content(lines: list[Text]) -> bytes:
    """The drawing instructions for `lines`."""
    drawn = []
    for line in lines:
        words = line.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        cosine, sine = (0, 1) if line.turn == 90 else (1, 0)
        matrix = f"{cosine} {sine} {-sine} {cosine} {line.x} {line.y} Tm"
        drawn.append(f"BT /{line.font} {line.size} Tf {matrix} ({words}) Tj ET")
    return "\n".join(drawn).encode("cp1252")


def stream(dictionary: bytes, data: bytes, *, pack: bool = True) -> bytes:
    """A stream object's body."""
    if pack:
        data, dictionary = zlib.compress(data), dictionary + b"/Filter/FlateDecode"
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (dictionary, len(data), data)


def objects(pages: list[bytes], *, rotate: int = 0) -> list[bytes]:
    """The bodies of the objects 1, 2, ... of a file whose pages have these streams."""
    fonts = [
        b"<</Type/Font/Subtype/Type1/BaseFont/%s/Encoding/WinAnsiEncoding>>" % name
        for name in (b"Times-Roman", b"Times-Bold", b"Courier")
    ]
    kids = b" ".join(b"%d 0 R" % (6 + 2 * index) for index in range(len(pages)))
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        *fonts,
    ]
    for index, page in enumerate(pages):
        bodies.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Rotate %d/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R/F2 4 0 R/F3 5 0 R>>>>>>" % (rotate, 7 + 2 * index)
        )
        bodies.append(page)
    return bodies


def assemble(bodies: list[bytes], *, start: bytes = HEADER) -> bytes:
    """A whole file with a cross-reference table."""
    data, offsets = bytearray(start), []
    for key, body in enumerate(bodies, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (key, body)
    table = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    data += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(bodies) + 1)
    return bytes(data + b"startxref\n%d\n%%%%EOF\n" % table)


def assemble_with_stream(bodies: list[bytes]) -> bytes:
    """A whole file whose cross-reference is a compressed stream with the predictor "Up"."""
    data, rows = bytearray(HEADER), [bytes((0, 0, 0, 0, 0))]
    for key, body in enumerate(bodies, start=1):
        rows.append(bytes((1,)) + len(data).to_bytes(3, "big") + b"\0")
        data += b"%d 0 obj\n%s\nendobj\n" % (key, body)
    table, key = len(data), len(bodies) + 1
    rows.append(bytes((1,)) + table.to_bytes(3, "big") + b"\0")
    above, packed = bytes(5), b""
    for row in rows:
        packed += b"\x02" + bytes((a - b) & 0xFF for a, b in zip(row, above, strict=True))
        above = row
    dictionary = (
        b"/Type/XRef/Size %d/Root 1 0 R/W[1 3 1]/DecodeParms<</Predictor 12/Columns 5>>" % len(rows)
    )
    data += b"%d 0 obj\n%s\nendobj\n" % (key, stream(dictionary, packed))
    return bytes(data + b"startxref\n%d\n%%%%EOF\n" % table)


def update(data: bytes, key: int, body: bytes) -> bytes:
    """`data` with an incremental update that replaces object `key`."""
    previous = int(data.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    offset = len(data)
    data += b"%d 0 obj\n%s\nendobj\n" % (key, body)
    table = len(data)
    data += b"xref\n0 1\n0000000000 65535 f \n%d 1\n%010d 00000 n \n" % (key, offset)
    data += b"trailer\n<</Size 99/Root 1 0 R/Prev %d>>\n" % previous
    return data + b"startxref\n%d\n%%%%EOF\n" % table


def simple(*pages: list[Text], rotate: int = 0) -> bytes:
    """A whole file with these lines on its pages."""
    return assemble(objects([stream(b"", content(page)) for page in pages], rotate=rotate))


def column(x: float, lines: list[str], *, top: float = 700, size: float = 10) -> list[Text]:
    """Lines one under the other, 1.2 sizes apart."""
    return [Text(x, top - 1.2 * size * row, line, size) for row, line in enumerate(lines)]
