"""Once all is ready, the launcher keeps it so: what dies is started again and works again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from facematch.launcher import livekit_server
from tests.rig.launched import READY_SECONDS, Launched
from tests.rig.listener import by_another_life, is_match
from tests.rig.livekit_server import KEY
from tests.rig.own_server import OwnServer
from tests.rig.ports import free_tcp_port
from tests.rig.waiting import wait_until, wait_until_true

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.livekit_server import LiveKitServer

pytestmark = pytest.mark.xdist_group("launch")
"""A LiveKit server of ours takes its usual media port, or whichever is free: one at a time."""

AGAIN = 30
FIRST = 30


@pytest.fixture
def launched(tmp_path: Path, livekit: LiveKitServer) -> Iterator[Launched]:
    stack = Launched(tmp_path, livekit, hold_seconds=2, match_cooldown_seconds=0)
    yield stack
    stack.end()


async def test_a_killed_recognizer_and_a_killed_api_come_back_and_match_again(launched: Launched) -> None:
    await launched.start()
    async with launched.publishers() as publishers:
        async with launched.listen() as events:
            await publishers.on_air(launched.room, "Alice")
            first = await events.next(is_match("Alice"), within=FIRST)

            recognizer = launched.part("recognizer")
            assert recognizer is not None
            recognizer.kill()
            await launched.started_again("recognizer", recognizer, within=AGAIN)
            again = await events.next(by_another_life(first["source"]), within=FIRST)

        api = launched.part("API")
        assert api is not None
        api.kill()
        await launched.started_again("API", api, within=AGAIN)
        await launched.api_answers(within=AGAIN)
        async with launched.listen(after=again["cursor"]) as events:
            await events.next(is_match("Alice"), within=FIRST)

    said = [line for line in launched.launcher.output().splitlines() if "is started again" in line]
    assert said == [
        "The recognizer was ended by SIGKILL; it is started again in 1 s.",
        "The API was ended by SIGKILL; it is started again in 1 s.",
    ]
    parts = [launched.part("recognizer"), launched.part("API")]
    code, _ = await launched.launcher.terminate(within=AGAIN)
    assert code == 0
    assert not [part for part in parts if part is None or part.is_running()]


async def test_credentials_that_are_refused_later_end_everything(tmp_path: Path, own_livekit: LiveKitServer) -> None:
    stack = Launched(tmp_path, own_livekit)
    try:
        await stack.start()
        own_livekit.kill()
        own_livekit.process.set(**livekit_server.environment(key=KEY, secret="another-secret-than-they-were-told"))
        own_livekit.start()

        assert await stack.launcher.ended(within=60) == 4
    finally:
        stack.end()
    last = stack.launcher.output().splitlines()[-1]
    assert last.startswith("run.sh: The recognizer stopped by itself with exit code 4 (LiveKit refused ")
    assert "is started again" not in stack.launcher.output()


async def test_a_killed_livekit_server_of_ours_comes_back(tmp_path: Path, tcp_port: int) -> None:
    own = OwnServer(tmp_path, free_tcp_port(), tcp_port)
    running = asyncio.create_task(own.run())
    await wait_until_true(
        lambda: any(line.startswith("Face Match is ready") for line in own.said) or running.done(),
        within=READY_SECONDS,
        what="all is ready",
    )
    server = next(child for child in own.launch.children if child.program.name == "LiveKit server")

    server.kill()

    await wait_until_true(lambda: server not in own.launch.children, within=AGAIN, what="it is started again")
    assert "The LiveKit server was ended by SIGKILL; it is started again in 1 s." in own.said
    await wait_until(own.launch._recognizer_connected, within=READY_SECONDS, what="the recognizer is in the room again")
    own.stop.set()
    async with asyncio.timeout(AGAIN):
        await running
    assert all(child.ended.done() for child in own.launch.children)
