"""Somebody is erased by one web process while the other takes events of theirs: nothing is kept, nothing goes out."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import aiohttp
import sqlalchemy as sa

from facematch.protocol.anchors import HandedAnchor, HandingOn
from facematch.protocol.embeddings import packed
from facematch.server.storage.database import Database
from facematch.server.storage.schema import events
from tests.rig.embeddings import axis
from tests.rig.heartbeats import heartbeat_body
from tests.rig.listener import Listener
from tests.rig.replicas import check_body
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.rig.proofs import Scale
    from tests.rig.replicas import Replicas
    from tests.rig.web import WebProcess

HEARD_SECONDS = 30
STILL_SECONDS = 1.0
"""After the receipt; what is sent later is a fault."""


def body_of(who: str, seq: int, source: str = "recognizer-late") -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return check_body(participant_name=who, participant_identity=who, source=source, seq=seq, timestamp=now)


async def erased(web: WebProcess, session: aiohttp.ClientSession, who: str) -> dict[str, Any]:
    async with session.delete(f"{web.base_url}/api/participants/{who}") as answer:
        assert answer.status == 200, await answer.text()
        receipt: dict[str, Any] = await answer.json()
        return receipt


async def stored_of(replicas: Replicas, names: Sequence[str]) -> int:
    database = Database(replicas.database_url)
    database.open()
    try:
        theirs = events.c.participant_identity.in_(names)
        [(number,)] = await database.rows(sa.select(sa.func.count()).select_from(events).where(theirs))
    finally:
        await database.aclose()
    return int(number)


async def handed_on(web: WebProcess, session: aiohttp.ClientSession, source: str, **parts: Any) -> list[str]:
    """Whose anchors a recognizer gets."""
    body = HandingOn(source=source, room="red", encoder="dlib", **parts).model_dump(mode="json")
    async with session.post(f"{web.base_url}/api/anchors", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return [one["participant_identity"] for one in (await answer.json())["anchors"]]


def anchor_of(who: str) -> HandedAnchor:
    return HandedAnchor(participant_identity=who, embedding=packed(axis(0.5)), looks=5, spread=0.1)


@asynccontextmanager
async def posting(web: WebProcess, session: aiohttp.ClientSession, who: str, source: str) -> AsyncIterator[list[str]]:
    """Events of somebody all the time, by a recognizer that has not heard yet; each happened when it was made."""
    taken: list[str] = []
    until = datetime.now(UTC)

    async def post() -> None:
        for seq in count(1):
            body = {**body_of(who, seq, source), "timestamp": until.isoformat()}
            async with session.post(f"{web.base_url}/api/check", json=body) as answer:
                assert answer.status == 200, await answer.text()
            taken.append(body["event_id"])

    task = asyncio.create_task(post())
    try:
        yield taken
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_erasures_race_events_over_both_processes(
    replicas: Replicas, scale: Scale, figure: dict[str, object]
) -> None:
    number = scale(12, 1_000)
    names = [f"erased-{n}" for n in range(number)]
    sent: list[tuple[str, float]] = []
    receipts: dict[str, float] = {}
    posted = removed = 0
    loop = asyncio.get_running_loop()

    async with aiohttp.ClientSession() as session:

        async def listen(web: WebProcess) -> None:
            async with session.ws_connect(f"{web.base_url}/ws/matches") as socket:
                async for message in socket:
                    who: str = message.json()["participant_name"]
                    sent.append((who, loop.time()))

        listening = [asyncio.create_task(listen(web)) for web in replicas.processes]
        for n, who in enumerate(names):
            late, here = replicas[n % 2], replicas[(n + 1) % 2]
            async with posting(late, session, who, f"source-{n}") as taken:
                await wait_until(lambda: _async(len(taken) > 2), within=HEARD_SECONDS, what="events are taken")
                await handed_on(late, session, f"source-{n}", anchors=[anchor_of(who)])
                receipt = await erased(here, session, who)
                receipts[who] = loop.time()
                before = len(taken)
                await wait_until(lambda: _async(len(taken) > before + 2), within=HEARD_SECONDS, what="late events")  # noqa: B023

                async def forgotten() -> bool:
                    return await handed_on(late, session, "next", wanted=[who]) == []  # noqa: B023

                await wait_until(forgotten, within=HEARD_SECONDS, what="the other process knows no face of theirs")
            posted += len(taken)
            removed += receipt["events"]
        for task in listening:
            task.cancel()
        await asyncio.wait(listening)

    late_ones = [who for who, at in sent if who in receipts and at > receipts[who] + STILL_SECONDS]
    figure.update(erasures=number, posted=posted, removed=removed, sent_late=len(late_ones))
    assert await stored_of(replicas, names) == 0
    assert late_ones == []


async def _async(value: object) -> object:
    return value


async def test_what_one_process_turned_away_is_not_missed_by_the_other(replicas: Replicas) -> None:
    async with aiohttp.ClientSession() as session, Listener(replicas[1].base_url) as listener:
        happened = datetime.now(UTC).isoformat()
        await erased(replicas[0], session, "Gone")
        before = (await _status(replicas[1], session))["events"]["gaps"]["count"]
        for web, who, seq in ((0, "Here", 1), (0, "Gone", 2), (1, "Here", 3)):
            body = {**body_of(who, seq, "recognizer-gap"), "timestamp": happened}
            async with session.post(f"{replicas[web].base_url}/api/check", json=body) as answer:
                assert answer.status == 200
        assert (await listener.next(lambda event: event["seq"] == 3, within=HEARD_SECONDS))[
            "participant_name"
        ] == "Here"
        assert (await _status(replicas[1], session))["events"]["gaps"]["count"] == before
    assert await stored_of(replicas, ["Gone"]) == 0


async def test_a_recognizer_is_ordered_and_confirms_at_whichever_process_it_reports_to(replicas: Replicas) -> None:
    async with aiohttp.ClientSession() as session:
        done: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        """Of those erased before: a recognizer has to confirm them to be told of the next."""

        async def beat(web: WebProcess) -> list[dict[str, Any]]:
            now = datetime.now(UTC).isoformat()
            body = {**heartbeat_body(), "sent_at": now, "source": "recognizer-ordered", "orders_done": done + others}
            async with session.post(f"{web.base_url}/api/heartbeat", json=body) as answer:
                assert answer.status == 200, await answer.text()
                orders: list[dict[str, Any]] = (await answer.json())["orders"]
                own = [order for order in orders if order.get("participant_identity") == "Ordered"]
                others[:] = [{"id": order["id"], "erased_events": 0} for order in orders if order not in own]
                return own

        await beat(replicas[0])
        await beat(replicas[1])
        asking = asyncio.create_task(erased(replicas[0], session, "Ordered"))
        [order] = await wait_until(lambda: beat(replicas[1]), within=HEARD_SECONDS, what="the other process orders it")
        done.append({"id": order["id"], "erased_events": 7})
        await beat(replicas[1])
        receipt = await asking
    assert (receipt["recognizer"], receipt["undelivered_events"]) == ("done", 7)


async def test_a_receipt_that_one_process_gave_is_known_to_the_other(replicas: Replicas) -> None:
    """Who remembers events reads the log again when the number changes."""
    async with aiohttp.ClientSession() as session:
        await erased(replicas[0], session, "Anybody")

        async def same() -> bool:
            one, other = [(await _status(web, session))["erasures"] for web in replicas.processes]
            return bool(one == other)

        await wait_until(same, within=HEARD_SECONDS, what="both say how often something was erased")


async def _status(web: WebProcess, session: aiohttp.ClientSession) -> dict[str, Any]:
    async with session.get(f"{web.base_url}/api/status") as answer:
        status: dict[str, Any] = await answer.json()
        return status
