"""Which language a document is in, from its paragraphs as they come, by CLD3."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any

#: A paragraph tells its language by so many characters; what follows adds nothing.
LOOKED_AT = 300
#: Shorter paragraphs tell nothing: bytes of UTF-8 in letters, of which scripts with many need more.
SHORTEST = 60
#: Surer than this of a paragraph, or it is not counted.
SURE = 0.8
#: Every paragraph is looked at up to so many, then one in EVERY.
AT_FIRST, EVERY = 12, 16
#: CLD3's names for what ISO 639-1 has another name for.
_NAMES = {"iw": "he", "jw": "jv", "fil": "tl"}


class Languages:
    """Counts the letters of a document's paragraphs by language."""

    def __init__(self) -> None:
        self._letters: Counter[str] = Counter()
        self._seen = 0

    def hear(self, paragraph: str) -> None:
        """Take note of a paragraph of prose."""
        if len(paragraph) < SHORTEST // 3:
            return
        self._seen += 1
        if self._seen > AT_FIRST and self._seen % EVERY:
            return
        if (language := detect(paragraph)) is not None:
            self._letters[language] += len(paragraph)

    @property
    def most(self) -> str | None:
        """The language (ISO 639-1, or 639-3 where that has none) of most; None if too little."""
        return self._letters.most_common(1)[0][0] if self._letters else None


def detect(text: str) -> str | None:
    """The language of a paragraph; None if it is too short or of no language surely."""
    sample = text[:LOOKED_AT]
    if len("".join(filter(str.isalpha, sample)).encode()) < SHORTEST:
        return None
    found = _identifier().FindLanguage(sample)
    if not found.is_reliable or found.probability < SURE:
        return None
    name = str(found.language).split("-")[0]
    return _NAMES.get(name, name)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    import gcld3

    return gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=4 * LOOKED_AT)
