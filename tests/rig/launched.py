"""Face Match as `run.sh` starts it once set-up is done: under the launcher, which keeps it running."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psutil

from tests.rig.migrated import lay_log
from tests.rig.photographs import REFERENCE
from tests.rig.process import Process
from tests.rig.stack import Stack
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.rig.livekit_server import LiveKitServer

READY_SECONDS = 60
_PARTS = {"recognizer": "main.py", "API": "api:app"}


class Launched(Stack):
    """A stack whose processes belong to a launcher.

    Args:
        folder: see `Stack`.
        livekit: see `Stack`.
        before: a command that becomes the launcher in the end, such as one that enters a control group.
        settings: see `Stack`.
    """

    def __init__(self, folder: Path, livekit: LiveKitServer, *, before: Sequence[str] = (), **settings: object) -> None:
        super().__init__(folder, livekit, **settings)
        argv = [*before, sys.executable, "-m", "facematch.launcher"]
        self.launcher = Process("launcher", argv, env=self.environment, log=folder / "launcher.log")
        self.api = self.recognizer = self.launcher

    async def start(self, *, reference: str | None = REFERENCE, migrating: bool = False) -> None:
        """Returns when the launcher says that all is ready. `migrating`: see `Stack.start_api`."""
        if not migrating:
            lay_log(self.environment)
        self.launcher.start()

        async def ready() -> bool:
            return "Face Match is ready" in self.launcher.output()

        await wait_until(ready, within=READY_SECONDS, what="the launcher is ready")
        if reference is not None:
            await self.enroll(reference)

    def part(self, name: str) -> psutil.Process | None:
        """The "recognizer" or the "API" that runs now; None between two lives."""
        for child in psutil.Process(self.launcher.pid).children():
            try:
                if _PARTS[name] in child.cmdline():
                    return child
            except psutil.Error:  # it ends at this moment
                continue
        return None

    async def started_again(self, name: str, former: psutil.Process, *, within: float) -> psutil.Process:
        """The next life of a part."""

        async def other() -> psutil.Process | None:
            found = self.part(name)
            return found if found and found.pid != former.pid else None

        return await wait_until(other, within=within, what=f"the {name} has been started again")
