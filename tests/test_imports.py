"""Arrows point one way, and importing costs little."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgehybrid

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {"edgehybrid_export", "onnx", "torch", "transformers", "optimum", "export"}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", ["edgehybrid", "kernels/edgehybrid_kernels"])
def test_runtime_and_kernels_never_import_the_exporter(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        tops = {name.split(".")[0] for name in _imports(path)}
        assert not tops & FORBIDDEN, path


def test_kernels_import_nothing_of_the_runtime() -> None:
    for path in (ROOT / "kernels").rglob("*.py"):
        assert "edgehybrid" not in {name.split(".")[0] for name in _imports(path)}, path


@pytest.mark.parametrize("folder", ["kernels", "export"])
def test_no_package_shadows_the_well_known_kernels(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_namespace_of_optimum_stays_open() -> None:
    assert [path.name for path in (ROOT / "export/optimum").rglob("*.py")] == [
        "register_edgehybrid.py"
    ]


def test_importing_edgehybrid_loads_nothing_heavy() -> None:
    code = (
        "import sys, edgehybrid; "
        "print([m for m in ('numpy', 'numba', 'onnxruntime', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_names_exist() -> None:
    assert all(getattr(edgehybrid, name) is not None for name in edgehybrid.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        edgehybrid.nothing  # noqa: B018
