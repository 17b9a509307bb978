"""Fan-out, with clients that read, dawdle, stall, shout and leave."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import pytest
from starlette.websockets import WebSocketDisconnect

from facematch.protocol.events import Check
from facematch.server.events import hub as hub_module
from facematch.server.events.hub import Hub
from facematch.server.storage.errors import LogUnavailableError
from tests.rig.memory_log import MemoryEventLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.websockets import WebSocket

    from facematch.server.events.log import Entry


def event() -> Check:
    return Check.model_validate(
        {
            "participant_id": "PA_x",
            "participant_name": "Alice",
            "match_found": False,
            "timestamp": "2025-09-25T14:07:08+00:00",
            "event_id": uuid4(),
        }
    )


class FakeSocket:
    """The part of a WebSocket that the hub uses, in the hands of a test."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.begun = 0
        """Messages that were begun to be sent."""
        self.reading = asyncio.Event()
        self.reading.set()
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed: tuple[int, str] | None = None
        self.cut = asyncio.Event()
        self._news = asyncio.Event()

    async def send_text(self, text: str) -> None:
        self.begun += 1
        await self.reading.wait()
        self.received.append(json.loads(text)["cursor"])
        self._news.set()

    async def receive(self) -> dict[str, Any]:
        return await self.said.get()

    async def close(self, code: int, reason: str) -> None:
        await self.reading.wait()
        self.closed = (code, reason)

    async def has(self, count: int) -> list[int]:
        """What was received once it is that many."""
        async with asyncio.timeout(5):
            while len(self.received) < count:
                self._news.clear()
                await self._news.wait()
        return self.received

    def leave(self) -> None:
        self.said.put_nowait({"type": "websocket.disconnect", "code": 1000})


class ReadSlowly(MemoryEventLog):
    """Has read what is asked for, and returns it when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.removed: set[int] = set()
        self.has_read = asyncio.Event()
        self.go_on = asyncio.Event()

    async def after(self, cursor: int, limit: int) -> Sequence[Entry]:
        read = [entry for entry in await super().after(cursor, limit) if entry.cursor not in self.removed]
        self.has_read.set()
        await self.go_on.wait()
        return read


async def turns_until(holds: Callable[[], object]) -> None:
    """Let the loop turn until it is so; nothing here waits for a time."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  (the hub tells nobody)
            await asyncio.sleep(0)


@asynccontextmanager
async def served(hub: Hub, after: int | None = None, *, stalled: bool = False) -> AsyncIterator[FakeSocket]:
    """A client that is registered on entry and has left on exit."""
    socket = FakeSocket()
    if stalled:
        socket.reading.clear()
    before = hub.clients
    task = asyncio.create_task(hub.serve(cast("WebSocket", socket), after, socket.cut.set))
    await turns_until(lambda: hub.clients > before)
    try:
        yield socket
    finally:
        socket.leave()
        async with asyncio.timeout(5):
            await task


async def publish(log: MemoryEventLog, hub: Hub, count: int) -> list[int]:
    cursors = []
    for _ in range(count):
        [entry] = await log.append([event()])
        assert entry is not None
        hub.publish(entry)
        cursors.append(entry.cursor)
    return cursors


@pytest.fixture
def log() -> MemoryEventLog:
    return MemoryEventLog(first=100)


async def test_everybody_receives_everything_in_order(log: MemoryEventLog) -> None:
    hub = Hub(log)
    async with served(hub) as one, served(hub) as two:
        cursors = await publish(log, hub, 300)
        assert await one.has(300) == cursors
        assert await two.has(300) == cursors


async def test_publish_says_how_many_will_receive_it(log: MemoryEventLog) -> None:
    hub = Hub(log)
    [entry] = await log.append([event()])
    assert entry is not None
    assert hub.publish(entry) == 0
    async with served(hub), served(hub):
        assert hub.publish(entry) == 2


