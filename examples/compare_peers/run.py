"""Speed and memory of edgehybrid beside other runtimes, with the same random weights.

    python examples/compare_peers/run.py [--only granite-350m] [--quick] [--format json]

See README.md beside this file for what is installed where, and for what is measured.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from shapes import SHAPES, write_checkpoint  # noqa: E402

CONTEXTS, THREADS = (512, 4096, 32768), (1, 2)
#: A process is ended after so many seconds, and its row says so.
LIMIT = 900
#: Contexts above this are measured once, below it ROUNDS times.
LONG, ROUNDS = 8192, 3


@dataclass(frozen=True)
class Candidate:
    """A runtime with a model file: what `workers.py` is started with."""

    runtime: str
    weights: str
    model: Path
    longest: int = max(CONTEXTS)


@dataclass
class Row:
    """One line of the result; what could not be measured is None, and `note` says why."""

    runtime: str
    model: str
    weights: str
    task: str
    context: int
    threads: int
    tokens_per_second: float | None
    peak_rss_bytes: int | None
    kl_to_float32: float | None
    note: str | None = None


#: Runtimes that cannot run these models, and what they say.
ABSENT = {
    "onnxruntime-genai": "its model builder knows neither Granite-4.0-H nor Falcon-H1",
}


def prepare(name: str, folder: Path, python: str, optimum: str | None) -> list[Candidate]:
    """Checkpoint, bundles, GGUF files … of one shape; what is there already is kept."""
    source = folder / name
    if not source.exists():
        making = folder / f".{name}"
        shutil.rmtree(making, ignore_errors=True)  # of a run that was stopped
        making.mkdir(parents=True)
        write_checkpoint(SHAPES[name], making)
        making.rename(source)
    found = []
    for weights in ("int8", "int4"):
        bundle = folder / f"{name}-{weights}"
        if not bundle.exists():
            _tell(f"exporting {bundle.name}")
            command = ["edgehybrid", "export", source, bundle, "--weights", weights]
            # random weights may lose more than the exporter's validation lets through: a note then
            subprocess.run([*map(str, command)], check=False, stdout=subprocess.DEVNULL)
        found.append(Candidate("edgehybrid", weights, bundle))
    plain = folder / f"{name}.gguf"
    for kind in ("Q8_0", "Q4_0"):
        file = folder / f"{name}-{kind}.gguf"
        if not file.exists():
            _tell(f"writing {file.name}")
            script = [python, HERE / "gguf_file.py"]
            making = folder / f".{file.name}"
            for arguments in ([source, plain], [plain, making, "--quantise", kind]):
                command = [*map(str, [*script, *arguments])]
                subprocess.run(command, check=True, capture_output=True)
            making.rename(file)
        found.append(Candidate("llama.cpp", kind, file))
    plain.unlink(missing_ok=True)
    if optimum is not None:
        found += _openvino(name, folder, source, optimum)
    found.append(Candidate("transformers", "float32", source, longest=512))
    return found


def _openvino(name: str, folder: Path, source: Path, optimum: str) -> Iterator[Candidate]:
    """What optimum-intel makes of the checkpoint, where it knows the family."""
    for weights in ("int8", "int4"):
        out = folder / f"{name}-openvino-{weights}"
        if not out.exists():
            _tell(f"exporting {out.name}")
            options = ["--task", "text-generation-with-past", "--weight-format", weights]
            command = [optimum, "export", "openvino", "--model", source, *options]
            # int4 in blocks of 128, as the others here
            done = subprocess.run([*map(str, command), "--group-size", "128", str(out)],
                                  capture_output=True, text=True, check=False)  # fmt: skip
            if done.returncode:
                shutil.rmtree(out, ignore_errors=True)
        yield Candidate("openvino-genai", weights, out, longest=4096)


def measure(name: str, candidates: list[Candidate], plan: argparse.Namespace) -> Iterator[Row]:
    """Rows of one model: every round goes once through all runtimes, so that all meet the same."""
    python, rounds = plan.python, plan.rounds
    divergences = divergence(candidates, python)
    for context, threads in itertools.product(plan.contexts, plan.threads):
        runs: dict[int, list[dict[str, Any]]] = {i: [] for i in range(len(candidates))}
        for _ in range(1 if context > LONG else rounds):
            for i, candidate in enumerate(candidates):
                if context <= candidate.longest and not any("note" in run for run in runs[i]):
                    _tell(f"{name}: {candidate.runtime} {candidate.weights}, {context} tokens")
                    runs[i].append(_work(candidate, context, threads, python))
        for i, candidate in enumerate(candidates):
            yield from _rows(name, candidate, context, threads, runs[i], divergences[i])


def _rows(
    name: str, candidate: Candidate, context: int, threads: int, runs: list[Any], kl: float | None
) -> Iterator[Row]:
    note = next((run["note"] for run in runs if "note" in run), None)
    if not runs:
        note = f"not tried beyond {candidate.longest} tokens: too slow"
    for task in ("prefill", "decode"):
        speed, peak = None, None
        if note is None:
            speed = statistics.median(run[task] for run in runs)
            peak = int(statistics.median(run["peak_rss_bytes"] for run in runs))
        yield Row(
            candidate.runtime,
            name,
            candidate.weights,
            task,
            context,
            threads,
            speed,
            peak,
            kl,
            note,
        )


def divergence(candidates: list[Candidate], python: str) -> list[float | None]:
    """Mean KL divergence of each from the float32 logits that transformers gives."""
    logits: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        for i, candidate in enumerate(candidates):
            file = Path(folder) / f"{i}.npy"
            _work(candidate, 512, 2, python, "--logits", str(file))
            logits.append(_log_softmax(np.load(file)) if file.exists() else None)
    wanted = logits[-1]
    if wanted is None:
        return [None] * len(candidates)
    return [
        None if got is None else round(float((np.exp(wanted) * (wanted - got)).sum(-1).mean()), 6)
        for got in logits
    ]


def _log_softmax(x: Any) -> Any:
    shifted = x.astype(np.float64) - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _work(candidate: Candidate, context: int, threads: int, python: str, *extra: str) -> Any:
    """What workers.py measured, or a note why it did not."""
    if not candidate.model.exists():
        return {"note": "could not be converted"}
    interpreter = sys.executable if candidate.runtime == "edgehybrid" else python
    command = [interpreter, HERE / "workers.py", candidate.runtime, candidate.model]
    command += ["--context", context, "--threads", threads, *extra]
    try:
        done = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, timeout=LIMIT, check=True
        )
    except subprocess.TimeoutExpired:
        return {"note": f"took over {LIMIT} s"}
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        return {"note": last[0][:200]}
    return json.loads(done.stdout.splitlines()[-1]) if not extra else None


def absent(name: str) -> Iterator[Row]:
    """Rows of runtimes that cannot run a model."""
    for runtime, why in ABSENT.items():
        yield Row(runtime, name, "-", "prefill", 0, 0, None, None, None, why)


def table(rows: list[Row]) -> Iterator[str]:
    """As Markdown."""
    yield "| model | runtime | weights | context | threads | read tok/s | write tok/s | MB | KL |"
    yield "|---|---|---|---|---|---|---|---|---|"
    pairs = {(r.model, r.runtime, r.weights, r.context, r.threads): r for r in rows
             if r.task == "decode"}  # fmt: skip
    for row in rows:
        if row.task != "prefill":
            continue
        key = (row.model, row.runtime, row.weights, row.context, row.threads)
        if row.note:
            yield f"| {row.model} | {row.runtime} | {row.weights} | {row.context:,} | " + (
                f"{row.threads} | {row.note} | | | |"
            )
            continue
        peak = (row.peak_rss_bytes or 0) / 1e6
        yield f"| {row.model} | {row.runtime} | {row.weights} | {row.context:,} | " + (
            f"{row.threads} | {row.tokens_per_second:.0f} | {pairs[key].tokens_per_second:.1f} | "
            f"{peak:.0f} | {row.kl_to_float32} |"
        )


def plot(rows: list[Row], file: Path) -> None:
    """Speed of reading and writing at the shortest context, on all threads measured."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row.model for row in rows))
    figure = Figure(figsize=(9, 2.6 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), 2, squeeze=False)
    for name, (left, right) in zip(names, axes, strict=True):
        for axis, task in ((left, "prefill"), (right, "decode")):
            shown = [
                r for r in rows
                if r.model == name and r.task == task and r.tokens_per_second and r.threads == 2
            ]  # fmt: skip
            shortest = min((r.context for r in shown), default=0)
            shown = [r for r in shown if r.context == shortest]
            labels = [f"{r.runtime} {r.weights}" for r in shown]
            colours = ["C0" if r.runtime == "edgehybrid" else "0.7" for r in shown]
            axis.barh(labels, [r.tokens_per_second or 0 for r in shown], color=colours)
            axis.invert_yaxis()
            axis.set_title(f"{name}: {task}, {shortest:,} tokens, 2 threads", fontsize=9)
            axis.set_xlabel("tokens per second")
    figure.savefig(file, dpi=120)


