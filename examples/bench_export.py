"""Time and memory of an export: `python examples/bench_export.py granite-350m --weights int8 int4`.

Writes a random bfloat16 checkpoint of a published model's shape, exports it in a fresh process for
each precision, and prints seconds and peak memory. Needs a few gigabytes of disk for a while.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from shapes import SHAPES, write_checkpoint

#: Runs in the process that is measured.
EXPORT = """
import sys, time
from pathlib import Path
from edgehybrid.memory import peak_rss_bytes
from edgehybrid_export import export
began = time.monotonic()
manifest = export(Path(sys.argv[1]), Path(sys.argv[2]), weights=sys.argv[3])
size = sum(f["bytes"] for f in manifest["files"].values())
peak = (peak_rss_bytes() or 0) / 1e6
print(f"| {sys.argv[3]} | {time.monotonic() - began:.1f} s | {peak:.0f} MB | {size / 1e6:.0f} MB |")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--weights", nargs="+", default=["int8", "int4"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / args.shape
        source.mkdir()
        write_checkpoint(SHAPES[args.shape], source)
        print("| weights | time | peak memory | bundle |\n|---|---|---|---|", flush=True)
        for weights in args.weights:
            out = Path(name) / weights
            command = [sys.executable, "-c", EXPORT, str(source), str(out), weights]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
