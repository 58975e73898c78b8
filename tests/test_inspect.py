"""`edgehybrid inspect` and `edgehybrid generate`, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import run
from tokenizers import Tokenizer

from edgehybrid.bundle import open_bundle
from edgehybrid.runtime.inspecting import describe


def test_a_reader_is_described(bundles: dict[str, Path]) -> None:
    told = describe(open_bundle(bundles["int8"]))
    assert [layer["mixer"] for layer in told["layers"]] == ["ssd", "attention", "ssd"]
    assert told["router"] == {"kind": "learned", "sinks": 2, "window": 8, "budget": 6}
    assert told["state_bytes_per_token"] == 0
    assert told["state_bytes"] == sum(layer["state_bytes"] for layer in told["layers"])
    assert set(told["weight_bytes"]) == {"embedding", "body", "head"}
    assert told["weight_bytes"]["embedding"] >= 300 * 32  # a byte for each number
    assert sum(told["weight_bytes"].values()) <= sum(told["files"].values())


def test_inspect_prints_it(bundles: dict[str, Path]) -> None:
    done = run("inspect", str(bundles["int8"]))
    assert done.returncode == 0, done.stderr
    assert "3 layers: 1 ssd, 1 attention, 1 ssd" in done.stdout
    assert "router: learned (sinks 2, window 8, budget 6)" in done.stdout
    told = json.loads(run("inspect", str(bundles["int8"]), "--format", "json").stdout)
    assert told == describe(open_bundle(bundles["int8"]))


def test_inspect_of_nothing() -> None:
    done = run("inspect", "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("edgehybrid: no bundle in nowhere")


def test_generate_needs_a_language_model(bundles: dict[str, Path]) -> None:
    done = run("generate", str(bundles["int8"]), "Hello")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "edgehybrid: tiny-int8 is a reader: it writes no text"


def test_generate_writes(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the model is made by PyTorch: edgehybrid[test]")
    pytest.importorskip("transformers", reason="the model is made by transformers")
    from families import random_model, save

    import edgehybrid
    from edgehybrid_export import export

    (tmp_path / "text.txt").write_text("Once upon a time there was a river. " * 9)
    source = save(random_model("lfm2"), tmp_path / "source")
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.enable_truncation(5)  # must not cut the text
    tokenizer.save(str(source / "tokenizer.json"))
    manifest = export(source, tmp_path / "bundle", weights="int8", calibrate=tmp_path / "text.txt")
    loss = manifest["loss"]["calibration"]
    assert loss["tokens"] > 100
    assert 0 < loss["mean_kl"] < 0.05
    assert 0.8 < loss["top1_agreement"] <= 1
    assert f"mean KL {loss['mean_kl']:g}" in run("inspect", str(tmp_path / "bundle")).stdout
    done = run("generate", str(tmp_path / "bundle"), "-", "--max-tokens", "9", stdin=b"Once")
    model = edgehybrid.load(tmp_path / "bundle")
    stream = model.stream()
    stream.feed(model.tokenizer.encode("Once").ids)
    assert done.stdout == "".join(stream.generate(9)) + "\n"
    assert done.returncode == 0, done.stderr
    assert run("generate", str(tmp_path / "bundle"), "").stderr.startswith("edgehybrid: the prompt")
