"""Tells the web process what a recognizer would, without one: every state of the page can be made at once."""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import aiohttp
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tests.rig.web import WebProcess

CYCLE = {
    "batch_max_frames": 5,
    "hold_seconds": 10,
    "wait_seconds": 10,
    "batch_timeout_seconds": 10,
    "match_cooldown_seconds": 3,
    "threshold": 0.5,
}
_BEAT_SECONDS = 1
_COUNTERS = ("batches", "frames", "faces", "matches", "checks", "errors", "events_posted", "events_queued")


class FakeRecognizer:
    """Posts heartbeats and events; a context manager, inside which the last heartbeat is repeated."""

    def __init__(self, web: WebProcess, room: str = "face-recognition-room", *, source: str = "fake") -> None:
        self._base_url = web.base_url
        self._captures: Path = web.captures
        self._room = room
        self._source = source
        self._started = _time()
        self._session = aiohttp.ClientSession()
        self._beat: tuple[dict[str, Any], ...] | None = None
        self._reference_id: str | None = None
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._beating = asyncio.create_task(self._keep_beating())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.fall_silent()
        await self._session.close()

    async def fall_silent(self) -> None:
        """No heartbeat from now on."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        self._beating = None

    async def heartbeat(self, *tracks: dict[str, Any], reference_id: str | None = None) -> None:
        """Says, now and every second, that the recognizer is in the room and watches these tracks."""
        self._beat, self._reference_id = tracks, reference_id
        await self._send_beat()

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            if self._beat is not None:
                with suppress(aiohttp.ClientConnectionError):  # the web process is away: the test's doing
                    await self._send_beat()

    async def _send_beat(self) -> None:
        await self._post(
            "heartbeat",
            {
                "source": self._source,
                "room": self._room,
                "started_at": self._started,
                "sent_at": _time(),
                "livekit": "connected",
                "reference_id": self._reference_id,
                "settings": CYCLE,
                "tracks": list(self._beat or ()),
                "counters": dict.fromkeys(_COUNTERS, 0),
                "cpu_seconds": 1,
                "cpu_ratio": 0.02,
                "memory_bytes": 200_000_000,
                "memory_ratio": 0.4,
            },
        )

    async def match(
        self,
        name: str,
        *,
        confidence: float = 0.63,
        ago: float = 0,
        snapshot: bool = True,
        visit: int = 1,
        person: str | None = None,
    ) -> None:
        """A Match, with a picture to look at, and its Check; `person` is the id of somebody of the gallery."""
        picture = self._picture() if snapshot else None
        await self._post(
            "match",
            {
                **self._event(name, ago, visit),
                "type": "match",
                "confidence": confidence,
                "filename": None,
                "snapshot": picture,
                "bbox": [100, 400, 260, 240],
                "frame_size": [640, 360],
                "distance": round(1 - confidence, 4),
                "threshold": CYCLE["threshold"],
                "model": "none",
                "person_id": person,
            },
        )
        named = None if person is None else [person]
        await self.check(name, "match", best=1 - confidence, ago=ago, visit=visit, named=named)

    async def check(
        self,
        name: str,
        outcome: str,
        *,
        best: float | None = None,
        ago: float = 0,
        visit: int = 1,
        named: list[str] | None = None,
    ) -> None:
        """A Check; `named` are ids of people."""
        distance = {"distance": best or 0.4, "threshold": CYCLE["threshold"]}
        near = None if named is None else [{"person_id": id_, **distance} for id_ in named]
        await self._post(
            "check",
            {
                **self._event(name, ago, visit),
                "type": "check",
                "match_found": outcome == "match",
                "outcome": outcome,
                "frames": 3,
                "faces": 0 if best is None else 1,
                "best_distance": best,
                "named": named,
                "people": near,
            },
        )

    def _event(self, name: str, ago: float, visit: int) -> dict[str, Any]:
        return {
            "event_id": str(uuid4()),
            "timestamp": _time(ago),
            "room": self._room,
            "participant_id": f"PA_{name}_{visit}",
            "participant_name": name,
            "participant_identity": name,
            "track_sid": f"TR_{name}_{visit}",
        }

    def _picture(self) -> str:
        name = f"match_{uuid4().hex}.jpg"
        buffer = io.BytesIO()
        Image.new("RGB", (640, 360), (90, 110, 130)).save(buffer, "JPEG")
        self._captures.mkdir(parents=True, exist_ok=True)
        (self._captures / name).write_bytes(buffer.getvalue())
        return name

    async def _post(self, route: str, body: dict[str, Any]) -> None:
        async with self._session.post(f"{self._base_url}/api/{route}", json=body) as answer:
            assert answer.status == 200, await answer.text()


def track(
    name: str, state: str, *, deadline_in: float | None = None, muted: bool = False, visit: int = 1
) -> dict[str, Any]:
    """A track as a heartbeat tells of it; who joins again has other sids at each visit."""
    return {
        "track_sid": f"TR_{name}_{visit}",
        "participant_id": f"PA_{name}_{visit}",
        "participant_identity": name,
        "participant_name": name,
        "state": state,
        "deadline_in": deadline_in,
        "muted": muted,
    }


def _time(ago: float = 0) -> str:
    return (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
