"""Sentence vectors as the runtime will see them: read by edgehybrid from an exported bundle.

So the head is fitted to what the quantised model really emits over whole documents, not to what
the training code computes over windows.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np

import edgehybrid
from edgehybrid_export import export
from prepare import Corpus

log = logging.getLogger("train_reader")

#: Documents a source that the head learns from: openstax, pmc, qmsum, squality, proposals.
DOCUMENTS = (500, 1100, 200, 50, 1600)


def choose_documents(corpus: Corpus, seed: int) -> np.ndarray:
    """Document numbers, drawn by source."""
    random = np.random.default_rng(seed + 1)
    picks = [
        random.permutation(np.flatnonzero(corpus.source == s))[:most]
        for s, most in enumerate(DOCUMENTS)
    ]
    return np.sort(np.concatenate(picks))


def read_documents(model: edgehybrid.Model, corpus: Corpus, documents: np.ndarray) -> np.ndarray:
    """Vectors (sentences of all `documents`, width) float16, in order."""
    stream, vectors = model.stream(), []
    for count, document in enumerate(documents):
        first, stop = corpus.first[document], corpus.first[document + 1]
        if first < stop:
            stream.reset()
            ids = corpus.ids[corpus.tokens(first).start : corpus.tokens(stop - 1).stop]
            vectors.append(stream.feed(ids).astype(np.float16))
        if count % 500 == 0:
            log.info("features: %d of %d documents", count, len(documents))
    return np.concatenate(vectors)


def make_features(out: Path, checkpoint: Path, seed: int) -> None:
    """Write features-train.npz and features-val.npz: `documents` and `vectors`."""
    bundle = out / "trunk-int8"
    shutil.rmtree(bundle, ignore_errors=True)
    export(checkpoint, bundle, weights="int8")
    model = edgehybrid.load(bundle)
    for split in ("val", "train"):
        path = out / f"features-{split}.npz"
        if path.exists():
            continue
        corpus = Corpus.load(out / f"{split}.npz")
        every = np.arange(len(corpus.source))
        documents = every if split == "val" else choose_documents(corpus, seed)
        vectors = read_documents(model, corpus, documents)
        np.savez(path, documents=documents, vectors=vectors)
