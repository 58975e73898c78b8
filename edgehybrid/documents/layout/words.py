"""Words as a reader sees them: ligatures apart, and hyphens at line ends undone.

Whether "decision-" and "making" are one word or a compound is read from the document itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: The vocabulary stops growing here; by then it knows the document's words.
MAX_VOCABULARY = 200_000

_LIGATURES = {
    code: unicodedata.normalize("NFKC", chr(code))
    for code in (*range(0xFB00, 0xFB07), 0x0132, 0x0133)
}
#: Removed: control characters, those that turn the direction of writing, zero-width signs, the
#: byte order mark, PDFium's hyphen sign.
_REMOVED = dict.fromkeys(
    (
        *(*range(0x09), 0x0B, *range(0x0E, 0x20), *range(0x7F, 0xA0)),
        *(*range(0x202A, 0x202F), *range(0x2066, 0x206A)),
        *(0x200B, 0x200C, 0x2060, 0xFEFF, 0xFFFE, 0xFFFF),
    )
)
_REPAIRS = {**_LIGATURES, **_REMOVED, 0x00A0: " ", 0x2010: "-", 0x2011: "-"}
_SOFT_HYPHEN = "\u00ad"
_SOFT_INSIDE = re.compile(_SOFT_HYPHEN + r"(?=\S)")
_SURROGATES = re.compile("[\ud800-\udfff]")
_TH_LIGATURE = re.compile(r"(?<![\w+])[+3]([a-z]{1,20})\b")
_TOKEN = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST_PIECE = re.compile(r"([^\W\d_]+)-$")
_FIRST_PIECE = re.compile(r"^[^\W\d_]+(?:-[^\W\d_]+)*")
#: A dash or stroke right after a word holds what follows to it: "2018-" "2020", "https://" "a.b".
_GLUED = re.compile(r"[^\s\-–—/][-–—]$|[^\s]/$")
#: Words after a hyphen that is left hanging: "short-" "and long-term".
_HANGING = frozenset(("and", "or", "to", "und", "oder", "bis", "et", "ou", "y", "o"))
#: First parts of compounds, for documents too short to tell.
_PREFIXES = frozenset(("all", "cross", "half", "high", "long", "low", "self", "short", "well"))


def clean(text: str) -> str:
    """`text` in NFC, without control characters, with ligatures taken apart.

    A soft hyphen stays only where it ends the text: there it says that the word goes on.
    """
    text = _SURROGATES.sub("\ufffd", text.translate(_REPAIRS))
    return unicodedata.normalize("NFC", _SOFT_INSIDE.sub("", text))


def repair(text: str, vocabulary: Vocabulary) -> str:
    """Put "Th" where a font's ligature of these two letters is mapped to a wrong character.

    Some publishers' fonts give "+e" for "The" and "3ymus" for "Thymus": it is repaired where
    the document knows the resulting word.
    """

    def whole(match: re.Match[str]) -> str:
        return "Th" + match[1] if "th" + match[1] in vocabulary else match[0]

    return _TH_LIGATURE.sub(whole, text)


class Vocabulary:
    """The words of a document so far, in lower case, compounds with their hyphens."""

    def __init__(self) -> None:
        self._words: set[str] = set()

        self._is_cut = False

    def add(self, line: str) -> None:
        """Learn the words of the next cleaned line, except those that a line break cuts."""
        words = line.lower().split()
        if self._is_cut:
            words = words[1:]
        self._is_cut = line.endswith(("-", _SOFT_HYPHEN))
        if len(self._words) < MAX_VOCABULARY:
            whole = " ".join(words[:-1] if self._is_cut else words)
            self._words.update(_TOKEN.findall(whole))

    def __contains__(self, word: str) -> bool:
        return word.lower() in self._words


def join_lines(lines: Iterable[str], vocabulary: Vocabulary) -> str:
    """Join cleaned lines of one paragraph to running text."""
    text = ""
    for line in lines:
        text = join(text, line.strip(), vocabulary)
    return text.replace(_SOFT_HYPHEN, "")


def join(before: str, after: str, vocabulary: Vocabulary) -> str:
    """Join two cleaned pieces of text, undoing a hyphen that only broke the line."""
    if not before or not after:
        return before or after
    if before.endswith(_SOFT_HYPHEN):
        return before[:-1] + after
    left, right = _LAST_PIECE.search(before), _FIRST_PIECE.match(after)
    if left and right and right[0] not in _HANGING:
        kept = before if _is_compound(left[1], right[0], vocabulary) else before[:-1]
        return kept + after
    if _GLUED.search(before) and not (right and right[0] in _HANGING):
        return before + after
    return f"{before} {after}"


def _is_compound(left: str, right: str, vocabulary: Vocabulary) -> bool:
    if not right[0].islower():
        return True
    if left + right in vocabulary:
        return False
    if f"{left}-{right}" in vocabulary or left.lower() in _PREFIXES:
        return True
    return left in vocabulary and right in vocabulary
