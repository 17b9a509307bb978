"""Talking to the web process: posting JSON, and fetching what is larger."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpcore2
import httpx2

from facematch.recognizer.delivery.one_write import OneWrite
from facematch.runtime.addresses import is_loopback
from facematch.runtime.http_client import USER_AGENT, authorities

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

POST_SECONDS = 10.0
"""How long one post may take."""

IDLE_SECONDS = 4.0
"""After which an unused connection is not used again: less than what the server keeps one for, 5 s."""

_NOT_SIGNED_IN: Final = 401
_TROUBLE: Final = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    httpx2.InvalidURL,
    OSError,  # TimeoutError is one
)


class ApiUnreachableError(Exception):
    """The web process gave no answer, or none in time. Says which kind of trouble it was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the web process said."""

    status: int
    """The HTTP status."""
    body: bytes
    tag: str | None = None
    """The ETag."""


def as_json(body: Any) -> bytes:
    """The shortest JSON of it, in UTF-8: names in other scripts take what they are long, and not six bytes a letter."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


class ApiClient:
    """One connection pool to the web process, used by the outbox, the heartbeat and the gallery.

    It posts straight to the connections: what a client does above them costs as much as the post itself.

    Args:
        base_url: of the web process, such as `http://127.0.0.1:8000`.
        key: RECOGNIZER_KEY; None: the web process is in local mode.
        local_secret: gives what a web process on this machine may want instead of a key, if there is such a thing.
            Called in a thread, when the web process does not know who we are: each of its starts has another.
    """

    def __init__(
        self, base_url: str, key: str | None = None, local_secret: Callable[[], str | None] = lambda: None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._local_secret = local_secret if key is None and _is_here(self._base_url) else None
        self._shown = key
        self._prepared: dict[str, _Prepared] = {}
        self._connections: httpcore2.AsyncConnectionPool | None = None

    async def post(self, path: str, body: dict[str, Any] | bytes, seconds: float = POST_SECONDS) -> Answer:
        """Post one body, as it is when it is JSON already.

        Raises:
            ApiUnreachableError: the web process cannot be reached, or did not answer in time.
        """
        content = body if isinstance(body, bytes) else as_json(body)
        return await self._answered(seconds, lambda: self._send("POST", *self._way_to(path), content))

    async def put(self, path: str, content: bytes, media_type: str, seconds: float = POST_SECONDS) -> Answer:
        """Put one body where it belongs.

        Raises:
            ApiUnreachableError: the web process cannot be reached, or did not answer in time.
        """

        def put() -> Awaitable[Answer]:  # each has an address of its own
            return self._send("PUT", *_prepared(self._base_url + path, self._shown, media_type), content)

        return await self._answered(seconds, put)

    async def get(self, path: str, tag: str | None, *, seconds: float, most_bytes: int) -> Answer:
        """Fetch what is there, unless it is what is known already (304).

        Args:
            path: with its query.
            tag: the ETag of what is known.
            seconds: for all of it.
            most_bytes: of the answer's body.

        Raises:
            ApiUnreachableError: the web process cannot be reached, did not answer in time, or answers with more.
        """
        return await self._answered(seconds, lambda: self._fetch(path, tag, most_bytes))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._connections is not None:
            await self._connections.aclose()

    async def _answered(self, seconds: float, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """In time; asked once more where there is another secret to show."""
        try:
            async with asyncio.timeout(seconds):
                answer = await ask()
                if answer.status == _NOT_SIGNED_IN and await self._has_another_secret():
                    answer = await ask()
        except _TROUBLE as error:
            raise ApiUnreachableError(type(error).__name__) from error
        return answer

    async def _send(self, method: str, url: httpcore2.URL, headers: _Headers, content: bytes) -> Answer:
        sent = [*headers, (b"Content-Length", b"%d" % len(content))]
        response = await self._pool().request(method, url, headers=sent, content=content)
        _expect_plain(response)
        return Answer(response.status, response.content)

    async def _fetch(self, path: str, tag: str | None, most_bytes: int) -> Answer:
        url, headers = self._way_to(path)
        sent = headers if tag is None else [*headers, (b"If-None-Match", tag.encode("ascii", "replace"))]
        body = bytearray()
        async with self._pool().stream("GET", url, headers=sent) as response:
            _expect_plain(response)
            async for part in response.aiter_stream():
                body += part
                if len(body) > most_bytes:
                    raise httpcore2.RemoteProtocolError(f"more than {most_bytes} bytes")
        tags = [value.decode("latin-1") for name, value in response.headers if name.lower() == b"etag"]
        return Answer(response.status, bytes(body), tags[0] if tags else None)

    def _way_to(self, path: str) -> _Prepared:
        if path not in self._prepared:
            self._prepared[path] = _prepared(self._base_url + path, self._shown)
        return self._prepared[path]

    def _pool(self) -> httpcore2.AsyncConnectionPool:
        if self._connections is None:  # straight there: a proxy is for what is far away
            self._connections = httpcore2.AsyncConnectionPool(
                ssl_context=authorities(), keepalive_expiry=IDLE_SECONDS, network_backend=OneWrite()
            )
        return self._connections

    async def _has_another_secret(self) -> bool:
        """Whether there is another one to show than was shown; it is shown from now on."""
        secret = None if self._local_secret is None else await asyncio.to_thread(self._local_secret)
        if secret is None or secret == self._shown:
            return False
        self._shown = secret
        self._prepared.clear()
        return True


def _expect_plain(response: httpcore2.Response) -> None:
    """Raises:
    httpcore2.RemoteProtocolError: it is compressed.
    """
    if any(name.lower() == b"content-encoding" for name, _ in response.headers):
        raise httpcore2.RemoteProtocolError("an encoding that was not asked for")


_Headers = list[tuple[bytes, bytes]]
_Prepared = tuple[httpcore2.URL, _Headers]
"""All of a post but its body: taking an address to pieces costs as much as sending it something."""


def _prepared(url: str, bearer: str | None, media_type: str = "application/json") -> _Prepared:
    """Raises:
    httpx2.InvalidURL: there is no such address.
    """
    parts = httpx2.URL(url)
    headers = {"User-Agent": USER_AGENT, "Content-Type": media_type}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    elif parts.userinfo:  # for a proxy before the web process
        headers["Authorization"] = f"Basic {b64encode(f'{parts.username}:{parts.password}'.encode()).decode('ascii')}"
    target = httpcore2.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path)
    return target, [(b"Host", parts.netloc), *((name.encode(), value.encode()) for name, value in headers.items())]


def _is_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:  # no URL: the first post says so
        return False
