"""What a document says about itself and not about its subject: it is read, and never quoted.

It is known by the heading over it, or sentence by sentence (see `notices`). In a document that is
mostly such text, such as a licence, it is the subject, and nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from edgehybrid.documents.document import Sentence
from edgehybrid.documents.notices import is_notice
from edgehybrid.documents.quotable import is_quotable

#: A document of which more than this share would be left out is about such things.
MOST = 0.5
#: A section of more sentences than these is none of thanks: the heading that ends it was not seen.
LONGEST = 20
#: Longer text is no title.
MAX_TITLE = 100

_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_TITLE = re.compile(
    r"^\W*(?:(?:\d+|(?-i:[IVX]+|[A-Z]))(?:\.\d+)*[.):]?\s+)?"
    r"(?:(?:[\w ]+ (?:and|&) )?acknowledge?ments?(?: (?:and|&) [\w ]+)?|(?:special )?thanks"
    r"|(?:sources? of )?(?:financial support|funding)(?: (?:statement|sources?|information))?"
    r"|financial (?:support|disclosures?)|author disclosures?"
    r"|authors?['’]? addresses|addresses of (?:the )?authors?|about the authors?"
    r"|(?:credit )?author(?:s['’]?|ship|['’]s)? (?:contributions?|contributors|information|details"
    r"|affiliations?)(?: statement)?"
    r"|(?:declarations?|statements?|disclosures?) of (?:\w+ )?interests?"
    r"|conflicts? of interests? (?:statement|disclosures?)"
    r"|competing (?:\w+ )?interests?(?: statement)?"
    r"|(?:data|code|materials?)(?:(?: and|,)? \w+){0,3} (?:availability|accessibility)"
    r"(?: statement)?"
    r"|availability of (?:supporting |the )?(?:data|code|materials?)(?: and \w+)*"
    r"|supporting information|electronic supplementary material|additional files?"
    r"|supplement(?:al|ary) (?:materials?|data|files?|figures?|tables?|information)(?: \w+)?"
    r"|publisher['’]s note|pre-?publication history"
    r"|ethics (?:approval|statement)(?: \w+)*|consent (?:for|to) (?:publication|participate)"
    r"|rights and permissions|copyright (?:notice|statement|and licen[sc]e)"
    r"|(?:full )?copyright statement|legal (?:notices?|notes)"
    r"|intellectual property (?:rights )?(?:statement|notices?)|status of this (?:memo|document)"
    r"|transcriber['’]s notes?|corresponding authors?|orcid(?: \w+)*)\W*$",
    re.I,
)
#: "Figure 4A-C shows ..." and "Table 2 of the report ..." are sentences and no captions.
_CAPTION = re.compile(
    r"^(?:(?:supplementary|appendix|extended data)\s+)?"
    r"(?:figure|fig|table|scheme|box|chart|plate|listing|algorithm|map|video)s?\.?"
    r"\s+(?-i:[A-Z]{0,2})[-.]?(?:\d+|(?-i:[IVX]+))(?:[.–-]\d+)*[a-z]?"
    r"(?:\s*[.:|)](?=\s|$)|\s*[–—]\s|\s+(?-i:[A-Z])|\s*$)",
    re.I,
)


def is_title(text: str) -> bool:
    """Whether a heading begins a section of which nothing is quoted."""
    return len(text) <= MAX_TITLE and bool(_TITLE.match(text))


def is_caption(text: str) -> bool:
    """Whether a paragraph is the text under a figure or over a table."""
    return bool(_CAPTION.match(text))


def marked(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    """`sentences` as they come; those of sections and notices are not quotable."""
    section: str | None = None
    seen = 0
    for sentence in sentences:
        if sentence.kind == "heading":
            section, seen = _section_after(section, sentence.text), 0
        elif section is not None:
            seen += 1
            section = None if seen > LONGEST else section
        if sentence.quotable and (section is not None or is_notice(sentence.text)):
            sentence = sentence._replace(quotable=False)
        yield sentence


def _section_after(section: str | None, heading: str) -> str | None:
    """The number, or "", of the section that is not quoted; None in any other."""
    number = found[0] if (found := _NUMBER.match(heading)) else ""
    if is_title(heading) or (section and number.startswith(f"{section}.")):
        return section or number
    return None


def spared(sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences of a whole document; if most were left out, nothing is."""
    out = [not s.quotable and _could_be_quoted(s) for s in sentences]
    left = sum(s.quotable for s in sentences)
    if sum(out) <= MOST * (sum(out) + left):
        return list(sentences)
    return [
        s._replace(quotable=True) if is_out else s for s, is_out in zip(sentences, out, strict=True)
    ]


def _could_be_quoted(sentence: Sentence) -> bool:
    kind = "prose" if sentence.kind == "boilerplate" else sentence.kind
    return is_quotable(sentence.text, kind)
