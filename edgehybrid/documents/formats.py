"""Which reader a file needs: its content decides, then its name."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from edgehybrid.documents.isolated.order import Kind
from edgehybrid.documents.office import check_installed
from edgehybrid.errors import NotThisFormat, PasswordNeeded

MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdown")
HTML_SUFFIXES = (".html", ".htm", ".xhtml")
#: Files that are archives, and what they are called.
ARCHIVE_SUFFIXES = {
    **dict.fromkeys((".docx", ".docm", ".dotx"), "a Word file"),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx"), "a PowerPoint file"),
    **dict.fromkeys((".odt", ".ott"), "an OpenDocument text"),
    ".epub": "an EPUB book",
}
OTHER_SUFFIXES = (*ARCHIVE_SUFFIXES, *HTML_SUFFIXES, ".rtf", ".eml")

#: How archives begin; and Word's, PowerPoint's and Outlook's older files, and encrypted new ones.
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.I | re.S,
)


def kind_of(file: Path, head: bytes) -> Kind:
    """Which reader `file`, which begins with `head`, needs.

    Raises:
        NotThisFormat: none is there, or what it needs is not installed.
        PasswordNeeded: it is an encrypted Word or PowerPoint file.
    """
    suffix, kind = file.suffix.lower(), _by_content(file, head)
    if kind is None:
        kind = _by_name(file, suffix)
    if kind in ("archive", "html"):
        name = "a web page" if kind == "html" else ARCHIVE_SUFFIXES.get(suffix, "an archive")
        check_installed(str(file), name)
    return kind


def _by_content(file: Path, head: bytes) -> Kind | None:
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(ZIP):
        return "archive"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(OLE):
        raise _of_ole(file)
    if _HTML.match(head) and file.suffix.lower() not in (".pdf", *MARKDOWN_SUFFIXES):
        return "html"
    return None


def _by_name(file: Path, suffix: str) -> Kind:
    if suffix in ARCHIVE_SUFFIXES or suffix == ".rtf":
        what = ARCHIVE_SUFFIXES.get(suffix, "an RTF file")
        raise NotThisFormat(
            f"{file} is not {what}, which its name says: it does not begin like one; get it again"
        )
    if suffix == ".pdf":
        return "pdf"
    if suffix in HTML_SUFFIXES:
        return "html"
    if suffix == ".eml":
        return "mail"
    return "markdown" if suffix in MARKDOWN_SUFFIXES else "text"


def _of_ole(file: Path) -> NotThisFormat | PasswordNeeded:
    """What is wrong with a file of the older kind."""
    try:
        with (
            file.open("rb") as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as all_,
        ):
            encrypted = all_.find(_ENCRYPTED) >= 0
    except (OSError, ValueError):  # standard input
        encrypted = False
    if encrypted:
        return PasswordNeeded(
            f"{file} is encrypted; open it where it was written, and save it without"
        )
    return NotThisFormat(
        f"{file} is an older Word, PowerPoint, Excel or Outlook file (OLE), which is not read; "
        "save it as .docx, .pptx or .eml"
    )
