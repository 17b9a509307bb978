"""Ports of the loopback interface that are free and have not been handed out before in this process."""

from __future__ import annotations

import socket

_handed_out: set[tuple[socket.SocketKind, int]] = set()


def free_tcp_port() -> int:
    """A TCP port that nothing listens on."""
    return _free_port(socket.SOCK_STREAM)


def free_udp_port() -> int:
    """A UDP port that nothing is bound to."""
    return _free_port(socket.SOCK_DGRAM)


def _free_port(kind: socket.SocketKind) -> int:
    while True:
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if (kind, port) not in _handed_out:
            _handed_out.add((kind, port))
            return port
