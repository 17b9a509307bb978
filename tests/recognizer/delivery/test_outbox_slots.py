"""Outboxes that processes of one machine share a folder for, and what is done with those that nobody holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from facematch.protocol.events import to_wire
from facematch.protocol.snapshot_names import draft_name
from facematch.recognizer.delivery import outbox_slots
from facematch.recognizer.delivery.outbox_slots import Adoption, OutboxSlots
from facematch.recognizer.delivery.outbox_store import OutboxStore, StoreInUseError, open_outbox
from facematch.recognizer.delivery.snapshots import Snapshots
from tests.rig.outboxes import check, match, outbox_on
from tests.rig.receiver import Receiver

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:8000"


def slots_in(folder: Path, url: str = URL) -> OutboxSlots:
    return OutboxSlots(folder, url, folder / "outbox-of-one-room.db")


def test_each_process_takes_one_of_its_own_and_the_first_that_is_free_again(tmp_path: Path) -> None:
    first, second, third = slots_in(tmp_path), slots_in(tmp_path), slots_in(tmp_path)
    stores = [first.take(), second.take()]
    assert [first.number, second.number] == [1, 2]
    stores[0].close()
    stores.append(third.take())
    assert third.number == 1
    for store in stores[1:]:
        store.close()


def test_another_web_process_s_are_left_alone(tmp_path: Path) -> None:
    slots_in(tmp_path, "http://other:8000").take().close()
    ours = slots_in(tmp_path)
    ours.take().close()
    assert ours.ownerless() == []


def test_too_many_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_slots, "MOST_SLOTS", 1)
    store = slots_in(tmp_path).take()
    with pytest.raises(StoreInUseError, match="DATA_DIR"):
        slots_in(tmp_path).take()
    store.close()


def left_behind(path: Path, *names: str) -> None:
    """By a process that has ended."""
    store = open_outbox(path)
    store.add([to_wire(check(name)) | {"source": "gone", "seq": n} for n, name in enumerate(names, 1)])
    store.close()


async def emptied_into(slots: OutboxSlots, store: OutboxStore, receiver: Receiver, captures: Path, count: int) -> None:
    store.close()
    snapshots = Snapshots(captures)
    async with outbox_on(slots.path, receiver.url) as outbox:
        adopting = asyncio.create_task(Adoption(slots, outbox, snapshots).run())
        await receiver.until_sent(count)
        adopting.cancel()
        await asyncio.wait([adopting])
    snapshots.close()


async def test_what_nobody_holds_is_delivered_as_it_was_and_once(tmp_path: Path) -> None:
    slots = slots_in(tmp_path)
    ours = slots.take()
    left_behind(slots._paths[3], *(f"{n}" for n in range(100)))
    left_behind(slots._former, "one room")
    async with Receiver() as receiver:
        await emptied_into(slots, ours, receiver, tmp_path / "captures", 101)
        assert sorted(receiver.names) == sorted([*(f"{n}" for n in range(100)), "one room"])
        assert [name for name in receiver.names if name != "one room"] == [f"{n}" for n in range(100)]
        assert {body["source"] for _, body in receiver.sent} == {"gone"}
    for path in (slots._paths[3], slots._former):
        store = open_outbox(path)
        assert store.count() == 0
        store.close()


async def test_what_another_process_holds_is_left_to_it(tmp_path: Path) -> None:
    slots, others = slots_in(tmp_path), slots_in(tmp_path)
    ours, theirs = slots.take(), others.take()
    theirs.add([to_wire(check("theirs"))])
    left_behind(slots._former, "nobody's")
    async with Receiver() as receiver:
        await emptied_into(slots, ours, receiver, tmp_path / "captures", 1)
        assert receiver.names == ["nobody's"]
    assert theirs.count() == 1
    theirs.close()


async def test_a_draft_that_a_left_behind_event_speaks_of_gets_its_name(tmp_path: Path) -> None:
    slots, captures = slots_in(tmp_path), tmp_path / "captures"
    ours = slots.take()
    captures.mkdir()
    name = "match_alice_20250925_140708_s0123abcd.jpg"
    (captures / draft_name(name)).write_bytes(b"a picture")
    store = open_outbox(slots._paths[1])
    store.add([to_wire(match("alice")) | {"snapshot": name, "source": "gone"}])
    store.close()
    async with Receiver() as receiver:
        await emptied_into(slots, ours, receiver, captures, 1)
    assert (captures / name).read_bytes() == b"a picture"
