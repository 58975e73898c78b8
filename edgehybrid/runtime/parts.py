"""Parts of a prompt, and how a rendered template is divided into them.

Contents never pass through a template: it is rendered with random keys in their places, and the
text is divided at the keys. So what is markup and what somebody has written stay apart, and the
encoder (`edgehybrid.runtime.prompt`) can refuse to see tokens in the latter.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import NamedTuple

#: What models that think put around it. In answers, templates must see it to leave it out.
THINKING = re.compile(r"(</?think>)")


class Message(NamedTuple):
    """One turn; `ids` are the tokens of an answer that a model wrote."""

    role: str
    content: str
    ids: tuple[int, ...] | None = None


class Markup(NamedTuple):
    """Text of the template, in which tokens such as `<|im_end|>` are meant."""

    text: str


class Text(NamedTuple):
    """What somebody has written, in message number `message`: no token is meant in it."""

    text: str
    message: int = 0


class Ids(NamedTuple):
    """Tokens that a model wrote."""

    ids: tuple[int, ...]


Part = Markup | Text | Ids


def hide(messages: Sequence[Message]) -> list[Content]:
    """The messages as a template may see them."""
    key = f"k{secrets.token_hex(16)}x"
    return [Content(i, message, f"{key}{i}x") for i, message in enumerate(messages)]


class Content:
    """A message's content as the template sees it: a key for each piece, with its own spaces.

    The spaces at the ends are there for templates that strip them.
    """

    def __init__(self, index: int, message: Message, key: str) -> None:
        self.index, self.ids = index, message.ids
        self.keys: dict[str, str] = {}
        self._last: str | None = None
        answer = message.role == "assistant"
        pieces = THINKING.split(message.content) if answer else [message.content]
        self.shown = "".join(
            piece if answer and THINKING.fullmatch(piece) else self._hidden(piece, f"{key}{i}x")
            for i, piece in enumerate(pieces)
        )

    def is_lost(self, text: str) -> bool:
        """Whether the end of it, the part after any thinking, is missing in `text`."""
        return self._last is not None and self._last not in text

    def _hidden(self, piece: str, key: str) -> str:
        if not piece.strip():
            self._last = None
            return piece  # templates ask whether there is a content
        self.keys[key], self._last = piece, key
        before, after = _ends(piece)
        return before + key + after


def _ends(text: str) -> tuple[str, str]:
    """The white space before and after what `text` says."""
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def divide(text: str, contents: Sequence[Content]) -> list[Part]:
    """The parts of `text`, which a template made of `contents`."""
    wholes = {c.shown: c.ids for c in contents if c.ids is not None and c.keys}
    pieces = {key: (c.index, piece) for c in contents for key, piece in c.keys.items()}
    found = re.compile("|".join(map(re.escape, [*wholes, *pieces])) or "(?!)")
    parts: list[Part] = []
    start = 0
    while match := found.search(text, start):
        if match[0] in wholes:
            parts += [Markup(text[start : match.start()]), Ids(wholes[match[0]] or ())]
            start = match.end()
        else:
            index, piece = pieces[match[0]]
            markup, own, start = _with_spaces(text, start, match, piece)
            parts += [Markup(markup), Text(own, index)]
    return [*parts, Markup(text[start:])]


def _with_spaces(text: str, start: int, match: re.Match[str], piece: str) -> tuple[str, str, int]:
    """Markup before a key, the piece with those of its spaces that were kept, where it ends."""
    before, after = _ends(piece)
    markup, own, end = text[start : match.start()], piece.strip(), match.end()
    if before and markup.endswith(before):
        markup, own = markup[: -len(before)], before + own
    if after and text.startswith(after, end):
        own, end = own + after, end + len(after)
    return markup, own, end
