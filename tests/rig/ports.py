"""Ports of this machine that are free and that no other test of it is given, in whatever process it runs.

They come from below the range out of which the system takes the local port of an outgoing connection: such a
connection can open between the moment a port is chosen and the moment the server under test listens on it.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from itertools import chain
from pathlib import Path
from typing import BinaryIO

_LOWEST = 10_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_ELSEWHERE = 49_152
_FEWEST = 1_000

_handed_out: set[int] = set()


def free_tcp_port() -> int:
    """A TCP port that nothing listens on."""
    return _free_port(socket.SOCK_STREAM)


def free_udp_port() -> int:
    """A UDP port that nothing is bound to."""
    return _free_port(socket.SOCK_DGRAM)


def candidates() -> range:
    """The ports that tests use."""
    try:
        first_ephemeral = int(_EPHEMERAL.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        first_ephemeral = _EPHEMERAL_ELSEWHERE
    if first_ephemeral < _LOWEST + _FEWEST:  # every port may be a connection's here: none is better than another
        first_ephemeral = 1 << 16
    return range(_LOWEST, first_ephemeral)


def _free_port(kind: socket.SocketKind) -> int:
    places = candidates()
    first = random.randrange(len(places))  # noqa: S311  (no secret: others begin elsewhere, that is all)
    for port in chain(places[first:], places[:first]):
        if port not in _handed_out and _claim(port) and _is_free(kind, port):
            _handed_out.add(port)
            return port
    raise RuntimeError(f"no port of {places.start} to {places.stop - 1} is free")


def _is_free(kind: socket.SocketKind, port: int) -> bool:
    """On every address, so that a server under test may listen on any."""
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def _claim(port: int) -> bool:
    """Ours until this process ends: byte number `port` of a file that all processes of this user lock."""
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    return True


@cache
def _claims() -> BinaryIO:
    """Opened once and never closed: closing any handle of a file gives up all its locks."""
    path = Path(tempfile.gettempdir()) / f"face-match-test-ports-{os.geteuid()}"
    return path.open("ab")
