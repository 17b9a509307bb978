"""How LiveKit's SDK is begun, each time in a process of its own: there is one of it in a process, for good."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from facematch.recognizer.process.sdk_start import SLACK_SECONDS, calm_threads

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import asyncio, logging, pathlib, threading
from livekit import rtc
from facematch.recognizer.process.native_output import NativeOutput, separate_stderr
from facematch.recognizer.process.sdk_start import start_sdk

class Told(logging.Handler):
    def emit(self, record):
        print("told", record.levelname, threading.current_thread().name, record.getMessage())

async def fail():
    try:
        await rtc.Room().connect("ws://127.0.0.1:1", "token", rtc.RoomOptions(connect_timeout=2.0))
    except rtc.ConnectError:
        print("refused")

separate_stderr()
logging.getLogger("livekit").addHandler(Told())
with NativeOutput(pathlib.Path({path!r})) as native:
    start_sdk(warnings_to_stderr=native.separate)
    asyncio.run(fail())
print("ours", pathlib.Path("/proc/self/timerslack_ns").read_text())
for task in pathlib.Path("/proc/self/task").iterdir():
    if (task / "comm").read_text().startswith("tokio"):
        print("theirs", pathlib.Path("/proc", task.name, "timerslack_ns").read_text())
"""


def ran(path: Path) -> list[str]:
    program = PROGRAM.format(path=str(path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.platform != "linux", reason="timer slack is Linux's")
def test_the_sdk_warns_through_stderr_and_only_its_threads_are_woken_late(tmp_path: Path) -> None:
    lines = ran(tmp_path / "native.stderr")
    assert "refused" in lines
    told = [line for line in lines if line.startswith("told")]
    assert any("WARNING MainThread livekit::rtc_engine - failed to connect" in line for line in told)
    assert all(" MainThread " in line for line in told)  # none came from a thread of its own
    (ours,) = {int(line.split()[1]) for line in lines if line.startswith("ours")}
    (theirs,) = {int(line.split()[1]) for line in lines if line.startswith("theirs")}
    assert theirs == SLACK_SECONDS * 1e9
    assert ours < theirs / 10


def test_where_stderr_is_not_ours_the_sdk_speaks_to_python(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told = [line for line in ran(tmp_path / "file" / "native.stderr") if line.startswith("told WARNING")]
    assert told
    assert not any(" MainThread " in line for line in told)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's schedulers")
def test_no_thread_goes_before_all_others_of_the_machine() -> None:
    ready, calm = threading.Event(), threading.Event()
    seen: list[object] = []

    def hurry() -> None:
        try:
            os.sched_setscheduler(threading.get_native_id(), os.SCHED_FIFO, os.sched_param(1))
        except PermissionError as error:
            seen.append(error)
        ready.set()
        calm.wait(10)
        seen.append(os.sched_getscheduler(threading.get_native_id()))

    thread = threading.Thread(target=hurry)
    thread.start()
    ready.wait(10)
    calm_threads()
    calm.set()
    thread.join()
    if isinstance(seen[0], PermissionError):
        pytest.skip("only root gets such threads")
    assert seen == [os.SCHED_OTHER]
