"""Text about the document that is no part of what it says: rights, addresses, funding."""

from __future__ import annotations

import re

#: Authors' addresses stand on the first pages, and are not longer than so many words.
AFFILIATION_PAGES, AFFILIATION_WORDS = 3, 90

_OPENING = re.compile(
    r"^\W*(?:"
    r"(?:\*|†|‡)?\s*(?:for\s+)?correspondence\b|corresponding authors?\b|e-?mail(?: address)?\s*:"
    r"|copyright\s*(?:©|\(c\)|by\b|(?:19|20)\d\d|notice)|©"
    r"|\(c\) (?:19|20)\d\d|all rights reserved|licen[sc]ee\b|published by\b"
    r"|(?:received|accepted|published|revised)\s*:?\s+\d|received:|citation:|how to cite"
    r"|(?:academic )?editors?\s*:|reviewed by\s*:|edited by\s*:|handling editor|specialty section"
    r"|funding\b\s*[:.]|(?:conflicts?|declaration)s? of (?:competing )?interests?\s*[:.]"
    r"|competing (?:financial )?interests?\s*[:.]|disclosures?\s*[:.]"
    r"|(?:data )?availability(?: statement| of data[^.:]*)?\s*[:.]|data (?:availability|access)\b"
    r"|author(?:s['’]?|['’]s)? contributions?\s*[:.]|acknowledge?ments?\s*[:.]"
    r"|key\s?words\b|abbreviations\s*:|orcid\b|doi\s*:|issn\b|isbn\b"
    r"|permission is (?:hereby )?granted|printed in (?:the )?u"
    r")",
    re.I,
)
_ANYWHERE = re.compile(
    r"creative commons|cc[ -]by\b|open[ -]access article|all rights reserved"
    r"|(?:declares?|have|has) (?:that )?(?:they |there )?(?:are |is |have |has )?no (?:\w+ )?"
    r"(?:conflicts?|competing)|no conflicts? of interest|remains? neutral with regard to"
    r"|permits? unrestricted use|distributed under the terms|supported by (?:the |a )?(?:\w+ ){0,6}"
    r"(?:grant|foundation|fellowship)s?\b|grant (?:number|no)s?\b|peer review(?:ed)? under"
    r"|had no role in (?:the )?study design|permission is granted to (?:copy|make)",
    re.I,
)
#: One of these stands in every match of `_ANYWHERE`; finding none is quick.
_NEEDLES = (
    *("commons", "cc by", "cc-by", "open", "reserved", "conflict", "competing", "neutral"),
    *("unrestricted", "terms", "supported", "grant", "peer", "role"),
)
_PLACE = re.compile(
    r"\b(?:department|dept|division|school|faculty|institut\w*|laborator\w+|universit\w+|college"
    r"|hospital|centre|center|academy|programme?|unit)\b",
    re.I,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|can|may|we|this|that|which|these|be|been)\b", re.I
)


def is_boilerplate(text: str, page: int) -> bool:
    """Whether a paragraph on `page` (1-based) is about the document, not of it."""
    if _OPENING.match(text):
        return True
    lowered = text.lower()
    if any(needle in lowered for needle in _NEEDLES) and _ANYWHERE.search(lowered):
        return True
    return page <= AFFILIATION_PAGES and _is_affiliation(text)


def _is_affiliation(text: str) -> bool:
    if len(text.split()) > AFFILIATION_WORDS or _VERB.search(text):
        return False
    return "@" in text or (text.count(",") >= 2 and bool(_PLACE.search(text)))
