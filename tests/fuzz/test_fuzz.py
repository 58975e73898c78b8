"""A few inputs for every target of the fuzzer; `run.py` makes a million."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from mutate import mutated
from targets import TARGETS, attempt, folder

#: These load a model, or call native code that could end this process.
OF_THEIR_OWN = ("dense", "pdf", "segment", "state", "state_file", "state_numbers")
QUICK = [name for name in TARGETS if name not in OF_THEIR_OWN]


@pytest.fixture(scope="module", autouse=True)
def _no_folder_is_left() -> object:
    yield
    if folder.cache_info().currsize:
        folder.cleanup()  # type: ignore[attr-defined]
        folder.cache_clear()


@pytest.mark.parametrize("name", QUICK)
def test_seeds_end_well(name: str) -> None:
    for seed in TARGETS[name].seeds(name):
        assert attempt(TARGETS[name].run, seed) is None


@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32))
def test_mutated_seeds_end_well(name: str, seed: int) -> None:
    one = TARGETS[name]
    data = mutated(random.Random(seed), one.seeds(name), one.words)
    assert attempt(one.run, data) is None


def test_the_fuzzer_itself(tmp_path: Path) -> None:
    import json
    import subprocess

    command = [sys.executable, str(Path(__file__).with_name("run.py")), "--target", "pdf"]
    command += ["--count", "20", "--seed", "1", "--log", str(tmp_path / "log.json")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stdout
    assert json.loads((tmp_path / "log.json").read_text())["counts"] == {"pdf": 20}
