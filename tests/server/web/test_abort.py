"""What the requests of one connection have in common, under the real server and both of its event loops."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from facematch.server.web.abort import RememberConnection, connection_of
from tests.rig.waiting import block_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

Loop = Literal["asyncio", "uvloop"]


async def names_its_connection(scope: Scope, receive: Receive, send: Send) -> None:
    connection: Any = connection_of(scope)
    peer = connection.get_extra_info("peername") if connection is not None else None
    await PlainTextResponse(f"{id(connection)} {peer[1] if peer else None}")(scope, receive, send)


@contextmanager
def served(loop: Loop) -> Iterator[tuple[str, int]]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(RememberConnection(names_its_connection), loop=loop, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="uvicorn")
    thread.start()
    try:
        block_until(lambda: server.started, within=20, what="the server runs")
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_each_connection_is_told_from_the_others(loop: Loop) -> None:
    """Whatever a proxy's header makes of the client's address."""
    with served(loop) as (host, port):
        said = []
        connections = [http.client.HTTPConnection(host, port, timeout=20) for _ in range(2)]
        for connection in connections:
            for forwarded in ("192.0.2.7", "192.0.2.8"):
                connection.request("GET", "/", headers={"x-forwarded-for": forwarded})
                said.append(connection.getresponse().read().decode())
            assert said[-1].split()[1] == str(connection.sock.getsockname()[1])
        for connection in connections:
            connection.close()
    assert said[0] == said[1] != said[2] == said[3]


def test_without_a_server_that_shows_it_there_is_none() -> None:
    assert connection_of({"type": "http"}) is None
