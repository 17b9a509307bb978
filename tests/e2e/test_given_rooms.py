"""A recognizer that is given rooms, with the real LiveKit: it comes, goes, and gives way as it is told."""

from __future__ import annotations

import secrets
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from facematch.protocol.beat import stay_identity
from tests.rig.photographs import REFERENCE, SAME_PERSON, STRANGER, Scene
from tests.rig.room_giver import RoomGiver
from tests.rig.room_watchers import RoomWatchers
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

FIRST = 30
"""Seconds within which the first event of a new track comes."""


class Given:
    """A giver, who watches, and recognizers of it."""

    def __init__(self, giver: RoomGiver, watchers: RoomWatchers, make_stack: MakeStack) -> None:
        self.giver = giver
        self.watchers = watchers
        self._make = make_stack
        self.names: tuple[str, ...] = ()

    async def recognizer(self) -> tuple[str, Stack]:
        """One more, by the name by which it beats."""
        stack = self._make(api_base_url=self.giver.url, rooms="exam-*")
        stack.put_reference(REFERENCE)
        stack.recognizer.start()
        name = await self.giver.worker(but=self.names)
        self.names += (name,)
        return name, stack

    async def watched_by(self, room: str, *epochs: int, within: float = 15) -> None:
        """Returns when exactly these epochs are in the room, says LiveKit."""
        expected = sorted(stay_identity(self.giver.deployment, room, epoch) for epoch in epochs)

        async def so() -> bool:
            return await self.watchers.of(room) == expected

        await wait_until(so, within=within, what=f"{room} is watched under {epochs}")


@asynccontextmanager
async def given(livekit: LiveKitServer, make_stack: MakeStack) -> AsyncIterator[Given]:
    async with RoomGiver() as giver, RoomWatchers(livekit.url) as watchers:
        yield Given(giver, watchers, make_stack)


def a_room() -> str:
    return f"exam-{secrets.token_hex(4)}"


async def test_rooms_come_and_go_in_one_process_each_with_its_own_events(
    livekit: LiveKitServer, make_stack: MakeStack
) -> None:
    async with given(livekit, make_stack) as parts:
        giver, (worker, stack) = parts.giver, await parts.recognizer()
        rooms = [a_room(), a_room()]
        beat = giver.newest(worker)
        assert beat is not None
        assert beat.first
        assert beat.capacity > 0
        assert not beat.rooms
        async with stack.publishers() as publishers:
            for epoch, room in enumerate(rooms, 3):
                await publishers.on_air(room, "Alice", Scene(SAME_PERSON))
                giver.give(worker, room, epoch)
            await publishers.on_air(rooms[1], "Bob", Scene(STRANGER))
            await giver.until(lambda: giver.held(worker) == {rooms[0]: 3, rooms[1]: 4}, "both rooms are held")

            def matched() -> set[tuple[str, int, str]]:
                return {(one["room"], one["epoch"], one["participant_name"]) for one in giver.events("match")}

            expected = {(rooms[0], 3, "Alice"), (rooms[1], 4, "Alice")}
            await giver.until(lambda: matched() == expected, "each room has its Match", within=FIRST)
            assert len({one["source"] for one in giver.events("match")}) == 1
            told = {rooms[0]: {"Alice"}, rooms[1]: {"Alice", "Bob"}}
            await giver.until(lambda: accounts(giver) == told, "each room has its account")
            snapshots = {one["snapshot"] for one in giver.events("match")}
            assert all(f"_s{beat.boot[:8]}" in name for name in snapshots)
            await giver.until(
                lambda: (cost := costs(giver, worker))[rooms[1]] == 2 * cost[rooms[0]] > 0, "two cameras cost twice one"
            )

            giver.take(worker, rooms[0])
            await parts.watched_by(rooms[0])
            await parts.watched_by(rooms[1], 4)
            giver.give(worker, rooms[1], 9)
            await parts.watched_by(rooms[1], 9)
            await giver.until(
                lambda: any(one["epoch"] == 9 for one in giver.events("check")), "it goes on", within=FIRST
            )
        code, seconds = await stack.recognizer.terminate(within=10)
        assert code == 0
        assert seconds < 6


