"""How many files and connections the process may have open."""

from __future__ import annotations

import contextlib
import sys

_USUAL = 1_024
"""Where the system does not say."""


def descriptors_to_use(wanted: int) -> int:
    """How many descriptors there may be; the limit is raised to `wanted` first, as far as the system lets us."""
    if sys.platform == "win32":
        return _USUAL
    import resource  # noqa: PLC0415  (Unix only)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return int(soft)
