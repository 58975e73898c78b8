"""How well sentences answer a question: nearness of meaning, and words in common.

    match = cosine of the sentence vectors + share of the question's weight in words

A word weighs as much as it is rare in the document: log(1 + n / (0.5 + sentences that have it)),
so a name that stands nowhere in it counts most, and against it. NO_MATCH and the words that do not
count were fitted by `examples/fit_ask.py`. In a language that the model was not trained on there
are no vectors, and words alone decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.document import Sentence
from edgehybrid.documents.encoding import encode
from edgehybrid.documents.words import is_without_spaces, stems

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model

#: Below this match a sentence does not answer.
NO_MATCH = 0.74
#: The same for words alone, and for pairs of characters, which take their place in scripts without
#: spaces: those over the borders of words stand nowhere, so the share is smaller.
NO_MATCH_IN_WORDS, NO_MATCH_IN_PAIRS = 0.5, 0.25
#: Words of questions that say nothing of what is asked for.
SILENT = """
a about an and any are as at be been by can could did do does document explain for from had has
have how if in into is it its list me mean must no not of on or our say says shall she should so
some tell than that the their them then there these they this those to was we were what when where
which who whom whose why will with would you your
"""
_SILENT = frozenset(SILENT.split())


def matches(
    question: str,
    vector: NDArray[np.float32] | None,
    texts: Sequence[str],
    vectors: NDArray[Any] | None,
) -> NDArray[np.float32]:
    """How well each of n sentences matches, (n,) from about 0 to 2; of words alone, 0 to 1.

    Args:
        question: the words of it.
        vector: (V,) its meaning, of length 1; None for words alone.
        texts: the n sentences.
        vectors: (n, V) their meanings, of length 1; None for words alone.
    """
    shares = _shares(_stems(question), [_stems(text) for text in texts])
    if vector is None or vectors is None:
        return shares
    return vectors.astype(np.float32) @ vector + shares


def no_match(question: str, vectors: NDArray[Any] | None) -> float:
    """Below this a sentence does not answer `question`; `vectors` is None for words alone."""
    if vectors is not None:
        return NO_MATCH
    return NO_MATCH_IN_PAIRS if is_without_spaces(question) else NO_MATCH_IN_WORDS


def _shares(asked: frozenset[str], bags: Sequence[frozenset[str]]) -> NDArray[np.float32]:
    """Which part of the weight of the words `asked` is in each bag, (n,) from 0 to 1."""
    counts = Counter(stem for bag in bags for stem in bag & asked)
    weights = {stem: float(np.log1p(len(bags) / (0.5 + counts[stem]))) for stem in asked}
    whole = sum(sorted(weights.values()))
    shares = [sum(sorted(weights[stem] for stem in bag & asked)) for bag in bags]
    return np.array(shares, np.float32) / np.float32(whole or 1)


def _stems(text: str) -> frozenset[str]:
    return frozenset(stems(text, _SILENT))


def meaning(model: Model, text: str) -> NDArray[np.float32]:
    """(V,) the meaning of a sentence that stands alone, of length 1.

    Raises:
        RequestError: `model` is a language model.
    """
    head = model.sentence_head
    ids, _ = encode(model.tokenizer, [Sentence(" ".join(text.split()), 1, "prose", True)])
    return model.stream().feed(ids)[0, : head.vector_size]
