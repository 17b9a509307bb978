"""The LiveKit server that set-up builds and the launcher starts: which version, where it is, how it is called.

Standard library only: set-up reads this before anything is installed.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

MODULE = Path(__file__).resolve().parents[2] / "tools" / "livekit"
"""The Go module that pins the server and all that it is built from."""

PACKAGE = "github.com/livekit/livekit-server/cmd/server"

DEFAULT_UDP_PORT = 7882


def pinned_version() -> str:
    """The server's version in `MODULE`, such as "1.13.5".

    Raises:
        ValueError: go.mod does not name one.
    """
    found = re.search(
        r"^\s*github\.com/livekit/livekit-server v(\S+)", (MODULE / "go.mod").read_text("utf-8"), re.MULTILINE
    )
    if found is None:
        raise ValueError(f"{MODULE / 'go.mod'} does not require github.com/livekit/livekit-server")
    return found[1]


def binary(cache: Path) -> Path:
    """Where the built server lies in the cache folder, whether or not it is there yet."""
    return cache / f"livekit-server-{pinned_version()}"


def arguments(*, port: int, udp_port: int) -> list[str]:
    """Command-line arguments for a server on loopback only: signalling on `port`, media on `udp_port`.

    A TCP media port would listen on every interface whatever else is set, so there is none; without the interface
    list, UDP media would listen on the machine's other addresses.
    """
    config = (
        f"port: {port}\n"
        f"rtc: {{tcp_port: 0, udp_port: {udp_port}, interfaces: {{includes: [{_loopback_interface()}]}}, "
        "enable_loopback_candidate: true}\n"
    )
    return ["--bind", "127.0.0.1", "--node-ip", "127.0.0.1", "--config-body", config]


def environment(*, key: str, secret: str) -> dict[str, str]:
    """Variables that give the server its one key pair; an argument could be read by everybody on the machine."""
    return {"LIVEKIT_KEYS": f"{key}: {secret}"}


def _loopback_interface() -> str:
    """Linux calls it lo, the BSDs and macOS lo0."""
    names = {name for _, name in socket.if_nameindex()}
    return "lo0" if "lo0" in names and "lo" not in names else "lo"
