"""Reads documents of any length on your own machine, in memory that does not grow.

    import edgehybrid
    summary = edgehybrid.summarize("report.pdf", words=150)
    for point in summary.points:
        print(point.page, point.text)

Importing this package loads nothing heavy; names are looked up when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgehybrid.documents import Document, open_document
    from edgehybrid.errors import EdgehybridError
    from edgehybrid.runtime.chat import Chat
    from edgehybrid.runtime.model import Model, load
    from edgehybrid.runtime.stream import Stream
    from edgehybrid.tasks.summarize import Point, Progress, Summary, summarize

__version__ = "0.1.0"

__all__ = [
    "Chat",
    "Document",
    "EdgehybridError",
    "Model",
    "Point",
    "Progress",
    "Stream",
    "Summary",
    "__version__",
    "load",
    "open_document",
    "summarize",
]

_HOMES = {
    "Chat": "edgehybrid.runtime.chat",
    "Document": "edgehybrid.documents",
    "EdgehybridError": "edgehybrid.errors",
    "Model": "edgehybrid.runtime.model",
    "Point": "edgehybrid.tasks.summarize",
    "Progress": "edgehybrid.tasks.summarize",
    "Stream": "edgehybrid.runtime.stream",
    "Summary": "edgehybrid.tasks.summarize",
    "load": "edgehybrid.runtime.model",
    "open_document": "edgehybrid.documents",
    "summarize": "edgehybrid.tasks.summarize",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgehybrid' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
