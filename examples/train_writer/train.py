"""Train a tiny language model: `python examples/train_writer/train.py ../shared/data runs/writer`.

OUT becomes a `granitemoehybrid` checkpoint, written anew every five minutes; OUT-work beside it
holds tokens, log and what a run needs to go on after an interruption with the same command.
"""

from __future__ import annotations

import argparse
import logging
import math
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

sys.path.append(str(Path(__file__).resolve().parents[1] / "train_reader"))  # for the scan

from corpus import Tokens, prepare, token_bytes
from granite import Writer, writer_config

log = logging.getLogger("train_writer")

BATCH, LENGTH, WARM_STEPS, SAVE_SECONDS = 16, 256, 60, 300


def make_optimisers(model: Writer) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for the rest; `peak` is each group's highest rate."""
    matrices, rest = [], []
    for name, p in model.named_parameters():
        (matrices if p.dim() == 2 and "layers" in name else rest).append(p)
    muon = torch.optim.Muon(
        [{"params": matrices, "peak": 3e-3}], weight_decay=0.05, adjust_lr_fn="match_rms_adamw"
    )
    return [muon, torch.optim.AdamW([{"params": rest, "peak": 3e-3}], 0, (0.9, 0.98), 1e-8, 0.01)]


class Trainer:
    """Model, optimisers, step and seconds spent: all that a resumed run needs."""

    def __init__(self, work: Path, seconds: float, seed: int) -> None:
        self.work, self.seconds, self.seed = work, seconds, seed
        self.step, self.spent = 0, 0.0
        torch.manual_seed(seed)
        self.tokens = Tokens(work, "train")
        self.model = Writer(writer_config())
        self.optimisers = make_optimisers(self.model)

    def _rates(self) -> None:
        warm = min(1.0, (self.step + 1) / WARM_STEPS)
        shape = warm * (
            0.02 + 0.98 * (1 + math.cos(math.pi * min(1, self.spent / self.seconds))) / 2
        )
        for group in (g for optimiser in self.optimisers for g in optimiser.param_groups):
            group["lr"] = group["peak"] * shape

    def train_step(self) -> float:
        """One optimiser step on freshly drawn windows; returns the loss in nats a token."""
        began = time.monotonic()
        self._rates()
        random = np.random.default_rng([self.seed, self.step])
        ids = torch.from_numpy(self.tokens.draw(BATCH, LENGTH, random))
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.model(ids[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        self.step += 1
        self.spent += time.monotonic() - began
        return loss.item()

    def save(self) -> None:
        """Write what `resume` continues from, by one rename."""
        state = {"step": self.step, "spent": self.spent, "model": self.model.state_dict()}
        state["optimisers"] = [o.state_dict() for o in self.optimisers]
        torch.save(state, self.work / "training.tmp")
        shutil.move(self.work / "training.tmp", self.work / "training.pt")

    def resume(self) -> None:
        """Continue from the last save, if there is one."""
        if not (self.work / "training.pt").exists():
            return
        state = torch.load(self.work / "training.pt", weights_only=True)
        self.step, self.spent = state["step"], state["spent"]
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        log.info("resumed at step %d after %.0f s", self.step, self.spent)


@torch.no_grad()
def evaluate(model: Writer, work: Path, sizes: np.ndarray, count: int) -> None:
    """Log loss, perplexity and bits per byte of each source of `val`, and their mean."""
    tokens, rows = Tokens(work, "val"), []
    for source in tokens.spans:
        ids = torch.from_numpy(tokens.spread(source, count, 2 * LENGTH))
        losses = [
            F.cross_entropy(model(row[:, :-1]).flatten(0, 1), row[:, 1:].flatten())
            for row in ids.split(8)
        ]
        loss = torch.stack(losses).mean().item()
        bits = loss / math.log(2) * ids[:, 1:].numel() / sizes[ids[:, 1:].numpy()].sum()
        rows.append((loss, bits))
        log.info("val %s: loss %.4f, %.4f bits per byte", source, loss, bits)
    loss, bits = np.mean(rows, axis=0)
    log.info(
        "val macro: loss %.4f, perplexity %.2f, %.4f bits per byte", loss, math.exp(loss), bits
    )


def train(trainer: Trainer, out: Path, tokenizer: Tokenizer) -> None:
    """Train for the given time, saving the run and the checkpoint every five minutes."""
    trainer.resume()
    saved, losses = trainer.spent, []
    if shutil.which("c++"):
        trainer.model.forward = torch.compile(trainer.model.forward, dynamic=False)
    while trainer.spent < trainer.seconds:
        losses.append(trainer.train_step())
        if trainer.step % 25 == 0:
            seen = trainer.step * BATCH * LENGTH
            log.info(
                "step %d, %d tokens, %.0f s, loss %.4f",
                trainer.step,
                seen,
                trainer.spent,
                np.mean(losses),
            )
            losses = []
        if trainer.spent - saved > SAVE_SECONDS:
            saved = trainer.spent
            trainer.save()
            trainer.model.save(out, tokenizer)
    trainer.save()
    trainer.model.save(out, tokenizer)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/, val/ and text/")
    parser.add_argument("out", type=Path, help="folder for the checkpoint")
    parser.add_argument("--minutes", type=float, default=40, help="time for the training steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    args = parse()
    work = args.out.with_name(f"{args.out.name}-work")
    work.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(message)s",
        handlers=[logging.StreamHandler(), logging.FileHandler(work / "train.log")],
    )
    torch.set_num_threads(args.threads)
    config = writer_config()
    tokenizer = prepare(args.data, work, config.vocab_size)
    trainer = Trainer(work, 60 * args.minutes, args.seed)
    train(trainer, args.out, tokenizer)
    evaluate(Writer.load(args.out), work, token_bytes(tokenizer), 16)


if __name__ == "__main__":
    main()
