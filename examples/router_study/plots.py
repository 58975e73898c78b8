"""The figures: `python examples/router_study/plots.py` draws results/*.json as results/*.png."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from study.results import HERE, load

mpl.use("Agg")


def _finish(figure: plt.Figure, folder: Path, name: str) -> None:
    figure.savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight")
    plt.close(figure)


def _plain(axes: Axes, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def budgets(folder: Path) -> None:
    """Accuracy against budget, of each policy, a panel a task."""
    table = load(folder, "policies")
    tasks = list(table["all"])
    figure, grid = plt.subplots(2, 3, figsize=(11, 6), sharex=True, sharey=True)
    names = list(dict.fromkeys(row["policy"] for row in table["policies"]))
    for axes, task in zip(grid.flat, tasks, strict=True):
        axes.axhline(table["all"][task], color="0.6", ls=":", label="all tokens")
        for i, name in enumerate(names):
            rows = [r for r in table["policies"] if r["policy"] == name]
            style = {"lw": 2.5, "color": "black"} if name == "learned" else {"color": f"C{i}"}
            axes.plot(
                [r["budget"] for r in rows], [r["right"][task] for r in rows], label=name, **style
            )
        axes.set_xscale("log", base=2)
        axes.set_title(task)
        _plain(axes, "far budget, tokens", "answers that are right")
    figure.legend(*grid.flat[0].get_legend_handles_labels(), ncol=6, loc="lower center")
    figure.subplots_adjust(bottom=0.19, hspace=0.3)
    _finish(figure, folder, "budget")


def lengths(folder: Path) -> None:
    """Accuracy against length, of passkey and needles."""
    table = load(folder, "length")
    figure, pair = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for axes, task in zip(pair, ("passkey", "needles"), strict=True):
        for name in dict.fromkeys(row["model"] for row in table["models"]):
            rows = [r for r in table["models"] if r["model"] == name]
            axes.plot(
                [r["length"] for r in rows],
                [r["right"][task] for r in rows],
                marker=".",
                label=name,
            )
        axes.set_xscale("log", base=2)
        axes.set_title(task)
        _plain(axes, "length, tokens (trained at 256)", "answers that are right")
    pair[0].legend(fontsize=8)
    _finish(figure, folder, "length")


def memory(folder: Path) -> None:
    """Memory against length, and cost against budget."""
    table = load(folder, "memory")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, mib = table["memory"], 2.0**20
    tokens = [r["tokens"] for r in rows]
    left.loglog(tokens, [r["state"] / mib for r in rows], marker=".", label="state and KV cache")
    left.loglog(
        tokens, [r["peak_rss"] / mib for r in rows], marker=".", label="whole process, peak"
    )
    left.loglog(
        tokens, [r["all_tokens"] / mib for r in rows], ls="--", label="KV cache of all tokens"
    )
    _plain(left, "tokens read", "MiB")
    left.legend(fontsize=8)
    for name in dict.fromkeys(r["policy"] for r in table["cost"]):
        of = [r for r in table["cost"] if r["policy"] == name]
        right.plot(
            [r["budget"] for r in of], [r["microseconds"] for r in of], marker=".", label=name
        )
    _plain(right, "far budget, tokens", "attention, µs a token")
    right.set_ylim(0, None)
    right.legend(fontsize=8)
    _finish(figure, folder, "memory")


def kept(folder: Path) -> None:
    """Where the tokens stand that the reader's router keeps of a real document."""
    table = load(folder, "kept")
    figure, axes = plt.subplots(figsize=(9, 2.6))
    for head, positions in enumerate(table["positions"]):
        axes.eventplot(np.array(positions), lineoffsets=head, linelengths=0.8, lw=1)
    axes.set_yticks(range(len(table["positions"])))
    axes.set_yticklabels([f"KV head {i}" for i in range(len(table["positions"]))])
    axes.set_title(f"{table['document']}: {table['tokens']:,} tokens, {table['kept']} kept a head")
    _plain(axes, "position of the token", "")
    _finish(figure, folder, "kept")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE)
    folder = parser.parse_args().results
    for draw in (budgets, lengths, memory, kept):
        draw(folder)


if __name__ == "__main__":
    main()
