"""The reference: none yet, a new one, an older file, a bad file; the recognizer is never restarted for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.rig.listener import is_check, is_match
from tests.rig.photographs import DATA, REFERENCE, SAME_PERSON, STRANGER, Scene
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

FIRST = 30
RELOAD = 20
"""Seconds within which a new reference is in use: a poll a second, and a cycle that has to come round."""


async def test_starting_without_a_reference_waits_cheaply_and_starts_by_itself(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start(reference=None)
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice", Scene(SAME_PERSON))
        await stack.track_in("Alice", "idle", within=FIRST)
        await events.next(is_check("Alice", "no_reference"), within=FIRST)
        heartbeat = await stack.heartbeat()
        assert heartbeat is not None
        assert heartbeat["reference_id"] is None
        assert heartbeat["counters"]["batches"] == 0

        reference = await stack.enroll(REFERENCE)
        match = await events.next(is_match("Alice"), within=RELOAD)
        assert match["reference_id"] == reference


async def test_a_new_reference_is_used_from_the_next_batch_on(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=1, wait_seconds=1)
    await stack.start(reference=REFERENCE)
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice", Scene(SAME_PERSON))
        await publishers.on_air(stack.room, "Bird", Scene(STRANGER))
        first, _ = await events.each(is_check("Alice", "match"), is_check("Bird", "no_match"), within=FIRST)

        reference = await stack.enroll(STRANGER)
        _, match = await events.each(is_check("Alice", "no_match"), is_match("Bird"), within=RELOAD)
        assert match["reference_id"] == reference != first["reference_id"]
        for received in events.received:  # a set of events never mixes two references
            expected = {"Alice": first["reference_id"], "Bird": reference}[received["participant_identity"]]
            assert (received["reference_id"] == expected) == (received.event.get("match_found") is not False)


async def test_a_file_older_than_the_last_counts_too(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=1, wait_seconds=1)
    await stack.start(reference=STRANGER)
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        await events.next(is_check("Alice", "no_match"), within=FIRST)
        _put(stack, (DATA / REFERENCE).read_bytes(), modified=86_400)
        await events.next(is_match("Alice"), within=RELOAD)


async def test_a_bad_file_is_reported_once_and_the_old_one_stays(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=1)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        first = await events.next(is_match("Alice"), within=FIRST)
        _put(stack, b"not a picture at all")

        async def told() -> bool:
            return bool((await stack.heartbeat() or {}).get("reference_error"))

        await wait_until(told, within=RELOAD, what="the heartbeat says why the file is not in use")
        for _ in range(3):
            match = await events.next(is_match("Alice"), within=RELOAD)
            assert match["reference_id"] == first["reference_id"]
        complaints = [
            line for line in stack.recognizer.output().splitlines() if " ERROR " in line or " WARNING " in line
        ]
        assert len(complaints) == 1, complaints


async def test_a_reference_that_is_removed_stops_the_probing(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=1)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        await events.next(is_match("Alice"), within=FIRST)
        stack.reference.unlink()
        await stack.track_in("Alice", "idle", within=RELOAD)
        stack.put_reference(REFERENCE)
        await events.next(is_match("Alice"), within=RELOAD)
    assert stack.recognizer.alive


def _put(stack: Stack, data: bytes, *, modified: float | None = None) -> None:
    part = stack.reference.with_suffix(".part")
    part.write_bytes(data)
    if modified is not None:
        os.utime(part, (modified, modified))
    part.replace(stack.reference)
