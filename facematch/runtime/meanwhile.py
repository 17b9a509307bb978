"""Tasks that run for as long as something is open."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine


@asynccontextmanager
async def meanwhile(*running: tuple[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """While this is open, these run; afterwards they have ended.

    Args:
        running: at least one, with the name of its task. What fails says so itself: nobody else hears of it.
    """
    tasks = [asyncio.create_task(work, name=name) for name, work in running]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
