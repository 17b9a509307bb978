"""What the recognizer needs goes away and comes back: LiveKit, the API."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.rig.listener import is_check, is_match
from tests.rig.photographs import STRANGER, Scene
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.stacks import MakeStack

FIRST = 30
SDK_GIVES_UP = 40
"""Seconds after which the SDK has stopped to reconnect by itself (about 21), on a busy machine."""


async def test_livekit_restarts_and_the_cycles_begin_anew(make_stack: MakeStack, own_livekit: LiveKitServer) -> None:
    stack = make_stack(own_livekit)
    await stack.start()
    async with stack.listen() as events:
        async with stack.publishers() as publishers:
            await publishers.on_air(stack.room, "before")
            await events.next(is_match("before"), within=FIRST)
            own_livekit.kill()
            own_livekit.start()
        async with stack.publishers() as publishers:
            await publishers.on_air(stack.room, "after")
            await publishers.on_air(stack.room, "bird", Scene(STRANGER))
            await events.each(is_match("after"), is_check("bird", "no_match"), within=60)
    heartbeat = await stack.recognizer_connected(within=20)
    assert heartbeat["source"] == events.received[0]["source"]  # the same process all along


async def test_livekit_is_away_for_longer_than_the_sdk_waits(make_stack: MakeStack, own_livekit: LiveKitServer) -> None:
    stack = make_stack(own_livekit)
    await stack.start()
    own_livekit.kill()

    async def given_up() -> bool:
        heartbeat = await stack.heartbeat()
        return heartbeat is not None and heartbeat["livekit"] in {"disconnected", "connecting"}

    await wait_until(given_up, within=SDK_GIVES_UP, what="the SDK has given the connection up")
    own_livekit.start()
    await stack.recognizer_connected(within=45)  # jittered back-off up to 30 s
    said = stack.recognizer.output()
    assert said.count("LiveKit cannot be reached") <= 1
    assert said.count("livekit::") + said.count("livekit_") <= 10, said  # of a handful for each of a dozen attempts
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        await events.next(is_match("Alice"), within=FIRST)


async def test_events_of_the_time_without_an_api_arrive_in_order(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=0.5)
    await stack.start()
    async with stack.publishers() as publishers:
        async with stack.listen() as events:
            await publishers.on_air(stack.room, "Alice")
            await events.next(is_check("Alice"), within=FIRST)
            before = events.received[-1]
            code, _ = await stack.api.terminate(within=10)  # with a listener connected, as a page would be
            assert code in {0, -signal.SIGTERM}  # uvicorn ends by the signal that it was sent
        snapshots = len(list(stack.captures.glob("*.jpg")))

        async def went_on() -> bool:
            return len(list(stack.captures.glob("*.jpg"))) >= snapshots + 3

        await wait_until(went_on, within=FIRST, what="three more matches")
        await stack.start_api()
        async with stack.listen(after=0) as events:
            await events.next(lambda event: event["seq"] >= before["seq"] + 8, within=30)
            numbers = [received["seq"] for received in events.received]
            assert numbers == list(range(numbers[0], numbers[-1] + 1))  # none missing, none twice, in order
            assert numbers[0] <= before["seq"] + 1
            assert len({received["event_id"] for received in events.received}) == len(numbers)
            for match in events.of(is_match("Alice")):
                assert (stack.captures / match["snapshot"]).is_file()
