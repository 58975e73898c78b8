"""Train all models: `python examples/router_study/sweep.py RUNS [mqar|six|needle] [MODEL ...]`.

For each model, RATES are tried on MQAR for a quarter of the steps; the best of them trains it for
good, on MQAR, on the six tasks, or on needles alone. What is finished is not repeated.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import torch

from study.model import MODELS, SIX
from study.training import Run, train

RATES, SHORT = (1.5e-3, 4e-3, 1e-2), 500
#: Steps, and tokens of a batch.
LONG = {"mqar": (2000, 4096), "six": (1500, 8192), "needle": (1200, 8192)}


def best_rate(model: str, folder: Path) -> float:
    """The rate with which `model` answers most of MQAR during a short training."""
    right = {}
    for rate in RATES:
        run = Run("mqar", model, rate, 0, SHORT, LONG["mqar"][1])
        train(run, folder / "rates")
        said = json.loads((folder / "rates" / f"{run.name}.json").read_text())
        right[rate] = said["right_throughout"]
    return max(right, key=right.__getitem__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, help="folder for weights and logs")
    parser.add_argument("experiment", choices=("mqar", "six", "needle"))
    parser.add_argument("models", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    for model in args.models or (MODELS if args.experiment == "mqar" else SIX):
        rate = best_rate(model, args.runs)
        train(Run(args.experiment, model, rate, args.seed, *LONG[args.experiment]), args.runs)


if __name__ == "__main__":
    main()
