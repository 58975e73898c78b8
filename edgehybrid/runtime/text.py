"""Tokens into pieces of text: whole characters only, and nothing of a stop string."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer

#: Tokens that a character may take; after so many, bytes that are none come out as U+FFFD.
LONGEST = 8
UNFINISHED = "\ufffd"


class TextPieces:
    """Decodes tokens one by one. A token may hold part of a character: it waits for the rest."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._before: list[int] = []  # what came out last: spaces depend on it
        self._waiting: list[int] = []

    def add(self, token: int) -> str:
        """The text that `token` completes; "" if it completes none."""
        self._waiting.append(token)
        return self._take(final=len(self._waiting) >= LONGEST)

    def flush(self) -> str:
        """The text of an unfinished character, if one waits."""
        return self._take(final=True) if self._waiting else ""

    def _take(self, *, final: bool) -> str:
        before = self._tokenizer.decode(self._before)
        text = self._tokenizer.decode(self._before + self._waiting)
        if text.endswith(UNFINISHED) and not final:
            return ""
        self._before, self._waiting = self._waiting, []
        return text[len(before) :]


class StopStrings:
    """Cuts text off before the first of some strings; holds back what could begin one."""

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = strings
        self._held = ""
        self.found = False

    def add(self, text: str) -> str:
        """The part of the text so far that is safe to show."""
        self._held += text
        places = [i for s in self._strings if (i := self._held.find(s)) >= 0]
        if places:
            self.found = True
            shown, self._held = self._held[: min(places)], ""
            return shown
        keep = max((_overlap(self._held, s) for s in self._strings), default=0)
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(shown) :]
        return shown

    def flush(self) -> str:
        """What was held back and began no stop string after all."""
        shown, self._held = self._held, ""
        return shown


def _overlap(text: str, string: str) -> int:
    """Length of the longest end of `text` that begins `string`."""
    longest = min(len(text), len(string) - 1)
    return next((n for n in range(longest, 0, -1) if string.startswith(text[-n:])), 0)
