"""What a listener sends is read in small pieces only: neither packed nor in fragments does it become large."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MB = 1 << 20
BOMB = 32 * MB
AT_ONCE = 8
GROWTH = 60 * MB
"""For all of them; unpacked they are 256 MB."""


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebProcess]:
    process = WebProcess(tmp_path)
    await process.start()
    yield process
    process.end()


def most_memory(pid: int) -> int:
    """Bytes that the process has ever held at once."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) * 1024


async def bomb(session: aiohttp.ClientSession) -> int | None:
    """Returns the code with which the socket is closed."""
    async with session.ws_connect("/ws/matches", compress=15, max_msg_size=0) as socket:
        try:
            await socket.send_bytes(bytes(BOMB), compress=15)
        except aiohttp.ClientConnectionError:  # closed before the last of it was sent
            return socket.close_code
        while (await socket.receive(timeout=30)).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
            pass
        return socket.close_code


async def test_packed_messages_are_not_unpacked_beyond_a_message_s_size(web: WebProcess) -> None:
    async with aiohttp.ClientSession(web.base_url) as session, session.ws_connect("/ws/matches") as witness:
        before = most_memory(web.process.pid)
        codes = await asyncio.gather(*(bomb(session) for _ in range(AT_ONCE)))
        assert set(codes) <= {1009, 1006}  # too big; or the connection was cut before that could be said
        assert most_memory(web.process.pid) - before < GROWTH
        assert not witness.closed
        async with session.get("/livez") as answer:
            assert answer.status == 200
