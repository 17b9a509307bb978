"""Whose programs connect from this machine: what local mode rests on.

A proxy on this machine, and the program of every other user of it, connects from a loopback address just as this
user's own programs do, and nothing that they send can be relied on. But Linux tells the user of every socket
(`/proc/net/tcp` and `tcp6`), and both ends of a loopback connection are in that list.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import sys
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from facematch.server.web.abort import connection_of

if TYPE_CHECKING:
    from starlette.types import Scope

_PROC: Final = Path("/proc")
_LISTS: Final = ("net/tcp", "net/tcp6")
_ROOT: Final = 0
_OPEN: Final = frozenset({b"01", b"04", b"05"})
"""ESTABLISHED, and the two in which the other end has said that it will send no more. The list gives sockets in other
states to root, whoever had them."""
_ESTABLISHED: Final = b"\x01"
_NO_PROGRAM: Final = b"0"
"""In place of a socket's number: its program has closed it, and the list gives it to root."""

End = tuple[str, int]
"""Address and port."""


class Whose(Enum):
    """Whose program is at the other end."""

    OURS = auto()
    """It belongs to the user that this process runs as."""
    ANOTHERS = auto()
    GONE = auto()
    """Nobody's any more: it has been closed, and no answer is heard."""
    UNKNOWN = auto()
    """The system does not tell, or does not know the connection (a network namespace in between)."""


class Neighbours:
    """Tells whose program is at the other end of a connection, once for each.

    Args:
        proc: where the system tells; injected by tests.
    """

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = proc
        self._known: WeakKeyDictionary[Any, Whose] = WeakKeyDictionary()

    def can_tell(self) -> bool:
        """Whether there is any point in asking. False: everybody is unknown."""
        return bool(own_users(self._proc)) and (self._proc / _LISTS[0]).exists()

    async def whose(self, scope: Scope) -> Whose:
        """Whose program makes this request, over a loopback address."""
        connection = connection_of(scope)
        if connection is None:  # of a server that does not show it: asked for each request
            return await asyncio.to_thread(self._look, scope.get("client"), scope.get("server"))
        known = self._known.get(connection)
        if known is None:
            client, server = (connection.get_extra_info(name) for name in ("peername", "sockname"))
            known = await asyncio.to_thread(self._look, client, server)
            if known is Whose.UNKNOWN and _is_over(connection):
                known = Whose.GONE
            self._known[connection] = known
        return known

    def _look(self, client: Any, server: Any) -> Whose:
        users = own_users(self._proc)
        try:
            owner = owner_of(tuple(client)[:2], tuple(server)[:2], self._proc)
        except (OSError, TypeError, ValueError):  # no such list; not an internet address
            owner = None
        if owner is None or not users:
            return Whose.UNKNOWN
        return Whose.OURS if owner in users else Whose.ANOTHERS


def _is_over(connection: asyncio.Transport) -> bool:
    """Whether our end of a connection knows that the other one sends no more, if that can be asked for."""
    if connection.is_closing():  # has no socket any more
        return True
    end = connection.get_extra_info("socket")
    if end is None or not hasattr(socket, "TCP_INFO"):
        return False
    try:
        state: bytes = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    except OSError:
        return True
    return state != _ESTABLISHED


def own_users(proc: Path = _PROC) -> frozenset[int]:
    """The users whose programs are ours; empty where that cannot be told.

    The one that this process runs as. Under WSL also root: there Windows' own programs come through a relay of root's.
    """
    if sys.platform == "win32":
        return frozenset()
    me = os.geteuid()
    if me == _number_in(proc / "sys/kernel/overflowuid"):  # stands for every user that has no number here
        return frozenset()
    return frozenset({me, _ROOT} if _is_wsl(proc) else {me})


def _number_in(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _is_wsl(proc: Path) -> bool:
    try:
        return "microsoft" in (proc / "sys/kernel/osrelease").read_text().lower()
    except OSError:
        return False


def owner_of(client: End, server: End, proc: Path = _PROC) -> int | None:
    """The user whose program holds the client's end of a connection; None: no program holds it, or it is not listed.

    Args:
        client: the end that is asked about.
        server: the other one.
        proc: where the system tells.

    Raises:
        OSError: there is no list.
        ValueError: an end is not an internet address.
    """
    needles = [b" %s %s " % pair for pair in zip(_listed(client), _listed(server), strict=True)]
    for name in _LISTS:
        try:
            listed = (proc / name).read_bytes()
        except FileNotFoundError:
            if name == _LISTS[0]:
                raise
            continue  # a system without IPv6
        for needle in needles:
            # state, queues, timer, retransmits, uid, timeout, inode
            state, _, _, _, uid, _, inode = (listed.partition(needle)[2].split(maxsplit=7) + [b""] * 7)[:7]
            if state in _OPEN and inode != _NO_PROGRAM:
                return int(uid)
    return None


def _listed(end: End) -> list[bytes]:
    """How the lists write an end: an IPv4 address in two ways, since `tcp6` has it of programs that use both kinds."""
    host, port = end
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, ipaddress.IPv4Address):
        forms = [address.packed, ipaddress.ip_address(f"::ffff:{address}").packed]
    else:
        forms = [address.packed]
    return [b"%s:%04X" % (_words(form), port) for form in forms]


def _words(packed: bytes) -> bytes:
    words = [int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4)]
    return b"".join(b"%08X" % word for word in words)
