"""A real web server in this process that takes events as it is told to, and remembers what it was sent."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from facematch.recognizer.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 5.0
"""Seconds after which something that a test waits for is taken never to come."""


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait, for a bounded time, until something holds that tells nobody when it begins to."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  (there is no event to wait for)
            await asyncio.sleep(0.001)


class Receiver:
    """Answers 200, or what `answers` says next; while `open` is cleared it takes what it is sent and stays silent."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._changed = Wakeup()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        """Each event, and where it was posted."""
        self.posts: list[str] = []
        """Where, once for each post."""
        self.answers: deque[int] = deque()
        self.always: int = 200
        self.open = asyncio.Event()
        self.open.set()
        self.kept: dict[str, bytes] = {}
        """Snapshots by name."""
        self.story: list[str] = []
        """What came, in order: names of snapshots, and of events those that they speak of."""
        self.keeps: int = 200
        """What is said to snapshots."""
        self.on_post: Callable[[dict[str, Any]], None] = lambda body: None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        app.router.add_put("/api/snapshots/{name}", self._keep)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open.set()  # what was never answered would keep the server
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.posts.append(request.path)
        self.sent += [(request.path, event) for event in body.get("events", [body])]
        self.story += [f"event of {event.get('snapshot')}" for event in body.get("events", [body])]
        self.on_post(body)
        self._changed.notify()
        await self.open.wait()
        status = self.answers.popleft() if self.answers else self.always
        return web.json_response({"ok": status == 200}, status=status)

    async def _keep(self, request: web.Request) -> web.Response:
        data = await request.read()
        self.story.append(f"{request.match_info['name']}{' late' if request.query else ''}")
        if self.keeps == 200:
            self.kept[request.match_info["name"]] = data
        self._changed.notify()
        return web.json_response({}, status=self.keeps)

    @property
    def names(self) -> list[str]:
        """Of the participants in the order of the posts; the tests tell events apart by them."""
        return [body["participant_name"] for _, body in self.sent]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds()` after a post."""
        assert await self._changed.until(holds, PATIENCE), f"received so far: {self.names}"

    async def until_sent(self, count: int) -> None:
        await self.until(lambda: len(self.sent) >= count)
