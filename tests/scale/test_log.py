"""One log, two web processes: each hears of what the other takes; whatever dies, nothing is lost or told twice."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import sqlalchemy as sa

from facematch.server.storage.database import Database
from facematch.server.storage.leases import LEASE_SECONDS
from facematch.server.storage.schema import leases
from tests.rig.listener import Listener
from tests.rig.replicas import Sender, sending
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.postgres import Postgres
    from tests.rig.proofs import Scale
    from tests.rig.replicas import Replicas
    from tests.rig.web import WebProcess
    from tests.rig.webhook_receiver import WebhookReceiver

HEARD_SECONDS = 30
FROZEN_SECONDS = 12
"""What stands still in a transaction is ended after 5 s, and a sender asks another process after as long."""
TAKEOVER_SECONDS = 12


class Following:
    """A listener that comes back with its last cursor, and has to end up with the whole log, once and in order."""

    def __init__(self, web: WebProcess) -> None:
        self._url = f"{web.base_url}/ws/matches"
        self.ids: list[str] = []
        self.cursors: list[int] = []

    async def run(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                after = f"?after={self.cursors[-1] if self.cursors else 0}"
                try:
                    async with session.ws_connect(self._url + after) as socket:
                        async for message in socket:
                            event = message.json()
                            self.ids.append(event["event_id"])
                            self.cursors.append(event["cursor"])
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)

    async def has(self, ids: list[str]) -> None:
        """Return when it has had all of these; nothing came twice or out of order."""
        await wait_until_true(lambda: {*ids} <= {*self.ids}, within=HEARD_SECONDS, what="every event is heard")
        assert self.cursors == sorted({*self.cursors})
        assert len(self.ids) == len({*self.ids})


@asynccontextmanager
async def following(replicas: Replicas) -> AsyncIterator[list[Following]]:
    listeners = [Following(web) for web in replicas.processes]
    tasks = [asyncio.create_task(listener.run()) for listener in listeners]
    try:
        yield listeners
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def more(sender: Sender, events: int = 20) -> None:
    """Return when so many more have been taken."""
    wanted = len(sender.acknowledged) + events
    await wait_until_true(lambda: len(sender.acknowledged) >= wanted, within=HEARD_SECONDS, what="events are taken")


async def test_each_hears_of_what_the_other_takes_and_every_webhook_comes_once(
    replicas: Replicas, receiver: WebhookReceiver, scale: Scale
) -> None:
    events, before = scale(60, 1_000), len(receiver.ids)
    async with (
        aiohttp.ClientSession() as session,
        Listener(replicas[0].base_url) as one,
        Listener(replicas[1].base_url) as other,
    ):
        sender = Sender([web.base_url for web in replicas.processes])
        for n in range(events):
            await sender.send(session, n)
        for listener in (one, other):
            for wanted in sender.acknowledged:
                heard = await listener.next(lambda _: True, within=HEARD_SECONDS)
                assert heard["event_id"] == wanted
        await receiver.has(lambda: len(receiver.taken) >= before + events)
    assert [event["event_id"] for event in receiver.taken[before:]] == sender.acknowledged
    assert receiver.ids[before:] == sender.acknowledged, "each was sent once"


async def test_who_delivers_webhooks_dies_and_another_goes_on(
    replicas: Replicas, receiver: WebhookReceiver, scale: Scale, figure: dict[str, object]
) -> None:
    """Killed while a message is on its way: that one may come twice, and no other."""
    kills, longest = scale(1, 20), 0.0
    async with sending(replicas, 1) as sender:
        for _ in range(kills):
            await more(sender, 5)
            leader = await _delivering(replicas)
            count = len(receiver.taken)
            leader.process.kill()
            begun = time.monotonic()
            await wait_until_true(
                lambda: len(receiver.taken) > count + 2,  # noqa: B023
                within=LEASE_SECONDS + HEARD_SECONDS,
                what="webhooks are delivered again",
            )
            longest = max(longest, time.monotonic() - begun)
            await leader.start()
    await receiver.has(lambda: {*sender.acknowledged} <= {event["event_id"] for event in receiver.taken})
    figure.update(kills=kills, takeover_s=round(longest, 1), twice=len(receiver.ids) - len({*receiver.ids}))
    assert len(receiver.ids) - len({*receiver.ids}) <= kills
    assert longest <= TAKEOVER_SECONDS


async def test_a_process_that_is_killed_loses_nothing_that_it_has_acknowledged(
    replicas: Replicas, scale: Scale, figure: dict[str, object]
) -> None:
    kills = scale(2, 50)
    draw = random.Random(7)  # noqa: S311
    async with following(replicas) as listeners, sending(replicas) as sender:
        for _ in range(kills):
            await more(sender, draw.randrange(10, 40))
            victim = draw.choice(replicas.processes)
            victim.process.kill()
            await more(sender)
            await victim.start()
        await more(sender)
        taken = list(sender.acknowledged)
        for listener in listeners:
            await listener.has(taken)
    figure.update(kills=kills, acknowledged=len(taken), longest_gap_s=round(sender.longest_gap, 1))


async def test_a_process_that_stands_still_does_not_stop_the_others(
    replicas: Replicas, scale: Scale, figure: dict[str, object]
) -> None:
    """Frozen in the middle of its transactions, it may hold the lock that every writer needs."""
    freezes = scale(1, 20)
    async with following(replicas) as listeners, sending(replicas) as sender:
        for n in range(freezes):
            await more(sender)
            frozen = replicas[n % 2].process
            frozen.send(signal.SIGSTOP)
            await more(sender)
            frozen.send(signal.SIGCONT)
        await more(sender)
        taken = list(sender.acknowledged)
        for listener in listeners:
            await listener.has(taken)
    figure.update(freezes=freezes, acknowledged=len(taken), longest_gap_s=round(sender.longest_gap, 1))
    assert sender.longest_gap < FROZEN_SECONDS


async def test_postgresql_is_restarted(
    replicas: Replicas, database: Postgres, scale: Scale, figure: dict[str, object]
) -> None:
    restarts, longest = scale(1, 20), 0.0
    async with following(replicas) as listeners, sending(replicas) as sender:
        for _ in range(restarts):
            await more(sender)
            await asyncio.to_thread(database.stop)
            await asyncio.to_thread(database.start_again)
            begun = time.monotonic()
            await more(sender, 4)
            longest = max(longest, time.monotonic() - begun)
        taken = list(sender.acknowledged)
        for listener in listeners:
            await listener.has(taken)
    figure.update(restarts=restarts, acknowledged=len(taken), resumed_s=round(longest, 1))


async def _delivering(replicas: Replicas) -> WebProcess:
    """The process that has the lease of webhooks."""
    database = Database(replicas.database_url)
    database.open()
    try:
        [(holder,)] = await database.rows(sa.select(leases.c.holder).where(leases.c.name == "webhook"))
    finally:
        await database.aclose()
    return next(web for web in replicas.processes if f"-{web.process.pid}-" in holder)
