"""Messages of listeners that are small on the way and enormous when unpacked, to the real process."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

import aiohttp
import psutil

from tests.rig.event_logs import check
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from pathlib import Path

ATTACKERS = 30
UNPACKED = 64 * 1024 * 1024
MOST_GROWTH = 60 * 1024 * 1024
MASK = bytes(4)


def bomb() -> bytes:
    """One compressed text frame of a client, some 64 kB long, that is 64 MB of zeros."""
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = squeezed.compress(bytes(UNPACKED)) + squeezed.flush(zlib.Z_SYNC_FLUSH)
    payload = body.removesuffix(b"\x00\x00\xff\xff")
    head = bytes([0b1100_0001, 0x80 | 127]) + len(payload).to_bytes(8, "big") + MASK
    return head + payload


async def attacked(port: int, frame: bytes) -> bytes:
    """What the server answered to a listener that sends that, until it hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /ws/matches HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head.split(b"\r\n")[0], head
    try:
        writer.write(frame)
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_bomb_ends_its_listener_and_nobody_else(tmp_path: Path) -> None:
    web = WebProcess(tmp_path)
    try:
        await web.start()
        process = psutil.Process(web.process.pid)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{web.base_url}/ws/matches") as listener,
        ):
            before = process.memory_info().rss
            frame = bomb()
            answers = await asyncio.gather(*(attacked(web.port, frame) for _ in range(ATTACKERS)))
            assert all(len(answer) < 1_000 for answer in answers)
            assert process.memory_info().rss - before < MOST_GROWTH
            event = check().model_dump(mode="json")
            async with session.post(f"{web.base_url}/api/check", json=event) as response:
                assert (await response.json())["ok"] is True
            assert (await listener.receive_json())["event_id"] == event["event_id"]
    finally:
        web.end()
