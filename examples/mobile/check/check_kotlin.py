"""Runs the Android example's reader on this machine's JVM and compares it with Python's.

    python examples/mobile/check/check_kotlin.py TEXT --kotlinc KOTLINC --json ORG_JSON_JAR

KOTLINC is Kotlin's command line compiler (npm install kotlin-compiler), ORG_JSON_JAR has Android's
org.json (Debian: libandroid-json-java). The app's Kotlin is run as it is, but for the activity; in
place of ONNX Runtime's Java library stands OnnxRuntime.kt, which hands tensors to the Python one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import edgehybrid
from edgehybrid.documents.document import Sentence
from edgehybrid.documents.encoding import encode
from edgehybrid.documents.features import sentence_features
from edgehybrid.documents.lexicon import Lexicon
from edgehybrid.tasks.select import select

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent / "android" / "app" / "src" / "main" / "kotlin" / "edgehybrid" / "reader"
POINTS = 8


def run_kotlin(text: Path, kotlinc: str, json_jar: str, bundle: Path) -> dict[str, Any]:
    """Compiles the example and the check, and returns what they print."""
    sources = [path for path in SOURCES.glob("*.kt") if path.name != "MainActivity.kt"]
    files = [str(path) for path in (*sources, HERE / "OnnxRuntime.kt", HERE / "Check.kt")]
    with tempfile.TemporaryDirectory() as folder:
        jar = str(Path(folder, "check.jar"))
        compiler = ["bash", kotlinc, *files, "-classpath", json_jar, "-include-runtime", "-d", jar]
        subprocess.run(compiler, check=True, stdout=sys.stderr)
        command = ["java", "-cp", os.pathsep.join((jar, json_jar)), "edgehybrid.reader.CheckKt"]
        command += [str(bundle), str(text), str(POINTS)]
        bridge = f"{sys.executable} {HERE / 'run_graph.py'}"
        output = subprocess.check_output(command, env=os.environ | {"RUN_GRAPH": bridge})
    told: dict[str, Any] = json.loads(output)
    return told


def expected(told: dict[str, Any], model: edgehybrid.Model) -> dict[str, np.ndarray]:
    """What Python makes of the same sentences."""
    rows = zip(told["texts"], told["kinds"], told["quotable"], strict=True)
    sentences = [Sentence(text, 1, kind, bool(quotable), 0) for text, kind, quotable in rows]
    quotable = np.array(told["quotable"], dtype=bool)
    tokens, _ = encode(model.tokenizer, sentences)
    vectors = model.stream().feed(tokens)
    head = model.sentence_head
    lexicon = Lexicon.of(told["texts"])
    known = sentence_features(sentences, lexicon, vectors[:, : head.vector_size], quotable)
    scores = head.score(vectors, known, quotable)
    places = np.flatnonzero(quotable)
    texts = [told["texts"][i] for i in places]
    meanings = vectors[places, : head.vector_size]
    picks = select(texts, scores[places], meanings, words=None, points=POINTS)
    chosen = np.array([places[i] for i in picks])
    return {"tokens": tokens, "features": known, "scores": scores, "chosen": chosen}


def main() -> int:
    """Prints what was compared; exit code 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--kotlinc", required=True)
    parser.add_argument("--json", required=True)
    options = parser.parse_args()
    model = edgehybrid.load()
    told = run_kotlin(options.text, options.kotlinc, options.json, model.bundle.folder)
    want = expected(told, model)
    same = {name: told[name] == want[name].tolist() for name in ("tokens", "chosen")}
    apart = {n: np.abs(np.array(told[n]) - want[n]).max() for n in ("features", "scores")}
    print(f"{len(told['texts'])} sentences, {len(want['tokens'])} tokens")
    for name, equal in same.items():
        print(f"{name:10} {'the same' if equal else 'DIFFERENT'}")
    for name, most in apart.items():
        print(f"{name:10} differ by at most {most:.5f}")
    order = np.corrcoef(*(np.argsort(np.argsort(x)) for x in (told["scores"], want["scores"])))
    print(f"rank correlation of scores {order[0, 1]:.5f}")
    return 0 if all(same.values()) and apart["features"] < 0.02 and order[0, 1] > 0.999 else 1


if __name__ == "__main__":
    sys.exit(main())
