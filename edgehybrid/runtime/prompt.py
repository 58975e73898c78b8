"""Parts of a prompt to token ids, so that no token of the markup can come from what was written.

As tokenizers do, text is divided at the added tokens, and what lies between is encoded. But added
tokens are looked for in markup only. What lies between, markup and contents joined, goes through
the same vocabulary, normaliser and pre-tokenizer without any added token. So the ids are those of
`apply_chat_template` in transformers wherever contents hold no text of a token.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator

from tokenizers import AddedToken, Encoding, Tokenizer

from edgehybrid.errors import RequestError
from edgehybrid.runtime.parts import Ids, Markup, Part

#: A text that comes in several parts is encoded when it has so many characters.
ENOUGH = 2048


class PromptEncoder:
    """Encodes parts with a model's tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._full = tokenizer
        self._added = frozenset(tokenizer.get_added_tokens_decoder())
        self._plain = Tokenizer(tokenizer.model)  # the same vocabulary, no added tokens
        if tokenizer.normalizer is not None:
            self._plain.normalizer = tokenizer.normalizer
        if tokenizer.pre_tokenizer is not None:
            self._plain.pre_tokenizer = tokenizer.pre_tokenizer
        # nobody can write it; after it, text is not taken for the beginning of a text
        self._anchor = f"<{secrets.token_hex(16)}>"
        self._plain.add_special_tokens([AddedToken(self._anchor, normalized=False)])
        unknown = getattr(tokenizer.model, "unk_token", None)
        self._unknown = None if unknown is None else tokenizer.token_to_id(unknown)

    def encode(self, parts: Iterable[Part], *, first: bool = True) -> Iterator[list[int]]:
        """Yield the ids of `parts`, some at a time, which is as they are asked for.

        Args:
            parts: the prompt, or what comes next of it.
            first: whether they are its beginning.

        Raises:
            RequestError: a text cannot be written without an added token.
        """
        text = ""
        for part in parts:
            if isinstance(part, Markup):
                pieces = self._split(part.text)
            elif isinstance(part, Ids):
                pieces = [list(part.ids)]
            else:
                pieces = [part.text]
                if len(text) > ENOUGH:
                    yield self._written(text, first=first)
                    text, first = "", False
            for piece in pieces:
                if isinstance(piece, str):
                    text += piece
                    continue
                yield [*self._written(text, first=first), *piece]
                text, first = "", False
        if text:
            yield self._written(text, first=first)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The characters (start, end) of each token of a text that is not the prompt's beginning.

        Tokens that share a character each have all of it.
        """
        encoded = self._plain.encode(self._anchor + text, add_special_tokens=False)
        before = len(self._anchor)
        return [
            (max(start - before, 0), max(end - before, 0))
            for token, (start, end) in zip(encoded.ids[1:], encoded.offsets[1:], strict=True)
            for _ in self._spelled(token)
        ]

    def first_token(self, markup: Markup) -> int | None:
        """The added token that `markup` begins with, white space aside; None if there is none."""
        before, *rest = self._split(markup.text)
        found = rest[0] if rest and isinstance(before, str) and not before.strip() else None
        return found[0] if isinstance(found, list) else None

    def _split(self, markup: str) -> list[str | list[int]]:
        """Text between added tokens, and the ids of these."""
        encoded: Encoding = self._full.encode(markup, add_special_tokens=False)
        pieces: list[str | list[int]] = []
        end = 0
        for token, (start, stop) in zip(encoded.ids, encoded.offsets, strict=True):
            if token in self._added:
                pieces += [markup[end:start], [token]]
                end = stop
        return [*pieces, markup[end:]]

    def _written(self, text: str, *, first: bool) -> list[int]:
        if not text:
            return []
        ids: list[int]
        if first:
            ids = self._plain.encode(text, add_special_tokens=False).ids
        else:
            ids = self._plain.encode(self._anchor + text, add_special_tokens=False).ids[1:]
        if self._added.isdisjoint(ids):
            return ids
        return [i for token in ids for i in self._spelled(token)]

    def _spelled(self, token: int) -> list[int]:
        """`token`, or what it is spelled with if it is an added one that the vocabulary has too."""
        if token not in self._added or token == self._unknown:
            return [token]
        word = self._full.id_to_token(token) or ""
        if len(word) < 2:
            raise RequestError(
                f"the text holds {word!r}, which is a control token of this model's tokenizer and "
                "cannot be read as text: take it out"
            )
        tokens = [t for part in (word[:1], word[1:]) for t in self._full.model.tokenize(part)]
        return [i for t in tokens for i in self._spelled(t.id)]
