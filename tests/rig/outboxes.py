"""Events to put, and an outbox at work on a real file."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from facematch.protocol.events import Check, Match, ParticipantChange
from facematch.recognizer.delivery.api_client import ApiClient
from facematch.recognizer.delivery.outbox import Outbox
from facematch.recognizer.delivery.outbox_store import OutboxStore
from tests.rig.receiver import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

COMMON: dict[str, Any] = {"participant_id": "PA_1", "timestamp": "2025-09-25T14:07:08+00:00"}


def check(name: str, identity: str = "alice") -> Check:
    return Check(**COMMON, participant_name=name, participant_identity=identity, event_id=uuid4(), match_found=False)


def match(name: str, identity: str = "alice", snapshot: str = "match_x.jpg") -> Match:
    return Match(
        **COMMON,
        participant_name=name,
        participant_identity=identity,
        event_id=uuid4(),
        confidence=0.63,
        filename="/captures/match_x.jpg",
        snapshot=snapshot,
        bbox=(90, 310, 240, 160),
        frame_size=(640, 360),
    )


def joined(name: str, identity: str = "alice") -> ParticipantChange:
    return ParticipantChange(
        **COMMON, participant_name=name, participant_identity=identity, event_id=uuid4(), change="joined"
    )


@asynccontextmanager
async def outbox_on(
    path: Path,
    url: str,
    *,
    size: int = 1000,
    delay: Callable[[int], float] = lambda attempt: 0.001,
    api: type[ApiClient] = ApiClient,
    source: str = "boot",
    runs: bool = True,
    spool: Path | None = None,
) -> AsyncIterator[Outbox]:
    """An outbox at work. It ends without a flush, as a crash would end it, but closes its file."""
    client = api(url)
    outbox = Outbox(client, OutboxStore(path), source=source, size=size, delay=delay, spool=spool)
    running = asyncio.create_task(outbox.run()) if runs else None
    try:
        yield outbox
    finally:
        if running:
            await stop(running)
        await outbox.aclose()
        await client.aclose()


def of(identity: str) -> Callable[[dict[str, Any]], bool]:
    """Whether an event is a participant's."""
    return lambda body: body["participant_identity"] == identity


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def empty(outbox: Outbox) -> None:
    await eventually(lambda: outbox.status.queued == 0)


def never(attempt: int) -> float:
    """Longer than any test: nothing is tried again."""
    return 3600.0