async def test_what_is_erased_is_sent_to_nobody_for_whom_it_still_waits(log: MemoryEventLog) -> None:
    hub = Hub(log)
    async with served(hub, stalled=True) as live, served(hub, after=0, stalled=True) as late:
        first, *others = await publish(log, hub, 5)
        await turns_until(lambda: live.begun == late.begun == 1)
        hub.forget({first, *others[1:3]})
        for socket in (live, late):
            socket.reading.set()
            assert await socket.has(3) == [first, others[0], others[3]]  # the first was on its way


async def test_a_replay_that_was_being_read_while_something_was_erased_is_read_again() -> None:
    log = ReadSlowly()
    cursors = await publish(log, Hub(log), 3)
    hub = Hub(log)
    async with served(hub, after=0) as socket:
        await log.has_read.wait()
        hub.forget({cursors[1]})
        log.removed = {cursors[1]}
        log.go_on.set()
        assert await socket.has(2) == [cursors[0], cursors[2]]


async def test_a_newcomer_hears_only_what_comes_unless_it_asks(log: MemoryEventLog) -> None:
    hub = Hub(log)
    old = await publish(log, hub, 5)
    async with served(hub) as live, served(hub, after=0) as whole, served(hub, after=old[2]) as rest:
        assert await whole.has(5) == old
        assert await rest.has(2) == old[3:]
        new = await publish(log, hub, 1)
        assert await live.has(1) == new
        assert await whole.has(6) == old + new
        assert await rest.has(3) == old[3:] + new


async def test_a_position_that_this_log_never_had_gets_everything(log: MemoryEventLog) -> None:
    hub = Hub(log)
    cursors = await publish(log, hub, 5)
    async with served(hub, after=cursors[-1] + 1000) as socket:
        assert await socket.has(5) == cursors
        assert await socket.has(5) + await publish(log, hub, 1) == await socket.has(6)


