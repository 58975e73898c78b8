"""Summaries about a question: worth and match together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.tasks.matching import matches, meaning, no_match

if TYPE_CHECKING:
    from edgehybrid.tasks.read import ReadDocument

#: What a match of 1 adds to the log of a sentence's worth: enough that the best sentence about
#: something else (a few units over the mean) stands behind one that answers.
WEIGHT = 5.0


def focused(
    document: ReadDocument,
    focus: str,
    texts: Sequence[str],
    scores: NDArray[np.float32],
    vectors: NDArray[np.floating[Any]] | None,
) -> tuple[NDArray[np.float32], str | None]:
    """Scores (n,) of the candidates `texts`, steered to `focus`; and what is to be said of it.

    If nothing matches, the scores are as they were, and a notice says so.
    """
    vector = None if vectors is None else meaning(document.model, focus)
    found = matches(focus, vector, texts, vectors)
    if float(found.max()) < no_match(focus, vectors):
        return scores, (
            f"nothing in {document.name} matches the focus {focus!r}: "
            "this is its summary without one"
        )
    return scores + np.float32(WEIGHT) * found, None
