"""Kill a reading at random instants and go on: is the summary what it is without a break?

    python examples/kill_and_resume.py report.pdf --times 200 --log killed.jsonl

Each time, `edgehybrid summarize FILE --resume` is started with an empty cache and killed by SIGKILL
somewhere between its start and the time that a whole run takes; then it is started again and runs
to its end. What it prints must be what an unbroken run prints, byte for byte, and no file that
is not finished may be left. The log goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgehybrid.files import is_unfinished

COMMAND = [sys.executable, "-c", "from edgehybrid.cli import main; main()", "summarize"]


def main() -> int:
    """Run as told by the arguments; 1 if anything differed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=Path("killed.jsonl"))
    parser.add_argument("options", nargs="*", help="after --, more options of `summarize`")
    args = parser.parse_args()
    command = [*COMMAND, str(args.file), *args.options]
    unbroken, _ = run([*command])
    with tempfile.TemporaryDirectory() as cache:
        kept, seconds = run([*command, "--resume"], cache)
    if kept != unbroken:
        sys.exit("a reading that is kept gives another summary than one that is not")
    rows = [json.loads(line) for line in args.log.open()] if args.log.exists() else []
    draw = random.Random(args.seed + len(rows))
    while sum(row["killed"] for row in rows) < args.times:  # those that came too late do not count
        rows.append(once([*command, "--resume"], draw.uniform(0, seconds), unbroken))
        with args.log.open("a") as log:
            log.write(json.dumps(rows[-1]) + "\n")
        print(len(rows), json.dumps(rows[-1]), flush=True)
    print(
        f"{sum(r['killed'] for r in rows)} kills, {sum(r['checkpoints'] > 0 for r in rows)} of "
        f"{len(rows)} runs with a checkpoint to go on from: {sum(r['same'] for r in rows)} outputs "
        f"the same, {sum(r['left'] for r in rows)} files left"
    )
    return int(not all(r["same"] and not r["left"] for r in rows))


def run(command: list[str], cache: str | None = None) -> tuple[bytes, float]:
    """What a whole run prints, and its seconds."""
    began = time.monotonic()
    env = os.environ | ({"EDGEHYBRID_CACHE": cache} if cache else {})
    done = subprocess.run(command, env=env, capture_output=True, check=True)
    return done.stdout, time.monotonic() - began


def once(command: list[str], instant: float, unbroken: bytes) -> dict[str, float | bool | int]:
    """Kill after so many seconds, go on, compare."""
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | {"EDGEHYBRID_CACHE": cache}
        process = subprocess.Popen(
            command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(instant)
        killed = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        checkpoints = len(list(Path(cache).rglob("*.state")))
        printed, seconds = run(command, cache)
        left = sum(is_unfinished(path.name) for path in Path(cache).rglob("*"))
        left += len(list(Path(cache).rglob(".gone-*")))
    return {
        "instant": round(instant, 3),
        "killed": killed,
        "checkpoints": checkpoints,
        "seconds": round(seconds, 2),
        "same": printed == unbroken,
        "left": left,
    }


if __name__ == "__main__":
    sys.exit(main())
