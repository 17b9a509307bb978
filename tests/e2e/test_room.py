"""A room with people coming and going: each has a cycle of their own, and nobody touches anybody else's."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.rig.listener import TELLING_SECONDS, between, is_check, is_match
from tests.rig.photographs import SAME_PERSON, STRANGER, Scene
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from tests.rig.stacks import MakeStack, SharedStack

FIRST = 30
CYCLE = 8.0
"""Seconds from a Check to the next, at the most: a pause of two, and a batch on a machine that is busy otherwise."""


async def test_people_who_were_there_before_the_recognizer_are_probed(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start_api()
    await stack.enroll(SAME_PERSON)
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "early", Scene())
        await publishers.on_air(stack.room, "bird", Scene(STRANGER))
        await stack.start_recognizer()
        await events.each(is_match("early"), is_check("bird", "no_match"), within=FIRST)


async def test_nobodys_leaving_touches_anybody_elses_cycle(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "holding", Scene())
        await publishers.on_air(stack.room, "waiting", Scene(STRANGER))
        leaver = await publishers.on_air(stack.room, "leaver", Scene(SAME_PERSON))
        await events.each(is_check("holding"), is_check("waiting"), is_check("leaver"), within=FIRST)

        left_at = await leaver.leave()
        for _ in range(3):
            await events.each(is_check("holding", "match"), is_check("waiting", "no_match"), within=CYCLE)
        for name in ("holding", "waiting"):
            checks = events.of(is_check(name))
            gaps = [between(before, after) for before, after in pairwise(checks)]
            assert all(2 - TELLING_SECONDS <= gap <= CYCLE for gap in gaps), gaps
        # a batch that was at work when she left may still report what it had seen
        assert not [check for check in events.of(is_check("leaver")) if check.at > left_at + 3]
        assert await stack.track("leaver") is None


async def test_who_came_and_left_is_told_and_between_which_moments(shared_stack: SharedStack) -> None:
    stack = await shared_stack()
    before = (await stack.asked("/api/events?type=all&order=desc&limit=1"))["latest"]
    async with stack.listen() as events, stack.publishers() as publishers:
        alice = await publishers.on_air(stack.room, "Alice")
        await events.next(is_check("Alice", "match"), within=FIRST)
        await events.next(is_check("Alice", "match"), within=CYCLE)
        await alice.leave()

        async def left() -> list[dict[str, Any]] | None:
            page = await stack.asked(f"/api/events?type=participant&after={before}")
            hers = [event for event in page["events"] if event["participant_id"] == alice.sid]
            return hers if len(hers) == 2 else None

        joined, gone = await wait_until(left, within=FIRST, what="she is told to have left")
    assert ([joined["change"], gone["change"]], joined["already"]) == (["joined", "left"], False)
    cameras = (await stack.asked(f"/api/events?type=watch&after={before}"))["events"]
    assert [event["change"] for event in cameras if event["participant_id"] == alice.sid] == ["began", "lost"]
    found = (await stack.asked(f"/api/presence?from={quote(joined['timestamp'])}&identity=Alice"))["intervals"]
    [interval] = [one for one in found if one["participant_id"] == alice.sid]
    moments = [interval[name] for name in ("arrived_after", "arrived_by", "seen_until", "left_before")]
    assert moments == sorted(moments)
    assert (interval["looks"] >= 2, interval["people"]) == (True, ["default"])
    assert interval["ended"] in ("left", "camera_gone")  # LiveKit tells either first
    assert (await stack.asked("/api/participants/statistics?identity=Alice"))["seen"] >= 2


async def test_muted_then_unmuted(shared_stack: SharedStack) -> None:
    stack = await shared_stack()
    async with stack.listen() as events, stack.publishers() as publishers:
        alice = await publishers.on_air(stack.room, "Alice")
        await events.next(is_check("Alice", "match"), within=FIRST)
        await alice.mute()
        await events.next(is_check("Alice", "muted"), within=CYCLE)
        track = await stack.track("Alice")
        assert track is not None
        assert track["muted"] is True
        await alice.unmute()
        await events.next(is_match("Alice"), within=2 * CYCLE)
        assert {check["track_sid"] for check in events.of(is_check("Alice"))} == {track["track_sid"]}


async def test_an_unpublished_camera_is_silent_and_a_new_one_is_probed(shared_stack: SharedStack) -> None:
    stack = await shared_stack()
    async with stack.listen() as events, stack.publishers() as publishers:
        alice = await publishers.on_air(stack.room, "Alice")
        await publishers.on_air(stack.room, "witness", Scene(STRANGER))
        first = await events.next(is_check("Alice", "match"), within=FIRST)
        unpublished_at = await alice.unpublish()
        for _ in range(2):
            await events.next(is_check("witness"), within=FIRST)
        assert not [check for check in events.of(is_check("Alice")) if check.at > unpublished_at + 3]

        published = await alice.publish(Scene())
        match = await events.next(is_match("Alice"), within=FIRST)
        assert match["track_sid"] == published.track != first["track_sid"]
        assert match["participant_id"] == alice.sid


async def test_the_same_identity_joins_again(shared_stack: SharedStack) -> None:
    stack = await shared_stack()
    async with stack.listen() as events, stack.publishers() as publishers:
        before = await publishers.on_air(stack.room, "Alice")
        await events.next(is_match("Alice"), within=FIRST)
        again = await publishers.on_air(stack.room, "Alice")  # the server puts the first one out
        assert again.sid != before.sid
        match = await events.next(
            lambda event: is_match("Alice")(event) and event["participant_id"] == again.sid, within=FIRST
        )
        assert again.last is not None
        assert match["track_sid"] == again.last.track


async def test_two_cameras_of_one_person_are_two_cycles(shared_stack: SharedStack) -> None:
    stack = await shared_stack()
    async with stack.listen() as events, stack.publishers() as publishers:
        alice = await publishers.on_air(stack.room, "Alice")
        front = alice.last
        side = await alice.publish(Scene(STRANGER))
        assert front is not None
        await events.each(
            lambda event: event["track_sid"] == front.track and event["type"] == "match",
            lambda event: event["track_sid"] == side.track and event.get("outcome") == "no_match",
            within=FIRST,
        )


async def test_agents_recorders_and_screens_are_not_probed(shared_stack: SharedStack) -> None:
    stack = await shared_stack()
    async with stack.listen() as events, stack.publishers() as publishers:
        for kind in ("agent", "egress"):
            other = await publishers.join(stack.room, kind, kind=kind)
            await other.publish(Scene())
        presenter = await publishers.join(stack.room, "presenter")
        await presenter.publish(Scene(), source="screen")
        await publishers.on_air(stack.room, "Alice")
        for _ in range(3):
            await events.next(is_check("Alice"), within=FIRST)
        assert {received["participant_identity"] for received in events.received} == {"Alice"}


async def test_nobody_in_the_room_ever_sees_the_recognizer(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start_api()
    await stack.enroll(SAME_PERSON)
    async with stack.listen() as events, stack.publishers() as publishers:
        early = await publishers.on_air(stack.room, "early")
        await stack.start_recognizer()
        late = await publishers.on_air(stack.room, "late")
        await events.each(is_match("early"), is_match("late"), within=FIRST)
        assert await early.seen() == ["late"]
        assert await late.seen() == ["early"]


@pytest.mark.parametrize(
    "identity",
    [
        "../../etc/passwd",
        "Eve\n12:00:00.000 ERROR    forged line reason=none",
        "x" * 250,
        "Ünï¢ødé 名前 <img src=x onerror=alert(1)>",
        "...",
    ],
    ids=["slashes", "newline", "long", "markup", "dots"],
)
async def test_an_identity_is_only_a_name(shared_stack: SharedStack, identity: str) -> None:
    stack = await shared_stack()
    before = set(stack.captures.glob("*"))
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, identity)
        match = await events.next(is_match(), within=FIRST)
        assert match["participant_identity"] == match["participant_name"] == identity
        assert set(stack.captures.glob("[!.]*")) - before == {stack.captures / match["snapshot"]}
        assert len(match["snapshot"]) < 128
        assert (await stack.track(identity) or {})["participant_id"] == match["participant_id"]
    assert not [line for line in stack.recognizer.output().splitlines() if line.startswith("12:00:00.000 ERROR")]
    assert not [line for line in stack.api.output().splitlines() if line.startswith("12:00:00.000 ERROR")]


async def test_the_name_shown_is_the_display_name(shared_stack: SharedStack) -> None:
    stack = await shared_stack()
    async with stack.listen() as events, stack.publishers() as publishers:
        alice = await publishers.join(stack.room, "user-7", name="Alice Example")
        await alice.publish(Scene())
        match = await events.next(is_match(), within=FIRST)
        assert (match["participant_identity"], match["participant_name"]) == ("user-7", "Alice Example")

        await alice.leave()

        async def gone() -> bool:
            return await stack.track("user-7") is None

        await wait_until(gone, within=20, what="her track is no longer watched")
