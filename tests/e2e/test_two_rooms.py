"""Two rooms in one process: what a process shares is shared, and what a room needs is its own."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

from tests.rig.listener import is_check, is_match
from tests.rig.photographs import SAME_PERSON, STRANGER, Scene
from tests.rig.process import Process
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rig.listener import Json
    from tests.rig.stacks import MakeStack

FIRST = 30
"""Seconds within which the first event of a new track comes."""


def in_room(room: str, wanted: Callable[[Json], bool]) -> Callable[[Json], bool]:
    return lambda event: wanted(event) and event["room"] == room


async def test_each_room_reports_with_its_own_name_and_keeps_its_own_cooldowns(make_stack: MakeStack) -> None:
    stack = make_stack(match_cooldown_seconds=3600)
    rooms = [stack.room, f"other-{secrets.token_hex(4)}"]
    stack.recognizer = Process(
        "recognizer",
        [sys.executable, "-m", "tests.rig.rooms_recognizer", *rooms],
        env=stack.environment,
        log=stack.folder / "recognizer.log",
        prepared=True,
    )
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        for room in rooms:
            await publishers.on_air(room, "Alice", Scene(SAME_PERSON))
        await publishers.on_air(rooms[1], "Bob", Scene(STRANGER))

        def told(room: str, identity: str, *, found: bool) -> list[dict[str, object]]:
            checks = events.of(is_check(identity))
            return [one.event for one in checks if one["room"] == room and one["match_found"] is found]

        in_both = await events.each(
            in_room(rooms[0], is_match("Alice")),
            in_room(rooms[1], is_match("Alice")),
            is_check("Bob", "no_match"),
            within=FIRST,
        )
        assert in_both[2]["room"] == rooms[1]
        assert len({match["track_sid"] for match in in_both[:2]}) == 2
        assert len({one["source"] for one in in_both}) == 1
        heartbeat = await stack.heartbeat()
        assert heartbeat is not None
        assert sorted(track["participant_identity"] for track in heartbeat["tracks"]) == ["Alice", "Alice", "Bob"]
        assert heartbeat["livekit"] == "connected"

        def looked_at_twice() -> bool:
            return all(len(told(room, "Alice", found=True)) > 1 for room in rooms)

        await wait_until_true(looked_at_twice, within=FIRST, what="each room goes on in its own cycle")
        assert len(events.of(is_match("Alice"))) == 2
        assert not events.of(is_match("Bob"))
    code, seconds = await stack.recognizer.terminate(within=10)
    assert code == 0
    assert seconds < 5
