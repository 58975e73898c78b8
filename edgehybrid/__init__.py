"""Reads documents of any length on your own machine, in memory that does not grow.

    import edgehybrid
    summary = edgehybrid.summarize("report.pdf", words=150)
    for point in summary.points:
        print(point.page, point.text)

Importing this package loads nothing heavy; names are looked up when first used. It forbids ONNX
Runtime its telemetry, in this process and its children; see `edgehybrid.telemetry`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edgehybrid.telemetry import forbid

forbid()

if TYPE_CHECKING:
    from edgehybrid.batch.report import Report
    from edgehybrid.batch.run import FolderProgress, summarize_folder
    from edgehybrid.documents import Document, open_document
    from edgehybrid.errors import EdgehybridError
    from edgehybrid.frozen import freeze_support
    from edgehybrid.runtime.chat import Chat
    from edgehybrid.runtime.model import Model, load
    from edgehybrid.runtime.stream import Stream
    from edgehybrid.tasks.ask import Answer, Passage, ask
    from edgehybrid.tasks.explain import Explanation, explain
    from edgehybrid.tasks.fit_router import RouterFit, fit_router
    from edgehybrid.tasks.keeping import Keep
    from edgehybrid.tasks.read import ReadDocument, read
    from edgehybrid.tasks.summarize import Point, Progress, Summary, summarize

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Chat",
    "Document",
    "EdgehybridError",
    "Explanation",
    "FolderProgress",
    "Keep",
    "Model",
    "Passage",
    "Point",
    "Progress",
    "ReadDocument",
    "Report",
    "RouterFit",
    "Stream",
    "Summary",
    "__version__",
    "ask",
    "explain",
    "fit_router",
    "freeze_support",
    "load",
    "open_document",
    "read",
    "summarize",
    "summarize_folder",
]

_HOMES = {
    "Answer": "edgehybrid.tasks.ask",
    "Chat": "edgehybrid.runtime.chat",
    "Document": "edgehybrid.documents",
    "EdgehybridError": "edgehybrid.errors",
    "Explanation": "edgehybrid.tasks.explain",
    "FolderProgress": "edgehybrid.batch.run",
    "Keep": "edgehybrid.tasks.keeping",
    "Model": "edgehybrid.runtime.model",
    "Passage": "edgehybrid.tasks.ask",
    "Point": "edgehybrid.tasks.summarize",
    "Progress": "edgehybrid.tasks.summarize",
    "ReadDocument": "edgehybrid.tasks.read",
    "Report": "edgehybrid.batch.report",
    "RouterFit": "edgehybrid.tasks.fit_router",
    "Stream": "edgehybrid.runtime.stream",
    "Summary": "edgehybrid.tasks.summarize",
    "ask": "edgehybrid.tasks.ask",
    "explain": "edgehybrid.tasks.explain",
    "fit_router": "edgehybrid.tasks.fit_router",
    "freeze_support": "edgehybrid.frozen",
    "load": "edgehybrid.runtime.model",
    "open_document": "edgehybrid.documents",
    "read": "edgehybrid.tasks.read",
    "summarize": "edgehybrid.tasks.summarize",
    "summarize_folder": "edgehybrid.batch.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgehybrid' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
