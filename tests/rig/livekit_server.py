"""A real LiveKit server on free loopback ports."""

from __future__ import annotations

import os
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from facematch.config.settings import Settings
from facematch.launcher import livekit_server
from tests.rig.ports import free_tcp_port, free_udp_port
from tests.rig.process import Process
from tests.rig.waiting import NeverHappenedError, block_until

if TYPE_CHECKING:
    from tests.rig.hosts import Hosts

KEY: Final = "demo-key"
SECRET: Final = "demo-secret"

_START_SECONDS = 30
_STOP_SECONDS = 5


def server_binary() -> Path:
    """Where the set-up put the pinned server; the variable LIVEKIT_SERVER_BIN overrides it."""
    path = Path(os.environ.get("LIVEKIT_SERVER_BIN") or livekit_server.binary(Settings().model_cache))
    if not path.is_file():
        raise FileNotFoundError(f"no LiveKit server at {path}: run ./install_fix.sh, or set LIVEKIT_SERVER_BIN")
    return path


class LiveKit(Protocol):
    """Where it is: one server, or what stands before several."""

    url: str


class LiveKitServer:
    """One server, media and signalling on one address only; can be killed and started again on the same ports."""

    def __init__(self, folder: Path, config: str = "", *, hosts: Hosts | None = None) -> None:
        """Chooses the ports.

        Args:
            folder: receives the log.
            config: further lines of LiveKit's YAML.
            hosts: machines that it is to be reached from; None: loopback.
        """
        self.port = free_tcp_port()
        self._address = hosts.address if hosts else "127.0.0.1"
        self.url = f"ws://{self._address}:{self.port}"
        figures_port = free_tcp_port()
        self.figures_url = f"http://127.0.0.1:{figures_port}/metrics"
        """What it tells Prometheus."""
        *arguments, server_config = livekit_server.arguments(port=self.port, udp_port=free_udp_port())
        if hosts:
            arguments = [hosts.address if word == "127.0.0.1" else word for word in arguments]
            server_config = re.sub(r"includes: \[\S+?\]", f"includes: [{hosts.interface}]", server_config)
        self.process = Process(
            "livekit-server",
            [str(server_binary()), *arguments, f"{server_config}prometheus_port: {figures_port}\n{config}"],
            env={"PATH": os.environ.get("PATH", ""), **livekit_server.environment(key=KEY, secret=SECRET)},
            log=folder / "livekit-server.log",
        )

    @property
    def node(self) -> str:
        """Its name among others, of its last start. Say so that it logs as JSON: `logging: {json: true}`."""
        names: list[str] = re.findall(r'"nodeID":\s*"(ND_\w+)"', self.process.output())
        return names[-1]

    def start(self) -> None:
        """Returns when it answers HTTP."""
        self.process.start()
        block_until(self._answers, within=_START_SECONDS, what="LiveKit server answers HTTP")

    def stop(self) -> None:
        """The first SIGTERM drains (it stays while anybody is in a room), the second ends it.

        Two at once would be one signal, so another is sent until it has gone.
        """
        if not self.process.alive:
            return
        try:
            block_until(self._told_to_end, within=_STOP_SECONDS, what="LiveKit server ends")
        except NeverHappenedError:  # a server told to end within moments of its start hears nothing ever after
            self.kill()

    def _told_to_end(self) -> bool:
        self.process.send(signal.SIGTERM)
        return not self.process.alive

    def kill(self) -> None:
        """As a crash would: no goodbye to anybody."""
        self.process.kill()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._address}:{self.port}/", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False
