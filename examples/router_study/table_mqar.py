"""Table 1: MQAR, 64 pairs in 512 tokens. `python examples/router_study/table_mqar.py RUNS`."""

from __future__ import annotations

import numpy as np

from study.answering import policy, shares, trained
from study.model import MODELS
from study.results import arguments, save
from study.tasks import zoology
from study.training import BUDGETS

ROWS = 200


def main() -> None:
    args = arguments(__doc__)
    batches = {
        pairs: zoology(np.random.default_rng(99), ROWS, length, pairs)
        for pairs, length in ((16, 256), (32, 256), (64, 512))
    }
    rows = []
    for name in MODELS:
        one = trained(args.runs, "mqar", name)
        for budget in BUDGETS if "router" in name else (None,):
            alloc = None if budget is None else policy("learned", budget)
            got = {n: shares(one.model, b, alloc) for n, b in batches.items()}
            rows.append({**one.said, "model": name, "budget": budget, "right": got})
            print(name, budget, got, flush=True)
    save(args.out, "mqar", {"rows": ROWS, "models": rows})


if __name__ == "__main__":
    main()
