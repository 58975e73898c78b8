"""The tables of the README in Markdown: `python examples/router_study/report.py`."""

from __future__ import annotations

from typing import Any

from study.results import HERE, load

#: The budget of table 3: with sinks and window a tenth of the row.
TENTH = 32


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _head(*names: str) -> list[str]:
    return [_row(*names), "|" + "---|" * len(names)]


def _name(row: dict[str, Any]) -> str:
    return row["model"] + (f", far budget {row['budget']}" if row["budget"] is not None else "")


def accuracies(name: str) -> list[str]:
    """Share of right answers of each model, by task."""
    rows = load(HERE, name)["models"]
    tasks = list(rows[0]["right"])
    titles = [f"{t} pairs" if t.isdigit() else t for t in tasks]
    lines = _head("model", *titles, "parameters", "rate")
    for r in rows:
        right = (f"{r['right'][t]:.3f}" for t in tasks)
        lines.append(_row(_name(r), *right, f"{r['parameters']:,}", r["rate"]))
    return lines


def policies() -> list[str]:
    """Share of right answers of each policy at the budget that keeps a tenth."""
    table = load(HERE, "policies")
    tasks = list(table["all"])
    lines = _head("policy", *tasks)
    lines.append(_row("*all tokens*", *(f"{table['all'][t]:.3f}" for t in tasks)))
    for r in table["policies"]:
        if r["budget"] == TENTH:
            lines.append(_row(r["policy"], *(f"{r['right'][t]:.3f}" for t in tasks)))
    return lines


def lengths() -> list[str]:
    """Share of right answers by length: passkey / needles."""
    rows = load(HERE, "length")["models"]
    sizes = sorted({r["length"] for r in rows})
    lines = _head("model", *(f"{size:,}" for size in sizes))
    for name in dict.fromkeys(r["model"] for r in rows):
        of = {r["length"]: r["right"] for r in rows if r["model"] == name}
        cells = (f"{of[s]['passkey']:.2f} / {of[s]['needles']:.2f}" for s in sizes)
        lines.append(_row(name, *cells))
    return lines


def memory() -> list[str]:
    """Bytes by length."""
    lines = _head("tokens read", "state and cache", "whole process, peak", "cache of all tokens")
    for r in load(HERE, "memory")["memory"]:
        peak = f"{r['peak_rss'] / 1e6:.1f} MB"
        everything = f"{r['all_tokens'] / 1e6:,.0f} MB"
        lines.append(_row(f"{r['tokens']:,}", f"{r['state']:,}", peak, everything))
    return lines


def main() -> None:
    for title, lines in (
        ("1", accuracies("mqar")),
        ("2", accuracies("six")),
        ("3", policies()),
        ("4", lengths()),
        ("5", memory()),
    ):
        print(f"Table {title}\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
