from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from facematch.recognizer.room.lookup import room_lookup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def answering(status: str, body: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


@pytest.mark.parametrize("scheme", ["ws", "http"])
@pytest.mark.parametrize(
    ("status", "body", "there"),
    [
        ("404 Not Found", "requested room does not exist", False),
        ("404 Not Found", "<html>nope</html>", True),
        ("403 Forbidden", "requested room does not exist", True),
        ("200 OK", "success", True),
        ("401 Unauthorized", "invalid API key", True),
    ],
)
async def test_only_livekits_own_no_keeps_us_waiting(scheme: str, status: str, body: str, there: bool) -> None:
    async with (
        answering(status, body) as (address, heard),
        room_lookup(f"{scheme}://{address}/", lambda: "a-token", None) as lookup,
    ):
        assert await lookup.may_be_there() is there
    assert heard[0].startswith(b"GET /rtc/validate HTTP/1.1\r\n")
    assert b"authorization: Bearer a-token\r\n" in heard[0].replace(b"Authorization", b"authorization")


async def test_a_fresh_token_each_time() -> None:
    tokens = iter(["one", "two"])
    async with (
        answering("404 Not Found", "requested room does not exist") as (address, heard),
        room_lookup(f"ws://{address}", lambda: next(tokens), None) as lookup,
    ):
        assert not await lookup.may_be_there()
        assert not await lookup.may_be_there()
    assert [b"Bearer one" in heard[0], b"Bearer two" in heard[1]] == [True, True]


async def test_when_nobody_answers_joining_will_tell(tcp_port: int) -> None:
    async with room_lookup(f"ws://127.0.0.1:{tcp_port}", lambda: "a-token", None) as lookup:
        assert await lookup.may_be_there()


async def test_through_the_proxy_where_there_is_one() -> None:
    async with (
        answering("404 Not Found", "requested room does not exist") as (proxy, heard),
        room_lookup("ws://lk.example.com:7880", lambda: "a-token", f"http://{proxy}") as lookup,
    ):
        assert not await lookup.may_be_there()
    assert heard[0].startswith(b"GET http://lk.example.com:7880/rtc/validate HTTP/1.1\r\n")
