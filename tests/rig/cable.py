"""A cable between a client and a server, or several, that a test can cut: a TCP proxy of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Self

from tests.rig.lasting import lasting
from tests.rig.ports import free_tcp_port

_CHUNK = 64 * 1024
_REACH_SECONDS = 0.3
"""Before another server is tried: one that is gone without a word does not refuse."""


class Cable:
    """`async with Cable(port)`: forwards to that port. Cut, it takes connections and bytes and gives nothing back.

    That is what a cut cable looks like from the end of a client: no refusal, no reset, only silence. With several ports
    it is what stands before servers of one name: each connection goes to the next that takes it.
    """

    def __init__(self, *to: int | tuple[str, int], address: str = "127.0.0.1") -> None:
        """Args:
        to: ports of this machine, or addresses with their ports.
        address: of its own end.
        """
        self._to = deque(("127.0.0.1", one) if isinstance(one, int) else one for one in to)
        self.port = free_tcp_port()
        self._address = address
        self.url = f"http://{address}:{self.port}"
        self._whole = asyncio.Event()
        self._whole.set()
        self._forwarding: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, self._address, self.port)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        await self._drop()

    def cut(self) -> None:
        """From here on, silence."""
        self._whole.clear()

    async def heal(self) -> None:
        """New connections get through; those of before are gone, as after any long break."""
        await self._drop()
        self._whole.set()

    async def _drop(self) -> None:
        for task in self._forwarding:
            task.cancel()
        await asyncio.gather(*self._forwarding, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with lasting():  # one cable may serve a file of tests; its end ends them
            task = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also of what was cancelled before it began

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.ExitStack() as closing:
            await self._whole.wait()
            with contextlib.suppress(OSError):
                there, back = await self._reach()
                closing.callback(back.transport.abort)
                with lasting():
                    ways = [
                        asyncio.ensure_future(self._pump(reader, back)),
                        asyncio.ensure_future(self._pump(there, writer)),
                    ]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The next server that is there."""
        for _ in range(len(self._to) - 1):
            self._to.rotate()
            with contextlib.suppress(OSError):  # a TimeoutError is one
                async with asyncio.timeout(_REACH_SECONDS):
                    return await asyncio.open_connection(*self._to[0])
        self._to.rotate()
        return await asyncio.open_connection(*self._to[0])

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._whole.wait()
                writer.write(chunk)
                await writer.drain()
