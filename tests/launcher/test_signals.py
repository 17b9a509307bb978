"""What ends everything and what does not: signals, and a terminal that has gone."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, cast

import pytest

from facematch.launcher import __main__ as launcher
from facematch.launcher.child import Child, Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facematch.config.settings import Settings


class Launched:
    """Stands in for `Launch`."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.stopped = self.killed = False

    async def run(self, stop: asyncio.Event) -> None:
        self.ready.set()
        await stop.wait()

    async def stop(self) -> None:
        self.stopped = True

    def kill(self) -> None:
        self.killed = True


@pytest.fixture
async def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    launch = Launched()
    monkeypatch.setattr(launcher, "Launch", lambda settings, env, *, say: launch)
    return launch


@pytest.fixture
def hang_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """SIGHUP is handled in this way on entry."""
    former = signal.signal(signal.SIGHUP, request.param)
    yield
    signal.signal(signal.SIGHUP, former)


ignored = pytest.mark.parametrize("hang_up", [signal.SIG_IGN], indirect=True, ids=["nohup"])
as_usual = pytest.mark.parametrize("hang_up", [signal.SIG_DFL], indirect=True, ids=["usual"])


async def run(launched: Launched, *signals: signal.Signals) -> int:
    running = asyncio.create_task(launcher.run(cast("Settings", None), {}))
    await launched.ready.wait()
    for number in signals:
        os.kill(os.getpid(), number)
    async with asyncio.timeout(10):
        return await running


@as_usual
@pytest.mark.usefixtures("hang_up")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
async def test_each_of_these_ends_everything(launched: Launched, number: signal.Signals) -> None:
    assert await run(launched, number) == 0
    assert (launched.stopped, launched.killed) == (True, False)


@as_usual
@pytest.mark.usefixtures("hang_up")
async def test_the_second_one_ends_everything_at_once(launched: Launched) -> None:
    assert await run(launched, signal.SIGHUP, signal.SIGTERM) == 0
    assert (launched.stopped, launched.killed) == (True, True)


@ignored
@pytest.mark.usefixtures("hang_up")
async def test_under_nohup_the_end_of_the_terminal_is_not_the_end(launched: Launched) -> None:
    assert await run(launched, signal.SIGHUP, signal.SIGTERM) == 0
    assert (launched.stopped, launched.killed) == (True, False), "SIGTERM was the first that it has heard of"


@ignored
@pytest.mark.usefixtures("hang_up")
async def test_under_nohup_the_children_ignore_it_too(tmp_path: Path) -> None:
    hangs_up = "import os, signal; os.kill(os.getpid(), signal.SIGHUP); print('still here')"
    log = tmp_path / "log"
    child = await Child.start(Program("thing", [sys.executable, "-c", hangs_up], tmp_path, dict(os.environ), log=log))

    assert await child.ended == 0
    assert log.read_text() == "still here\n"


async def test_a_terminal_that_has_gone_is_no_reason_to_fail(
    launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    assert await run(launched, signal.SIGTERM) == 0
