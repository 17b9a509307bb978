"""Memory that was freed, and that the C library keeps for the next time."""

from __future__ import annotations

import contextlib
import ctypes


def return_freed_memory() -> None:
    """Give it back to the system where the C library can (glibc); another one keeps its own counsel."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
