"""What the default reader's router keeps of a document: `table_kept.py FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path

import edgehybrid
from edgehybrid_kernels import RoutedCache
from study.results import HERE, save


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    document = edgehybrid.read(args.file)
    caches = document.stream.caches
    routed = next(cache for cache in caches if isinstance(cache, RoutedCache))
    positions = [sorted(p for p in head.tolist() if p >= 0) for head in routed.position]
    table = {
        "document": args.file.name,
        "tokens": document.reading.tokens,
        "kept": len(positions[0]),
        "positions": positions,
    }
    save(args.out, "kept", table)


if __name__ == "__main__":
    main()
