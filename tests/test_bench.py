"""`edgehybrid bench`: what it measures, and what it refuses. Speeds are never compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import run
from typer.testing import CliRunner

from edgehybrid.bench.energy import Meter, open_meter
from edgehybrid.bench.machine import describe_machine
from edgehybrid.bench.measuring import Plan, Row, measure, measure_here
from edgehybrid.cli.bench import parse_contexts
from edgehybrid.cli.main import make_app
from edgehybrid.errors import BundleNotFound, RequestError


def test_contexts() -> None:
    assert parse_contexts("512, 4k,1M") == [512, 4096, 1 << 20]
    for bad in ("", "4x", "k", "-1", "1,,2"):
        with pytest.raises(RequestError, match="not a number such as 512 or 4k"):
            parse_contexts(bad)


def test_a_reader_is_measured(bundles: dict[str, Path]) -> None:
    row = measure(Plan(bundles["int8"], 700, 2, 1, None))
    assert (row.model, row.weights, row.threads, row.context) == ("tiny-int8", "int8", 1, 700)
    assert row.read_tokens_per_second == pytest.approx(700 / row.first_token_seconds, rel=0.05)
    assert row.write_tokens_per_second is None
    assert row.peak_rss_bytes is None or row.peak_rss_bytes > 2e7
    assert row.state_bytes > 0


def test_the_state_of_a_reader_does_not_grow(bundles: dict[str, Path]) -> None:
    short, long = (measure_here(Plan(bundles["int8"], n, 1, 1, None)) for n in (10, 2000))
    assert short.state_bytes == long.state_bytes


def test_command(bundles: dict[str, Path]) -> None:
    done = run("bench", "--bundle", str(bundles["int8"]), "--contexts", "64,300", "--runs", "1")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
    assert "reading 300 tokens" in done.stderr
    options = ("--contexts", "64", "--runs", "1", "--format", "json")
    told = json.loads(run("bench", "--bundle", str(bundles["int8"]), *options).stdout)
    assert told["machine"]["cores"] >= 1
    assert [set(row) for row in told["rows"]] == [set(Row.__dataclass_fields__)]


def test_refusals(bundles: dict[str, Path]) -> None:
    with pytest.raises(RequestError, match="context 0 is not in"):
        measure(Plan(bundles["int8"], 0, 1, None, None))
    with pytest.raises(RequestError, match="runs is 0"):
        measure(Plan(bundles["int8"], 1, 0, None, None))
    with pytest.raises(BundleNotFound):
        measure(Plan(Path("nowhere"), 1, 1, None, None))


def test_energy(tmp_path: Path) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "name").write_text("package-0\n")
    (zone / "energy_uj").write_text("5000000\n")
    (zone / "max_energy_range_uj").write_text("9000000\n")
    meter = open_meter(tmp_path)
    assert meter.read() == (5_000_000,)
    assert meter.joules((5_000_000,), (7_000_000,)) == 2.0
    assert meter.joules((5_000_000,), (1_000_000,)) == 5.0  # the counter began anew
    assert Meter(()).joules((), ()) is None


def test_the_machine_is_told() -> None:
    assert {"date", "processor", "cores", "python", "onnxruntime"} <= describe_machine().keys()


def test_a_plot(bundles: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="--plot needs matplotlib")
    from edgehybrid.bench.plotting import plot

    rows = [measure_here(Plan(bundles["int8"], n, 1, 1, None)) for n in (10, 400)]
    plot(rows, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(RequestError, match="cannot be written"):
        plot(rows, tmp_path / "nowhere" / "speed.png")


@pytest.mark.parametrize("more", [[], ["--memory"]])
def test_without_matplotlib_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    from edgehybrid.bench import plotting

    monkeypatch.setattr(plotting, "find_spec", lambda name: None)
    done = CliRunner().invoke(make_app(), ["bench", "--plot", "speed.png", *more])
    assert done.exit_code == 2
    assert "--plot needs matplotlib" in done.stderr
    assert done.stderr.count("\n") == 1
