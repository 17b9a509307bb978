"""An outbox whose disk takes nothing, one that is damaged, and one that is told to forget a participant."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from facematch.protocol.events import to_wire
from facematch.recognizer.delivery import outbox as outbox_module
from facematch.recognizer.delivery.outbox_disk import OutboxDamagedError
from facematch.recognizer.delivery.outbox_store import open_outbox
from tests.rig.outboxes import check, empty, match, never, of, outbox_on, stop
from tests.rig.receiver import Receiver, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from facematch.recognizer.delivery.outbox import Outbox

# When the disk takes nothing.


def refuse_writes(outbox: Outbox, *, refuse: bool = True) -> None:
    """SQLite itself then refuses every change, as it does on a full or a read-only disk."""
    outbox._store._db.execute(f"PRAGMA query_only = {int(refuse)}")


@pytest.fixture
def _disk_is_tried_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "STORE_RETRY_SECONDS", 0.01)


@pytest.mark.usefixtures("_disk_is_tried_often")
async def test_without_a_disk_events_arrive_from_memory_without_a_snapshot(
    receiver: Receiver, outbox_path: Path
) -> None:
    called: list[str] = []
    async with outbox_on(outbox_path, receiver.url) as outbox:
        refuse_writes(outbox)
        with capture_logs() as lines:
            assert not await outbox.put(match("a"), check("b"), committed=lambda: called.append("committed"))
            await empty(outbox)
        durable = [outbox.durable]
        refuse_writes(outbox, refuse=False)
        assert await outbox.put(match("c"), committed=lambda: called.append("committed"))
        durable.append(outbox.durable)
        assert durable == [False, True]
        await empty(outbox)
    snapshots = {body["participant_name"]: body.get("snapshot") for _, body in receiver.sent}
    assert list(snapshots.items()) == [("a", None), ("b", None), ("c", "match_x.jpg")]
    assert called == ["committed"]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "Outbox cannot be written; events are kept in memory"
    ]


@pytest.mark.usefixtures("_disk_is_tried_often")
async def test_without_a_disk_nor_a_server_events_are_kept_in_order_and_bounded(
    receiver: Receiver, outbox_path: Path
) -> None:
    receiver.always = 503
    async with outbox_on(outbox_path, receiver.url, size=3) as outbox:
        refuse_writes(outbox)
        for event in (match("m1"), check("c1"), match("m2"), check("c2"), match("m3")):
            assert not await outbox.put(event)
        assert (outbox.status.queued, outbox.status.dropped) == (3, 2)
        refuse_writes(outbox, refuse=False)
        await eventually(lambda: outbox.durable)
        receiver.sent.clear()
        receiver.always = 200
        await empty(outbox)
    delivered = list(dict.fromkeys(receiver.names))
    assert delivered == ["m1", "m2", "m3"]


@asynccontextmanager
async def on_a_disk_that_fails_meanwhile(receiver: Receiver, path: Path) -> AsyncIterator[Outbox]:
    """Two events are on the disk, which takes nothing from the moment on in which the first of them is put off."""
    refused = asyncio.Event()

    def delay(attempt: int) -> float:
        refused.set()
        return 0.001

    async with outbox_on(path, receiver.url, delay=delay) as outbox:
        await outbox.put(check("a"), check("b"))
        await refused.wait()
        refuse_writes(outbox)
        yield outbox


async def test_what_cannot_be_forgotten_on_the_disk_is_not_sent_again_and_again(
    receiver: Receiver, outbox_path: Path
) -> None:
    receiver.answers.append(503)
    async with on_a_disk_that_fails_meanwhile(receiver, outbox_path) as outbox:
        await receiver.until_sent(3)
        await eventually(lambda: outbox.status.posted == 2 and outbox.status.queued == 0)
        refuse_writes(outbox, refuse=False)
        await outbox.put(check("c"))
        await empty(outbox)
        assert outbox._store.count() == 0
    assert receiver.names == ["a", "a", "b", "c"]


async def test_a_refusal_that_cannot_be_noted_on_the_disk_blocks_nothing(receiver: Receiver, outbox_path: Path) -> None:
    receiver.answers.extend([503, 422])
    async with on_a_disk_that_fails_meanwhile(receiver, outbox_path) as outbox:
        await eventually(lambda: outbox.status.queued == 0)
        assert (outbox.status.posted, outbox.status.rejected) == (1, 1)
    assert receiver.names == ["a", "a", "b"]


@pytest.mark.usefixtures("_disk_is_tried_often")
async def test_what_cannot_be_read_holds_up_nothing_of_what_is_in_memory(
    receiver: Receiver, outbox_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    receiver.always = 503
    tried = asyncio.Event()

    def delay(attempt: int) -> float:
        tried.set()
        return 0.001

    async with outbox_on(outbox_path, receiver.url, delay=delay) as outbox:
        await outbox.put(check("on the disk"))
        await tried.wait()
        with monkeypatch.context() as patched:
            patched.setattr(outbox._store, "head", gone)
            patched.setattr(outbox._store, "add", gone)
            assert not await outbox.put(check("in memory"))
            receiver.always = 200
            receiver.sent.clear()
            await receiver.until(lambda: "in memory" in receiver.names)
        await empty(outbox)
    assert list(dict.fromkeys(receiver.names)) == ["in memory", "on the disk"]


# When what is on the disk is damaged.


def damage(outbox: Outbox, name: str) -> None:
    """What the disk holds of an event is no longer what was written."""
    outbox._store._db.execute("UPDATE outbox SET body = substr(body, 2) WHERE body LIKE ?", (f"%{name}%",))


async def test_damage_is_the_end_and_the_next_start_delivers_the_others(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        outbox._store.add([to_wire(check(name)) for name in ("before", "lost", "behind")])
        damage(outbox, "lost")
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        with capture_logs() as lines, pytest.RaisesGroup(OutboxDamagedError):
            await asyncio.wait_for(outbox.run(), 10)
    assert [line["event"] for line in lines] == [
        "Outbox damaged: the recognizer ends, and its next start replaces the file"
    ]
    open_outbox(outbox_path).close()
    async with outbox_on(outbox_path, receiver.url) as outbox:
        await empty(outbox)
    assert receiver.names == ["before", "behind"]


async def test_damage_that_the_next_event_meets_is_the_end_too(
    receiver: Receiver, outbox_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def malformed(*_: object) -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        monkeypatch.setattr(outbox._store, "add", malformed)
        putting = asyncio.create_task(outbox.put(check("a")))
        with pytest.RaisesGroup(OutboxDamagedError):
            await asyncio.wait_for(outbox.run(), 10)
        putting.cancel()


async def test_an_erasure_that_meets_damage_is_not_tried_again_and_again(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        outbox._store.add([to_wire(check("lost"))])
        damage(outbox, "lost")
        with pytest.raises(OutboxDamagedError):
            await outbox.erase(of("alice"))


async def test_a_flush_leaves_damage_to_the_next_start(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        outbox._store.add([to_wire(check("lost"))])
        damage(outbox, "lost")
        await asyncio.wait_for(outbox.flush(3600), 10)
        assert outbox.status.queued == 1


# Erasing a participant.


async def test_a_participants_waiting_events_are_erased_and_nobody_elses(receiver: Receiver, outbox_path: Path) -> None:
    receiver.always = 503
    async with outbox_on(outbox_path, receiver.url, delay=never) as outbox:
        await outbox.put(check("a"), match("b", "bob"), check("c"))
        assert (await outbox.erase(of("alice"))).events == 2
        assert outbox.status.queued == 1
    receiver.always = 200
    receiver.sent.clear()
    async with outbox_on(outbox_path, receiver.url) as outbox:
        await empty(outbox)
    assert receiver.names == ["b"]


@pytest.mark.usefixtures("_disk_is_tried_often")
async def test_what_waits_in_memory_is_erased_too(receiver: Receiver, outbox_path: Path) -> None:
    receiver.always = 503
    async with outbox_on(outbox_path, receiver.url, delay=never) as outbox:
        refuse_writes(outbox)
        assert not await outbox.put(check("a"), check("b", "bob"))
        refuse_writes(outbox, refuse=False)
        assert (await outbox.erase(of("alice"))).events == 1


async def test_what_is_on_its_way_to_the_disk_is_erased_too(receiver: Receiver, outbox_path: Path) -> None:
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        putting = asyncio.create_task(outbox.put(check("a"), check("b", "bob")))
        await asyncio.sleep(0)
        await outbox.erase(of("alice"))
        running = asyncio.create_task(outbox.run())
        assert await putting
        await empty(outbox)
        await stop(running)
    assert receiver.names == ["b"]


async def test_a_picture_whose_event_was_erased_before_it_was_stored_is_not_published(
    receiver: Receiver, outbox_path: Path
) -> None:
    published: list[str] = []
    async with outbox_on(outbox_path, receiver.url, runs=False) as outbox:
        puts = [
            asyncio.create_task(outbox.put(match("a"), match("b"), committed=lambda: published.append("alice"))),
            asyncio.create_task(outbox.put(match("c", "bob"), committed=lambda: published.append("bob"))),
        ]
        await asyncio.sleep(0)
        assert (await outbox.erase(of("alice"))).events == 2
        running = asyncio.create_task(outbox.run())
        assert await asyncio.gather(*puts) == [False, True]
        await empty(outbox)
        await stop(running)
    assert published == ["bob"]


async def test_what_the_disk_refuses_while_it_is_being_erased_is_erased_too(
    receiver: Receiver, outbox_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events come back from the disk to memory when the erasure has begun already."""
    storing, refuse = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def full(bodies: object) -> None:
        loop.call_soon_threadsafe(storing.set)
        refuse.wait()
        raise sqlite3.OperationalError("database or disk is full")

    async with outbox_on(outbox_path, receiver.url) as outbox:
        with monkeypatch.context() as patched:
            patched.setattr(outbox._store, "add", full)
            putting = asyncio.create_task(outbox.put(check("a"), check("b", "bob"), check("c")))
            await storing.wait()
            erasing = asyncio.create_task(outbox.erase(of("alice")))
            await asyncio.sleep(0)  # it has begun
            refuse.set()
            assert (await erasing).events == 2
        assert not await putting
        await empty(outbox)
    assert receiver.names == ["b"]


async def test_nothing_of_an_erased_participant_leaves_after_the_erasure(receiver: Receiver, outbox_path: Path) -> None:
    """Events that were already read for delivery, behind one that is on its way, are not sent any more."""
    receiver.open.clear()
    async with outbox_on(outbox_path, receiver.url) as outbox:
        await outbox.put(check("a", "bob"), check("b"), check("c", "bob"), check("d"))
        await receiver.until_sent(1)
        assert (await outbox.erase(of("alice"))).events == 2
        receiver.open.set()
        await empty(outbox)
    assert receiver.names == ["a", "c"]
