"""The test client's way into an application that runs, and back, as one step.

By itself it goes to the thread of the application's loop and back for each part of an answer, some eight times, and
every time both threads wait for each other: that takes longer than most answers.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from starlette import testclient

if TYPE_CHECKING:
    from collections.abc import Iterator

_PORTS = {"http": 80, "https": 443}
_by_parts = testclient._TestClientTransport.handle_request


@contextmanager
def one_hop() -> Iterator[None]:
    """Every test client meanwhile: what it asks over HTTP is answered whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testclient._TestClientTransport, "handle_request", _handle)
        yield


def _handle(client: Any, request: httpx2.Request) -> httpx2.Response:
    """`client`: the test client's transport. A WebSocket goes its own way."""
    if request.url.scheme not in _PORTS:
        return _by_parts(client, request)
    request.read()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        host, port = scope["server"]
        scope["server"] = (host, port or _PORTS[scope["scheme"]])
        scope["state"] = client.app_state.copy()
        await client.app(scope, receive, send)

    into = httpx2.ASGITransport(application, client.raise_server_exceptions, client.root_path, client.client)

    async def asked() -> tuple[httpx2.Response, bytes]:
        answer = await into.handle_async_request(request)
        return answer, b"".join([part async for part in answer.aiter_raw()])

    with client.portal_factory() as portal:
        answer, body = portal.call(asked)
    return httpx2.Response(answer.status_code, headers=answer.headers, stream=httpx2.ByteStream(body), request=request)
