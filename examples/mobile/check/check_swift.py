"""Compares the Swift example's text half with Python's: tokens, features, choice.

    swift build --package-path examples/mobile/swift
    python examples/mobile/check/check_swift.py TEXT \\
        --check examples/mobile/swift/.build/debug/check

Vectors and scores are made here, by edgehybrid, of Swift's own sentences: ONNX Runtime's Swift
package is for Apple's systems only.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import edgehybrid
from edgehybrid.documents.document import Sentence
from edgehybrid.documents.encoding import encode
from edgehybrid.documents.features import sentence_features
from edgehybrid.documents.lexicon import Lexicon
from edgehybrid.tasks.select import select

POINTS = 8


class Conversation:
    """Lines of JSON with the Swift program."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def tell(self, numbers: np.ndarray) -> None:
        assert self._process.stdin is not None
        line = json.dumps({"numbers": np.atleast_2d(numbers).astype(float).tolist()})
        print(line, file=self._process.stdin, flush=True)


def main() -> int:
    """Prints what was compared; exit code 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--check", required=True, help="the program that `swift build` made")
    parser.add_argument("--tokenizer", help="where it finds tokenizer.json")
    options = parser.parse_args()
    model = edgehybrid.load()
    tokenizer = options.tokenizer or str(model.bundle.folder / "tokenizer.json")
    swift = Conversation([*shlex.split(options.check), tokenizer, str(options.text), str(POINTS)])

    told = swift.hear()
    rows = list(zip(told["texts"], told["kinds"], told["quotable"], strict=True))
    sentences = [Sentence(text, 1, kind, bool(quotable), 0) for text, kind, quotable in rows]
    quotable = np.array(told["quotable"], dtype=bool)
    tokens, ends = encode(model.tokenizer, sentences)
    own = [part.tolist()[:-1] for part in np.split(tokens, ends + 1)[:-1]]
    head = model.sentence_head
    vectors = model.stream().feed(tokens)
    meanings = vectors[:, : head.vector_size]
    swift.tell(meanings)
    features = np.array(swift.hear()["features"], np.float32)
    wanted = sentence_features(sentences, Lexicon.of(told["texts"]), meanings, quotable)
    scores = head.score(vectors, features, quotable)
    swift.tell(scores)
    chosen = swift.hear()["chosen"]
    places = np.flatnonzero(quotable)
    texts = [told["texts"][i] for i in places]
    picks = select(texts, scores[places], meanings[places], words=None, points=POINTS)

    same = {"tokens": told["tokens"] == own, "chosen": chosen == [int(places[i]) for i in picks]}
    apart = float(np.abs(features - wanted).max())
    print(f"{len(sentences)} sentences, {len(tokens)} tokens")
    for name, equal in same.items():
        print(f"{name:10} {'the same' if equal else 'DIFFERENT'}")
    print(f"features   differ by at most {apart:.6f}")
    return 0 if all(same.values()) and apart < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
