"""How long a summary is: what is usual, and how far from the wish it may be."""

from __future__ import annotations

#: Without a wish, a summary takes this part of the document, within these bounds, in words.
SHARE, FEWEST, MOST = 0.05, 60, 220
#: How far from the asked length a summary may be.
WITHIN = 0.1


def usual_length(words: int) -> int:
    """How long the summary of a document of so many words is, if nothing is said."""
    return round(min(max(SHARE * words, FEWEST), MOST))


def in_band(total: float, words: int) -> bool:
    """Whether `total` words are within a tenth of `words`."""
    return (1 - WITHIN) * words <= total <= (1 + WITHIN) * words
