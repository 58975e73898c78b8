"""Do quantised bundles score sentences as the float32 reference does?

    python examples/evaluate_summaries/precision.py CHECKPOINT ../shared/data

Exports the checkpoint in float32, int8 and int4, lets each read the documents, and prints the mean
and the lowest Spearman correlation of the sentence scores with float32, and the bundles' sizes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "train_reader"))

import data
import edgehybrid
from edgehybrid.documents.document import Document
from edgehybrid.documents.encoding import encode
from edgehybrid.documents.features import sentence_features
from edgehybrid.documents.lexicon import Lexicon
from edgehybrid_export import export


def scores_of(model: edgehybrid.Model, documents: list[Document]) -> list[np.ndarray]:
    """Scores of the quotable sentences of each document."""
    stream, found = model.stream(), []
    for document in documents:
        stream.reset()
        ids, _ = encode(model.tokenizer, document.sentences)
        quotable = np.array([s.quotable for s in document.sentences])
        vectors = stream.feed(ids)
        lexicon = Lexicon.of([s.text for s in document.sentences])
        meaning = vectors[:, : model.sentence_head.vector_size]
        known = sentence_features(document.sentences, lexicon, meaning, quotable)
        scores = model.sentence_head.score(vectors, known, quotable)
        found.append(scores[quotable])
    return found


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation of two vectors without ties."""
    ranks = [x.argsort().argsort() for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--documents", type=int, default=0, help="first N of each source; 0: all")
    args = parser.parse_args()
    documents = [
        Document.from_text(row["document"], name=row["id"])
        for source in data.SOURCES
        for row in list(data.read_rows(args.data, "val", source))[: args.documents or None]
    ]
    print("| weights | MB | mean Spearman | lowest | documents |\n|---|---|---|---|---|")
    reference = None
    with tempfile.TemporaryDirectory() as folder:
        for weights in ("float32", "int8", "int4"):
            bundle = Path(folder) / weights
            manifest = export(args.checkpoint, bundle, weights=weights)
            scores = scores_of(edgehybrid.load(bundle), documents)
            reference = reference or scores
            pairs = [p for p in zip(scores, reference, strict=True) if len(p[0]) > 2]
            each = [spearman(a, b) for a, b in pairs]
            size = sum(f["bytes"] for f in manifest["files"].values()) / 1e6
            cells = f"{size:.1f}", f"{np.mean(each):.4f}", f"{min(each):.4f}", str(len(each))
            print(f"| {weights} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
