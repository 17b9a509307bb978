"""Receivers that answer as no program should: nothing of it is kept, followed or waited for without end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from facematch.server.events.store import SqlEventLog
from facematch.server.presence.fold import PresenceFold
from facematch.server.storage.database import Database, sqlite_url
from facematch.server.webhooks import relay as relay_module
from facematch.server.webhooks.relay import Receiver, WebhookRelay
from facematch.server.webhooks.store import WebhookStore
from tests.rig.event_logs import match, stored
from tests.rig.webhook_receiver import SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from facematch.server.webhooks.relay import WebhookStatus

    Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]

MOST_KEPT = 30 * 1024 * 1024
"""Bytes by which the process may have grown."""


@asynccontextmanager
async def receiver(answer: Answer) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that reads a request's head and then does as it likes; its port, and the heads."""
    heads: list[bytes] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()
        for task in serving:
            task.cancel()
        if serving:
            await asyncio.wait(serving)


@asynccontextmanager
async def relay_to(port: int, folder: Path) -> AsyncIterator[WebhookRelay]:
    """It has two events to tell."""
    database = Database(sqlite_url(folder / "events.db"))
    log = SqlEventLog(database, PresenceFold())
    await log.open()
    told = Receiver(url=f"http://127.0.0.1:{port}/hook", secret=SECRET, types=("match",), seconds=3600)
    relay = WebhookRelay(told, log, WebhookStore(database), delay=lambda _attempt: 0.001)
    await relay.open()
    await stored(log, match(seq=1), match(seq=2))
    running = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        running.cancel()
        await asyncio.wait([running])
        await log.aclose()


async def has(relay: WebhookRelay, holds: Callable[[WebhookStatus], object]) -> WebhookStatus:
    async with asyncio.timeout(20):
        while not holds(status := await relay.status()):  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0.005)
        return status


def grown(before: int) -> int:
    return int(psutil.Process().memory_info().rss) - before


async def head_without_end(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Flood: " + b"x" * 60_000 + b"\r\n")
        await writer.drain()


async def body_without_end(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\nSet-Cookie: id=1\r\n\r\n")
    while True:
        writer.write(bytes(65_536))
        await writer.drain()


async def interim_answers_without_end(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 500)
        await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.01)


async def no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x16\x03\x01\x02\x00 220 smtp.example ESMTP\r\n" * 10)
    await writer.drain()


async def hang_up(_writer: asyncio.StreamWriter) -> None:
    pass


async def redirect_to_nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    "answer",
    [head_without_end, interim_answers_without_end, drip, no_http, hang_up, redirect_to_nonsense],
    ids=lambda answer: answer.__name__,
)
async def test_an_answer_that_is_none_is_a_failure_that_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(relay_module, "ANSWER_SECONDS", 0.3)
    before = int(psutil.Process().memory_info().rss)
    async with receiver(answer) as (port, heads), relay_to(port, tmp_path) as relay:
        async with asyncio.timeout(20):
            while len(heads) < 3:  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.005)
        status = await has(relay, lambda status: status.state == "retrying")
    assert (status.delivered, status.given_up, status.waiting) == (0, 0, 2)
    assert status.last_error
    assert "127.0.0.1" not in status.last_error
    assert grown(before) < MOST_KEPT


async def test_a_body_without_end_is_not_read_and_its_cookie_not_kept(tmp_path: Path) -> None:
    before = int(psutil.Process().memory_info().rss)
    async with receiver(body_without_end) as (port, heads), relay_to(port, tmp_path) as relay:
        status = await has(relay, lambda status: status.delivered == 2)
    assert status.last_error is None
    assert len(heads) == 2
    assert all(b"cookie" not in head.lower() for head in heads)
    assert grown(before) < MOST_KEPT
