"""What the end of a process says; part of the contract."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    STOPPED = 0
    FAILED = 1
    BAD_SETTINGS = 2
    MEMORY_LIMIT = 3
    CREDENTIALS_REFUSED = 4
