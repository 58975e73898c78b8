"""One server for all tests of this folder, with a tiny language model beside the default reader."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from serving import Served, make_client, serving

if TYPE_CHECKING:
    import edgehybrid
    from edgehybrid.serve.models import Models
    from edgehybrid.serve.talking import Talker


@pytest.fixture(scope="package")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from writers import write_bundle

    return write_bundle(tmp_path_factory.mktemp("writer"))


@pytest.fixture(scope="package")
def models(bundle: Path) -> Models:
    from edgehybrid.serve.models import load_models

    return load_models([bundle], None, None)


@pytest.fixture(scope="package")
def server(models: Models) -> Iterator[Served]:
    with serving(models) as served:
        yield served


@pytest.fixture(scope="package")
def name(models: Models) -> str:
    return [served.model.bundle.name for served in models][1]


@pytest.fixture(scope="package")
def model(models: Models, name: str) -> edgehybrid.Model:
    return models.named(name).model


@pytest.fixture
def talker(models: Models, name: str) -> Talker:
    return models.named(name).require_talker()


@pytest.fixture(scope="package")
def client(server: Served) -> Iterator[Any]:
    with make_client(server) as made:
        yield made


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path
