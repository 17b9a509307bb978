"""run.sh as a user types it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from facematch.config.settings import Settings
from tests.rig.livekit_server import KEY, SECRET
from tests.rig.process import Process

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.livekit_server import LiveKitServer


class RunSh:
    """Starts some that use the tests' LiveKit server, with the folders of one installation; `end` ends each."""

    def __init__(self, folder: Path, livekit: LiveKitServer) -> None:
        self._folder = folder
        self._livekit = livekit
        self._made: list[Process] = []
        self.port = 0
        """Of the last."""

    def __call__(self, port: int, **settings: object) -> Process:
        """One more."""
        said = {
            "port": port,
            "livekit_url": self._livekit.url,
            "livekit_api_key": KEY,
            "livekit_api_secret": SECRET,
            "room_name": f"launch-{port}",
            "reference_image": self._folder / "reference.jpg",
            "output_dir": self._folder / "captures",
            "data_dir": self._folder / "data",
            "model_cache": Settings().model_cache,
        } | settings
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        env |= {name.upper(): str(value) for name, value in said.items()}
        log = self._folder / f"run-{len(self._made)}.log"
        self._made.append(Process("run.sh", ["./run.sh"], env=env, log=log))
        self._made[-1].start()
        self.port = port
        return self._made[-1]

    @property
    def running(self) -> Process | None:
        """The last, unless it has ended."""
        return self._made[-1] if self._made and self._made[-1].alive else None

    def end(self, *, patience: float) -> None:
        """By its own id; see `Process.end`."""
        for process in self._made:
            process.end(patience=patience)
