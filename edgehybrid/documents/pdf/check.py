"""Is a PDF file whole? PDFium mends damaged files in silence, and text can go missing so.

What is checked: the cross-reference sections say where objects are, and the objects are there;
the page tree has as many pages as it claims; streams that can hold text inflate without errors,
and not to hundreds of megabytes.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from shlex import quote

from edgehybrid.documents.pdf.syntax import (
    OBJECT,
    Data,
    dictionary_at,
    inflate,
    number,
    reference,
    stream_at,
)
from edgehybrid.documents.pdf.xref import DamageError, Xref, read_xref
from edgehybrid.errors import DamagedDocument, DocumentTooLarge, EmptyFile, NotThisFormat

#: No page's drawing instructions, and no group of objects, inflates to more bytes than this.
MAX_INFLATED = 1 << 27
#: The header stands within so many bytes of the start.
HEADER_WITHIN = 1024

#: Streams of these kinds hold pictures, fonts, colours or functions, but no text.
_NO_TEXT = re.compile(
    rb"/Subtype\s*/(?:Image|Type1C|CIDFontType0C|OpenType|XML)\b|/Length1\b|/FunctionType\b"
    rb"|/ShadingType\b|/Alternate\b|/Type\s*/(?:EmbeddedFile|Metadata|XRef)\b"
)
_SIGNS = (
    (re.compile(rb"\s*<(?:!doctype\s+html|html|head|body)\b", re.I), "an HTML page"),
    (re.compile(rb"\s*<\?xml\b"), "an XML file"),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive or an office document"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "an old office document"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\x00|MM\x00\*"), "a picture"),
    (re.compile(rb"%!PS"), "a PostScript file"),
    (re.compile(rb"\{\\rtf"), "an RTF document"),
    (re.compile(rb"\x1f\x8b|BZh|7z\xbc\xaf|\xfd7zXZ"), "a compressed file"),
    (re.compile(rb"[\x09\x0a\x0d\x20-\x7e\x80-\xff]+\Z"), "plain text"),
)


def check_format(data: Data, name: str) -> None:
    """Raise if `data` is not a PDF file at all.

    Raises:
        EmptyFile: there are no bytes.
        NotThisFormat: there is no PDF header; says what it looks like instead.
    """
    if not data:
        raise EmptyFile(f"{name}: the file is empty (0 bytes); was the download cut off?")
    if data.find(b"%PDF-", 0, HEADER_WITHIN + 5) >= 0:
        return
    start = bytes(data[:512])
    sign = next((what for pattern, what in _SIGNS if pattern.match(start)), "something else")
    raise NotThisFormat(
        f"{name}: not a PDF file: it has no %PDF header and looks like {sign}; "
        "open it with the program that made it and save it as PDF or text"
    )


def check_whole(data: Data, name: str) -> int | None:
    """Raise if the file is damaged; return how many pages it claims, if it says so plainly.

    Raises:
        DamagedDocument: text could be missing.
        DocumentTooLarge: a stream inflates beyond `MAX_INFLATED` bytes.
    """
    try:
        xref = read_xref(data)
        _check_offsets(data, xref)
        _check_streams(data, xref, name)
        return _claimed_pages(data, xref)
    except DamageError as damage:
        raise damaged(name, str(damage)) from damage


def check_sizes(data: Data, name: str) -> None:
    """Of a file known to be damaged, check only that no stream inflates too far.

    Raises:
        DocumentTooLarge: a stream inflates beyond `MAX_INFLATED` bytes.
    """
    for match in re.finditer(rb"\d{1,10}\s+\d{1,5}\s+obj\b", data):
        _check_stream(data, match.start(), name, lenient=True)


def damaged(name: str, what: str, *, readable: bool = True) -> DamagedDocument:
    """The error for a file in which `what` is wrong; `readable` if some of it can be read."""
    left = ", or read what is left of it with --damaged" if readable else ""
    return DamagedDocument(
        f"{name}: the PDF file is damaged: {what}; "
        f"repair it (qpdf {quote(name)} repaired.pdf) or get it again{left}"
    )


def mapped(path: str) -> Data:
    """The bytes of a file, mapped into memory; an empty file has none.

    Raises:
        OSError: the file cannot be opened.
    """
    with open(path, "rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file cannot be mapped
            return b""


def _check_offsets(data: Data, xref: Xref) -> None:
    wrong = []
    for key, offset in xref.offsets.items():
        if offset:
            found = OBJECT.match(data, offset) if offset < len(data) else None
            if not found or int(found[1]) != key:
                wrong.append(key)
    if wrong:
        raise DamageError(
            f"{len(wrong):,} of {len(xref.offsets):,} objects are not where its "
            f"cross-reference table says, the first of them object {min(wrong):,}"
        )


def _check_streams(data: Data, xref: Xref, name: str) -> None:
    if xref.encrypted:
        return
    for offset in _in_use(xref):
        _check_stream(data, offset, name, lenient=False)


def _in_use(xref: Xref) -> Iterator[int]:
    return (offset for offset in sorted(xref.offsets.values()) if offset)


def _check_stream(data: Data, offset: int, name: str, *, lenient: bool) -> None:
    stream = stream_at(data, offset)
    if stream is None or not stream.is_flate or _NO_TEXT.search(stream.dictionary):
        return
    size, fault = inflate(data, stream, MAX_INFLATED)
    found = OBJECT.match(data, offset)
    key = int(found[1]) if found else 0
    if size > MAX_INFLATED:
        raise DocumentTooLarge(
            f"{name}: object {key:,} inflates from {stream.end - stream.start:,} bytes to over "
            f"{MAX_INFLATED:,}, more than any page needs: the file is broken or made to do harm; "
            "print it to a new PDF file with a viewer that you trust"
        )
    if fault and not lenient:
        raise DamageError(f"the content of object {key:,} cannot be inflated ({fault})")


def _claimed_pages(data: Data, xref: Xref) -> int | None:
    root = reference(xref.trailer, b"Root")
    pages = reference(_object(data, xref, root), b"Pages")
    return number(_object(data, xref, pages), b"Count")


def _object(data: Data, xref: Xref, key: int | None) -> bytes:
    offset = xref.offsets.get(key or 0, 0)
    return dictionary_at(data, offset) if offset else b""
