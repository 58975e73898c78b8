"""What is made of the residuals after the last layer: sentence vectors and scores, or logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.bundle import Bundle
from edgehybrid.documents.features import FEATURE_SIZE
from edgehybrid.errors import BundleDamaged

if TYPE_CHECKING:
    from edgehybrid.runtime.graph import Segment

Array = NDArray[np.float32]

#: Sentences whose features are in memory at a time.
SCORED_TOGETHER = 1024


class SentenceHead:
    """Sentence vectors at end tokens, and scores of all sentences at the end of a document."""

    def __init__(self, bundle: Bundle) -> None:
        fields = bundle.manifest["head"]
        self.vector_size, self.context_size = (
            int(fields["vector_size"]),
            int(fields["context_size"]),
        )
        if fields["place_size"] != FEATURE_SIZE:
            raise BundleDamaged(
                f"{bundle.name} reads {fields['place_size']} features of a sentence, this version "
                f"of edgehybrid makes {FEATURE_SIZE}: export it again with this version"
            )
        self.end_tokens = np.array(fields["end_tokens"], dtype=np.int32)
        self._name = bundle.name
        self._vectors = _open(bundle, "sentence.onnx")
        self._scores = _open(bundle, "head.onnx")

    @property
    def width(self) -> int:
        """Columns of a sentence vector: a unit vector of meaning, then its context."""
        return self.vector_size + self.context_size

    def vectors(self, means: Array, ends: Array) -> Array:
        """(n, width) of n sentences, from their mean and last residuals (n, hidden)."""
        made = self._vectors.run({"mean": means, "end": ends})
        sizes = [(len(means), self.vector_size), (len(means), self.context_size)]
        _expect(self._name, "sentence.onnx", made, sizes)
        return np.concatenate(made, axis=1)

    def score(
        self, vectors: NDArray[np.floating[Any]], place: Array, quotable: NDArray[np.bool_]
    ) -> Array:
        """Importance (n,) of each sentence of a whole document; higher is more important.

        Args:
            vectors: (n, width) as a stream gave them, in order; half precision will do.
            place: (n, FEATURE_SIZE) from `edgehybrid.documents.features.sentence_features`.
            quotable: (n,) which sentences count for the document's mean.
        """
        chosen = vectors[quotable] if quotable.any() else vectors
        mean = chosen.mean(axis=0, keepdims=True, dtype=np.float32)
        last = vectors[-1:, self.vector_size :].astype(np.float32)
        scores = np.empty(len(vectors), dtype=np.float32)
        for i in range(0, len(vectors), SCORED_TOGETHER):
            rows = slice(i, i + SCORED_TOGETHER)
            feeds = {
                "vector": vectors[rows, : self.vector_size].astype(np.float32),
                "context": vectors[rows, self.vector_size :].astype(np.float32),
                "place": place[rows],
                "mean": mean,
                "last": last,
            }
            made = self._scores.run(feeds)
            _expect(self._name, "head.onnx", made, [(len(scores[rows]), 1)])
            scores[rows] = made[0][:, 0]
        return scores


class LogitsHead:
    """Logits of the next token."""

    def __init__(self, bundle: Bundle, vocab_size: int, *, graphs: bool) -> None:
        self.width = vocab_size
        self.stop_tokens = tuple(int(token) for token in bundle.manifest["head"]["stop_tokens"])
        self._name = bundle.name
        if graphs:
            self._logits = _open(bundle, "logits.onnx")

    def logits(self, h: Array) -> Array:
        """(n, vocab) of n residuals (n, hidden)."""
        made = self._logits.run({"h": h})
        _expect(self._name, "logits.onnx", made, [(len(h), self.width)])
        return made[0]


def _expect(bundle: str, name: str, made: list[Array], shapes: list[tuple[int, int]]) -> None:
    found = [array.shape for array in made]
    if found != shapes:
        raise BundleDamaged(f"{bundle}'s {name} makes {found}, expected {shapes}; export it again")


def _open(bundle: Bundle, name: str) -> Segment:
    from edgehybrid.runtime.graph import Segment

    return Segment(bundle.file(name))


def open_head(bundle: Bundle, vocab_size: int, *, graphs: bool) -> SentenceHead | LogitsHead:
    """The head that the manifest names; `graphs`: logits are made by ONNX Runtime.

    Raises:
        BundleDamaged: it names another one.
    """
    kind = bundle.manifest["head"].get("kind")
    if kind == "sentences":
        return SentenceHead(bundle)
    if kind == "logits":
        return LogitsHead(bundle, vocab_size, graphs=graphs)
    raise BundleDamaged(f"the manifest's head is {kind!r}; known are 'logits', 'sentences'")
