"""Table 4: passkey and needles up to 64 times the length of training.

python examples/router_study/table_length.py RUNS
"""

from __future__ import annotations

import numpy as np

from study.answering import policy, right, trained
from study.results import arguments, save
from study.tasks import needle
from study.training import LENGTH

ROWS, BUDGET, TIMES = 40, 64, (1, 2, 4, 8, 16, 32, 64)
#: By task: the share of the five needles that are there.
NEEDLES = {"passkey": 0.2, "needles": 1.0}
#: All attention at 16,384 tokens takes its square in time and memory, so fewer rows are read.
FEW = 10


def main() -> None:
    args = arguments(__doc__)
    models = ("ssd", "delta", "ssd+window", "ssd+full", "ssd+router", "delta+router")
    rows = []
    for name in models:
        model = trained(args.runs, "six", name).model
        alloc = policy("learned", BUDGET) if "router" in name else None
        for times in TIMES:
            got = {}
            for task, level in NEEDLES.items():
                random = np.random.default_rng(96)
                few = 1 if "+" not in name or alloc else times
                count = max(FEW, ROWS // few) if few > 1 else ROWS
                parts = [
                    right(model, needle(random, 5, LENGTH * times, level), alloc).mean()
                    for _ in range(-(-count // 5))
                ]
                got[task] = round(float(np.mean(parts)), 4)
            rows.append({"model": name, "length": LENGTH * times, "right": got})
            print(name, LENGTH * times, got, flush=True)
    save(args.out, "length", {"budget": BUDGET, "trained": LENGTH, "models": rows})


if __name__ == "__main__":
    main()
