"""The one error this package raises on purpose."""

from __future__ import annotations


class KernelError(ValueError):
    """A kernel was called with arrays it cannot work on, or a backend cannot be had.

    The message names the argument, says what was found and what was expected.
    """
