"""Small Word, PowerPoint, OpenDocument and EPUB files, written by hand, for tests."""

from __future__ import annotations

import zipfile
from pathlib import Path

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
ODF = "urn:oasis:names:tc:opendocument:xmlns"

#: Styles as Word names them in a German program: ids differ, names do not.
STYLES = f"""<w:styles xmlns:w="{W}">
<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="Mein"><w:name w:val="Mine"/>
  <w:basedOn w:val="berschrift1"/></w:style>
<w:style w:type="paragraph" w:styleId="Code"><w:name w:val="Source Code"/></w:style>
<w:style w:type="paragraph" w:styleId="Legende"><w:name w:val="caption"/></w:style>
</w:styles>"""


def archive(path: Path, entries: dict[str, str | bytes]) -> Path:
    """A ZIP archive of these entries."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    return path


def relations(*targets: tuple[str, str]) -> str:
    """What an entry refers to: kinds and places, with the ids r1, r2, ..."""
    listed = "".join(
        f'<Relationship Id="r{i}" Type="{R}/{kind}" Target="{target}"/>'
        for i, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{RELATIONS}">{listed}</Relationships>'


def docx(path: Path, body: str, *, notes: str = "", prolog: str = "") -> Path:
    """A Word file with this body; {w} stands for nothing, as the prefix is bound."""
    spaces = f'xmlns:w="{W}" xmlns:mc="{MC}"'
    entries: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relations(("officeDocument", "word/document.xml")),
        "word/document.xml": f"{prolog}<w:document {spaces}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": STYLES,
        "word/footnotes.xml": f"<w:footnotes {spaces}>{notes}</w:footnotes>",
        "word/_rels/document.xml.rels": relations(
            ("styles", "styles.xml"), ("footnotes", "footnotes.xml")
        ),
    }
    return archive(path, entries)


def paragraph(text: str, style: str = "", inside: str = "") -> str:
    """A paragraph of Word; `inside` are its other properties."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{inside}</w:pPr>{run(text)}</w:p>"


def run(text: str) -> str:
    """Words of Word."""
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def pptx(path: Path, slides: list[str], *, order: list[int] | None = None) -> Path:
    """A presentation of these shape trees, shown in `order` (1-based)."""
    order = order or [*range(1, len(slides) + 1)]
    spaces = f'xmlns:a="{A}" xmlns:p="{P}" xmlns:r="{R}" xmlns:mc="{MC}"'
    ids = "".join(f'<p:sldId id="{255 + i}" r:id="r{i}"/>' for i in order)
    entries: dict[str, str | bytes] = {
        "_rels/.rels": relations(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {spaces}><p:sldIdLst>{ids}</p:sldIdLst>"
        "</p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            *(("slide", f"slides/slide{i}.xml") for i in range(1, len(slides) + 1))
        ),
    }
    for i, shapes in enumerate(slides, start=1):
        entries[f"ppt/slides/slide{i}.xml"] = (
            f"<p:sld {spaces}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
        )
    return archive(path, entries)


def shape(texts: list[str], kind: str | None = None) -> str:
    """A shape of PowerPoint with these paragraphs; each word is cut into two runs."""
    holder = "" if kind is None else f'<p:nvPr><p:ph type="{kind}"/></p:nvPr>'
    written = "".join(
        "<a:p>" + f"<a:r><a:t>{t[:3]}</a:t></a:r><a:r><a:t>{t[3:]}</a:t></a:r>" + "</a:p>"
        for t in texts
    )
    return f"<p:sp><p:nvSpPr>{holder}</p:nvSpPr><p:txBody>{written}</p:txBody></p:sp>"


def odt(path: Path, body: str, *, styles: str = "", more: dict[str, str] | None = None) -> Path:
    """An OpenDocument text with this body."""
    spaces = " ".join(
        f'xmlns:{name}="{ODF}:{name}:1.0"'
        for name in ("office", "text", "table", "style", "fo", "draw")
    )
    content = (
        f'<office:document-content {spaces} xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    said = "application/vnd.oasis.opendocument.text"
    return archive(path, {"mimetype": said, "content.xml": content, **(more or {})})


def epub(path: Path, chapters: list[str], *, names: list[str] | None = None) -> Path:
    """A book whose chapters have these bodies; `names` are their places as the book tells them."""
    names = names or [f"text/{i}.xhtml" for i in range(1, len(chapters) + 1)]
    items = "".join(
        f'<item id="c{i}" href="{name}" media-type="application/xhtml+xml"/>'
        for i, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(names)))
    entries: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/>'
        "</rootfiles></container>",
        "OPS/book.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for name, body in zip(names, chapters, strict=True):
        entries[f"OPS/{name}"] = f"<html><head><title>No</title></head><body>{body}</body></html>"
    return archive(path, entries)
