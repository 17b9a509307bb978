"""One process that the launcher started, from its start to its certain end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from facematch.runtime.owner_only import keep_file, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_PR_SET_PDEATHSIG = 1
_TERM_AGAIN_SECONDS = 0.5
_LAST_LINES = 15
_ENOUGH = 64 * 1024


@dataclass(frozen=True)
class Program:
    """What to start."""

    name: str
    """As a person says it: "recognizer"."""
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    log: Path | None = None
    """Where its output goes; None: the launcher's own terminal."""
    patience: float = 6.0
    """Seconds that it may take to end after SIGTERM."""
    insist: bool = False
    """It takes the first SIGTERM as a wish only (LiveKit waits for its rooms to empty), so another follows."""
    meanings: Mapping[int, str] = field(default_factory=dict)
    """What its exit codes mean, in a few words."""
    final: frozenset[int] = frozenset()
    """Exit codes after which another start would end the same way."""


class Child:
    """A running program in a session of its own: a Ctrl-C at the terminal reaches the launcher alone, which then
    ends its children in order. Where the system can (Linux), it is killed when the launcher is.
    """

    def __init__(self, program: Program, process: asyncio.subprocess.Process) -> None:
        """See `start`."""
        self.program = program
        self.process = process
        self.started_at = asyncio.get_running_loop().time()
        self.ended: asyncio.Task[int] = asyncio.create_task(process.wait(), name=f"{program.name} ends")
        """Its exit code; negative: the signal that ended it."""

    @classmethod
    async def start(cls, program: Program, *, again: bool = False) -> Child:
        """Start it; `again` adds to the log of the time before, which tells why it ended.

        Raises:
            OSError: it cannot be started.
        """
        with contextlib.ExitStack() as closing:
            output: Any = None
            if program.log is not None:
                make_folder(program.log.parent)
                keep_file(program.log)
                output = closing.enter_context(program.log.open("ab" if again else "wb"))
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                cwd=program.cwd,
                env=dict(program.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            )
        return cls(program, process)

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL to its whole session when it has not ended in time. Harmless when it has ended."""
        try:
            async with asyncio.timeout(self.program.patience):
                while not self.ended.done():
                    self._send(signal.SIGTERM)
                    pause = _TERM_AGAIN_SECONDS if self.program.insist else None
                    await asyncio.wait({self.ended}, timeout=pause)
        except TimeoutError:
            pass
        finally:
            self.kill()
        await self.ended

    def kill(self) -> None:
        """SIGKILL to all that is left of its session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def how_it_ended(self) -> str:
        """What follows its name in a sentence."""
        code = self.ended.result()
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        meaning = self.program.meanings.get(code)
        return f"stopped by itself with exit code {code}" + (f" ({meaning})" if meaning else "")

    def obituary(self) -> str:
        """How it ended, as a sentence, with the end of its log when the terminal has not seen it."""
        if self.program.log is None:
            return f"The {self.program.name} {self.how_it_ended()}; what it said is above."
        lines = self.program.log.read_bytes()[-_ENOUGH:].decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
        return "\n".join([f"The {self.program.name} {self.how_it_ended()}; the end of {self.program.log}:", *lines])

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


def die_with(parent: int) -> Callable[[], None] | None:
    """What a child does before it becomes the program: it asks for SIGKILL on the death of its parent."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we had asked
            os._exit(1)

    return ask
