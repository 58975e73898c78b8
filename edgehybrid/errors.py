"""Everything that edgehybrid raises on purpose, as one tree.

EdgehybridError
├── BundleError             a bundle cannot be used
│   ├── BundleNotFound
│   ├── BundleDamaged       a file is missing, has another size or another hash
│   └── BundleTooNew        written by a later version
├── StreamError             a stream was used in a way it cannot follow
│   └── NonFiniteError      NaN or infinity came out of a layer
├── StateError              a saved state cannot be used or written
│   ├── StateNotFound
│   ├── StateDamaged        truncated, altered, or no state of such a model
│   ├── StateTooNew         written by a later version
│   └── StateOfAnotherBundle
├── DocumentError           a document cannot be read
│   ├── NotFound
│   ├── NotThisFormat       the content is not what the name says
│   ├── EmptyFile
│   ├── PasswordNeeded
│   ├── DamagedDocument
│   ├── DocumentTooLarge    a limit on pages, bytes, time or memory was met
│   └── NoText              e.g. scanned pages
├── CacheError              the folder of readings cannot be used
├── WorkersError            processes or a cluster that read many documents cannot be used
├── Cancelled               a reading was stopped by its `progress` callback
└── RequestError            an argument that cannot be satisfied

Each message is one line: what is wrong, with the offending values, and what to do.
"""

from typing import Any


class EdgehybridError(Exception):
    """The root: catch this to catch all that edgehybrid raises on purpose."""


class BundleError(EdgehybridError):
    """A bundle cannot be used."""


class BundleNotFound(BundleError):
    """There is no bundle at the given place."""


class BundleDamaged(BundleError):
    """A file of the bundle is missing, unsafe, or not what its manifest says."""


class BundleTooNew(BundleError):
    """The bundle's format is later than this version can read."""


class StreamError(EdgehybridError):
    """A stream was used in a way that it cannot follow."""


class NonFiniteError(StreamError):
    """NaN or infinity came out of a layer; the stream's state is no longer of use."""


class StateError(EdgehybridError):
    """A saved state cannot be used or written."""


class StateNotFound(StateError):
    """The file does not exist or cannot be opened."""


class StateDamaged(StateError):
    """The file is truncated, altered, or holds no state of such a model."""


class StateTooNew(StateError):
    """The file's format is later than this version can read."""


class StateOfAnotherBundle(StateError):
    """The state was written with another model."""


class CacheError(EdgehybridError):
    """The folder in which readings are kept cannot be used."""


class WorkersError(EdgehybridError):
    """The processes, or the cluster, that should read many documents cannot be used."""


class Cancelled(EdgehybridError):
    """A reading was stopped by its `progress` callback.

    Attributes:
        document: an `edgehybrid.ReadDocument` of what was read up to then, which can be used.
    """

    document: Any = None


class DocumentError(EdgehybridError):
    """A document cannot be read."""


class NotFound(DocumentError):
    """The file does not exist or cannot be opened."""


class NotThisFormat(DocumentError):
    """The content is not what the file's name says, or is a format that is not read."""


class EmptyFile(DocumentError):
    """The file has no content."""


class PasswordNeeded(DocumentError):
    """The document is encrypted and no password, or a wrong one, was given."""


class DamagedDocument(DocumentError):
    """The file is damaged, so text could be missing without anybody noticing."""


class DocumentTooLarge(DocumentError):
    """A limit on pages, bytes, time or memory was met."""


class NoText(DocumentError):
    """No page carries text, e.g. because the pages are scanned."""


class RequestError(EdgehybridError, ValueError):
    """An argument cannot be satisfied."""


def is_of_a_library(error: BaseException) -> bool:
    """Whether it comes of what a library was given: a panic of Rust is no Exception."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
