"""The comparison with other runtimes: its models are exported, its rows say what was measured."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def _load(name: str) -> ModuleType:
    path = EXAMPLES / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


shapes = _load("shapes.py")
run = _load("compare_peers/run.py")
workers = _load("compare_peers/workers.py")

SMALL = {
    "granite-350m": {
        "vocab_size": 300, "hidden_size": 48, "shared_intermediate_size": 64, "mamba_d_head": 8,
        "mamba_n_heads": 12, "mamba_d_state": 16, "num_hidden_layers": 3, "attending": (1,),
    },
    "falcon-h1-0.5b": {
        "vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "head_dim": 16, "mamba_d_ssm": 96, "mamba_n_heads": 12,
        "mamba_d_head": 8, "mamba_d_state": 16,
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=SMALL)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgehybrid_export import export

    folder = tmp_path_factory.mktemp(request.param)
    (folder / "source").mkdir()
    shapes.write_checkpoint(shapes.SHAPES[request.param] | SMALL[request.param], folder / "source")
    export(folder / "source", folder / "bundle", weights="int8")
    return folder / "bundle"


def test_its_models_are_measured(bundle: Path) -> None:
    runtime = workers.Edgehybrid(bundle, 1, 64)
    found = workers.measure(runtime, 64)
    assert found["prefill"] > 0
    assert found["decode"] > 0
    runtime.reset()
    assert runtime.probe(range(10)).shape == (10, 300)


def candidate(**fields: Any) -> Any:
    return run.Candidate(**{"runtime": "one", "weights": "int8", "model": Path(), **fields})


def rows(*runs: dict[str, Any], context: int = 512, **fields: Any) -> list[Any]:
    return list(run._rows("small", candidate(**fields), context, 2, list(runs), 0.25))


def measured(prefill: float, decode: float, peak: int) -> dict[str, Any]:
    return {"prefill": prefill, "decode": decode, "peak_rss_bytes": peak}


def test_rows_are_medians() -> None:
    runs = [measured(10, 1, 5), measured(30, 3, 7), measured(20, 9, 6)]
    prefill, decode = rows(*runs)
    assert (prefill.task, prefill.tokens_per_second, prefill.peak_rss_bytes) == ("prefill", 20, 6)
    assert (decode.task, decode.tokens_per_second) == ("decode", 3)
    keys = "runtime model weights task context threads tokens_per_second peak_rss_bytes"
    expected = [*keys.split(), "kl_to_float32", "note"]
    assert list(json.loads(run._json([prefill]))["rows"][0]) == expected


def test_what_could_not_be_measured_says_why() -> None:
    failed = rows(measured(10, 1, 5), {"note": "took over 900 s"})
    assert {row.tokens_per_second for row in failed} == {None}
    assert {row.note for row in failed} == {"took over 900 s"}
    assert "too slow" in str(rows(longest=100)[0].note)
    lines = list(run.table([*failed, *rows(measured(10, 1, 5_000_000)), *run.absent("small")]))
    assert "took over 900 s" in lines[2]
    assert "| 10 | 1.0 | 5 | 0.25 |" in lines[3]
    assert "onnxruntime-genai" in lines[4]


def test_a_missing_file_and_a_failing_runtime_are_notes(tmp_path: Path) -> None:
    missing = run._work(candidate(model=tmp_path / "none"), 512, 1, sys.executable)
    assert missing == {"note": "could not be converted"}
    failed = run._work(candidate(runtime="edgehybrid", model=tmp_path), 512, 1, sys.executable)
    assert "manifest.json is missing" in failed["note"]


def test_its_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots need matplotlib: edgehybrid[plot]")
    run.plot(rows(measured(10, 1, 5)), tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 1000
