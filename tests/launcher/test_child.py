"""A child ends when it is told to, and when it does not want to."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from facematch.launcher.child import Child, Program
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READY = "ready"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
COUNTING = """
import signal, sys, time
seen = []
def take(*_):
    seen.append(1)
    if len(seen) == 2:
        sys.exit(7)
signal.signal(signal.SIGTERM, take)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
WITH_A_CHILD = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, "ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Program]:
    def make(code: str, *, patience: float = 5.0, insist: bool = False) -> Program:
        argv = [sys.executable, "-c", code]
        log = tmp_path / "log"
        env = dict(os.environ)
        return Program("thing", argv, tmp_path, env, log=log, patience=patience, insist=insist, meanings={9: "luck"})

    return make


async def ready(child: Child) -> str:
    log = child.program.log
    assert log is not None
    await wait_until_true(lambda: READY in log.read_text(), within=10, what="the child is ready")
    return log.read_text()


async def test_one_that_ends_by_itself_is_mourned_with_its_last_words(program: Callable[..., Program]) -> None:
    child = await Child.start(program("print('out of luck'); raise SystemExit(9)"))

    assert await child.ended == 9
    sentence, *words = child.obituary().splitlines()
    assert sentence.startswith("The thing stopped by itself with exit code 9 (luck); ")
    assert words == ["out of luck"]
    await child.stop()


async def test_one_that_was_killed_says_by_what(program: Callable[..., Program]) -> None:
    child = await Child.start(program(STUBBORN))
    await ready(child)
    child.kill()

    assert await child.ended == -9
    assert child.obituary().startswith("The thing was ended by SIGKILL; ")


async def test_one_that_ignores_sigterm_is_killed_in_time(program: Callable[..., Program]) -> None:
    child = await Child.start(program(STUBBORN, patience=0.3))
    await ready(child)
    started = time.monotonic()

    await child.stop()

    assert child.ended.result() == -9
    assert time.monotonic() - started < 2


async def test_one_that_wants_to_be_asked_twice_is(program: Callable[..., Program]) -> None:
    child = await Child.start(program(COUNTING, insist=True))
    await ready(child)

    await child.stop()

    assert child.ended.result() == 7


async def test_what_it_started_itself_does_not_outlive_it(program: Callable[..., Program]) -> None:
    child = await Child.start(program(WITH_A_CHILD))
    grandchild = psutil.Process(int((await ready(child)).split()[0]))

    await child.stop()

    await wait_until_true(lambda: gone(grandchild), within=5, what="the grandchild is gone")


async def test_one_that_cannot_be_started_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        await Child.start(Program("thing", [str(tmp_path / "nothing")], tmp_path, {}))


async def test_its_session_is_its_own(program: Callable[..., Program]) -> None:
    child = await Child.start(program(STUBBORN, patience=0.1))
    await ready(child)

    assert os.getpgid(child.process.pid) == child.process.pid != os.getpgid(0)
    await child.stop()


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
