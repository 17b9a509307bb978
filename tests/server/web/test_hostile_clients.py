"""One client without a key tries to take the web process down: a process of its own, real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import aiohttp
import psutil
import pytest
import pytest_asyncio

from tests.rig.waiting import wait_until_true
from tests.rig.web import WebProcess, bulky_check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

MB = 1024 * 1024
DESCRIPTORS = 1_024
LITTLE = 48 * MB
"""What the process may grow by, whatever is sent: buffers of the connections, and what the allocator keeps."""


@pytest_asyncio.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebProcess]:
    process = WebProcess(tmp_path)
    process.process.may_open(DESCRIPTORS)
    try:
        await process.start()
        yield process
    finally:
        process.end()


def memory(web: WebProcess) -> int:
    return int(psutil.Process(web.process.pid).memory_info().rss)


async def is_served(web: WebProcess) -> bool:
    """An event of the recognizer is stored, and a person of this machine sees the status."""
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(web.base_url, timeout=timeout) as session:
        async with session.post("/api/check", json=bulky_check(1)) as stored:
            found = [stored.status]
        async with session.get("/api/status") as seen:
            found.append(seen.status)
    return found == [200, 200]


def send_until_it_stops(port: int, begin: bytes, piece: bytes, pieces: int) -> int:
    """Sends without ever reading an answer, until all is sent or nothing more is taken. Returns the bytes that were."""
    sent = 0
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(begin)
        for _ in range(pieces):
            connection.sendall(piece)  # times out, which is an OSError, or breaks
            sent += len(piece)
    return sent


HEADS: dict[str, tuple[bytes, bytes, int]] = {
    "short headers without end": (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"a: b\r\n" * 10_000, 1_000),
    "one header of 64 MB": (b"GET / HTTP/1.1\r\nHost: localhost\r\na: ", b"x" * 65_536, 1_000),
    "a path of 64 MB": (b"GET /", b"x" * 65_536, 1_000),
    "a method of 64 MB": (b"", b"X" * 65_536, 1_000),
    "empty lines before the request": (b"", b"\r\n" * 32_768, 1_000),
    "trailers without end": (
        b"POST /api/check HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"a: b\r\n" * 10_000,
        1_000,
    ),
    "a chunk's size without end": (
        b"POST /api/check HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0" * 65_536,
        1_000,
    ),
}


async def test_heads_without_end_and_answers_that_nobody_reads(web: WebProcess) -> None:
    before = memory(web)
    for name, head in HEADS.items():
        sent = await asyncio.gather(*(asyncio.to_thread(send_until_it_stops, web.port, *head) for _ in range(4)))
        assert max(sent) < 16 * MB, name
        assert memory(web) - before < LITTLE, name
    requests = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1_000
    await asyncio.gather(*(asyncio.to_thread(send_until_it_stops, web.port, b"", requests, 200) for _ in range(4)))
    assert memory(web) - before < LITTLE
    assert await is_served(web)
    said = [line for line in web.process.output().splitlines() if "not HTTP" in line]
    assert 1 <= len(said) <= 4, said


@pytest.fixture
def opened() -> Iterator[Callable[[int, int, str], None]]:
    with contextlib.ExitStack() as stack:

        def opens(port: int, count: int, source: str) -> None:
            """Connections from an address of this machine, on which nothing is ever sent."""
            for _ in range(count):
                with contextlib.suppress(OSError):
                    stack.enter_context(socket.create_connection(("127.0.0.1", port), 5, (source, 0)))

        yield opens


@pytest.mark.parametrize("from_here", [True, False], ids=["from this machine", "from elsewhere"])
async def test_more_idle_connections_than_descriptors(
    web: WebProcess, opened: Callable[[int, int, str], None], *, from_here: bool
) -> None:
    """As a stranger counts whoever comes from an address that is not the one it connects to."""
    source = "127.0.0.1" if from_here else own_address()
    async with aiohttp.ClientSession(web.base_url) as session, session.ws_connect("/ws/matches") as listener:
        await asyncio.to_thread(opened, web.port, 1_200, source)
        for _ in range(3):
            assert await is_served(web)
        assert (await listener.receive_json(timeout=10))["type"] == "check"
    await wait_until_true(
        lambda: web.connections() < DESCRIPTORS - 100, within=10, what="descriptors are left for other things"
    )
    assert from_here or web.connections() <= 64 + 5
    said = [line for line in web.process.output().splitlines() if "Connections closed" in line]
    assert 1 <= len(said) <= 4, said
    assert from_here or source in said[0]


def own_address() -> str:
    """An address of this machine that is not of the loopback interface."""
    for addresses in psutil.net_if_addrs().values():
        for found in addresses:
            if found.family == socket.AF_INET and not found.address.startswith("127."):
                return found.address
    pytest.skip("this machine has no address but loopback")
