"""The cycle of one track, seen from the WebSocket: what is reported, with what in it, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from PIL import Image

from tests.rig.listener import TELLING_SECONDS, between, is_check, is_match
from tests.rig.photographs import NO_FACE, OTHER_STRANGER, SAME_PERSON, STRANGER, Scene

if TYPE_CHECKING:
    from tests.rig.stacks import MakeStack, SharedStack

HOLD = 2
WAIT = 2
LATE = 6
"""Seconds that a batch may take, from its start to its Check, on a machine that has other things to do."""

FIRST = 30
"""Seconds within which the first event of a new track comes; how fast it really is, is the bench's business."""


async def test_a_match_is_reported_whole_then_its_check_and_again_after_each_hold(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=HOLD)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        alice = await publishers.on_air(stack.room, "Alice42", Scene(SAME_PERSON))

        match = await events.next(is_match(), within=FIRST)
        check = await events.next(is_check(), within=FIRST)

        assert match["participant_id"] == alice.sid
        assert match["participant_name"] == match["participant_identity"] == "Alice42"
        assert match["frame_size"] == [640, 360]
        top, right, bottom, left = match["bbox"]
        assert 0 <= top < 180 < bottom <= 360  # the face is in the middle of the frame
        assert 0 <= left < 320 < right <= 640
        assert match["confidence"] == round(1 - match["distance"], 4)
        assert match["distance"] <= match["threshold"] == 0.5
        assert match["room"] == stack.room
        assert match["reference_id"] == (await stack.heartbeat() or {})["reference_id"]
        assert check["match_found"] is True
        assert check["cycle_id"] == match["cycle_id"]
        assert [match["seq"], check["seq"]] == [1, 2]

        snapshot = stack.captures / match["snapshot"]
        assert match["filename"] == str(snapshot)
        assert snapshot.name.startswith("match_Alice42_")
        with Image.open(snapshot) as image:
            assert image.size == (640, 360)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{stack.base_url}/captures/{match['snapshot']}") as response,
        ):
            assert await response.read() == snapshot.read_bytes()

        for _ in range(3):
            following = await events.next(is_check(), within=HOLD + LATE)
            assert following["outcome"] == "match"
            assert HOLD - TELLING_SECONDS <= between(check, following) <= HOLD + LATE
            check = following
        assert len(events.of(is_match())) == len(events.of(is_check()))


async def test_a_stranger_is_checked_again_after_each_wait_and_never_matches(make_stack: MakeStack) -> None:
    stack = make_stack(wait_seconds=WAIT)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Bob", Scene(STRANGER))
        check = await events.next(is_check(), within=FIRST)
        for _ in range(3):
            following = await events.next(is_check(), within=WAIT + LATE)
            assert WAIT - TELLING_SECONDS <= between(check, following) <= WAIT + LATE
            check = following
        for received in events.of(is_check()):
            assert received["outcome"] == "no_match"
            assert received["match_found"] is False
            assert received["best_distance"] > 0.6
            assert received["frames"] == 5
        assert not events.of(is_match())
        assert not list(stack.captures.glob("*"))


async def test_a_room_without_a_face_and_a_camera_without_frames_are_told_apart(make_stack: MakeStack) -> None:
    stack = make_stack(batch_timeout_seconds=2)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "coffee", Scene(NO_FACE))
        check = await events.next(is_check("coffee"), within=FIRST)
        assert (check["outcome"], check["faces"], check["best_distance"]) == ("no_face", 0, None)

        muted = await publishers.join(stack.room, "muted")
        await muted.publish(Scene())
        await muted.mute()
        await events.next(is_check("muted", "muted"), within=FIRST)


async def test_the_cooldown_suppresses_matches_and_snapshots_never_checks(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=0.5, match_cooldown_seconds=3600)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        for _ in range(4):
            await events.next(is_check("Alice", "match"), within=FIRST)
        assert len(events.of(is_match())) == 1
        assert len(list(stack.captures.glob("*.jpg"))) == 1


async def test_a_camera_with_layers_is_matched_in_the_frame_that_was_received(shared_stack: SharedStack) -> None:
    """Simulcast, as browsers publish: the server begins with whichever layer is flowing, and the first frame counts."""
    stack = await shared_stack()
    async with stack.listen() as events, stack.publishers() as publishers:
        scene = Scene(SAME_PERSON, width=1280, height=720, face=200)
        await publishers.on_air(stack.room, "Alice", scene, simulcast=True)
        match = await events.next(is_match(), within=FIRST)
        width, height = match["frame_size"]
        assert (width, height) in {(320, 180), (640, 360), (1280, 720)}
        top, right, bottom, left = match["bbox"]
        assert top < height / 2 < bottom
        assert left < width / 2 < right
        assert 0.1 < (right - left) / width < 0.25  # 200 of 1280 pixels


async def test_a_phone_held_upright_is_set_upright(shared_stack: SharedStack) -> None:
    stack = await shared_stack()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "phone", Scene(width=360, height=640, face=120), rotation=90)
        match = await events.next(is_match(), within=FIRST)
        assert match["frame_size"] == [360, 640]
        top, right, bottom, left = match["bbox"]
        assert top < 320 < bottom
        assert left < 180 < right


async def test_the_person_in_front_of_the_camera_changes(shared_stack: SharedStack) -> None:
    stack = await shared_stack()
    async with stack.listen() as events, stack.publishers() as publishers:
        desk = await publishers.on_air(stack.room, "desk", Scene())
        await events.next(is_check("desk", "match"), within=FIRST)
        await desk.show(Scene(OTHER_STRANGER))
        await events.next(is_check("desk", "no_match"), within=FIRST)
        await desk.show(Scene())
        await events.next(is_match("desk"), within=FIRST)