class PausingLog(MemoryEventLog):
    """Stops after each read of the log, before the reader gets it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = asyncio.Semaphore(0)
        self.reading = asyncio.Event()

    async def after(self, cursor: int, limit: int) -> Sequence[Entry]:
        found = await super().after(cursor, limit)
        self.reading.set()
        await self.reads.acquire()
        return found


@pytest.mark.parametrize("meanwhile", [1, 3, 10, 25])
async def test_events_during_the_replay_come_once_and_in_order(meanwhile: int) -> None:
    """Also when they are more than the queue holds: what falls out of it is in the log."""
    log = PausingLog()
    hub = Hub(log, queued=4)
    cursors = await publish(log, hub, 30)
    async with served(hub, after=0) as socket:
        await log.reading.wait()
        cursors += await publish(log, hub, meanwhile)
        for _ in range(10):
            log.reads.release()
        assert await socket.has(len(cursors)) == cursors
        for _ in range(30):
            cursors += await publish(log, hub, 1)
            await socket.has(len(cursors))
        assert socket.received == cursors
        assert socket.closed is None


async def test_a_stalled_client_is_closed_and_delays_nobody(log: MemoryEventLog) -> None:
    hub = Hub(log, queued=10)
    async with served(hub) as healthy, served(hub, stalled=True) as stalled:
        cursors: list[int] = []
        for _ in range(30):
            cursors += await publish(log, hub, 1)
            assert await healthy.has(len(cursors)) == cursors
        stalled.reading.set()
        await turns_until(lambda: stalled.closed)
        assert stalled.closed
        assert stalled.closed[0] == 1013
        assert hub.clients == 1


async def test_a_client_that_takes_nothing_is_cut_off(log: MemoryEventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "CLOSE_SECONDS", 0.02)
    hub = Hub(log, send_seconds=0.02)
    async with served(hub, stalled=True) as stalled:
        await publish(log, hub, 1)
        async with asyncio.timeout(5):
            await stalled.cut.wait()
        assert stalled.closed is None  # the goodbye could not leave


async def test_a_client_that_was_told_goodbye_and_stays_is_cut_off(
    log: MemoryEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LINGER_SECONDS", 0.02)
    hub = Hub(log)
    async with served(hub) as socket:
        await hub.close(5)
        assert socket.closed == (1001, "stopping")
        async with asyncio.timeout(5):
            await socket.cut.wait()


async def test_closing_says_goodbye_to_all_and_waits_for_nobody_in_particular(
    log: MemoryEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "CLOSE_SECONDS", 0.02)
    hub = Hub(log)
    async with served(hub) as one, served(hub) as two, served(hub, stalled=True) as stalled:
        async with asyncio.timeout(5):
            await hub.close(4)
        assert one.closed == two.closed == (1001, "stopping")
        assert stalled.cut.is_set()
        assert hub.clients == 0


async def test_closing_is_bounded_also_when_the_goodbye_is_not(log: MemoryEventLog) -> None:
    hub = Hub(log)
    async with served(hub, stalled=True) as stalled:
        await hub.close(0.02)
        assert hub.clients == 1
        stalled.reading.set()


async def test_whoever_comes_while_closing_is_sent_away(log: MemoryEventLog) -> None:
    hub = Hub(log)
    await hub.close(1)
    socket = FakeSocket()
    await hub.serve(cast("WebSocket", socket), None, socket.cut.set)
    assert socket.closed == (1001, "stopping")


async def test_what_clients_say_changes_nothing(log: MemoryEventLog) -> None:
    hub = Hub(log)
    async with served(hub) as socket:
        for message in ({"text": "{"}, {"text": "\ud800"}, {"bytes": b"\xff\x00"}, {"bytes": b""}, {"text": None}):
            socket.said.put_nowait({"type": "websocket.receive", **message})
        for _ in range(500):
            socket.said.put_nowait({"type": "websocket.receive", "text": "shout"})
        assert await socket.has(0) + await publish(log, hub, 1) == await socket.has(1)
        assert socket.closed is None


@pytest.mark.parametrize("message", [{"text": "x" * 65_537}, {"bytes": b"x" * 65_537}])
async def test_a_client_that_says_too_much_is_closed(log: MemoryEventLog, message: dict[str, Any]) -> None:
    hub = Hub(log)
    async with served(hub) as socket:
        socket.said.put_nowait({"type": "websocket.receive", **message})
        await turns_until(lambda: socket.closed)
        assert socket.closed
        assert socket.closed[0] == 1009


@pytest.mark.parametrize("error", [WebSocketDisconnect(1006), RuntimeError("closed")])
async def test_a_client_that_leaves_while_something_is_sent(log: MemoryEventLog, error: Exception) -> None:
    hub = Hub(log)

    class Leaving(FakeSocket):
        async def send_text(self, text: str) -> None:
            raise error

    socket = Leaving()
    task = asyncio.create_task(hub.serve(cast("WebSocket", socket), None, socket.cut.set))
    await turns_until(lambda: hub.clients)
    await publish(log, hub, 1)
    async with asyncio.timeout(5):
        await task
    assert (hub.clients, socket.closed) == (0, None)


@pytest.mark.parametrize(
    ("error", "code"), [(ValueError("a fault of ours"), 1011), (LogUnavailableError("disk"), 1013)]
)
async def test_a_log_that_fails_ends_the_client_and_not_the_hub(error: Exception, code: int) -> None:
    class Broken(MemoryEventLog):
        async def after(self, cursor: int, limit: int) -> Sequence[Entry]:
            raise error

    log = Broken()
    hub = Hub(log)
    async with served(hub) as healthy:
        socket = FakeSocket()
        async with asyncio.timeout(5):
            await hub.serve(cast("WebSocket", socket), 0, socket.cut.set)
        assert socket.closed is not None
        assert socket.closed[0] == code
        assert await publish(log, hub, 1) == await healthy.has(1)


async def test_a_cancelled_client_leaves_no_trace(log: MemoryEventLog) -> None:
    hub = Hub(log)
    socket = FakeSocket()
    task = asyncio.create_task(hub.serve(cast("WebSocket", socket), None, socket.cut.set))
    await turns_until(lambda: hub.clients)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert hub.clients == 0
