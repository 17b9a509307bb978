"""One child process whose output is kept, and that is always ended by its own id.

One that ends while nobody has told it to, and nobody waits for its end, fails whatever a test waits for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from facematch.config.settings import ROOT
from facematch.launcher.child import die_with
from tests.rig import nursery
from tests.rig.waiting import NeverHappenedError, unwatch, wait_until_true, watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LAST_RESORT_SECONDS = 10

_started: list[Process] = []
_DEADLY = {signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGQUIT, signal.SIGABRT}


def started() -> list[Process]:
    """Those whose output may explain a failure: they run, or have been started by the test at hand."""
    return list(_started)


def forget_the_ended() -> None:
    """Between two tests."""
    _started[:] = [process for process in _started if process.alive]


class Process:
    """A program started from the checkout; several runs of it append to one log."""

    def __init__(
        self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path, prepared: bool = False
    ) -> None:
        """Starts nothing yet; `env` is the whole environment of the child.

        `prepared`: begins where its imports are done, if a copy can do the same as a start (see `nursery`).
        """
        self.name = name
        self._prepared = prepared
        self.log = log
        self._argv = list(argv)
        self._env = dict(env)
        self._child: subprocess.Popen[bytes] | nursery.Born | None = None

    def set(self, **variables: str) -> None:
        """Variables of its next start."""
        self._env |= variables

    def runs_between(self, before: Sequence[str], *after: str) -> None:
        """At its next start: words before its command, such as those that put it on another machine, and behind it."""
        self._argv = [*before, *self._argv, *after]

    def may_open(self, descriptors: int) -> None:
        """At its next start: how many files and connections, and no more if it asks."""
        self._argv = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *self._argv]

    @property
    def pid(self) -> int:
        """Of the running child."""
        return self._running().pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs or before it has been started; negative: ended by that signal."""
        return None if self._child is None else self._child.poll()

    @property
    def alive(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Starts it in a process group of its own, so that a Ctrl-C at the test does not reach it first."""
        assert not self.alive, f"{self.name} runs already"
        kind = nursery.kind_of(self._argv, self._env) if self._prepared else None
        self._child = nursery.bear(kind, self._argv, self._env, self.log) if kind else self._opened()
        unwatch(self)  # of its last life
        watch(self)
        if self not in _started:
            _started.append(self)

    def _opened(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._argv,
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  (one call of the C library)
            )

    def obituary(self) -> str | None:
        """See `Mortal`."""
        code = self.exit_code
        return None if code is None else f"{self.name} ended by itself with exit code {code}\n{self.tail()}"

    def send(self, number: signal.Signals) -> None:
        """One signal to the child alone."""
        if number in _DEADLY:
            unwatch(self)
        self._running().send_signal(number)

    async def ended(self, within: float) -> int:
        """Its exit code once it has ended by itself; `NeverHappenedError` if it has not after `within` seconds."""
        unwatch(self)
        try:
            return await asyncio.to_thread(self._running().wait, within)
        except subprocess.TimeoutExpired:
            raise NeverHappenedError(f"{self.name} was still running after {within} s\n{self.tail()}") from None

    async def terminate(self, within: float) -> tuple[int, float]:
        """SIGTERM; returns the exit code and the seconds that the end took."""
        started = time.monotonic()
        self.send(signal.SIGTERM)
        code = await self.ended(within)
        return code, time.monotonic() - started

    def end(self, *, patience: float = _LAST_RESORT_SECONDS) -> None:
        """Whatever it takes: SIGTERM, then SIGKILL. Harmless when it has ended."""
        unwatch(self)
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, as the out-of-memory killer or a power cut would."""
        unwatch(self)
        child = self._running()
        child.kill()
        child.wait(_LAST_RESORT_SECONDS)

    def output(self) -> str:
        """Everything written so far, by all its runs."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    async def says(self, words: str, *, within: float, times: int = 1) -> None:
        """Returns when its output has these words so many times."""
        await wait_until_true(
            lambda: self.output().count(words) >= times, within=within, what=f"{self.name} says {words!r} {times} times"
        )

    def tail(self, lines: int = 60) -> str:
        """The last lines of its output, with a heading."""
        return "\n".join([f"--- {self.name} ---", *self.output().splitlines()[-lines:]])

    def _running(self) -> subprocess.Popen[bytes] | nursery.Born:
        assert self._child is not None, f"{self.name} has not been started"
        return self._child
