"""Table 3: policies at equal budgets. `python examples/router_study/table_policies.py RUNS`.

Training-free and fitted policies choose for the model that was trained with full attention, the
learned router for its own; all are the product's caches. Rows are twice as long as in training, so
that the smallest share that is measured leaves room for what has to be kept.
"""

from __future__ import annotations

import numpy as np

from edgehybrid.runtime import routers
from study.answering import policy, shares, trained
from study.mixers import SINKS, WINDOW
from study.probing import fit_probe
from study.results import arguments, save
from study.tasks import TASKS
from study.training import BUDGETS, LENGTH

ROWS, LONG = 60, 2 * LENGTH


def main() -> None:
    args = arguments(__doc__)
    full, learned = (trained(args.runs, "six", f"ssd+{kind}").model for kind in ("full", "router"))
    probe = fit_probe(full, LENGTH)
    batches = {n: task(np.random.default_rng(97), ROWS, LONG) for n, task in TASKS.items()}
    every = {n: shares(full, b) for n, b in batches.items()}
    print("all tokens", every, flush=True)
    rows = []
    for name in routers.NAMES:
        for budget in BUDGETS:
            alloc = policy(name, budget, probe if name == "fitted" else None)
            model = learned if name == "learned" else full
            got = {n: shares(model, b, alloc) for n, b in batches.items()}
            kept = round((SINKS + WINDOW + budget) / LONG, 3)
            rows.append({"policy": name, "budget": budget, "kept": kept, "right": got})
            print(name, budget, got, flush=True)
    save(args.out, "policies", {"rows": ROWS, "length": LONG, "all": every, "policies": rows})


if __name__ == "__main__":
    main()
