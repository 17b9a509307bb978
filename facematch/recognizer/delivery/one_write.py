"""Connections over which a request goes out whole, for `httpcore2`.

It writes head and body one after the other, which is twice the work for the system and wakes the receiver twice, and
goes through layers that let it run without asyncio. A post to the web process costs half as much over these.
"""

from __future__ import annotations

import asyncio
import select
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpcore2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable


class OneWrite(httpcore2.AsyncNetworkBackend):
    """TCP, with TLS if need be. Nothing here has a deadline: whoever asks has one."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  (the library's)
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        """See httpcore2.

        Raises:
            httpcore2.ConnectError: nobody is there.
        """
        try:
            return _Stream(*await asyncio.open_connection(host, port))
        except (OSError, ValueError) as error:  # a name that cannot be one is a UnicodeError
            raise httpcore2.ConnectError(str(error)) from error


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._held: list[bytes] = []

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """Keep it until an answer is waited for."""
        self._held.append(buffer)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109
        """Send what was kept, and wait for something."""
        if self._held:
            whole = b"".join(self._held)
            self._held.clear()
            self._writer.write(whole)
            with suppress(OSError):  # it may have answered before it closed
                await self._writer.drain()
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore2.ReadError(str(error)) from error

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """See httpcore2."""
        try:
            await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except OSError as error:  # so are those of TLS
            self._writer.close()
            raise httpcore2.ConnectError(str(error)) from error
        return self

    async def aclose(self) -> None:
        """Let go of it, whatever the other end has to say."""
        self._writer.close()

    def get_extra_info(self, info: str) -> Any:
        """What the library asks: whether TLS is spoken, and whether an idle connection is over."""
        if info == "is_readable":
            return self._reader.at_eof() or self._writer.is_closing() or self._has_arrived()
        return self._writer.get_extra_info(info)

    def _has_arrived(self) -> bool:
        """Whether the system has something to read that asyncio has not seen yet, such as the end."""
        poll = select.poll()
        poll.register(self._writer.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(0))
