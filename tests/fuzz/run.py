"""Fuzz in other processes, for minutes or for a number of inputs, and keep what went wrong.

    python tests/fuzz/run.py --minutes 20
    python tests/fuzz/run.py --count 100000 --target pdf --seed 7

Counts are added to those of LOG (fuzz.json), so that a run goes on where the last one ended.
Inputs that went wrong are in FOUND, named by their hash: put them into seeds/ when they are mended.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mutate import mutated
from targets import TARGETS, attempt, folder

from edgehybrid.limits import limit_memory

#: Seconds for one input, and bytes of memory for a process.
SECONDS, MEMORY = 10.0, 2 << 30
#: Seconds for a process, after which memory is compared and another process begins.
BATCH_SECONDS = 20.0
#: A process that is this much larger at its end than after a fifth of its time leaks.
GROWTH = 100 << 20
FOUND = Path("fuzz-found")


def main() -> int:
    options = _options()
    if options.worker:
        return _work(options.target, options.seed, options.seconds, options.count)
    log: dict[str, Any] = {"counts": {}, "seconds": {}, "findings": []}
    if options.log.exists():
        log = json.loads(options.log.read_text())
    chosen = [options.target] if options.target else list(TARGETS)
    source = random.Random(options.seed)
    end, left = time.monotonic() + 60 * options.minutes, options.count
    while left > 0 and time.monotonic() < end:
        name = min(chosen, key=lambda n: log["counts"].get(n, 0) / TARGETS[n].weight)
        seconds = max(1.0, min(BATCH_SECONDS, end - time.monotonic()))
        left -= _batch(name, source.randrange(1 << 32), seconds, left, log)
        options.log.write_text(json.dumps(log, indent=1))
    _print(log)
    return bool(log["findings"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--count", type=int, default=1 << 40)
    parser.add_argument("--target", choices=list(TARGETS))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--log", type=Path, default=Path("fuzz.json"))
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _batch(name: str, seed: int, seconds: float, count: int, log: dict[str, Any]) -> int:
    """Run one process, take note of what it did, and return how many inputs there were."""
    arguments = [f"--target={name}", f"--seed={seed}", f"--seconds={seconds}", f"--count={count}"]
    process = subprocess.Popen(
        [sys.executable, __file__, "--worker", *arguments], stdout=subprocess.PIPE
    )
    done, lines = 0, process.communicate()[0].decode(errors="replace").splitlines()
    for line in lines:
        if not line.startswith("{"):
            continue  # native code prints too
        said = json.loads(line)
        done = said.get("done", done)
        if "wrong" in said:
            _keep(name, bytes.fromhex(said["input"]), said["wrong"], log)
        log["seconds"][name] = log["seconds"].get(name, 0.0) + said.get("seconds", 0.0)
    if process.returncode:
        what = "hang" if process.returncode == -signal.SIGALRM else "crash"
        current = _current(process.pid)
        data = current.read_bytes() if current.exists() else b""
        _keep(name, data, f"{what}, exit code {process.returncode}", log)
        done = max(done, 1)
    _current(process.pid).unlink(missing_ok=True)
    log["counts"][name] = log["counts"].get(name, 0) + done
    return done


def _keep(name: str, data: bytes, wrong: str, log: dict[str, Any]) -> None:
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(data).hexdigest()[:16]
    (folder / key).write_bytes(data)
    kind = wrong.partition(":")[0] + wrong.partition(":")[2][:60]
    if kind not in {f["kind"] for f in log["findings"] if f["target"] == name}:
        log["findings"].append({"target": name, "kind": kind, "wrong": wrong, "input": key})


def _work(name: str, seed: int, seconds: float, count: int) -> int:
    """Make inputs until the time is over; what was counted goes out once a second."""
    limit_memory(MEMORY)
    one, source = TARGETS[name], random.Random(seed)
    seeds, current = one.seeds(name), _current(None)
    began = told = time.monotonic()
    early, done = 0, 0
    attempt(one.run, seeds[0])  # imports and compiles what it needs
    with current.open("wb", buffering=0) as kept:
        while done < count and time.monotonic() - began < seconds:
            data = mutated(source, seeds, one.words)
            kept.seek(0)
            kept.truncate()
            kept.write(data)
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            wrong = attempt(one.run, data)
            signal.setitimer(signal.ITIMER_REAL, 0)
            done += 1
            if wrong:
                _say(wrong=wrong, input=data.hex())
            now = time.monotonic()
            if now - told > 1:
                told = now
                _say(done=done)
                early = early or (_memory() if now - began > seconds / 5 else 0)
    if early and _memory() - early > GROWTH:
        _say(wrong=f"growth from {early >> 20} to {_memory() >> 20} MiB", input="")
    _say(done=done, seconds=time.monotonic() - began)
    if folder.cache_info().currsize:
        folder.cleanup()  # type: ignore[attr-defined]
    return 0


def _say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def _current(pid: int | None) -> Path:
    """Where a worker, by default this one, keeps its input while it works on it."""
    import os
    import tempfile

    return Path(tempfile.gettempdir()) / f"fuzz-input-{pid or os.getpid()}"


def _memory() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _print(log: dict[str, Any]) -> None:
    print(f"{'target':<12} {'inputs':>10} {'per second':>11} {'findings':>9}")
    for name in TARGETS:
        count, seconds = log["counts"].get(name, 0), log["seconds"].get(name, 0.0)
        wrong = sum(finding["target"] == name for finding in log["findings"])
        print(f"{name:<12} {count:>10,} {count / max(seconds, 1e-9):>11,.0f} {wrong:>9}")
    print(f"{'all':<12} {sum(log['counts'].values()):>10,}")


if __name__ == "__main__":
    sys.exit(main())
