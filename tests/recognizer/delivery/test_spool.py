"""Snapshots that are sent to the web process: before their events, once, and never of somebody who was erased."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from facematch.recognizer.delivery import spool as module
from facematch.recognizer.delivery.outbox_slots import Adoption, OutboxSlots, spool_of
from facematch.recognizer.delivery.outbox_store import open_outbox
from facematch.recognizer.delivery.snapshots import Snapshots
from facematch.recognizer.delivery.spool import PATIENCE_SECONDS, Spool
from tests.rig.looked_at import BOX, WHEN, frame
from tests.rig.outboxes import check, empty, match, never, of, outbox_on
from tests.rig.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from facematch.recognizer.delivery.outbox import Outbox

A, B = "match_alice_20250925_140708.jpg", "match_bob_20250925_140708.jpg"
LATE = "match_late_20250925_140708.jpg"
JPEG = b"\xff\xd8\xffpicture"


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def spooled(path: Path, *names: str) -> Path:
    folder = spool_of(path)
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(JPEG + name.encode())
    return folder


@asynccontextmanager
async def outbox_with(path: Path, receiver: Receiver, *names: str, runs: bool = True) -> AsyncIterator[Outbox]:
    async with outbox_on(path, receiver.url, spool=spooled(path, *names), runs=runs) as outbox:
        yield outbox


def late(snapshot: str, **more: str) -> tuple[str, str, float]:
    """As the store has the event of one that follows it."""
    return "match", json.dumps({"type": "match", "snapshot": snapshot, **more}), 1.0


def spool(outbox: Outbox) -> Spool:
    assert outbox._spool is not None
    return outbox._spool


async def test_a_snapshot_comes_before_its_event_and_then_goes(path: Path, receiver: Receiver) -> None:
    async with outbox_with(path, receiver, A) as outbox:
        await outbox.put(match("a", snapshot=A), match("b", "bob", snapshot=A), check("c"))
        await empty(outbox)
        assert receiver.story == [A, f"event of {A}", f"event of {A}", "event of None"], "sent once for both"
        assert receiver.kept == {A: JPEG + A.encode()}
        await spool(outbox).sweep()
        assert list(spool_of(path).iterdir()) == []


async def test_many_at_once_each_come_with_theirs(path: Path, receiver: Receiver) -> None:
    names = [f"match_a_20250925_140708_{n}.jpg" for n in range(20)]
    async with outbox_with(path, receiver, *names) as outbox:
        await outbox.put(*(match(f"{n}", snapshot=name) for n, name in enumerate(names)))
        await empty(outbox)
    assert set(receiver.kept) == set(names)
    assert [body["snapshot"] for _, body in receiver.sent] == names


async def test_an_event_without_its_file_says_that_there_is_none(path: Path, receiver: Receiver) -> None:
    async with outbox_with(path, receiver) as outbox:
        await outbox.put(match("a", snapshot=A))
        await empty(outbox)
    assert [(body["snapshot"], body["filename"]) for _, body in receiver.sent] == [(None, None)]


async def test_one_that_is_refused_for_good_stops_nothing(path: Path, receiver: Receiver) -> None:
    receiver.keeps = 422
    async with outbox_with(path, receiver, A) as outbox:
        await outbox.put(match("a", snapshot=A), check("b"))
        await empty(outbox)
    assert receiver.story == [A, "event of None", "event of None"]


@pytest.mark.parametrize("status", [503, 404])
async def test_events_wait_for_a_store_that_is_away_and_then_go_without(
    path: Path, receiver: Receiver, status: int
) -> None:
    receiver.keeps = status
    async with outbox_with(path, receiver, A, B, runs=False) as outbox:
        now = 1000.0
        spool(outbox)._now = lambda: now
        outbox.tell(match("a", snapshot=A), match("b", "bob", snapshot=B))
        assert await outbox._commit()
        assert not await outbox._deliver_some()
        now += PATIENCE_SECONDS - 1
        assert not await outbox._deliver_some()
        assert receiver.sent == []
        now += 1
        assert await outbox._deliver_some()
        assert [body["snapshot"] for _, body in receiver.sent] == [A, B], "they follow"
        assert outbox.status.queued == 0
        assert outbox.age_seconds > 0, "something is still on its way"
        await spool(outbox).send_late()
        await spool(outbox).sweep()
        assert {file.name for file in spool_of(path).iterdir()} == {A, B}

    receiver.keeps = 200  # the same after a restart
    async with outbox_with(path, receiver, runs=False) as outbox:
        await spool(outbox).send_late()
        assert receiver.story[-2:] == [f"{A} late", f"{B} late"]
        assert set(receiver.kept) == {A, B}
        await spool(outbox).sweep()
        assert list(spool_of(path).iterdir()) == []
        await outbox._recount()
        assert outbox.age_seconds == 0


async def test_a_late_one_that_nobody_speaks_of_any_more_goes(path: Path, receiver: Receiver) -> None:
    async with outbox_with(path, receiver, A, runs=False) as outbox:
        outbox._store.add_late([late(A)])
        receiver.keeps = 410
        await spool(outbox).send_late()
        await spool(outbox).sweep()
        assert outbox._store.oldest_late() is None
    assert list(spool_of(path).iterdir()) == []


async def test_while_the_api_is_away_nothing_is_given_up(path: Path, receiver: Receiver) -> None:
    async with outbox_on(path, "http://127.0.0.1:1", spool=spooled(path, A), runs=False) as outbox:
        now = 1000.0
        spool(outbox)._now = lambda: now
        outbox.tell(match("a", snapshot=A))
        await outbox._commit()
        for _ in range(3):
            assert not await outbox._deliver_some()
            now += PATIENCE_SECONDS
    async with outbox_with(path, receiver) as outbox:
        await empty(outbox)
    assert receiver.story == [A, f"event of {A}"]


async def test_a_crash_between_the_two_sends_it_again(path: Path, receiver: Receiver) -> None:
    receiver.always = 503
    async with outbox_on(path, receiver.url, spool=spooled(path, A), delay=never) as outbox:
        await outbox.put(match("a", snapshot=A))
        await receiver.until_sent(1)
    receiver.always = 200
    async with outbox_with(path, receiver) as outbox:
        await empty(outbox)
    assert receiver.story == [A, f"event of {A}", A, f"event of {A}"]


async def test_what_is_erased_is_not_sent_and_its_snapshots_are_told(path: Path, receiver: Receiver) -> None:
    """Also where it shows others, whose events go without it, and where its event has gone already."""
    async with outbox_with(path, receiver, A, B, LATE, runs=False) as outbox:
        outbox._store.add_late([late(LATE, participant_identity="alice")])
        outbox.tell(match("a", snapshot=A), match("b", "bob", snapshot=A), match("c", "carol", snapshot=B))
        await outbox._commit()
        erased = await outbox.erase(of("alice"))
        assert (erased.events, set(erased.snapshots)) == (1, {A, LATE})
        assert [file.name for file in spool_of(path).iterdir()] == [B]
        await outbox._deliver_some()
        await spool(outbox).send_late()
    assert receiver.story == [B, "event of None", f"event of {B}"]


async def test_what_is_erased_while_it_waits_for_the_disk_is_not_published(path: Path, receiver: Receiver) -> None:
    async with outbox_with(path, receiver, runs=False) as outbox:
        published: list[str] = []
        waiting = outbox._take([match("a", snapshot=A), match("b", "bob", snapshot=A)], lambda: published.append(A))
        assert (await outbox.erase(of("alice"))).events == 1
        assert await waiting is False, "who took the picture discards it"
        await outbox._commit()
        await outbox._deliver_some()
    assert published == []
    assert receiver.story == ["event of None"]


async def test_events_that_were_dropped_leave_no_snapshot(path: Path, receiver: Receiver) -> None:
    async with outbox_with(path, receiver, A, B, runs=False) as outbox:
        outbox.tell(match("b", "bob", snapshot=B))
        await outbox._commit()
        await spool(outbox).sweep()
        assert [file.name for file in spool_of(path).iterdir()] == [B]


async def test_a_full_spool_drops_the_oldest(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, spool_bytes=1)
    for identity in ("first", "second"):
        draft = await snapshots.draft(frame(), [BOX], [(identity, "0.63")], identity, WHEN)
        assert draft is not None
        assert not draft.stays
        draft.publish()
    snapshots.close()
    assert [file.name for file in tmp_path.iterdir()] == ["match_second_20250925_140708.jpg"]


async def test_what_a_crash_interrupted_is_finished(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, spool_bytes=1e9)
    for identity in ("told", "untold"):
        assert await snapshots.draft(frame(), [BOX], [(identity, "0.63")], identity, WHEN)
    snapshots.recover({"match_told_20250925_140708.jpg"})
    snapshots.close()
    assert [file.name for file in tmp_path.iterdir()] == ["match_told_20250925_140708.jpg"]


async def test_the_outbox_of_a_process_that_has_ended_comes_with_its_snapshots(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)  # ours are looked through meanwhile
    slots = OutboxSlots(tmp_path, receiver.url, tmp_path / "former.db")
    slots.take().close()
    dead = open_outbox(slots._paths[5])
    dead.add([{**match_body("a", A)}, {**match_body("b", B)}])
    dead.add_late([late(LATE)])
    dead.close()
    spooled(slots._paths[5], A, B, LATE, "match_untold_20250925_140708.jpg")
    snapshots = Snapshots(spool_of(slots.path), spool_bytes=1e9)
    async with outbox_on(slots.path, receiver.url, spool=spool_of(slots.path)) as outbox:
        await Adoption(slots, outbox, snapshots)._look()
        await receiver.until(lambda: set(receiver.kept) == {A, B, LATE} and len(receiver.sent) == 2)
        assert [body["snapshot"] for _, body in receiver.sent] == [A, B]
        assert list(spool_of(slots._paths[5]).iterdir()) == []
    snapshots.close()


def match_body(name: str, snapshot: str) -> dict[str, object]:
    return match(name, snapshot=snapshot).model_dump(mode="json", exclude_none=True) | {"source": "gone"}
