"""What ends by itself is started again, later each time; what would end the same way is not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from facematch.launcher import supervision
from facematch.launcher.child import Child, Program
from facematch.launcher.supervision import Backoff, EndedForGoodError, keep_running
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from pathlib import Path

SLEEPS = "import time; print('awake', flush=True); time.sleep(60)"
FORGETS_A_CHILD = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
time.sleep(60)
"""


class Kept:
    """One program under supervision."""

    def __init__(self, child: Child) -> None:
        self.children = [child]
        self.said: list[str] = []
        self.task = asyncio.create_task(keep_running(child, self._replace, self.said.append))

    def _replace(self, child: Child, former: Child) -> None:
        assert former is self.children[-1]
        self.children.append(child)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await asyncio.gather(*(child.stop() for child in self.children))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "Backoff", lambda: Backoff(first=0.05, last=0.2))


def program(folder: Path, code: str, **more: object) -> Program:
    env = dict(os.environ)
    return Program("thing", [sys.executable, "-c", code], folder, env, log=folder / "log", **more)  # type: ignore[arg-type]


def test_the_pause_doubles_up_to_half_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.delay(0.5) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_minute_of_health_begins_anew() -> None:
    backoff = Backoff()
    assert [backoff.delay(lived) for lived in (3, 59.9, 60, 1, 3600)] == [1, 2, 1, 2, 1]


async def test_one_that_was_killed_comes_back_and_it_is_said(tmp_path: Path) -> None:
    kept = Kept(await Child.start(program(tmp_path, SLEEPS)))

    os.kill(kept.children[0].process.pid, signal.SIGKILL)

    await wait_until_true(lambda: len(kept.children) == 2, within=10, what="it runs again")
    assert kept.said == ["The thing was ended by SIGKILL; it is started again in 0 s."]
    assert not kept.children[1].ended.done()
    await kept.end()


async def test_its_first_words_stay_in_the_log(tmp_path: Path) -> None:
    kept = Kept(
        await Child.start(program(tmp_path, "import os; print('the reason', os.getpid()); raise SystemExit(1)"))
    )

    await wait_until_true(lambda: len(kept.children) >= 4, within=10, what="it has run three times")
    await kept.end()

    assert (tmp_path / "log").read_text().count("the reason") >= 3
    assert set(kept.said) == {"The thing stopped by itself with exit code 1; it is started again in 0 s."}


@pytest.mark.parametrize("code", [0, 3])
async def test_an_exit_that_may_not_repeat_itself_is_followed_by_a_start(tmp_path: Path, code: int) -> None:
    ends = program(tmp_path, f"raise SystemExit({code})", meanings={3: "memory limit reached"}, final=frozenset({2, 4}))
    kept = Kept(await Child.start(ends))

    await wait_until_true(lambda: len(kept.children) >= 2, within=10, what="it has been started again")
    await kept.end()

    meaning = " (memory limit reached)" if code == 3 else ""
    assert kept.said[0] == f"The thing stopped by itself with exit code {code}{meaning}; it is started again in 0 s."


@pytest.mark.parametrize("code", [2, 4])
async def test_an_exit_that_would_repeat_itself_is_the_end(tmp_path: Path, code: int) -> None:
    ends = program(tmp_path, f"raise SystemExit({code})", meanings={2: "bad", 4: "refused"}, final=frozenset({2, 4}))
    kept = Kept(await Child.start(ends))

    with pytest.raises(
        EndedForGoodError, match=rf"^The thing stopped by itself with exit code {code} \((bad|refused)\)"
    ):
        async with asyncio.timeout(10):
            await kept.task
    assert kept.said == []
    await kept.end()


async def test_what_it_left_running_is_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    kept = Kept(await Child.start(program(tmp_path, FORGETS_A_CHILD)))
    await wait_until_true(lambda: (tmp_path / "log").read_text().strip(), within=10, what="it has a child")
    forgotten = psutil.Process(int((tmp_path / "log").read_text()))

    os.kill(kept.children[0].process.pid, signal.SIGKILL)

    await wait_until_true(
        lambda: not forgotten.is_running() or forgotten.status() == psutil.STATUS_ZOMBIE, within=10, what="it is gone"
    )
    await kept.end()


async def test_one_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    kept = Kept(await Child.start(Program("thing", [str(script)], tmp_path, dict(os.environ))))
    script.rename(tmp_path / "elsewhere")
    await wait_until_true(lambda: any("cannot be started" in line for line in kept.said), within=10, what="it failed")
    before = len(kept.children)
    (tmp_path / "elsewhere").rename(script)

    await wait_until_true(lambda: len(kept.children) > before, within=10, what="it runs again")
    await kept.end()


async def test_letting_it_end_ends_it(tmp_path: Path) -> None:
    kept = Kept(await Child.start(program(tmp_path, SLEEPS)))
    await kept.end()

    assert len(kept.children) == 1
    assert kept.children[0].ended.done()
