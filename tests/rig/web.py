"""The web process alone, started as a user starts it, and clients of it that misbehave."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil

from tests.rig.migrated import lay_log
from tests.rig.ports import free_tcp_port
from tests.rig.process import Process
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.hosts import Host

START_SECONDS = 30
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "MODEL_CACHE")
_ONE_ANSWER = aiohttp.ClientTimeout(total=5)
_HANDSHAKE = (
    "GET /ws/matches{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class WebProcess:
    """`uvicorn api:app` with folders of its own; no LiveKit, no recognizer.

    Args:
        folder: receives everything it writes, and its log.
        settings: variables that differ from the defaults, such as `upload_max_mb=1`.
    """

    def __init__(self, folder: Path, **settings: object) -> None:
        self.port = free_tcp_port()
        self.address = "127.0.0.1"
        self.base_url = f"http://{self.address}:{self.port}"
        self.headers: dict[str, str] = {}
        """What every request of the tests carries."""
        self.captures = folder / "captures"
        own = {
            "output_dir": self.captures,
            "reference_image": folder / "reference" / "current.jpg",
            "data_dir": folder / "data",
            "livekit_url": "ws://127.0.0.1:1",
            "port": self.port,
            **settings,
        }
        self.environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self.environment |= {name.upper(): str(value) for name, value in own.items()}
        command = [sys.executable, "-m", "uvicorn", "api:app", "--port", str(self.port)]
        self.process = Process("api", command, env=self.environment, log=folder / "api.log", prepared=True)

    def move_to(self, host: Host) -> None:
        """Before its first start: it runs on another machine."""
        self.address, self.base_url = host.address, f"http://{host.address}:{self.port}"
        self.process.runs_between(host.before, "--host", host.address)

    async def start(self) -> None:
        """Returns when it answers. Its first start finds its log; `process.start` alone lets it make that."""
        lay_log(self.environment)
        self.process.start()
        await wait_until(self.answers, within=START_SECONDS, what="the web process answers")

    def end(self) -> None:
        """Harmless when it has ended."""
        self.process.end()

    def connections(self) -> int:
        """TCP connections that it holds."""
        found = psutil.Process(self.process.pid).net_connections("tcp")
        return sum(connection.status not in (psutil.CONN_LISTEN, psutil.CONN_NONE) for connection in found)

    async def answers(self) -> bool:
        """Whether it does now."""
        try:
            async with (
                aiohttp.ClientSession(timeout=_ONE_ANSWER) as session,
                session.get(f"{self.base_url}/livez") as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def stalled_connection(port: int, request: str) -> socket.socket:
    """Sends a request and never reads a byte of the answer; its buffers are as small as the system allows."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    connection.connect(("127.0.0.1", port))
    connection.sendall(request.encode())
    return connection


def stalled_listener(port: int, *, after: int | None = None) -> socket.socket:
    """A WebSocket client that stops reading right after its handshake; with `after` it asks for a replay first."""
    query = "" if after is None else f"?after={after}"
    return stalled_connection(port, _HANDSHAKE.format(port=port, query=query))


def bulky_check(seq: int) -> dict[str, Any]:
    """An event of some 3 kB: few of them fill the buffers of whoever does not read."""
    return {
        "participant_id": "PA_" + "x" * 500,
        "participant_name": "n" * 512,
        "participant_identity": "i" * 512,
        "track_sid": "t" * 512,
        "cycle_id": "c" * 512,
        "room": "r" * 512,
        "match_found": False,
        "timestamp": "2025-09-25T14:07:08.987654+00:00",
        "source": "rig",
        "seq": seq,
    }
