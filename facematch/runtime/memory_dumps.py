"""No dump of this process's memory is ever written: keys, faces and pictures are in it."""

from __future__ import annotations

import contextlib
import ctypes
import resource

_PR_SET_DUMPABLE = 4


def forbid_memory_dumps() -> None:
    """For the life of the process: no core file, and on Linux none for a collector of crashes either.

    On Linux no other process of the same user may attach to it and read its memory any more; root may.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(AttributeError, OSError):  # another system
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
