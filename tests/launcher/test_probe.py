"""Ports that are free, taken or not ours, and what answers on them."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from facematch.launcher.probe import PortError, check_bindable, free_udp_port, get, get_json

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something listens on and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_fine(tcp_port: int) -> None:
    check_bindable("127.0.0.1", tcp_port)
    check_bindable("localhost", tcp_port)
    check_bindable("0.0.0.0", tcp_port)  # noqa: S104


def test_a_taken_port_is_named_with_the_variable_to_set(taken: int) -> None:
    with pytest.raises(PortError, match=rf"^Port {taken} on 127\.0\.0\.1 is taken: .* set PORT to another\.$"):
        check_bindable("127.0.0.1", taken)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a" * 70])
def test_an_address_of_another_machine_is_named(host: str, tcp_port: int) -> None:
    with pytest.raises(PortError, match=rf"^HOST={host} is not an address of this machine\.$"):
        check_bindable(host, tcp_port)


def test_a_taken_udp_port_is_replaced(udp_port: int) -> None:
    assert free_udp_port(udp_port) == udp_port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", udp_port))
        assert free_udp_port(udp_port) not in (0, udp_port)


async def test_nothing_silence_and_nonsense_are_told_apart(tcp_port: int, taken: int) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"SSH-2.0-something\r\n")
        writer.close()

    assert await get("127.0.0.1", tcp_port, "/") is None
    assert await get("127.0.0.1", taken, "/", within=0.2) == (0, b"")
    async with await asyncio.start_server(nonsense, "127.0.0.1", tcp_port):
        assert await get("127.0.0.1", tcp_port, "/") == (0, b"")


async def test_an_answer_is_read_whole_and_a_key_is_shown(tcp_port: int) -> None:
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"a": ')
        await writer.drain()
        writer.write(b"1}")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", tcp_port):
        assert await get_json("127.0.0.1", tcp_port, "/thing", bearer="the-key") == {"a": 1}

    assert asked[0].startswith(b"GET /thing HTTP/1.0\r\n")
    assert b"Authorization: Bearer the-key\r\n" in asked[0]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 403 No\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n\r\n[1]", b"HTTP/1.1 200 OK\r\n\r\n{"]
)
async def test_what_is_no_object_with_200_is_empty(tcp_port: int, answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", tcp_port):
        assert await get_json("127.0.0.1", tcp_port, "/") == {}
