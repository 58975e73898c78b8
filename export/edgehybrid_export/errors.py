"""What can go wrong while exporting.

EdgehybridError
└── ExportError
    ├── CheckpointError     the checkpoint is incomplete, damaged or of an unknown family
    └── ValidationError     the finished graphs do not do what the checkpoint does
"""

from edgehybrid.errors import EdgehybridError


class ExportError(EdgehybridError):
    """An export cannot be made."""


class CheckpointError(ExportError):
    """The checkpoint is incomplete, damaged or of an unknown family."""


class ValidationError(ExportError):
    """The finished graphs do not do what the checkpoint does."""
