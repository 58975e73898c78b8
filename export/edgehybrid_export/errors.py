"""What can go wrong while exporting.

EdgehybridError
└── ExportError
    ├── CheckpointError     the checkpoint is incomplete, damaged or of an unknown family
    │   └── HubError        the hub does not have it, or it could not be downloaded
    └── ValidationError     the finished graphs do not do what the checkpoint does
"""

from edgehybrid.errors import EdgehybridError


class ExportError(EdgehybridError):
    """An export cannot be made."""


class CheckpointError(ExportError):
    """The checkpoint is incomplete, damaged or of an unknown family."""


class HubError(CheckpointError):
    """The hub does not have the checkpoint, or it could not be downloaded."""


class ValidationError(ExportError):
    """The finished graphs do not do what the checkpoint does."""
