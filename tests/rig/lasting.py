"""Tasks that serve all tests of a file: the guard on those that a test leaves behind lets them live."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Iterator

LASTING: WeakSet[asyncio.Task[Any]] = WeakSet()
"""Which those are."""


@contextmanager
def lasting() -> Iterator[None]:
    """What begins inside is one of them; whoever begins it ends it with the file, whose tests have one loop."""
    before = asyncio.all_tasks()
    try:
        yield
    finally:
        LASTING.update(asyncio.all_tasks() - before)
