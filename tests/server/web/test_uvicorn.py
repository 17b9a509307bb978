"""The web process as a user runs it: a process of its own, real sockets, real signals."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import os
import signal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from tests.rig.waiting import wait_until, wait_until_true
from tests.rig.web import WebProcess, bulky_check, stalled_connection, stalled_listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

STOP_SECONDS = 5
"""From the signal to the end, whatever the clients do."""


@pytest_asyncio.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebProcess]:
    process = WebProcess(tmp_path, upload_max_mb=1)
    try:
        await process.start()
        yield process
    finally:
        process.end()


@pytest_asyncio.fixture
async def session(web: WebProcess) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(web.base_url) as session:
        yield session


async def post(session: aiohttp.ClientSession, seq: int) -> int:
    async with session.post("/api/check", json=bulky_check(seq)) as response:
        assert response.status == 200, await response.text()
        delivered: int = (await response.json())["delivered"]
        return delivered


async def listeners(session: aiohttp.ClientSession) -> int:
    async with session.get("/api/status") as response:
        clients: int = (await response.json())["websocket_clients"]
        return clients


async def seqs(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[int]:
    async with asyncio.timeout(30):
        return [(await socket.receive_json())["seq"] for _ in range(count)]


async def test_stalled_readers_delay_nobody_and_are_cut_off(web: WebProcess, session: aiohttp.ClientSession) -> None:
    """Those that read get every event as it comes; those that do not leave no connection behind."""
    async with session.ws_connect("/ws/matches") as one, session.ws_connect("/ws/matches") as two:
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(stalled_listener(web.port))

            async def all_there() -> bool:
                return await listeners(session) == 5

            await wait_until(all_there, within=10, what="all listeners are connected")
            before = web.connections()
            seq = 0
            delivered = 5
            while delivered == 5:  # until what the stalled ones do not take has filled every buffer
                seq += 1
                assert seq < 10_000
                delivered = await post(session, seq)
                assert await seqs(one, 1) == await seqs(two, 1) == [seq]
            assert delivered >= 2
            await wait_until_true(lambda: web.connections() <= before - 3, within=10, what="they are cut off")

            async def two_left() -> bool:
                return await listeners(session) == 2

            await wait_until(two_left, within=10, what="they are forgotten")
            assert await post(session, seq + 1) == 2
            assert await seqs(one, 1) == await seqs(two, 1) == [seq + 1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_nobody_blocks_the_end(web: WebProcess, session: aiohttp.ClientSession, number: signal.Signals) -> None:
    """Listeners that read and that do not, a download that nobody reads, an upload that stops, an idle connection."""
    (web.captures / "match_a_20250925_140708.jpg").write_bytes(os.urandom(30_000_000))
    upload = (
        f"POST /api/reference HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nContent-Length: 500000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    download = f"GET /captures/match_a_20250925_140708.jpg HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for request in (upload, download):
            stack.enter_context(stalled_connection(web.port, request))
        for _ in range(3):
            stack.enter_context(stalled_listener(web.port))
        async with session.ws_connect("/ws/matches") as one, session.ws_connect("/ws/matches?after=0") as two:
            for seq in range(1, 1500):
                if await post(session, seq) < 5:
                    break
            await seqs(one, seq)
            await seqs(two, seq)
            started = asyncio.get_running_loop().time()
            web.process.send(number)
            async with asyncio.timeout(STOP_SECONDS):
                last = [await socket.receive() for socket in (one, two)]
            assert [(message.type, message.data) for message in last] == [(aiohttp.WSMsgType.CLOSE, 1001)] * 2
            assert asyncio.get_running_loop().time() - started < 3
            await web.process.ended(within=STOP_SECONDS)
            assert asyncio.get_running_loop().time() - started < STOP_SECONDS
    assert web.process.exit_code in (0, -number)
    assert "Traceback" not in web.process.output(), web.process.output()[-6000:]


async def test_whoever_comes_while_it_stops_is_told_so(web: WebProcess, session: aiohttp.ClientSession) -> None:
    with stalled_listener(web.port):
        for seq in range(1, 1500):
            await post(session, seq)
        web.process.send(signal.SIGTERM)
        await wait_until_true(lambda: "Stopping" in web.process.output(), within=5, what="it has noticed")
        with pytest.raises((aiohttp.WSServerHandshakeError, aiohttp.ClientConnectionError)) as refused:
            await session.ws_connect("/ws/matches")
        if isinstance(refused.value, aiohttp.WSServerHandshakeError):
            assert refused.value.status == 503
        await web.process.ended(within=STOP_SECONDS)


async def test_junk_from_a_listener_is_ignored_and_floods_nobody(
    web: WebProcess, session: aiohttp.ClientSession
) -> None:
    async with session.ws_connect("/ws/matches") as quiet, session.ws_connect("/ws/matches") as loud:
        for index in range(2_000):
            await (loud.send_str("{" * 100) if index % 2 else loud.send_bytes(os.urandom(100)))
        assert await post(session, 1) == 2
        assert await seqs(quiet, 1) == await seqs(loud, 1) == [1]
        await loud.send_bytes(b"x" * 100_000)
        message = await loud.receive(timeout=10)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1009)
        assert await post(session, 2) == 1


REFUSED: list[tuple[dict[str, str], str, int]] = [
    ({"Origin": "https://evil.example"}, "/ws/matches", 403),
    ({"Origin": "null"}, "/ws/matches", 403),
    ({"Host": "evil.example"}, "/ws/matches", 403),
    ({"X-Forwarded-For": "127.0.0.1"}, "/ws/matches", 403),
    ({}, "/ws/matches?after=x", 422),
    ({}, "/ws/nothing", 404),
]


async def test_handshakes_that_are_refused(session: aiohttp.ClientSession) -> None:
    for headers, path, status in REFUSED:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(path, headers=headers)
        assert refused.value.status == status, (headers, path)


async def test_an_upload_that_is_far_too_large_hears_so(session: aiohttp.ClientSession) -> None:
    """And not just a broken connection, although it is refused before it has been sent."""
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(b"x" * 30_000_000), filename="big.jpg")
    async with session.post("/api/reference", data=form) as response:
        assert response.status == 413
        assert (await response.json())["code"] == "TOO_LARGE"


def raw_get(port: int, path: str) -> tuple[int, bytes]:
    """A GET whose path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


OUTSIDE = [
    "/captures/../../etc/passwd",
    "/captures/..%2f..%2fetc%2fpasswd",
    "/captures/%2e%2e/%2e%2e/etc/passwd",
    "/captures//etc/passwd",
    "/static/../api.py",
    "/static/..%2fapi.py",
    "/static//etc/passwd",
    "/static/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/static/..%5c..%5capi.py",
    "//etc/passwd",
    "/reference/../reference/current.jpg",
]


async def test_no_path_leads_out(web: WebProcess) -> None:
    for path in OUTSIDE:
        status, body = await asyncio.to_thread(raw_get, web.port, path)
        assert status == 404, path
        assert b"root:" not in body
        assert b"create_app" not in body


async def test_the_log_names_nobody(web: WebProcess, session: aiohttp.ClientSession) -> None:
    async with session.get("/token", params={"identity": "Mallory"}) as response:
        token: dict[str, Any] = await response.json()
    async with session.get("/captures/match_Mallory_20250925_140708.jpg") as response:
        assert response.status == 404
    assert web.process.output()
    assert "Mallory" not in web.process.output()
    assert token["token"] not in web.process.output()
