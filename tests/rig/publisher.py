"""The people in front of the cameras: a process of its own, so that its encoder does not blur what is measured.

Reads one JSON command a line on stdin, which is a socket, and answers each there with one JSON line. Times are those of
`time.monotonic()`, which all processes of a machine share. Driven by `tests.rig.publishing`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from livekit import rtc

from tests.rig.photographs import Scene

_FRAMES_IN_LOOP = 20
_ROTATIONS: dict[int, rtc.VideoRotation.ValueType] = {
    0: rtc.VideoRotation.VIDEO_ROTATION_0,
    90: rtc.VideoRotation.VIDEO_ROTATION_90,
    180: rtc.VideoRotation.VIDEO_ROTATION_180,
    270: rtc.VideoRotation.VIDEO_ROTATION_270,
}
_SOURCES: dict[str, rtc.TrackSource.ValueType] = {
    "camera": rtc.TrackSource.SOURCE_CAMERA,
    "screen": rtc.TrackSource.SOURCE_SCREENSHARE,
}


@lru_cache(maxsize=8)
def _frames(scene: Scene, rotation: int) -> list[rtc.VideoFrame]:
    """The scene as the encoder takes it; the sensor is held so that turning by `rotation` clockwise sets it upright."""
    frames = []
    for picture in scene.frames(_FRAMES_IN_LOOP if scene.sway else 1):
        held = picture.rotate(rotation, expand=True).convert("RGBA")
        rgba = rtc.VideoFrame(held.width, held.height, rtc.VideoBufferType.RGBA, held.tobytes())
        frames.append(rgba.convert(rtc.VideoBufferType.I420))
    return frames


class Camera:
    """Captures the frames of a scene at a rate, from its creation on, as a camera that has been switched on does."""

    def __init__(self, scene: Scene, fps: float, rotation: int) -> None:
        self.frames = _frames(scene, rotation)
        self._rotation = rotation
        self.source = rtc.VideoSource(self.frames[0].width, self.frames[0].height)
        self.first_frame_at = time.monotonic()
        self._task = asyncio.create_task(self._run(1 / fps))

    async def _run(self, interval: float) -> None:
        number = 0
        while True:
            frame = self.frames[number % len(self.frames)]
            self.source.capture_frame(frame, rotation=_ROTATIONS[self._rotation])
            number = max(number + 1, int((time.monotonic() - self.first_frame_at) / interval))
            await asyncio.sleep(max(0.0, self.first_frame_at + (number) * interval - time.monotonic()))

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.source.aclose()


@dataclass
class Person:
    room: rtc.Room
    cameras: dict[str, tuple[Camera, rtc.LocalVideoTrack]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    """Identities of everybody who has ever been visible to this person."""


class Stage:
    """Everybody, by a key that the driver chose."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}

    async def join(self, who: str, url: str, token: str, *, encrypted: bool, private: bool) -> dict[str, Any]:
        room = rtc.Room()
        person = Person(room)
        room.on("participant_connected", lambda participant: person.seen.append(participant.identity))
        options = rtc.RoomOptions(auto_subscribe=False, dynacast=True)
        if encrypted:
            options.encryption = rtc.E2EEOptions(key_provider_options=rtc.KeyProviderOptions(shared_key=b"a secret"))
        await room.connect(url, token, options)
        if private:
            room.local_participant.set_track_subscription_permissions(allow_all_participants=False)
        person.seen.extend(room.remote_participants)
        self._people[who] = person
        return {"sid": room.local_participant.sid}

    async def publish(self, who: str, scene: dict[str, Any], **how: Any) -> dict[str, Any]:
        person = self._people[who]
        _frames(Scene(**scene), how["rotation"])  # made before the clock starts
        called_at = time.monotonic()
        camera = Camera(Scene(**scene), how["fps"], how["rotation"])
        track = rtc.LocalVideoTrack.create_video_track(how["source"], camera.source)
        options = rtc.TrackPublishOptions(source=_SOURCES[how["source"]], simulcast=how["simulcast"])
        publication = await person.room.local_participant.publish_track(track, options)
        person.cameras[publication.sid] = camera, track
        return {
            "track": publication.sid,
            "called_at": called_at,
            "first_frame_at": camera.first_frame_at,
            "published_at": time.monotonic(),
        }

    async def show(self, who: str, track: str, scene: dict[str, Any]) -> dict[str, Any]:
        camera, _ = self._people[who].cameras[track]
        camera.frames = _frames(Scene(**scene), camera._rotation)
        return {"at": time.monotonic()}

    async def mute(self, who: str, track: str) -> dict[str, Any]:
        self._people[who].cameras[track][1].mute()
        return {"at": time.monotonic()}

    async def unmute(self, who: str, track: str) -> dict[str, Any]:
        self._people[who].cameras[track][1].unmute()
        return {"at": time.monotonic()}

    async def unpublish(self, who: str, track: str) -> dict[str, Any]:
        person = self._people[who]
        await person.room.local_participant.unpublish_track(track)
        at = time.monotonic()
        camera, _ = person.cameras.pop(track)
        await camera.close()
        return {"at": at}

    async def seen(self, who: str) -> dict[str, Any]:
        return {"identities": sorted(set(self._people[who].seen))}

    async def leave(self, who: str) -> dict[str, Any]:
        person = self._people.pop(who)
        await person.room.disconnect()
        at = time.monotonic()
        for camera, _ in person.cameras.values():
            await camera.close()
        return {"at": at}

    async def close(self) -> None:
        for who in list(self._people):
            await self.leave(who)


async def _answer(stage: Stage, command: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    number, do = command.pop("id"), command.pop("do")
    try:
        result = {"id": number, **(await getattr(stage, do)(**command))}
    except Exception as error:  # noqa: BLE001  (the driver raises it on its side)
        result = {"id": number, "error": f"{do}: {type(error).__name__}: {error}"}
    writer.write(json.dumps(result).encode() + b"\n")


async def main() -> None:
    """Commands run side by side; the end of stdin ends the process."""
    stage = Stage()
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=sys.stdin.fileno()))
    working: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = asyncio.create_task(_answer(stage, json.loads(line), writer))
        working.add(task)
        task.add_done_callback(working.discard)
    await asyncio.gather(*working)
    await stage.close()
    writer.close()
    await writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
