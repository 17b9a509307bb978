"""Bounded waits for a condition; nothing here waits for a time, nor for a process that has died."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_FIRST_POLL_SECONDS = 0.05
_LAST_POLL_SECONDS = 0.25
"""What takes longer is asked about less often: on a busy machine the questions would keep the answer from coming."""

T = TypeVar("T")


class NeverHappenedError(AssertionError):
    """The condition did not come true before its deadline."""


class DiedError(AssertionError):
    """A process ended that nobody has told to: what is waited for will not come."""


class Mortal(Protocol):
    """What a wait looks after."""

    def obituary(self) -> str | None:
        """How it ended and what it said last; None while it lives."""


_watched: list[Mortal] = []


def watch(one: Mortal) -> None:
    """From here on every wait fails at once when it dies."""
    _watched.append(one)


def unwatch(one: Mortal) -> None:
    """It may die: somebody ends it, or asks when it has ended. Harmless when it is not watched."""
    if one in _watched:
        _watched.remove(one)


def look_after() -> None:
    """`DiedError` when one of those that are watched has died; told once."""
    for one in _watched:
        if words := one.obituary():
            unwatch(one)
            raise DiedError(words)


async def wait_until(condition: Callable[[], Awaitable[T | None]], *, within: float, what: str) -> T:
    """The condition's first true value; `NeverHappenedError` after `within` seconds, `DiedError` before."""
    deadline, pauses = time.monotonic() + within, _pauses()
    while not (value := await condition()):
        look_after()
        if time.monotonic() > deadline:
            raise NeverHappenedError(f"not within {within} s: {what}")
        await asyncio.sleep(next(pauses))
    return value


async def wait_until_true(condition: Callable[[], object], *, within: float, what: str) -> None:
    """The same for a condition that needs no awaiting."""

    async def asked() -> bool:
        return bool(condition())

    await wait_until(asked, within=within, what=what)


def block_until(condition: Callable[[], object], *, within: float, what: str) -> None:
    """The same where there is no event loop (fixtures of a whole session)."""
    deadline, pauses = time.monotonic() + within, _pauses()
    while not condition():
        look_after()
        if time.monotonic() > deadline:
            raise NeverHappenedError(f"not within {within} s: {what}")
        time.sleep(next(pauses))


def _pauses() -> Iterator[float]:
    pause = _FIRST_POLL_SECONDS
    while True:
        yield pause
        pause = min(pause * 1.2, _LAST_POLL_SECONDS)
