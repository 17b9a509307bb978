"""LiveKit's SDK, begun so that it costs little while nothing happens.

It hands everything that it says, the insides of its libraries included, to Python, where all but warnings is thrown
away: sixteen messages a second in an empty room, each a wake-up of two threads and a turn of the interpreter. Instead
it can write its warnings to stderr, which `NativeOutput` reads.

Its threads wait for hundreds of short times a second: one plays silence every 10 ms, another looks for lost packets
every 20 ms. Linux lets a thread be woken later than it asked for, together with its other times ("timer slack", see
prctl(2)); a thread has that of whichever started it. Packets and requests do not wait for a time, and are not held up.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from livekit.rtc._ffi_client import FfiClient, ffi_event_callback
from livekit.rtc.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

SLACK_SECONDS: Final = 0.04
"""By which the SDK's threads may be woken late: the time of one picture."""

_PR_SET_TIMERSLACK = 29
_TASKS = Path("/proc/self/task")


def start_sdk(*, warnings_to_stderr: bool) -> None:
    """Start it, once in a process and before anything asks it for something. Only on Linux is anything woken late.

    Args:
        warnings_to_stderr: it says them there, as lines of `env_logger`; else to Python's log.
    """
    if warnings_to_stderr:
        os.environ["RUST_LOG"] = "warn"  # what it writes; of more, keys and pictures might be a part
    with _slack(SLACK_SECONDS):
        sdk = FfiClient.instance
    if warnings_to_stderr:
        sdk._ffi_lib.livekit_ffi_initialize(ffi_event_callback, False, b"python", __version__.encode())  # noqa: FBT003, SLF001


def calm_threads() -> None:
    """Take back that threads of ours go before all others of the machine, which WebRTC wants for the one that plays
    silence, and gets where we run as root. Call it in a room: they are begun on the way there.
    """
    with contextlib.suppress(OSError, AttributeError):  # another system
        for task in _TASKS.iterdir():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.sched_getscheduler(int(task.name)) == os.SCHED_FIFO:
                    os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))


@contextlib.contextmanager
def _slack(seconds: float) -> Iterator[None]:
    """Threads that are begun in it may be woken that late, and this one only meanwhile."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (AttributeError, OSError):  # another system
        yield
        return
    prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(round(seconds * 1e9)), 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(0), 0, 0, 0)  # back to what it was at its own beginning
