"""Once all is ready, the launcher keeps it so: what dies is started again and works again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rig.launched import Launched
from tests.rig.listener import by_another_life, is_match

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.livekit_server import LiveKitServer

AGAIN = 10
FIRST = 20


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
        await launched.launcher.says("Uvicorn running", times=2, within=AGAIN)
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
