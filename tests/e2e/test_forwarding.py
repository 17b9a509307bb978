"""Contract with the SDK and the server: what `forwarding` relies on. Bytes are counted where they arrive."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from livekit import rtc

from facematch.recognizer.room import forwarding
from facematch.recognizer.room.reception import ASK_AGAIN_SECONDS
from facematch.recognizer.room.reception import SETTLE_SECONDS as SERVER_SECONDS
from tests.rig.photographs import Scene
from tests.rig.publishing import Publishers, join_token
from tests.rig.waiting import NeverHappenedError, wait_until, wait_until_true

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rig.livekit_server import LiveKitServer

WIDTH = 640
SETTLE_SECONDS = 10
QUIET_SECONDS = 2.0
QUIET_BYTES = 2_000
"""Less than one frame; probes and reports of the transport go on."""


@pytest.fixture
async def received(
    livekit: LiveKitServer, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[rtc.RemoteTrackPublication]:
    """A camera on air, seen from a client that has not subscribed; `request.param`: with simulcast layers."""
    room = rtc.Room()
    name = f"forwarding-{request.param}"
    await room.connect(livekit.url, join_token(name, "watcher"), rtc.RoomOptions(auto_subscribe=False))
    async with Publishers(livekit.url, tmp_path / "publishers.log") as publishers:
        scene = Scene(width=1280, height=720, face=200)
        alice = await publishers.on_air(name, "Alice", scene, simulcast=request.param)
        assert alice.last is not None
        sid = alice.last.track

        def announced() -> bool:
            participant = room.remote_participants.get("Alice")
            return participant is not None and sid in participant.track_publications

        await wait_until_true(announced, within=SETTLE_SECONDS, what="the camera is announced")
        yield room.remote_participants["Alice"].track_publications[sid]
        await room.disconnect()


@pytest.mark.parametrize("received", [False, True], ids=["one layer", "simulcast"], indirect=True)
async def test_bytes_stop_in_a_pause_and_come_back(received: rtc.RemoteTrackPublication) -> None:
    assert forwarding.SUPPORTED
    forwarding.subscribe(received, WIDTH)
    await _flows(received)

    for _ in range(2):
        forwarding.pause(received)
        await wait_until(lambda: _is_quiet(received), within=SETTLE_SECONDS, what="no bytes arrive in a pause")
        assert received.track is not None  # still subscribed

        forwarding.resume(received, WIDTH)
        await _flows(received)

    for paused in (False, True):  # which the server takes over to the next subscription when it comes soon
        if paused:
            forwarding.pause(received)
        forwarding.unsubscribe(received)
        await wait_until_true(lambda: received.track is None, within=SETTLE_SECONDS, what="the subscription is gone")
        forwarding.subscribe(received, WIDTH)
        await _comes(received)
        if paused:
            forwarding.resume(received, WIDTH)
        await _flows(received)


async def _comes(publication: rtc.RemoteTrackPublication) -> None:
    """It is there; asked for once more, as a batch does, where the server takes it for the subscription before."""
    with suppress(NeverHappenedError):
        await wait_until_true(lambda: publication.track is not None, within=ASK_AGAIN_SECONDS, what="it is subscribed")
        return
    forwarding.unsubscribe(publication)
    await asyncio.sleep(SERVER_SECONDS)
    forwarding.subscribe(publication, WIDTH)
    await wait_until_true(lambda: publication.track is not None, within=SETTLE_SECONDS, what="it is subscribed")


@pytest.mark.parametrize("received", [True], ids=["simulcast"], indirect=True)
async def test_a_paused_track_comes_back_at_the_layer_that_a_batch_needs(received: rtc.RemoteTrackPublication) -> None:
    forwarding.subscribe(received, WIDTH)
    await _flows(received)
    forwarding.pause(received)
    await wait_until(lambda: _is_quiet(received), within=SETTLE_SECONDS, what="no bytes arrive in a pause")
    forwarding.resume(received, WIDTH)
    assert received.track is not None
    await _shows(received.track, WIDTH)


async def _flows(publication: rtc.RemoteTrackPublication) -> None:
    """Subscribed, and bytes arrive."""
    await wait_until_true(lambda: publication.track is not None, within=SETTLE_SECONDS, what="it is subscribed")
    before = await _bytes(publication)

    async def more() -> bool:
        return await _bytes(publication) > before + 10 * QUIET_BYTES

    await wait_until(more, within=SETTLE_SECONDS, what="bytes arrive")


async def _is_quiet(publication: rtc.RemoteTrackPublication) -> bool:
    before = await _bytes(publication)
    await asyncio.sleep(QUIET_SECONDS)  # a silence can only be measured by listening to it
    return await _bytes(publication) - before < QUIET_BYTES


async def _bytes(publication: rtc.RemoteTrackPublication) -> int:
    track = publication.track
    assert track is not None
    stats = [
        stat.inbound_rtp.inbound.bytes_received for stat in await track.get_stats() if stat.HasField("inbound_rtp")
    ]
    return sum(stats)


async def _shows(track: rtc.RemoteTrack, width: int) -> None:
    """A frame of that width comes."""
    stream = rtc.VideoStream(track, capacity=1, format=rtc.VideoBufferType.RGB24)
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            async for event in stream:
                if event.frame.width == width:
                    return
    finally:
        await asyncio.wait_for(stream.aclose(), 2)
