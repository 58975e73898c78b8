"""Turns trained hybrid checkpoints into bundles that edgehybrid runs.

Importing this package loads nothing heavy: `export` is looked up when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgehybrid_export.errors import CheckpointError, ExportError, HubError, ValidationError

if TYPE_CHECKING:
    from edgehybrid_export.exporting import export

__all__ = ["CheckpointError", "ExportError", "HubError", "ValidationError", "export"]


def __getattr__(name: str) -> Any:
    if name == "export":
        from edgehybrid_export.exporting import export

        return export
    raise AttributeError(f"module 'edgehybrid_export' has no attribute {name!r}")
