"""Shared fixtures: a tiny random checkpoint and its bundles."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from checkpoints import random_reader
from shared_files import SHARED


@pytest.fixture(scope="session", autouse=True)
def _readings_are_kept_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither tests nor the commands that they start touch the user's own readings."""
    os.environ["EDGEHYBRID_CACHE"] = str(tmp_path_factory.mktemp("readings"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with documents beside the checkout, where it is present."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: its documents are not part of the project")
    return SHARED


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_reader(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="session")
def bundles(checkpoint: Path) -> dict[str, Path]:
    """The tiny checkpoint, exported at each precision."""
    from edgehybrid_export import export

    made = {}
    for weights in ("float32", "int8", "int4"):
        made[weights] = checkpoint.parent / f"bundle-{weights}"
        export(checkpoint, made[weights], weights=weights)
    return made


def pytest_configure() -> None:
    """A run in a shell's background ignores Ctrl-C, and so would the commands that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
