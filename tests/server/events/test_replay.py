"""From the log to the live stream without a gap or a repeat, while events pour in: the hub over a real database."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, cast

from facematch.server.events.hub import TRY_AGAIN_LATER, Hub
from tests.rig.event_logs import Intake, check, cursors, opened, stored

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from facematch.server.events.log import EventLog
    from facematch.server.events.writer import Writer

OLD = 700
NEW = 300


class Client:
    """Reads at its own pace: gives way `slowness` times for each message. Sent away, it comes back."""

    def __init__(self, after: int, slowness: int) -> None:
        self.after = after
        self.received: list[int] = []
        self.left: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._slowness = slowness

    async def send_text(self, text: str) -> None:
        for _ in range(self._slowness):
            await asyncio.sleep(0)
        self.received.append(json.loads(text)["cursor"])

    async def receive(self) -> dict[str, str]:
        return await asyncio.shield(self.left)

    async def close(self, code: int, reason: str) -> None:
        assert code == TRY_AGAIN_LATER, reason

    async def follow(self, hub: Hub) -> None:
        while not self.left.done():
            after = self.received[-1] if self.received else self.after
            await hub.serve(cast("WebSocket", self), after, lambda: None)


async def pour(writer: Writer) -> None:
    for _ in range(NEW // 20):
        await asyncio.gather(*(writer.store(check()) for _ in range(20)))


async def test_many_listeners_join_a_long_log_while_it_grows(database_url: str) -> None:
    async with opened(database_url) as log:
        old = cursors(await stored(log, *(check() for _ in range(OLD))))
        hub = Hub(log, queued=50)  # far less than what comes meanwhile
        intake = Intake(log, hub.publish)
        await intake.open()
        starts = [0, old[0], old[OLD // 2], old[-1], old[-1] + 10**9]
        clients = [Client(after, slowness) for slowness in (0, 1, 3) for after in starts]
        pouring = asyncio.create_task(pour(intake.writer))
        serving = []
        for client in clients:
            serving.append(asyncio.create_task(client.follow(hub)))
            await asyncio.sleep(0.005)
        await pouring
        everything = await _cursors_of(log)
        async with asyncio.timeout(30):
            while not all(client.received[-1:] == everything[-1:] for client in clients):  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.01)
        for client in clients:
            client.left.set_result({"type": "websocket.disconnect"})
        await asyncio.gather(*serving)
    assert len(everything) == OLD + NEW
    for client in clients:
        first = client.after if client.after <= everything[-1] else 0
        assert client.received == [cursor for cursor in everything if cursor > first]


async def _cursors_of(log: EventLog) -> list[int]:
    found: list[int] = []
    while page := await log.after(found[-1] if found else 0, 500):
        found += cursors(page)
    return found
