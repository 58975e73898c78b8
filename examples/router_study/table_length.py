"""Table 4: passkey and needles up to 64 times the length of training.

python examples/router_study/table_length.py RUNS
"""

from __future__ import annotations

import numpy as np

from study.answering import policy, right, trained
from study.model import SIX
from study.results import arguments, save
from study.tasks import needle
from study.training import LENGTH

ROWS, BUDGET, TIMES = 40, 64, (1, 2, 4, 8, 16, 32, 64)
#: By task: the share of the five needles that are there.
NEEDLES = {"passkey": 0.2, "needles": 1.0}
#: Masks of 16,384 tokens take their square in time and memory, so fewer rows are read.
FEW = 10


def main() -> None:
    args = arguments(__doc__)
    rows = []
    for name in SIX:
        model = trained(args.runs, "six", name).model
        alloc = policy("learned", BUDGET) if "router" in name else None
        for times in TIMES:
            got = {}
            for task, level in NEEDLES.items():
                random = np.random.default_rng(96)
                square = name in ("ssd+window", "ssd+full")
                parts = [
                    right(model, needle(random, 5, LENGTH * times, level), alloc).mean()
                    for _ in range(max(FEW, ROWS // times) // 5 if square else ROWS // 5)
                ]
                got[task] = round(float(np.mean(parts)), 4)
            rows.append({"model": name, "length": LENGTH * times, "right": got})
            print(name, LENGTH * times, got, flush=True)
    save(args.out, "length", {"budget": BUDGET, "trained": LENGTH, "models": rows})


if __name__ == "__main__":
    main()
