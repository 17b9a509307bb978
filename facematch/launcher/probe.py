"""Looking at ports and at what answers on them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import hashlib
import hmac
import json
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_ANSWER = 4 * 1024 * 1024
_TOKEN_SECONDS = 60
_REFUSED = (401, 403)


class PortError(Exception):
    """The API cannot listen where it should; the text is a sentence that says what to set."""


def check_bindable(host: str, port: int) -> None:
    """Whether a server could listen there this moment.

    Raises:
        PortError: it could not, and why.
    """
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise PortError(f"HOST={host} is not an address of this machine.") from error
    for family, kind, protocol, _, address in places:
        with socket.socket(family, kind, protocol) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                server.bind(address)
            except OSError as error:
                raise PortError(_why_not(error, host, port)) from error


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is taken: stop what listens there, or set PORT to another."
        case errno.EACCES | errno.EPERM:
            return f"Port {port} may not be used by this user: set PORT to one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"HOST={host} is not an address of this machine."
    return f"Port {port} on {host} cannot be used ({error.strerror})."


def free_udp_port(preferred: int) -> int:
    """A UDP port of the loopback interface: the preferred one when it is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


async def get(
    host: str, port: int, path: str, *, bearer: str | None = None, within: float = 2.0
) -> tuple[int, bytes] | None:
    """Status and body of a plain HTTP GET, through no proxy; `bearer` is a key to show.

    Returns:
        None when nothing listens there; (0, b"") when something does that gives no HTTP answer in time.
    """
    writer = None
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(host, port)
            key = f"Authorization: Bearer {bearer}\r\n" if bearer else ""
            writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\n{key}\r\n".encode())
            answer = await reader.read(_LONGEST_ANSWER)
            while more := await reader.read(_LONGEST_ANSWER):
                answer += more
    except (OSError, TimeoutError):
        return None if writer is None else (0, b"")
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    spoke_http = len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit()
    return (int(words[1]), body) if spoke_http else (0, b"")


async def get_json(host: str, port: int, path: str, *, bearer: str | None = None) -> dict[str, Any]:
    """The JSON object that a GET answers with 200; empty for anything else."""
    answer = await get(host, port, path, bearer=bearer)
    if answer is None or answer[0] != 200:  # noqa: PLR2004
        return {}
    with contextlib.suppress(ValueError):
        found = json.loads(answer[1])
        return found if isinstance(found, dict) else {}
    return {}


async def accepts(host: str, port: int, *, key: str, secret: str) -> bool:
    """Whether a LiveKit server knows this key and secret."""
    now = int(time.time())
    claims = {"iss": key, "sub": "run.sh", "nbf": now, "exp": now + _TOKEN_SECONDS}
    token = _signed({**claims, "video": {"roomJoin": True, "room": "face-match"}}, secret)
    answer = await get(host, port, "/rtc/validate", bearer=token)
    return answer is not None and answer[0] not in (0, *_REFUSED)


def _signed(claims: Mapping[str, Any], secret: str) -> str:
    """A JSON Web Token, as LiveKit takes it."""
    parts = [_web_safe(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = hmac.digest(secret.encode(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, _web_safe(signature)])


def _web_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
