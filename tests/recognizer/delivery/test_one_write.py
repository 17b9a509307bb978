from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from facematch.recognizer.delivery.api_client import ApiClient, ApiUnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def served(talk: Talk, tls: ssl.SSLContext | None = None) -> tuple[asyncio.Server, str]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    return server, f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}"


async def test_a_post_arrives_in_one_piece_and_its_connection_is_kept() -> None:
    pieces: list[bytes] = []
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(3):
            pieces.append(await reader.read(100_000))
            writer.write(OK)
        writer.close()

    server, url = await served(talk)
    async with server:
        client = ApiClient(url)
        for _ in range(3):
            assert (await client.post("/api/check", {"a": 1})).body == b"{}"
        await client.aclose()
    assert (len(pieces), connections) == (3, 1)
    assert all(piece.startswith(b"POST /api/check HTTP/1.1\r\n") and piece.endswith(b'{"a":1}') for piece in pieces)


async def test_an_idle_connection_that_the_web_process_has_closed_is_not_used_again() -> None:
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(OK)
        writer.close()
        await writer.wait_closed()
        closed.set()

    server, url = await served(talk)
    async with server:
        client = ApiClient(url)
        for _ in range(3):
            closed.clear()
            assert (await client.post("/api/check", {})).status == 200
            await closed.wait()
        await client.aclose()


async def test_what_was_answered_before_all_of_it_was_read_is_heard() -> None:
    """As by a proxy that finds a body too large."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        await reader.read(1_000)
        writer.close()

    server, url = await served(talk)
    async with server:
        client = ApiClient(url)
        assert (await client.post("/api/check", {"a": "x" * 100_000})).status == 413
        await client.aclose()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Of localhost, by nobody: the certificate and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    pem, key = tmp_path / "localhost.pem", tmp_path / "localhost.key"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([openssl, *made, *names, "-out", pem, "-keyout", key], check=True, capture_output=True)
    return pem, key


async def test_tls_is_spoken_with_whom_the_environment_vouches_for_and_with_nobody_else(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(OK)
        writer.close()

    server, url = await served(talk, tls)
    async with server:
        stranger = ApiClient(url)
        with pytest.raises(ApiUnreachableError):
            await stranger.post("/api/check", {})
        await stranger.aclose()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        client = ApiClient(url)
        assert (await client.post("/api/check", {})).status == 200
        await client.aclose()
