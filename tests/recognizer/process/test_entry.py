"""The beginning and the end of the process, in one of its own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, ctypes, os, resource, signal
from facematch.recognizer.process.entry import prepare_process, run_process
from facematch.runtime.exit_codes import ExitCode

async def program():
    {body}
    return ExitCode.MEMORY_LIMIT

prepare_process()
run_process(program())
"""


def ran(body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_program_decides_the_exit_code_and_all_it_said_is_heard() -> None:
    done = ran("print('said', end='')")
    assert (done.returncode, done.stdout) == (3, "said")


def test_whatever_goes_wrong_is_said_and_is_an_exit_code() -> None:
    done = ran("raise ZeroDivisionError('by zero')")
    assert done.returncode == 1
    assert "ZeroDivisionError: by zero" in done.stderr


def test_a_crash_in_native_code_says_where() -> None:
    done = ran("ctypes.string_at(0)")
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in done.stderr
    assert "in program" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_no_memory_is_ever_dumped() -> None:
    done = ran("print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))")
    assert done.stdout == "(0, 0) 0\n"
