"""A program that takes webhooks as one does: a real HTTP server that checks the signature of each."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from tests.rig.lasting import lasting
from tests.rig.ports import free_tcp_port

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class WebhookReceiver:
    """Answers what `answer` says: a status, given how many messages have come and the event."""

    def __init__(self, secret: str = SECRET) -> None:
        self.port = free_tcp_port()
        self.url = f"http://127.0.0.1:{self.port}/hook?token=of-the-receiver"
        self.taken: list[dict[str, Any]] = []
        """The data of the messages that were answered with 2xx, in order."""
        self.ids: list[str] = []
        """Of every attempt."""
        self.forged = 0
        self.answer: Callable[[int, dict[str, Any]], int] = lambda _count, _event: 204
        self.headers: dict[str, str] = {}
        self.hold = asyncio.Event()
        """Cleared: messages are read and not answered."""
        self.hold.set()
        self._secret = secret
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Returns when it takes connections; again after `stop` on the same port."""
        app = web.Application()
        app.router.add_post("/hook", self._take)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        loop, server = asyncio.get_running_loop(), self._runner.server
        assert server is not None
        self._listening = await loop.create_server(lambda: _Connection(server, loop=loop), "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Harmless when it does not run."""
        self.hold.set()
        if self._listening:
            self._listening.close()
            self._listening = None
        if self._runner:
            await self._runner.cleanup()  # with every connection
            self._runner = None

    async def has(self, condition: Callable[[], object]) -> None:
        """Returns when it is so."""
        async with asyncio.timeout(20):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.ids.append(request.headers["webhook-id"])
        self._news.set()
        await self.hold.wait()
        try:
            Webhook(self._secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            self.forged += 1
            return web.Response(status=401)
        message = json.loads(body)
        assert set(message) == {"type", "timestamp", "data"}
        assert message["type"] == message["data"]["type"]
        assert message["data"]["event_id"] == request.headers["webhook-id"]
        status = self.answer(len(self.ids), message["data"])
        if 200 <= status < 300:
            self.taken.append(message["data"])
        self._news.set()
        return web.Response(status=status, headers=self.headers)

    async def _elsewhere(self, _request: web.Request) -> web.Response:
        self.taken.append({"redirected": True})
        return web.Response()


class _Connection(web.RequestHandler):
    """Of a receiver that may serve a file of tests: whoever sends keeps it open beyond the end of one."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        with lasting():
            super().connection_made(transport)