def _tell(what: str) -> None:
    print(f"compare_peers: {what}", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    from edgehybrid.bench.machine import describe_machine

    return dict(describe_machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=SHAPES, help="one model instead of all")
    parser.add_argument("--quick", action="store_true", help="512 tokens, once")
    parser.add_argument("--contexts", type=_numbers, default=CONTEXTS, help="such as 512,4096")
    parser.add_argument("--threads", type=_numbers, default=THREADS, help="such as 1,2")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of contexts up to 8,192")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--folder", type=Path, default=Path("peers"), help="for models, is kept")
    parser.add_argument("--python", default=sys.executable, help="of the other runtimes")
    parser.add_argument("--optimum", help="an optimum-cli with optimum-intel, for OpenVINO")
    parser.add_argument("--plot", type=Path, help="draw it into this PNG")
    parser.add_argument("--out", type=Path, help="write JSON here as rows come")
    args = parser.parse_args()
    if args.quick:
        args.contexts, args.rounds = CONTEXTS[:1], 1
    rows: list[Row] = []
    for name in [args.only] if args.only else list(SHAPES):
        candidates = prepare(name, args.folder, args.python, args.optimum)
        for row in measure(name, candidates, args):
            rows.append(row)
            if args.out:
                args.out.write_text(_json(rows))
        rows += absent(name)
    if args.out:
        args.out.write_text(_json(rows))
    print(_json(rows) if args.format == "json" else "\n".join(table(rows)))
    if args.plot:
        plot(rows, args.plot)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(piece) for piece in text.split(","))


def _json(rows: list[Row]) -> str:
    return json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=1)


if __name__ == "__main__":
    main()
