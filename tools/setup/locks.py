"""The lock files that `tools/lock.py` writes: what they are made from, and parts of them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
"""What the tests need besides."""
TOOLCHAINS_LOCK = "tools/toolchains.lock"
"""Go and Node, for machines that have none."""

_LISTS = (
    "requirements.txt",
    "requirements-postgres.txt",
    "requirements-s3.txt",
    "requirements-dev.txt",
    "constraints.txt",
)
_BLOCK = re.compile(r"^(\S+?)==(?:.*\\\n)*.*\n", re.MULTILINE)


def fingerprint(root: Path) -> str:
    """Stands for the lists that the locks are made from: another one, and they are out of date."""
    digest = hashlib.sha256()
    for name in _LISTS:
        digest.update((root / name).read_bytes() + b"\0")
    return digest.hexdigest()


def names(lock: str) -> set[str]:
    """The packages of a lock."""
    return {block[1] for block in _BLOCK.finditer(lock)}


def only(lock: str, name: str) -> str:
    """The lines of one package.

    Raises:
        KeyError: it is not in the lock.
    """
    found = "".join(block[0] for block in _BLOCK.finditer(lock) if block[1] == name)
    if not found:
        raise KeyError(name)
    return found
