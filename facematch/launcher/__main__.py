"""`python -m facematch.launcher`, the second half of run.sh."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, TextIO

from dotenv import dotenv_values

from facematch.config.settings import ROOT, load_or_exit
from facematch.launcher.keys import KeysError, missing_keys
from facematch.launcher.launch import Launch, LaunchError
from facematch.runtime.exit_codes import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from facematch.config.settings import Settings


async def run(settings: Settings, env: dict[str, str]) -> int:
    """Start everything, stay until a signal or the end of a part, stop everything. Returns the exit code."""
    stop = asyncio.Event()
    launch = Launch(settings, env, say=_say)

    def on_signal() -> None:
        if stop.is_set():
            launch.kill()  # asked twice: no more patience
        stop.set()

    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, on_signal)
    try:
        try:
            await launch.run(stop)
        finally:
            await launch.stop()
    except LaunchError as error:  # told last, where it is looked for
        _say(f"run.sh: {error}", sys.stderr)
        return error.exit_code
    _say("Face Match has stopped.")
    return 0


def ending_signals() -> list[signal.Signals]:
    """The signals that stop everything: SIGHUP is none when it is ignored, as nohup has it ("outlive my terminal").

    SIGINT and SIGTERM always are: a shell that starts something in the background has SIGINT ignored unasked.
    """
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hang_up]


def environment(file: Path = ROOT / ".env") -> dict[str, str]:
    """This process's environment over what `.env` says."""
    from_file = {name: value for name, value in dotenv_values(file).items() if value is not None}
    return {**from_file, **os.environ}


def _say(text: str, stream: TextIO | None = None) -> None:
    with contextlib.suppress(OSError):  # the terminal has gone, or the program behind a pipe: no reason to stop
        print(text, file=stream, flush=True)


def with_keys(settings: Settings) -> Settings:
    """The settings with the keys that were missing, which both processes then find in their environment.

    Raises:
        LaunchError: they cannot be had.
    """
    try:
        keys = missing_keys(settings)
    except KeysError as error:
        raise LaunchError(str(error), ExitCode.BAD_SETTINGS) from None
    if not keys.values:
        return settings
    os.environ.update(keys.values)
    for_people = {name: value for name, value in keys.values.items() if name != "RECOGNIZER_KEY"}
    if keys.made and for_people:
        _say("Face Match can be reached from other machines, so everybody needs a key.")
        if sys.stdout.isatty():
            _say(f"These were made now; they are printed this once, and kept in {keys.file}:")
            for name, value in for_people.items():
                _say(f"  {name}={value}")
        else:  # what is written now may be kept where others can read it
            _say(f"{' and '.join(for_people)} were made now, and are kept in {keys.file}.")
    else:
        _say(f"Keys: {keys.file}")
    return load_or_exit()


def main() -> int:
    """Returns the exit code."""
    try:
        settings = with_keys(load_or_exit())
    except LaunchError as error:
        _say(f"run.sh: {error}", sys.stderr)
        return error.exit_code
    return asyncio.run(run(settings, environment()))


if __name__ == "__main__":
    sys.exit(main())
