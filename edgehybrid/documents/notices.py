"""Sentences about the document, its rights or its authors, whatever stands around them.

Thanks, funding, conflicts of interest, contributions of authors, availability of data, rights and
licences, addresses, keywords, the standing text of RFCs. They are known by phrases that hardly
occur elsewhere: a word alone ("licence", "supported by", "thank") is never enough.
"""

from __future__ import annotations

import re

_WORK = (
    r"(?:work|stud(?:y|ies)|research|project|paper|article|document|publication|e?book|textbook"
    r"|chapter|manuscript|manual|pep|eip|memo|draft|material|content|software|review)"
)
#: How a notice begins. It is looked for in every sentence, and only at its start.
_OPENING = re.compile(
    r"\W{0,3}(?:copyright\s+(?:©|\(c\)|by\b|(?:19|20)\d\d)|(?:©|\(c\))\s*(?:19|20)\d\d"
    r"|(?:for )?correspondence(?: to\b|:| and)|corresponding authors?\b\W"
    r"|e-?mail(?: address(?:es)?)?\s*:|(?:tel|phone|fax|doi|issn|isbn)\.?\s*:"
    r"|(?:received|accepted|revised|published)(?: online)?\s*:?\s+\d{1,2}[. ]+\w+ (?:19|20)\d\d"
    r"|(?:how to )?cite (?:this|as)\b|citation:|transcriber['’]s notes?"
    r"|(?:key\s?-?words?(?: and phrases)?|index terms|subject headings|abbreviations)\s*[:—–]"
    r"|(?:many |special |our |sincere |big )*thanks (?:also )?(?:go |are due |is due )?to .{3,160}"
    r"\bfor (?:his|her|their|all (?:his|her|their|the)|reviewing|helping|suggest\w+|feedback"
    r"|comments|discussions)\b"
    r"|all (?:the )?authors (?:\w+ ){0,2}(?:contributed|read|approved|discussed|reviewed|agreed?)\b"
    r"|(?-i:[A-Z]{2,3} conceived)|(?-i:[A-Z][A-Z.-]{1,5}(?:,| and| &)? ){2,12}(?:wrote"
    r"|conceived|designed|performed|analy[sz]ed|collected|carried|supervised|participated|planned)\b.{0,80}"
    r"\b(?:manuscript|study|experiments?|paper|analys[ei]s|data|research|figures)\b)",
    re.I,
)
_RIGHTS = (
    r"\ball rights (?:are )?reserved"
    rf"|\b(?:this|these|the present) {_WORK}s? (?:is|are|was|were|has been|have been|may be) "
    r"(?:\w+ ){0,3}(?:licen[sc]ed|distributed|available|published|released|placed|dedicated)"
    r" (?:\w+ ){0,3}(?:under|in|into|to) (?:the |a |an )?(?:terms|public domain|cc\b"
    r"|creative commons|conditions|following licen[sc]e|(?:gnu|apache|mit|bsd|open)\b)"
    r"|open[- ]access (?:article|publication|paper|book)s?,? (?:\w+ ){0,3}(?:distributed"
    r"|published|under|licen[sc]ed)"
    r"|under the (?:terms|conditions)(?: and conditions)? of the creative commons"
    r"|licen[sc]ed under (?:a |the )?(?:creative commons|cc[ -])"
    r"|['’]s creative commons licen[sc]e|to view a copy of (?:this|the) licen[sc]e"
    r"|permission is (?:hereby )?granted\b.{0,60}\b(?:to (?:any person|copy|make|use|reproduce"
    r"|distribute|process|quote)|free of charge)"
    r"|(?:permits|permitting) (?:unrestricted|(?:any )?non-?commercial|use, )"
    r"|provided (?:that )?the (?:original (?:work|authors?)|above copyright notice)"
    r"|(?:is|are) provided [\"“'‘]?as[- ]is\b.{0,4} (?:without|and)"
    r"|redistribution and use in source and binary forms"
    rf"|no part of this {_WORK} may be|may not be reproduced\b.{{0,80}}\bpermission"
    r"|for the use of anyone anywhere|this etext was|distributed proofreading"
    r"|redistribute it and/or modify it under|in the hope that it will be useful"
    r"|(?:see|copy of) the gnu (?:\w+ )?(?:general|lesser|free) (?:\w+ )?licen[sc]e"
    r"|project gutenberg(?:[-™]| (?:licen[sc]e|literary|e-?book))"
)
_MONEY = (
    r"\bgrant (?:numbers?|nos?\.|agreements? (?:no|number)|#)"
    rf"|\b(?:this|our|the present) (?:\w+ ){{0,2}}{_WORK}s? (?:was|were|is|has been|have been"
    r"|received) (?:\w+ ){0,3}(?:supported|funded|financed|sponsored|funding|support)\b.{0,200}"
    r"\b(?:grants?|foundations?|funds?|council|ministry|fellowships?|scholarships?|agency"
    r"|commission|national|programme?|institutes?|universit\w+)\b"
    r"|\b(?:funders?|funding (?:source|agenc|bod)\w*|sponsors?) (?:of the study )?had no"
    r" (?:role|influence|involvement)|no (?:specific|external) (?:grant|funding)\b"
)
_AUTHORS = (
    r"\bthe authors? (?:\w+ ){0,4}(?:thanks?|acknowledges? (?:\w+ ){0,4}(?:support|help|assist|fund"
    r"|contribut)\w*|(?:is|are) (?:\w+ )?"
    r"(?:grateful|indebted|thankful))\b"
    r"|\b(?:we|i) (?:(?:would like|want|wish|to|also|gratefully|sincerely|warmly|especially) ){0,4}"
    r"(?:thank (?!you)|acknowledge (?!that)).{0,200}\bfor (?:\w+ ){0,5}(?:help|assistance"
    r"|comments?|suggestions|advice|feedback|discussions|reviewing|reading|providing|insights?)\b"
    r"|(?:declares?|reports?|have|has|disclose) (?:that )?(?:they |there |he |she )?"
    r"(?:(?:are|is|have|has) )?no (?:\w+ ){0,3}(?:conflicts?|competing (?:\w+ )?interests?)\b"
    r"|\bno (?:\w+ )?(?:conflicts? of interest|competing (?:\w+ )?interests?)"
    r"|\b(?:received|receives) (?:\w+[, ]+){0,6}(?:honorari(?:a|um)|(?:consult\w+|speakers?['’]?s?"
    r"|personal|lecture) fees) from"
    r"|potential conflicts? of interest\.?$|remains? neutral with regard to"
    r"|approved the (?:final|submitted|manuscript)|contributed equally to this (?:work|study)"
    r"|(?:wrote|drafted|revised|edited|prepared) the (?:\w+ )?manuscript"
    r"|correspondence (?:should|may|can) be (?:addressed|sent|directed)|to whom correspondence"
    r"|(?:phone|fax)\b.{0,200}\w@ ?\w"
)
_DATA = (
    r"\b(?:data(?:sets?)?|codes?|materials?|scripts?|macros?|sequences?|matri\w+|tables?|information"
    r"|photographs|questionnaires?|protocols?)\b.{0,160}\bavailable"
    r" (?:from the [\w ]{0,30}authors? )?(?:up)?on (?:reasonable |written )?request\W*$"
    r"|from the [\w ]{0,30}authors? (?:up)?on (?:reasonable |written )?request"
    r"|\bdata(?:sets?)?\b.{0,120}\b(?:available|included|found|contained) (?:with)?in "
    r"(?:this|the) (?:published )?(?:article|paper|manuscript|supporting information)"
    r"|(?:online version|article) contains supplementary|^(?:the )?supplementary (?:materials?|data"
    r"|information|tables?|figures?)\b.{0,80}\b(?:can be found|(?:is|are) available)"
)
_STANDING = (
    r"distribution of this (?:memo|document) is unlimited|information for the internet community"
    r"|internet standards track|internet-drafts? (?:is|are|may|submitted|expires)|\bbcp 7[89]\b"
    r"|ietf trust|current status of this document|code components extracted"
    r"|key ?words\b.{0,240}\binterpreted as (?:described|specified)"
)
_ANYWHERE = re.compile("|".join((_RIGHTS, _MONEY, _AUTHORS, _DATA, _STANDING)))
#: One of these stands in every sentence in which `_ANYWHERE` is found: finding none is quick.
_NEEDLES = (
    *("rights reserved", "rights are reserved", "public domain", "creative commons", "open access"),
    *(
        "open-access",
        " licensed ",
        " licenced ",
        " under the terms ",
        "this license",
        "this licence",
    ),
    *("redistribute it", "in the hope", " gnu ", "honorari", " fees from"),
    *("permission", "permits ", "permitting ", "provided ", "redistribution", "no part of this"),
    *("use of anyone", "this etext", "proofreading", "project gutenberg", "grant n", "grant agree"),
    *(
        "grant #",
        "supported by",
        "support from",
        "funded",
        "funding",
        "funder",
        "financ",
        "sponsor",
    ),
    *("the author", "thank ", "acknowledge ", "conflict", "competing ", "remain neutral"),
    *("remains neutral", "manuscript", "approved the ", "contributed equally", "correspondence "),
    *("@", " request", "supporting info", "this article", "this paper", "the article", "the paper"),
    *("supplementary", "this memo", "this document", "internet", "bcp 7", "ietf", "interpreted as"),
    "code components",
)


def is_notice(text: str) -> bool:
    """Whether a sentence is about the document, its rights or its authors."""
    if _OPENING.match(text):
        return True
    lowered = text.lower()
    for needle in _NEEDLES:
        if needle in lowered:
            return bool(_ANYWHERE.search(lowered))
    return False
