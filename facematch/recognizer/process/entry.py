"""The beginning and the end of the process around its event loop."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from facematch.recognizer.process.native_output import separate_stderr
from facematch.runtime.exit_codes import ExitCode
from facematch.runtime.memory_dumps import forbid_memory_dumps

if TYPE_CHECKING:
    from collections.abc import Coroutine


def prepare_process() -> None:
    """Before anything is said: no dumps of memory, a stderr of our own, and a crash in native code says where."""
    forbid_memory_dumps()
    separate_stderr()
    faulthandler.enable()


def run_process(program: Coroutine[Any, Any, ExitCode]) -> NoReturn:
    """Run the program on an event loop, and end the process with its exit code."""
    runner = asyncio.Runner()  # never closed: that would wait for a thread whose disk hangs
    try:
        code = runner.run(program)
    except Exception:  # noqa: BLE001  (whatever ended it is said, and is an exit code)
        traceback.print_exc()
        code = ExitCode.FAILED
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    # All is closed. Taking the interpreter down would only end the SDK's own threads in the middle of a call into it,
    # which aborts the process now and then.
    os._exit(code)
