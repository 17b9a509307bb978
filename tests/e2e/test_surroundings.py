"""What stands around LiveKit: proxies, somebody who answers in its place, rooms that nobody has opened yet."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING

from jwt.warnings import InsecureKeyLengthWarning
from livekit import api

from tests.rig.listener import is_check
from tests.rig.livekit_server import KEY, SECRET, LiveKitServer
from tests.rig.waiting import wait_until, wait_until_true

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.stacks import MakeStack

DEAD_PROXY = "http://127.0.0.1:9"
JOINED = 8.0
"""Seconds within which a room is joined that has just been made, on two busy cores (two, with a core to itself)."""


async def test_a_room_that_nobody_has_opened_is_waited_for_and_joined_without_the_proxy(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    server = LiveKitServer(tmp_path, config="room: {auto_create: false}\n")
    server.start()
    try:
        stack = make_stack(server)
        stack.recognizer.set(HTTP_PROXY=DEAD_PROXY, https_proxy=DEAD_PROXY, ALL_PROXY=DEAD_PROXY)
        stack.recognizer.start()
        await stack.start_api()

        async def waiting() -> bool:
            heartbeat = await stack.heartbeat()
            return heartbeat is not None and heartbeat["livekit"] == "waiting"

        await wait_until(waiting, within=60, what="the recognizer waits for the room")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)
            async with api.LiveKitAPI(server.url, KEY, SECRET) as livekit:
                await livekit.room.create_room(api.CreateRoomRequest(name=stack.room))
        await stack.recognizer_connected(within=JOINED)
        assert stack.recognizer.output().count("Waiting for the room") == 1
        assert (await stack.recognizer.terminate(within=10))[0] == 0
        assert "FFI handle" not in stack.recognizer.output()
    finally:
        server.stop()


async def test_a_firewall_that_answers_403_does_not_end_the_recognizer(make_stack: MakeStack) -> None:
    page = b"<html><body><h1>403 Forbidden</h1></body></html>"
    refused = list[bytes]()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        refused.append(page)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(page), page))
        await writer.drain()
        writer.close()

    firewall = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with firewall:
        stack = make_stack(livekit_url=f"ws://127.0.0.1:{firewall.sockets[0].getsockname()[1]}")
        stack.recognizer.start()
        await stack.recognizer.says("Not LiveKit answers", within=60)
        told_at = len(refused)
        await wait_until_true(lambda: len(refused) > told_at, within=60, what="the recognizer tries again")
        assert stack.recognizer.alive
        assert (await stack.recognizer.terminate(within=10))[0] == 0


async def test_no_false_no_reference_after_a_restart(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        await events.next(is_check("Alice", "match"), within=20)
        await stack.recognizer.terminate(within=10)
        await stack.start_recognizer()
        await events.next(is_check("Alice", "match"), within=20)
        assert not events.of(is_check(outcome="no_reference"))
