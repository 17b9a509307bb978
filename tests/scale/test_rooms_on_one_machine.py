"""ROOMS on one machine with SQLite: rooms come and go, each is watched soon, and says which it is."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from tests.rig.listener import is_match
from tests.rig.photographs import REFERENCE, SAME_PERSON, Scene
from tests.rig.room_watchers import RoomWatchers
from tests.rig.stacks import livekit, make_stack
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rig.listener import Json
    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.proofs import Scale
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

__all__ = ["livekit", "make_stack"]

FIRST = 30
"""Seconds within which the first event of a new track comes."""
LATE_SECONDS = 15
"""A room that is not watched by then never will be; how soon it is, `figure` keeps."""


async def started(make_stack: MakeStack, **settings: object) -> Stack:
    """Both processes, and the recognizer beats."""
    stack = make_stack(None, rooms="exam-*", rooms_except="exam-test-*", **settings)
    stack.put_reference(REFERENCE)
    stack.recognizer.start()
    await stack.start_api()

    async def beats() -> bool:
        return bool((await stack.asked("/api/recognizers"))["recognizers"])

    await wait_until(beats, within=90, what="a recognizer beats")
    return stack


def match_in(room: str) -> Callable[[Json], bool]:
    return lambda event: is_match("Alice")(event) and event["room"] == room


async def rooms_of(stack: Stack) -> dict[str, bool]:
    """Which rooms the API knows, and whether each is watched."""
    return {one["room"]: one["watched"] for one in (await stack.asked("/api/rooms"))["rooms"]}


async def test_rooms_that_fit_are_watched_and_say_which_they_are(
    livekit: LiveKitServer, make_stack: MakeStack, scale: Scale, figure: dict[str, object]
) -> None:
    stack = await started(make_stack, snapshot_store="api")
    end = secrets.token_hex(4)
    rooms = [f"exam-{number}-{end}" for number in range(scale(2, 12))]
    left_alone = [f"exam-test-{end}", f"lesson-{end}"]
    took = []
    async with RoomWatchers(livekit.url) as watchers, stack.listen() as events, stack.publishers() as publishers:
        for room in left_alone:
            await publishers.on_air(room, "Carol", Scene(SAME_PERSON))
        for room in rooms:
            began = time.monotonic()
            await publishers.on_air(room, "Alice", Scene(SAME_PERSON))

            async def watched(room: str = room) -> bool:
                return len(await watchers.of(room)) == 1

            await wait_until(watched, within=LATE_SECONDS, what=f"{room} is watched")
            took.append(time.monotonic() - began)
        for room in rooms:
            match = await events.next(match_in(room), within=FIRST)
            assert match["epoch"] == 1
            assert match["filename"] is None, "the recognizer has sent it"
            assert (await stack.shown(match["snapshot"])).startswith(b"\xff\xd8\xff")
        assert [await watchers.of(room) for room in left_alone] == [[], []]

        async def told() -> bool:
            known = await rooms_of(stack)
            return {room: known.get(room) for room in rooms} == dict.fromkeys(rooms, True)

        await wait_until(told, within=LATE_SECONDS, what="the API says that they are watched")
        assert not set(left_alone) & set(await rooms_of(stack))
        assert not events.of(is_match("Carol"))
        figure["watched after, s"] = sorted(round(seconds, 2) for seconds in took)

        await watchers.delete(rooms[0])

        async def gone() -> bool:
            return rooms[0] not in await rooms_of(stack)

        await wait_until(gone, within=LATE_SECONDS, what="a room that is no more is not shown")
    code, seconds = await stack.recognizer.terminate(within=10)
    assert code == 0
    assert "Rooms are left before" not in stack.recognizer.output()  # nobody could have taken them
    figure["end, s"] = round(seconds, 2)