async def test_whoever_arrives_removes_who_was_there_before_and_that_one_stays_away(
    livekit: LiveKitServer, make_stack: MakeStack
) -> None:
    async with given(livekit, make_stack) as parts:
        room, giver = a_room(), parts.giver
        first, _ = await parts.recognizer()
        await parts.watchers.open(room)
        giver.give(first, room, 1)
        await parts.watched_by(room, 1)
        second, _ = await parts.recognizer()
        giver.give(second, room, 2)

        await parts.watched_by(room, 2)
        await giver.until(lambda: ended(giver, first) == {room: "PARTICIPANT_REMOVED"}, "the first says that it is out")
        assert giver.held(second) == {room: 2}
        giver.take(first, room)
        await giver.until(lambda: not ended(giver, first), "the first has let go")
        await parts.watched_by(room, 2)


async def test_a_stopped_process_leaves_when_it_wakes_up_and_disturbs_nobody(
    livekit: LiveKitServer, make_stack: MakeStack
) -> None:
    async with given(livekit, make_stack) as parts:
        room, giver = a_room(), parts.giver
        first, frozen = await parts.recognizer()
        second, _ = await parts.recognizer()
        await parts.watchers.open(room)
        giver.give(first, room, 1)
        await parts.watched_by(room, 1)
        frozen.recognizer.send(signal.SIGSTOP)
        giver.take(first, room)
        giver.give(second, room, 2)
        await parts.watched_by(room, 2)
        beats = sum(beat.worker == first for beat in giver.beats)
        frozen.recognizer.send(signal.SIGCONT)

        await giver.until(lambda: sum(beat.worker == first for beat in giver.beats) >= beats + 3, "it beats again")
        assert giver.held(first) == {}
        assert giver.held(second) == {room: 2}
        await parts.watched_by(room, 2)
        assert "Room left" in frozen.recognizer.output()


async def test_while_the_api_is_away_every_stay_is_kept(livekit: LiveKitServer, make_stack: MakeStack) -> None:
    async with given(livekit, make_stack) as parts:
        room, giver = a_room(), parts.giver
        worker, stack = await parts.recognizer()
        await parts.watchers.open(room)
        giver.give(worker, room, 1)
        await parts.watched_by(room, 1)
        giver.away = True
        await stack.recognizer.says("every room is kept", within=15)
        await parts.watched_by(room, 1)
        giver.away = False
        giver._there.set()
        await stack.recognizer.says("Beats are answered again", within=15)
        await parts.watched_by(room, 1)
        assert stack.recognizer.output().count("Room taken on") == 1


async def test_a_room_that_is_no_more_is_told_and_not_entered_again(
    livekit: LiveKitServer, make_stack: MakeStack
) -> None:
    async with given(livekit, make_stack) as parts:
        room, giver = a_room(), parts.giver
        worker, _ = await parts.recognizer()
        await parts.watchers.open(room)
        giver.give(worker, room, 1)
        await parts.watched_by(room, 1)
        await parts.watchers.delete(room)

        await giver.until(lambda: ended(giver, worker) == {room: "ROOM_DELETED"}, "it says so")
        assert await parts.watchers.of(room) == []
        giver.give(worker, room, 2)
        await parts.watched_by(room, 2)


async def test_sigterm_waits_for_the_next_owner_and_leaves_no_gap(
    livekit: LiveKitServer, make_stack: MakeStack
) -> None:
    async with given(livekit, make_stack) as parts:
        room, giver = a_room(), parts.giver
        first, leaving = await parts.recognizer()
        second, _ = await parts.recognizer()
        await parts.watchers.open(room)
        giver.give(first, room, 1)
        await parts.watched_by(room, 1)
        leaving.recognizer.send(signal.SIGTERM)
        await giver.until(lambda: (beat := giver.newest(first)) is not None and beat.draining, "it drains")
        await parts.watched_by(room, 1)
        giver.give(second, room, 2)
        await giver.until(lambda: giver.held(second) == {room: 2}, "the next owner is there")
        giver.give(first, room, 1, arrived_elsewhere=True)

        assert await leaving.recognizer.ended(within=6) == 0
        await parts.watched_by(room, 2)
        assert "Giving the rooms back" in leaving.recognizer.output()


def accounts(giver: RoomGiver) -> dict[str, set[str]]:
    """Who is in each room, by the last heartbeat about it."""
    newest = {body["room"]: body for path, body in giver.posts if path == "/api/heartbeat"}
    return {room: {track["participant_name"] for track in body["tracks"]} for room, body in newest.items()}


def costs(giver: RoomGiver, worker: str) -> dict[str, float]:
    beat = giver.newest(worker)
    return {held.room: held.cost for held in beat.rooms} if beat else {}


def ended(giver: RoomGiver, worker: str) -> dict[str, str]:
    beat = giver.newest(worker)
    return {held.room: held.ended for held in beat.rooms if held.ended} if beat else {}
