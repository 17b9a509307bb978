"""Drives the publisher process: people who join, show a scene to their camera, mute, leave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import warnings
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from jwt.warnings import InsecureKeyLengthWarning
from livekit import api

from tests.rig import nursery
from tests.rig.livekit_server import KEY, SECRET
from tests.rig.photographs import Scene

if TYPE_CHECKING:
    from pathlib import Path

_ANSWER_SECONDS = 30
_LEAVE_SECONDS = 10
_LONGEST_LINE = 1 << 20


def join_token(
    room: str,
    identity: str,
    *,
    name: str | None = None,
    kind: str = "standard",
    attributes: dict[str, str] | None = None,
    may_change_them: bool = False,
) -> str:
    """A token that lets `identity` into `room`, as any back end that shares the key could mint it."""
    token = api.AccessToken(KEY, SECRET).with_identity(identity).with_ttl(timedelta(hours=1))
    grants = api.VideoGrants(room_join=True, room=room, can_update_own_metadata=may_change_them)
    token = token.with_grants(grants).with_name(name or identity).with_attributes(attributes or {})
    if kind != "standard":
        token = token.with_kind(kind)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # the demo secret is short, and is for loopback
        return token.to_jwt()


class PublisherError(Exception):
    """What the publisher process could not do, in its words."""


@dataclass(frozen=True, slots=True)
class Published:
    """A track on air; times are `time.monotonic()` of this machine."""

    track: str
    called_at: float
    first_frame_at: float
    published_at: float


@dataclass
class Person:
    """One participant in a room."""

    publishers: Publishers
    key: str
    identity: str
    sid: str
    last: Published | None = field(default=None)

    async def publish(
        self,
        scene: Scene | None = None,
        *,
        fps: float = 15,
        simulcast: bool = False,
        source: str = "camera",
        rotation: int = 0,
    ) -> Published:
        """Switches a camera on (or a screen share) and publishes it. `rotation`: degrees clockwise, as phones send."""
        answer = await self._do(
            "publish",
            scene=asdict(scene or Scene()),
            fps=fps,
            simulcast=simulcast,
            source=source,
            rotation=rotation,
        )
        self.last = Published(**answer)
        return self.last

    async def show(self, scene: Scene) -> None:
        """Something else steps in front of the camera; same size of frame."""
        await self._do("show", track=self._track(), scene=asdict(scene))

    async def mute(self) -> None:
        await self._do("mute", track=self._track())

    async def unmute(self) -> None:
        await self._do("unmute", track=self._track())

    async def unpublish(self) -> float:
        """Returns when it was done."""
        at: float = (await self._do("unpublish", track=self._track()))["at"]
        return at

    async def leave(self) -> float:
        """Returns when it was done."""
        at: float = (await self._do("leave"))["at"]
        return at

    async def seen(self) -> list[str]:
        """Identities of everybody that this person's client has ever been shown."""
        identities: list[str] = (await self._do("seen"))["identities"]
        return identities

    async def _do(self, do: str, **arguments: Any) -> dict[str, Any]:
        return await self.publishers.ask(do, who=self.key, **arguments)

    def _track(self) -> str:
        assert self.last is not None, f"{self.identity} has published nothing"
        return self.last.track


class Publishers:
    """The publisher process; `async with` starts and ends it."""

    def __init__(self, url: str, log: Path) -> None:
        self._url = url
        self._log = log
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def __aenter__(self) -> Self:
        argv = [sys.executable, "-m", "tests.rig.publisher"]
        env = {name: os.environ.get(name, "/") for name in ("PATH", "HOME")}
        kind = nursery.kind_of(argv, env)
        assert kind is not None
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = nursery.bear(kind, argv, env, self._log, talks=theirs.fileno())
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        self._reading = asyncio.create_task(self._read(reader))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        with contextlib.suppress(OSError):  # it has ended
            self._writer.write_eof()
        try:
            await asyncio.to_thread(self._child.wait, _LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            await asyncio.to_thread(self._child.wait, _LEAVE_SECONDS)
        await self._reading
        self._writer.close()

    @property
    def pid(self) -> int:
        """Of the publisher process."""
        return self._child.pid

    async def join(
        self,
        room: str,
        identity: str,
        *,
        name: str | None = None,
        kind: str = "standard",
        encrypted: bool = False,
        private: bool = False,
        token: str | None = None,
    ) -> Person:
        """A new participant; the same identity twice is what LiveKit makes of it.

        `encrypted`: end to end; `private`: lets nobody subscribe; `token`: of this identity and room, by another hand.
        """
        key = str(next(self._numbers))
        token = token or join_token(room, identity, name=name, kind=kind)
        answer = await self.ask("join", who=key, url=self._url, token=token, encrypted=encrypted, private=private)
        return Person(self, key, identity, answer["sid"])

    async def on_air(self, room: str, identity: str, scene: Scene | None = None, **how: Any) -> Person:
        """Joins and publishes."""
        person = await self.join(room, identity)
        await person.publish(scene, **how)
        return person

    async def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One command and its answer; `PublisherError` when the process could not do it."""
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n")
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._writer.drain()
                return await answer
        finally:
            del self._waiting[number]

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):  # it was killed with commands that it had not read
            async for line in reader:
                self._hear(json.loads(line))
        for future in self._waiting.values():
            future.set_exception(PublisherError("the publisher process has ended"))

    def _hear(self, answer: dict[str, Any]) -> None:
        future = self._waiting.get(answer.pop("id"))
        if future is None or future.done():
            return
        if "error" in answer:
            future.set_exception(PublisherError(answer["error"]))
        else:
            future.set_result(answer)
