"""What the recognizer's posts carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from facematch.recognizer.api_client import ApiClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = "recognizer-key-0123456789"


class Receiver:
    def __init__(self) -> None:
        self.headers: list[tuple[str, str | None]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.headers.append((request.path, request.headers.get("Authorization")))
        if request.path == "/moved":
            return web.Response(status=307, headers={"Location": "/elsewhere"})
        return web.json_response({"ok": True})


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", found.take)
    async with TestServer(app) as server:
        found.url = str(server.make_url("/"))
        yield found


async def test_every_post_carries_the_key(receiver: Receiver) -> None:
    client = ApiClient(receiver.url, KEY)
    assert (await client.post("/api/match", {})).status == 200
    assert (await client.post("/api/heartbeat", {})).status == 200
    await client.aclose()
    assert receiver.headers == [("/api/match", f"Bearer {KEY}"), ("/api/heartbeat", f"Bearer {KEY}")]


async def test_without_a_key_there_is_none(receiver: Receiver) -> None:
    client = ApiClient(receiver.url)
    await client.post("/api/match", {})
    await client.aclose()
    assert receiver.headers == [("/api/match", None)]


async def test_the_key_is_not_carried_elsewhere(receiver: Receiver) -> None:
    client = ApiClient(receiver.url, KEY)
    assert (await client.post("/moved", {})).status == 307
    await client.aclose()
    assert [path for path, _ in receiver.headers] == ["/moved"]
