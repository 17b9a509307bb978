"""Whose program is at the other end of a loopback connection: real sockets, real other users, and odd systems."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from facematch.server.access.neighbours import Neighbours, Whose, own_users, owner_of
from tests.rig.other_user import OTHER_USER, another_user_s, needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ME = os.geteuid()
V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def listening(stack: ExitStack, family: socket.AddressFamily, host: str) -> socket.socket:
    both = host == "::"
    return stack.enter_context(socket.create_server((host, 0), family=family, dualstack_ipv6=both))


def looked_up(accepted: socket.socket) -> int | None:
    return owner_of(accepted.getpeername()[:2], accepted.getsockname()[:2])


WAYS = {
    "IPv4": (V4, "127.0.0.1", V4, "127.0.0.1"),
    "another loopback address": (V4, "127.8.9.1", V4, "127.8.9.1"),
    "IPv6": (V6, "::1", V6, "::1"),
    "IPv4 to a server of both": (V6, "::", V4, "127.0.0.1"),
    "a program that writes IPv4 as IPv6": (V6, "::", V6, "::ffff:127.0.0.1"),
    "IPv6 to a server of both": (V6, "::", V6, "::1"),
}


@pytest.mark.parametrize("way", WAYS)
def test_this_user_s_own_sockets(stack: ExitStack, way: str) -> None:
    family, host, client_family, address = WAYS[way]
    server = listening(stack, family, host)
    client = stack.enter_context(socket.socket(client_family))
    client.connect((address, server.getsockname()[1]))
    accepted = stack.enter_context(server.accept()[0])
    assert looked_up(accepted) == ME
    client.shutdown(socket.SHUT_WR)  # it sends no more, and still waits for the answer
    assert looked_up(accepted) == ME
    client.close()
    assert looked_up(accepted) is None  # the list gives what nobody holds any more to root


STAYS = "import socket, sys; c = socket.create_connection((sys.argv[1], int(sys.argv[2]))); input()"


@needs_root
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_another_user_s_socket(stack: ExitStack, host: str) -> None:
    server = listening(stack, V6 if ":" in host else V4, host)
    with another_user_s(STAYS, host, str(server.getsockname()[1])) as child:
        accepted = stack.enter_context(server.accept()[0])
        assert looked_up(accepted) == OTHER_USER
        child.communicate("\n", timeout=30)
    assert looked_up(accepted) is None  # closed, and not root's


class Connection:
    """What the lookup wants of a transport."""

    def __init__(self, accepted: socket.socket) -> None:
        self.ends = {"peername": accepted.getpeername(), "sockname": accepted.getsockname(), "socket": accepted}
        self.closing = False

    def get_extra_info(self, name: str) -> Any:
        return self.ends[name]

    def is_closing(self) -> bool:
        return self.closing


async def test_a_connection_is_looked_up_once(stack: ExitStack) -> None:
    """And what a proxy's header makes of the client's address has no part in it."""
    server = listening(stack, V4, "127.0.0.1")
    client = stack.enter_context(socket.create_connection(server.getsockname()))
    accepted = stack.enter_context(server.accept()[0])
    neighbours = Neighbours()
    scope: dict[str, Any] = {"client": ("192.0.2.7", 0), "facematch.connection": Connection(accepted)}
    assert await neighbours.whose(scope) is Whose.OURS
    client.close()
    assert await neighbours.whose(scope) is Whose.OURS
    scope["facematch.connection"] = Connection(accepted)
    assert await neighbours.whose(scope) is Whose.GONE
    del scope["facematch.connection"]
    assert not neighbours._known


@pytest.mark.parametrize("ends", [(None, None), (("", 0), None), (("/run/api.sock", 0), ("127.0.0.1", 1)), ((), ())])
async def test_what_is_no_internet_address_is_unknown(ends: tuple[Any, Any]) -> None:
    assert await Neighbours().whose({"client": ends[0], "server": ends[1]}) is Whose.UNKNOWN


async def test_what_is_not_in_the_list_is_unknown() -> None:
    assert await Neighbours().whose({"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}) is Whose.UNKNOWN


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = "   0: 0100007F:D367 0100007F:1F40 {state} 00000000:00000000 00:00000000 00000000 {uid:5}        0 {inode} 1 0\n"
SCOPE = {"client": ("127.0.0.1", 0xD367), "server": ("127.0.0.1", 8000)}


def listed(uid: int, state: str = "01", inode: int = 77) -> str:
    return HEAD + LINE.format(uid=uid, state=state, inode=inode)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A system of the test's own."""
    for name, text in {
        "net/tcp": listed(ME),
        "net/tcp6": HEAD,
        "sys/kernel/overflowuid": "65534\n",
        "sys/kernel/osrelease": "6.1.0-18-amd64\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


async def test_a_system_that_tells(proc: Path) -> None:
    assert Neighbours(proc).can_tell()
    assert await Neighbours(proc).whose(SCOPE) is Whose.OURS
    (proc / "net/tcp6").unlink()  # and has no IPv6
    assert await Neighbours(proc).whose(SCOPE) is Whose.OURS


NOT_OPEN = {
    "over": ("06", 0),
    "not yet": ("03", 0),
    "closed": ("04", 0),
    "closed and answered": ("05", 0),
    "connecting": ("02", 77),
    "listening": ("0A", 77),
    "nobody's": ("01", 0),
}


@pytest.mark.parametrize("what", NOT_OPEN)
async def test_sockets_that_no_program_holds_open_are_nobody_s(proc: Path, what: str) -> None:
    state, inode = NOT_OPEN[what]
    (proc / "net/tcp").write_text(listed(ME, state, inode))
    assert await Neighbours(proc).whose(SCOPE) is Whose.UNKNOWN


async def test_a_system_that_does_not_list_it_where_the_connection_is_open(proc: Path, stack: ExitStack) -> None:
    """A network namespace in between: it is unknown. Whoever has closed is gone, and known for that."""
    server = listening(stack, V4, "127.0.0.1")
    client = stack.enter_context(socket.create_connection(server.getsockname()))
    accepted = stack.enter_context(server.accept()[0])
    assert await Neighbours(proc).whose({"facematch.connection": Connection(accepted)}) is Whose.UNKNOWN
    client.close()
    assert await Neighbours(proc).whose({"facematch.connection": Connection(accepted)}) is Whose.GONE
    closed = Connection(accepted)
    closed.closing, closed.ends["socket"] = True, None
    assert await Neighbours(proc).whose({"facematch.connection": closed}) is Whose.GONE


async def test_root_is_this_user_under_wsl_only(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Windows' own programs come through a relay of root's."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (proc / "net/tcp").write_text(listed(0))
    assert await Neighbours(proc).whose(SCOPE) is Whose.ANOTHERS
    (proc / "sys/kernel/osrelease").write_text("5.15.153.1-microsoft-standard-WSL2\n")
    assert await Neighbours(proc).whose(SCOPE) is Whose.OURS
    (proc / "net/tcp").write_text(listed(33))
    assert await Neighbours(proc).whose(SCOPE) is Whose.ANOTHERS


async def test_the_number_of_users_without_one_is_nobody_s_own(proc: Path) -> None:
    """In a container with users of its own, everybody outside it has that number."""
    (proc / "sys/kernel/overflowuid").write_text(f"{ME}\n")
    assert own_users(proc) == frozenset()
    assert not Neighbours(proc).can_tell()
    assert await Neighbours(proc).whose(SCOPE) is Whose.UNKNOWN


async def test_another_system(proc: Path) -> None:
    (proc / "net/tcp").unlink()
    assert not Neighbours(proc).can_tell()
    assert await Neighbours(proc).whose(SCOPE) is Whose.UNKNOWN
