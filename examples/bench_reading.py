"""Speed and memory of reading: `python examples/bench_reading.py [PDF ...] [--json FILE]`.

Measures, each in a fresh process: tokens a second of a stream; peak memory of streams of 10 k,
100 k and 1 M tokens; `edgehybrid summarize` on each PDF (cached kernels), and once with an empty
kernel cache. Times are medians of `--runs` runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LENGTHS = (10_000, 100_000, 1_000_000)

#: Feeds N tokens of the handbook, over and over, and prints tokens a second and state bytes.
STREAM = """
import sys, time, edgehybrid
from edgehybrid.documents.encoding import encode
n = int(sys.argv[1])
model = edgehybrid.load()
document = edgehybrid.open_document(sys.argv[2])
ids, _ = encode(model.tokenizer, document.sentences)
stream = model.stream()
stream.feed(ids[:4096])
stream.reset()
began = time.perf_counter()
while stream.position < n:
    start = stream.position % (len(ids) - 4096)
    stream.feed(ids[start : start + min(4096, n - stream.position)])
print(n / (time.perf_counter() - began), stream.nbytes)
"""
HANDBOOK = Path(__file__).parent / "handbook.pdf"
SUMMARIZE = "from edgehybrid.cli import main; main()"


def run(code: str, *arguments: str, **environment: str) -> tuple[float, float, str]:
    """Run Python code; return seconds, peak MB of the largest process, and its stdout."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    out, err = process.communicate()
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(err.decode())
    return seconds, _peak_mb(out), out.decode()


def _peak_mb(out: bytes) -> float:
    """The peak that the program reports of itself, or 0."""
    try:
        return float(json.loads(out)["stats"]["peak_rss_bytes"]) / 1e6
    except (ValueError, KeyError, TypeError):
        return 0.0


def bench_streams(runs: int) -> list[dict[str, Any]]:
    """Tokens a second and peak memory by length."""
    code = STREAM + "from edgehybrid.memory import peak_rss_bytes\nprint(peak_rss_bytes())\n"
    rows = []
    for length in LENGTHS:
        results = [run(code, str(length), str(HANDBOOK))[2].split() for _ in range(runs)]
        rows.append(
            {
                "tokens": length,
                "tokens_per_second": round(statistics.median(float(r[0]) for r in results)),
                "state_bytes": int(results[0][1]),
                "peak_rss_mb": round(statistics.median(float(r[2]) for r in results) / 1e6, 1),
            }
        )
    return rows


def bench_command(pdf: Path, runs: int) -> dict[str, Any]:
    """Whole command on one PDF: wall seconds, peak memory, tokens a second."""
    results = [run(SUMMARIZE, "summarize", str(pdf), "--format", "json") for _ in range(runs)]
    told = json.loads(results[0][2])
    return {
        "file": pdf.name,
        "pages": told["document"]["pages"],
        "tokens": told["document"]["tokens"],
        "seconds": round(statistics.median(r[0] for r in results), 2),
        "peak_rss_mb": round(max(r[1] for r in results), 1),
        "tokens_per_second": round(
            statistics.median(json.loads(r[2])["stats"]["tokens_per_second"] for r in results)
        ),
    }


def bench_first_use(pdf: Path) -> float:
    """Seconds of the command when no kernel was ever compiled."""
    with tempfile.TemporaryDirectory() as cache:
        return round(run(SUMMARIZE, "summarize", str(pdf), NUMBA_CACHE_DIR=cache)[0], 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pdfs", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    pdfs = args.pdfs or [HANDBOOK]
    report: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    }
    run(SUMMARIZE, "summarize", str(pdfs[0]))  # fills the kernel cache
    report["streams"] = bench_streams(args.runs)
    report["commands"] = [bench_command(pdf, args.runs) for pdf in pdfs]
    report["first_use_seconds"] = bench_first_use(pdfs[0])
    print(json.dumps(report, indent=2))
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
