"""Bounded waits for a condition; nothing here waits for a time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_POLL_SECONDS = 0.05

T = TypeVar("T")


class NeverHappenedError(AssertionError):
    """The condition did not come true before its deadline."""


async def wait_until(condition: Callable[[], Awaitable[T | None]], *, within: float, what: str) -> T:
    """The condition's first true value; `NeverHappenedError` after `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := await condition()):
        if time.monotonic() > deadline:
            raise NeverHappenedError(f"not within {within} s: {what}")
        await asyncio.sleep(_POLL_SECONDS)
    return value


async def wait_until_true(condition: Callable[[], object], *, within: float, what: str) -> None:
    """The same for a condition that needs no awaiting."""

    async def asked() -> bool:
        return bool(condition())

    await wait_until(asked, within=within, what=what)


def block_until(condition: Callable[[], object], *, within: float, what: str) -> None:
    """The same where there is no event loop (fixtures of a whole session)."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise NeverHappenedError(f"not within {within} s: {what}")
        time.sleep(_POLL_SECONDS)
