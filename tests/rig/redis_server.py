"""A Redis server of the tests' own, from the machine's packages: two LiveKit servers find each other by it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

from tests.rig import debian
from tests.rig.ports import free_tcp_port
from tests.rig.process import Process
from tests.rig.waiting import block_until

if TYPE_CHECKING:
    from pathlib import Path

_START_SECONDS = 30


class NoRedisError(Exception):
    """There is none, and why."""


class RedisServer:
    """On loopback; keeps nothing on the disk.

    Raises:
        NoRedisError: it is not installed.
    """

    def __init__(self, folder: Path) -> None:
        found = shutil.which("redis-server")
        if found is None:
            debian.install("redis-server")
            found = shutil.which("redis-server")
        if found is None:
            raise NoRedisError("Redis's server is not installed (Debian: apt-get install redis-server)")
        self.port = free_tcp_port()
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.process = Process(
            "redis", [found, *options], env={"PATH": os.environ["PATH"]}, log=folder / "redis-server.log"
        )

    def start(self) -> None:
        """Returns when it takes connections."""
        self.process.start()
        block_until(self._answers, within=_START_SECONDS, what="Redis answers")

    def end(self) -> None:
        """Harmless when it has ended."""
        self.process.end()

    def hash(self, name: str) -> dict[str, str]:
        """What is kept under a name."""
        command = ["redis-cli", "-p", str(self.port), "--raw", "HGETALL", name]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_START_SECONDS)
        words = said.stdout.splitlines()
        return dict(zip(words[::2], words[1::2], strict=True))

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False
