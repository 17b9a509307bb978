"""Clients that are slow, silent or loud, against a real uvicorn with short limits."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
import structlog
import uvicorn

from facematch.runtime.descriptors import descriptors_to_use
from facematch.server.web import bounded_protocols
from facematch.server.web.bounded_uvicorn import BoundedServer
from facematch.server.web.gate import TELL_SECONDS, Complaints, bounds_for, vouch_for
from tests.rig.ports import free_tcp_port
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping

    from starlette.types import Receive, Scope, Send

SHORT = 0.1
LARGE = 8 * 1024 * 1024
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Served:
    """A server of its own with an application that says how it was asked."""

    def __init__(self, **of_uvicorn: Any) -> None:
        self.port = free_tcp_port()
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self.bounded = BoundedServer(self._app)
        of_uvicorn |= {"host": "127.0.0.1", "port": self.port, "log_config": None, "timeout_graceful_shutdown": 1}
        of_uvicorn.setdefault("timeout_keep_alive", 1)
        self.server = uvicorn.Server(uvicorn.Config(self.bounded, **of_uvicorn))

    @property
    def open(self) -> int:
        gate = self.bounded._gate
        assert gate is not None
        return gate.admission.open

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.server._serve(), name="server")
        try:
            await wait_until_true(lambda: self.server.started or task.done(), within=10, what="it listens")
            yield
        finally:
            self.go_on.set()
            self.server.should_exit = True
            await task

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await send({"type": "lifespan.shutdown.complete"})
            case "websocket":
                await receive()
                await send({"type": "websocket.accept"})
                while (message := await receive())["type"] != "websocket.disconnect":
                    self.asked.append(str(len(message.get("text") or "")))
            case _:
                self.asked.append(scope["path"])
                if scope["path"] == "/vouched":
                    vouch_for(scope)
                if scope["path"] == "/wait":
                    await self.go_on.wait()
                await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = scope["path"] != "/unread"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        size = LARGE if scope["path"] == "/large" else 0
        body = json.dumps({"path": scope["path"], "body": body.decode("latin-1"), "more": "x" * size}).encode()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


@pytest_asyncio.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    for name in ("HEAD_SECONDS", "REST_SECONDS", "STALL_SECONDS"):
        monkeypatch.setattr(bounded_protocols, name, SHORT)
    found = Served()
    async with found.running():
        yield found


async def to_the_end(reader: asyncio.StreamReader) -> bytes:
    """What is sent until the server hangs up."""
    found = b""
    async with asyncio.timeout(10):
        with suppress(ConnectionResetError):
            while more := await reader.read(65_536):
                found += more
    return found


async def answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split()[0])
        return int(head.split()[1]), json.loads(await reader.readexactly(length))


SILENT = [b"", b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\n", GET + b"GET / HTTP/1.1\r\n"]


@pytest.mark.parametrize("begin", SILENT)
async def test_whoever_does_not_ask_in_time_is_hung_up_on(served: Served, begin: bytes) -> None:
    reader, writer = await served.connect()
    writer.write(begin)
    assert (await to_the_end(reader)).count(b"HTTP/1.1 200") == begin.count(GET)
    writer.close()
    await wait_until_true(lambda: served.open == 0, within=5, what="its place is free")


async def test_a_head_that_drips_is_not_waited_for_any_longer(served: Served) -> None:
    reader, writer = await served.connect()

    async def drip() -> None:
        writer.write(b"GET / HTTP/1.1\r\n")
        while True:
            writer.write(b"a: b\r\n")
            await asyncio.sleep(SHORT / 10)

    dripping = asyncio.create_task(drip())
    assert await to_the_end(reader) == b""
    dripping.cancel()
    writer.close()
    assert served.asked == []


async def test_the_rest_of_a_body_that_nobody_wants_does_not_drip_for_ever(served: Served) -> None:
    reader, writer = await served.connect()

    async def drip() -> None:
        writer.write(b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(SHORT / 10)

    dripping = asyncio.create_task(drip())
    assert (await to_the_end(reader)).startswith(b"HTTP/1.1 200")
    dripping.cancel()
    writer.close()


async def test_a_request_that_is_worked_on_may_take_its_time(served: Served) -> None:
    reader, writer = await served.connect()
    writer.write(GET.replace(b"/ ", b"/wait "))
    await wait_until_true(lambda: served.asked == ["/wait"], within=5, what="it is asked")
    await asyncio.sleep(3 * SHORT)
    served.go_on.set()
    assert (await answer(reader))[0] == 200
    writer.close()


async def test_an_answer_that_is_not_taken_is_given_up(served: Served) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", served.port))
        await loop.sock_sendall(connection, GET.replace(b"/ ", b"/large "))
        await wait_until_true(lambda: served.asked == ["/large"], within=5, what="it is asked")
        await wait_until_true(lambda: served.open == 0, within=10, what="its place is free")


async def test_an_answer_that_is_taken_slowly_is_given_whole(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    writer.write(GET.replace(b"/ ", b"/large ").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    size = 0
    async with asyncio.timeout(30):
        while more := await reader.read(256 * 1024):
            size += len(more)
            await asyncio.sleep(SHORT / 10)
    assert size > LARGE
    writer.close()


async def test_more_of_one_client_than_it_may_have(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = served.bounded._gate
    assert gate is not None
    monkeypatch.setattr(gate.admission, "bounds", bounds_for(8))
    reader, writer = await served.connect()
    writers = [writer]
    for _ in range(gate.admission.bounds.most):  # one more than there may be: the first one, which is silent, goes
        _, writer = await served.connect()
        writers.append(writer)
        writer.write(GET.replace(b"/ ", b"/wait "))
    assert await to_the_end(reader) == b""
    await wait_until_true(lambda: len(served.asked) == len(writers) - 1, within=5, what="all others are served")
    refused, writer = await served.connect()
    head, _, body = (await to_the_end(refused)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body)["code"] == "BUSY"
    for one in [*writers, writer]:
        one.close()


async def test_whoever_shows_a_key_is_known(served: Served) -> None:
    gate = served.bounded._gate
    assert gate is not None
    reader, writer = await served.connect()
    writer.write(GET.replace(b"/ ", b"/vouched "))
    assert (await answer(reader))[0] == 200
    assert list(gate.admission._remembered) == ["127.0.0.1"]
    writer.close()


OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


async def test_a_client_that_offers_h2c_keeps_its_body_and_its_connection(served: Served) -> None:
    reader, writer = await served.connect()
    for number in range(3):
        body = f"body {number}"
        head = f"POST /h2c HTTP/1.1\r\nHost: localhost\r\n{OFFER}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        writer.write(body.encode())
        assert await answer(reader) == (200, {"path": "/h2c", "body": body, "more": ""})
    writer.close()


async def test_a_websocket_keeps_its_place_and_gives_it_back(served: Served) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.ws_connect(f"http://127.0.0.1:{served.port}/") as listener:
                await listener.send_str("x" * 100)
                await wait_until_true(lambda: served.asked[-1:] == ["100"], within=5, what="it is read")
                await asyncio.sleep(2 * SHORT)  # it is not silent as a request would be
                assert served.open == 1
                assert not listener.closed
            await wait_until_true(lambda: served.open == 0, within=5, what="its place is free")


async def test_a_message_that_is_too_large_is_not_kept(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{served.port}/") as listener:
        for _ in range(4):
            await listener.send_frame(b"x" * 60_000, aiohttp.WSMsgType.CONTINUATION)
        message = await listener.receive(timeout=10)
        assert (message.type, message.data) in [(aiohttp.WSMsgType.CLOSE, 1002), (aiohttp.WSMsgType.CLOSE, 1009)]


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PING = b"\x89\xfd" + bytes(4) + b"x" * 125
"""Masked with zeros."""


@pytest.mark.parametrize("takes_pongs", [True, False])
async def test_pings_are_read_no_faster_than_a_listener_needs(
    served: Served, monkeypatch: pytest.MonkeyPatch, *, takes_pongs: bool
) -> None:
    read = 0
    received = bounded_protocols.BoundedWebSocket.data_received

    def counted(self: bounded_protocols.BoundedWebSocket, data: bytes) -> None:
        nonlocal read
        read += len(data)
        received(self, data)

    monkeypatch.setattr(bounded_protocols.BoundedWebSocket, "data_received", counted)
    reader, writer = await served.connect()
    began = asyncio.get_running_loop().time()
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    taking = asyncio.create_task(to_the_end(reader)) if takes_pongs else None
    with suppress(TimeoutError):
        async with asyncio.timeout(10 * SHORT):
            while True:
                writer.write(PING * 1_000)
                await writer.drain()
    took = asyncio.get_running_loop().time() - began
    assert 0 < read <= 64 * 1024 * (took + 1) + 2 * 256 * 1024
    writer.transport.abort()
    if taking is not None:
        await taking


async def test_uvicorns_own_options_only_narrow_the_bounds() -> None:
    served = Served(http="httptools", ws="websockets-sansio", ws_max_size=1000, backlog=7)
    async with served.running():
        assert (served.server.config.ws_max_size, served.server.config.backlog) == (1000, 7)
        assert served.server.config.h11_max_incomplete_event_size == bounded_protocols.HEAD_BYTES
        reader, writer = await served.connect()
        writer.write(GET)
        assert (await answer(reader))[0] == 200
        writer.close()


@pytest.mark.parametrize(("descriptors", "most"), [(1_024, 768), (100, 50), (8, 4), (100_000, 4_000)])
def test_how_many_connections_there_may_be(descriptors: int, most: int) -> None:
    found = bounds_for(descriptors)
    assert found.most == most
    assert 0 < found.of_stranger <= found.of_known < most
    assert 0 < found.for_known < most


def test_the_limit_of_descriptors_is_raised_as_far_as_the_system_lets_us() -> None:
    program = (
        "import resource; from facematch.runtime.descriptors import descriptors_to_use as use;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512));"
        "print(use(32), use(256), use(9999), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["64", "256", "512", "512", "512"]
    assert descriptors_to_use(1) >= 1


def test_the_log_says_the_same_every_few_seconds_only() -> None:
    now = 100.0
    complaints = Complaints("Too much", lambda: now)
    with structlog.testing.capture_logs() as said:
        for _ in range(1_000):
            complaints.add(client="a")
        now += TELL_SECONDS
        complaints.add(client="b")
    assert [without_level(line) for line in said] == [
        {"event": "Too much", "times": 1, "client": "a"},
        {"event": "Too much", "times": 1_000, "client": "b"},
    ]


def without_level(line: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "log_level"}
