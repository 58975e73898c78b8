"""From files to segments of token ids, as a language model reads documents."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.opening import open_pages
from edgehybrid.errors import NoText, RequestError
from edgehybrid.runtime.model import Model
from edgehybrid.tasks.write import Prompt

Ids = NDArray[np.int32]
#: Tokens of a segment, at most and at least; in between, so that there are five.
LONGEST, SHORTEST, WANTED = 2048, 512, 5
#: One segment in so many is held out.
HELD_OUT = 5
#: Token ids that are held in memory at most: 64 MB.
MOST_TOKENS = 1 << 24


@dataclass(frozen=True)
class Texts:
    """What is fitted to, and what is held out.

    Attributes:
        prefix: tokens that stand before each segment, as they do before a document.
        fitted: segments, (T,) int32 each, without the prefix.
        held_out: likewise.
        tokens: of all files, of which segments may hold less.
    """

    prefix: Ids
    fitted: list[Ids]
    held_out: list[Ids]
    tokens: int


def read_texts(
    model: Model, files: Sequence[str | os.PathLike[str]], max_tokens: int, needed: int
) -> Texts:
    """Read all files and cut them into segments; what is left over at the end is not used.

    Args:
        model: a language model.
        files: PDFs, Markdown and plain text.
        max_tokens: at most so many are used, segments from everywhere.
        needed: at least so many there must be.

    Raises:
        DocumentError: a file cannot be read or has no text.
        RequestError: there are, or may be used, too few tokens; or too many to be held.
    """
    needed = max(needed, 2 * SHORTEST)
    if max_tokens < needed:
        raise RequestError(f"max_tokens is {max_tokens}, but a router needs {needed:,}: allow more")
    prompt = Prompt(model)
    ids = _tokens(prompt, files)
    if len(ids) < needed:
        raise RequestError(
            f"the texts have {len(ids):,} tokens, and a router needs {needed:,} to be fitted to: "
            "give more text"
        )
    size = min(max(min(len(ids), max_tokens) // WANTED, SHORTEST), LONGEST)
    segments = [ids[i : i + size] for i in range(0, len(ids) - size + 1, size)]
    wanted = min(max_tokens // size, len(segments))
    chosen = [segments[i * len(segments) // wanted] for i in range(wanted)]
    held = {*range(HELD_OUT // 2, wanted, HELD_OUT)} or {wanted - 1}
    return Texts(
        np.array(prompt.before("text"), np.int32),
        [part for i, part in enumerate(chosen) if i not in held],
        [part for i, part in enumerate(chosen) if i in held],
        len(ids),
    )


def _tokens(prompt: Prompt, files: Sequence[str | os.PathLike[str]]) -> Ids:
    parts: list[Ids] = []
    count = 0
    for file in files:
        before = count
        with open_pages(file) as source:
            for page in source:
                text = "\n\n".join(block.text for block in page.blocks)
                parts.append(
                    np.array(prompt.page(page.number, text, source.unit) if text else [], np.int32)
                )
                count += len(parts[-1])
                if count > MOST_TOKENS:
                    raise RequestError(f"the texts have over {MOST_TOKENS:,} tokens; give fewer")
        if count == before:
            raise NoText(f"{source.name}: no text on any of {source.page_count} {source.unit}s")
    return np.concatenate([np.zeros(0, np.int32), *parts])
