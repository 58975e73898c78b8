"""Sentences whose first words point at the sentence before: "This ...", "However, ...", "He ...".

Rules are of English; of other languages nothing is known to dangle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgehybrid.documents.document import Sentence
from edgehybrid.tasks.length import WITHIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Sentences that are taken along at most, so that the first one stands alone.
LONGEST_LEAD = 2

#: "This paper", "It is clear that": what is pointed at is the document, or nothing.
_SELF = (
    r"(?:study|paper|article|work|section|chapter|document|pep|rfc|eip|proposal|book|review"
    r"|research|report|manual|guide|handbook|policy|specification|module|lesson|meeting)\b"
)
_EXPLETIVE = (
    r"(?:is|was|has been|may be|seems|appears|would be|will be) (?:\w+ )?(?:clear|important"
    r"|possible|impossible|likely|unlikely|known|true|difficult|hard|easy|necessary|useful|worth"
    r"|common|essential|recommended|expected|estimated|believed|thought|hoped|well|also|not|only)\b"
)
_POINTING = re.compile(
    rf"(?:this(?! (?:\w+ )?{_SELF})|that(?! \w+ (?:is|are|was|were)\b)|these|those|such"
    rf"|it(?! {_EXPLETIVE})|its|he|she|they|his|her|their|him|them"
    r"|(?:in|at|for|with|on|from|by|under|after|before|because of|due to|as|of|to|during|given)"
    rf" (?:this(?! (?:\w+ )?{_SELF})|that|these|those|such|doing so)"
    r"|the (?:former|latter|same|above|other)|both|neither|another|the others?)\b",
    re.I,
)
_LINKING = re.compile(
    r"(?:(?:however|therefore|thus|hence|moreover|furthermore|nevertheless|nonetheless|otherwise"
    r"|consequently|additionally|similarly|likewise|conversely|accordingly|meanwhile|besides|still"
    r"|instead|rather|also|then|alternatively|in addition|in contrast|by contrast|on the contrary"
    r"|on the other hand|as a result|as such|for example|for instance|in other words|that is"
    r"|in fact|of course|finally|subsequently|afterwards|specifically|in particular|even so)"
    r"(?:,|\s)|(?:but|and|or|so|yet|nor|because)\s)",
    re.I,
)


def dangles(text: str) -> bool:
    """Whether the beginning of `text` cannot be understood without what stands before it."""
    return bool(_POINTING.match(text) or _LINKING.match(text))


def leads(sentences: Sequence[Sentence], places: Sequence[int]) -> list[list[int] | None]:
    """What should be quoted with each candidate, so that nothing dangles.

    Args:
        sentences: of the document, in order.
        places: which of them, in order, are the n candidates.

    Returns:
        For each of the n, indices (of candidates) of sentences to be taken along, none if it
        stands alone; None if it dangles whatever is taken along.
    """
    index = {place: i for i, place in enumerate(places)}
    return [_lead(sentences, place, index) for place in places]


def _lead(sentences: Sequence[Sentence], place: int, index: dict[int, int]) -> list[int] | None:
    found: list[int] = []
    while dangles(sentences[place].text):
        before = place - 1
        if before not in index or len(found) == LONGEST_LEAD:
            return None
        if sentences[before].paragraph != sentences[place].paragraph:
            return None
        found.insert(0, index[before])
        place = before
    return found


def leads_that_fit(
    chosen: Sequence[int],
    needed: Sequence[list[int] | None],
    sizes: NDArray[np.int64],
    words: int,
    most: int,
) -> list[int]:
    """What the chosen sentences refer to, as far as there is room for it.

    Args:
        chosen: indices of candidates, the best first.
        needed: the leads of all candidates.
        sizes: (n,) in words.
        words: the length that was asked for, of which a tenth more is allowed.
        most: so many sentences in all.
    """
    added: list[int] = []
    for i in chosen:
        more = [k for k in needed[i] or [] if k not in chosen and k not in added]
        total = int(sizes[[*chosen, *added, *more]].sum())
        if total <= (1 + WITHIN) * words and len(chosen) + len(added) + len(more) <= most:
            added += more
    return added
