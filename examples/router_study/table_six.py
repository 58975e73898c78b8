"""Table 2: six tasks, all models. `python examples/router_study/table_six.py RUNS`."""

from __future__ import annotations

import numpy as np

from study.answering import policy, shares, trained
from study.model import SIX
from study.results import arguments, save
from study.tasks import TASKS
from study.training import BUDGETS, LENGTH

ROWS = 100


def main() -> None:
    args = arguments(__doc__)
    batches = {n: task(np.random.default_rng(98), ROWS, LENGTH) for n, task in TASKS.items()}
    rows = []
    for name in SIX:
        one = trained(args.runs, "six", name)
        for budget in BUDGETS if "router" in name else (None,):
            alloc = None if budget is None else policy("learned", budget)
            got = {n: shares(one.model, b, alloc) for n, b in batches.items()}
            rows.append({**one.said, "model": name, "budget": budget, "right": got})
            print(name, budget, got, flush=True)
    save(args.out, "six", {"rows": ROWS, "length": LENGTH, "models": rows})


if __name__ == "__main__":
    main()
