"""Train the default reader: `python examples/train_reader/train.py ../shared/data runs/reader`.

Phases: prepare (sentences, targets, tokenizer), teacher vectors, bag of words, trunk, head. Each
leaves its result in the output folder and is skipped when that exists; the trunk saves itself
every five minutes. Run the same command again after an interruption.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch

from bag import fit_bag
from model import Config, Reader
from prepare import Corpus, prepare
from teacher import teach
from trunk import LANES, LENGTH, Trainer, train_trunk

#: Sentences a source for which the teacher is asked: openstax, pmc, qmsum, squality, proposals.
TAUGHT = (60_000, 90_000, 40_000, 20_000, 60_000)


def choose_taught(corpus: Corpus, seed: int) -> np.ndarray:
    """Indices of the quotable sentences that the teacher sees, drawn by source."""
    random = np.random.default_rng(seed)
    source = np.repeat(corpus.source, np.diff(corpus.first))
    picks = [
        random.permutation(np.flatnonzero(corpus.quotable & (source == s)))[:most]
        for s, most in enumerate(TAUGHT)
    ]
    return np.concatenate(picks)


def start_from_bag(config: Config, corpus: Corpus, out: Path) -> Reader:
    """A fresh model whose embedding resembles the teacher; kept in the folder `bag`."""
    if not (out / "bag" / "config.json").exists():
        model = Reader(config)
        fit_bag(model, corpus, out)
        model.save(out / "bag")
    return Reader.load(out / "bag").train()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/, val/ and text/")
    parser.add_argument("out", type=Path, help="folder for everything that the run makes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=float, default=14e6, help="tokens for the trunk")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(message)s",
        handlers=[logging.FileHandler(args.out / "train.log"), logging.StreamHandler()],
    )
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    torch.set_num_threads(args.threads)
    config = Config()
    prepare(args.data, args.out, config.vocab_size)
    corpus = Corpus.load(args.out / "train.npz")
    teach(args.out, choose_taught(corpus, args.seed), config.vector_size)
    if not (args.out / "trunk" / "config.json").exists():
        model = start_from_bag(config, corpus, args.out)
        steps = int(args.tokens / (LANES * LENGTH))
        train_trunk(Trainer(model, corpus, args.out, steps, args.seed))
        model.save(args.out / "trunk")
    from head import fit_head

    fit_head(args.out, seed=args.seed)


if __name__ == "__main__":
    main()
