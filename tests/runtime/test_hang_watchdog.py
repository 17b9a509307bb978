"""Each in a process of its own: what is tested ends it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from facematch.config.settings import ROOT

BEGIN = """
import asyncio, time
from facematch.runtime.hang_watchdog import ended_when_hung

async def main():
    async with ended_when_hung(0.5):
"""


def run(body: str) -> subprocess.CompletedProcess[str]:
    code = BEGIN + "".join(f"        {line}\n" for line in body.splitlines()) + "\nasyncio.run(main())\nprint('ended')"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(20)",
        "while True: pass",
        "import ctypes; ctypes.PyDLL(None).sleep(20)",  # with the interpreter's lock held
    ],
    ids=["blocked", "busy", "in native code"],
)
def test_a_loop_that_hangs_ends_the_process_and_says_where(body: str) -> None:
    done = run(body)
    assert done.returncode == 1
    assert "ended" not in done.stdout
    assert "Timeout" in done.stderr
    assert "in main" in done.stderr


def test_a_loop_that_runs_is_left_alone() -> None:
    assert run("await asyncio.sleep(1.5)").returncode == 0


def test_afterwards_nobody_watches() -> None:
    done = run("pass\ntime.sleep(0.1)")
    assert (done.returncode, done.stdout) == (0, "ended\n")
    code = BEGIN + "        pass\n    time.sleep(1.5)\n\nasyncio.run(main())"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=30, check=False).returncode == 0
