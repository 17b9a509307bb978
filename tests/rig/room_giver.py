"""A real web server in this process that gives rooms to recognizers, as tests say, and remembers what they told."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from facematch.protocol.beat import AssignedRoom, Beat, BeatAnswer
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]


class RoomGiver:
    """Beats are answered with what is in `gives`; every other post is accepted and remembered."""

    def __init__(self) -> None:
        self.deployment = "test1234"
        self.gives: dict[str, dict[str, AssignedRoom]] = defaultdict(dict)
        """By worker and room."""
        self.beats: list[Beat] = []
        self.posts: list[tuple[str, Json]] = []
        self.away = False
        """Answers nothing, and keeps who asks waiting."""
        self.extra: Json = {}
        """More of each answer to a beat."""
        self._there = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/api/beat", self._beat)
        app.router.add_post("/{path:.*}", self._take)
        app.router.add_get("/{path:.*}", self._nothing)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._there.set()
        await self._runner.cleanup()

    def give(self, worker: str, room: str, epoch: int, *, arrived_elsewhere: bool | None = None) -> None:
        """From the next beat on."""
        self.gives[worker][room] = AssignedRoom(room=room, epoch=epoch, arrived_elsewhere=arrived_elsewhere)

    def take(self, worker: str, room: str) -> None:
        """From the next beat on."""
        del self.gives[worker][room]

    def newest(self, worker: str) -> Beat | None:
        """The last beat of a worker."""
        return next((beat for beat in reversed(self.beats) if beat.worker == worker), None)

    def held(self, worker: str) -> dict[str, int]:
        """The rooms, with their epochs, in which it has arrived, as it told last."""
        beat = self.newest(worker)
        return {room.room: room.epoch for room in beat.rooms if room.arrived} if beat else {}

    def events(self, kind: str) -> list[Json]:
        """Of a type, in the order in which they came."""
        found = [event for path, body in self.posts for event in body.get("events", [body]) if path != "/api/heartbeat"]
        return [event for event in found if event.get("type", "match") == kind]

    async def worker(self, *, within: float = 90, but: tuple[str, ...] = ()) -> str:
        """The name of one that beats, and is not one of those."""

        async def named() -> str | None:
            return next((beat.worker for beat in self.beats if beat.worker not in but), None)

        return await wait_until(named, within=within, what="a recognizer beats")

    async def until(self, holds: Callable[[], object], what: str, *, within: float = 15) -> None:
        """Wait for something that posts bring about."""

        async def look() -> bool:
            return bool(holds())

        await wait_until(look, within=within, what=what)

    async def _beat(self, request: web.Request) -> web.Response:
        beat = Beat.model_validate_json(await request.read())
        if self.away:
            await self._there.wait()
        self.beats.append(beat)
        rooms = list(self.gives[beat.worker].values())
        answer = BeatAnswer(deployment=self.deployment, rooms=rooms)
        return web.json_response(json.loads(answer.model_dump_json()) | self.extra)

    async def _take(self, request: web.Request) -> web.Response:
        self.posts.append((request.path, await request.json()))
        return web.json_response({"ok": True, "all_compared": True, "not_compared": [], "takes": TAKES})

    async def _nothing(self, _: web.Request) -> web.Response:
        return web.json_response({"detail": "nothing"}, status=404)


TAKES = ["match", "check", "participant", "watch"]
