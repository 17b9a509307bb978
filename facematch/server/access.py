"""Who may do what: one table of route and roles; what is not in it is refused.

Local mode, the only one so far: a request made on this machine, to this machine, by nobody else's page has every
role; any other has none. Whoever adds keys or sessions writes another `RolesOf` and changes nothing else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import structlog
from starlette.datastructures import Headers
from starlette.routing import compile_path

from facematch.server.errors import ApiError, Code

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger(__name__)


class Role(StrEnum):
    """What a request may be made as."""

    VIEWER = "viewer"
    ADMIN = "admin"
    RECOGNIZER = "recognizer"
    PARTICIPANT = "participant"


Roles = frozenset[Role]

_VIEW: Final = frozenset({Role.VIEWER, Role.ADMIN})
_ADMIN: Final = frozenset({Role.ADMIN})
_JOIN: Final = frozenset({Role.PARTICIPANT, Role.ADMIN})
_REPORT: Final = frozenset({Role.RECOGNIZER})
_ANY_ROLE: Final = frozenset(Role)

ANYONE: Final = None
"""In place of roles: answered to whoever asks. Only for what says nothing but that the process is alive."""

WEBSOCKET: Final = "WEBSOCKET"
"""In place of a method."""

TABLE: Final[dict[tuple[str, str], Roles | None]] = {
    ("GET", "/"): _ANY_ROLE,
    ("GET", "/static/{path:path}"): _ANY_ROLE,
    ("GET", "/livez"): ANYONE,
    ("GET", "/health"): ANYONE,
    ("GET", "/readyz"): _ANY_ROLE,
    ("GET", "/openapi.json"): _ANY_ROLE,
    ("GET", "/token"): _JOIN,
    ("POST", "/api/token"): _JOIN,
    ("POST", "/api/reference"): _ADMIN,
    ("GET", "/reference/current.jpg"): _VIEW,
    ("POST", "/api/match"): _REPORT,
    ("POST", "/api/check"): _REPORT,
    ("POST", "/api/heartbeat"): _REPORT,
    ("GET", "/api/status"): _VIEW,
    ("GET", "/captures/{name}"): _VIEW,
    (WEBSOCKET, "/ws/matches"): _VIEW,
}
"""Every route of the application. HEAD counts as GET."""

_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_FORWARDED: Final = ("forwarded", "x-forwarded-", "x-real-ip", "via")
"""Beginnings of the names of headers that a proxy adds: what came through one may come from anywhere."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.+)")
_DEFAULT_PORT: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_IN_PROCESS_CLIENT: Final = "testclient"
_IN_PROCESS_HOST: Final = "testserver"
"""What Starlette's test client calls itself and us. No socket ever has such an address."""

_PATTERNS = [(compile_path(path)[0], method, path) for method, path in TABLE]


@dataclass(frozen=True, slots=True)
class Rule:
    """What the table says of a request."""

    route: str
    """The path's template."""
    roles: Roles | None


def rule_of(scope: Scope) -> Rule | None:
    """The table's entry for a request; None when there is none."""
    method = _method(scope)
    for pattern, of_method, path in _PATTERNS:
        if of_method == method and pattern.match(scope["path"]):
            return Rule(path, TABLE[of_method, path])
    return None


def methods_of(path: str) -> list[str]:
    """The HTTP methods that the table knows for a path."""
    return sorted({method for pattern, method, _ in _PATTERNS if method != WEBSOCKET and pattern.match(path)})


def _method(scope: Scope) -> str:
    if scope["type"] == "websocket":
        return WEBSOCKET
    return "GET" if scope["method"] == "HEAD" else str(scope["method"])


RolesOf = Callable[["Scope"], Roles]
"""The roles of a request, or an `ApiError` that says what to do to get some."""


def local_roles(scope: Scope) -> Roles:
    """Local mode: every role for a request whose client, Host and Origin are all this machine.

    Raises:
        ApiError: it is not.
    """
    headers = Headers(scope=scope)
    if any(name.startswith(_FORWARDED) for name in headers):
        raise _not_local("This request came through a proxy.")
    client = (scope.get("client") or ("",))[0]
    in_process = client == _IN_PROCESS_CLIENT
    if not in_process and not _is_loopback(client):
        raise _not_local("This request came from another machine.")
    host = _only(headers.getlist("host"))
    name = _name(host)
    if name is None or not (_is_loopback(name) or (in_process and name == _IN_PROCESS_HOST)):
        raise ApiError(
            403,
            Code.UNKNOWN_HOST,
            "Face Match does not answer to this host name. Open it as http://localhost, with its port.",
        )
    origin = _only(headers.getlist("origin"))
    if origin and not (_is_loopback(_origin_name(origin) or "") or _same_origin(scope, headers)):
        raise _foreign_origin()
    return _ANY_ROLE


def _not_local(reason: str) -> ApiError:
    return ApiError(
        403,
        Code.NOT_LOCAL,
        f"{reason} Face Match is in local mode: it answers only requests made on its own machine. Open "
        "http://localhost there, with its port, or through an SSH tunnel (ssh -L 8000:127.0.0.1:8000 MACHINE).",
    )


def _foreign_origin() -> ApiError:
    return ApiError(
        403, Code.FOREIGN_ORIGIN, "This request came from another site's page. Only Face Match's own page may make it."
    )


def _only(values: list[str]) -> str:
    """The one value; several are as bad as a wrong one."""
    return values[0] if len(values) == 1 else ("" if not values else "?")


def _name(host: str) -> str | None:
    found = _HOST.fullmatch(host)
    return found[1].strip("[]").rstrip(".").lower() if found else None


def _origin_name(origin: str) -> str | None:
    found = _ORIGIN.fullmatch(origin)
    return _name(found[2]) if found else None


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _same_origin(scope: Scope, headers: Headers) -> bool:
    """Whether the page that made the request was served from the Host that it is made to, or no page made it."""
    origin = _only(headers.getlist("origin"))
    if not origin:
        return True
    found = _ORIGIN.fullmatch(origin)
    host = _only(headers.getlist("host"))
    if not found or not (here := _HOST.fullmatch(host)) or not (there := _HOST.fullmatch(found[2])):
        return False
    here_port = int(here[2] or _DEFAULT_PORT[scope["scheme"]])
    there_port = int(there[2] or _DEFAULT_PORT[found[1]])
    return (_name(host), here_port) == (_name(found[2]), there_port)


class AccessControl:
    """ASGI middleware: nothing behind it is reached but by the table.

    Args:
        roles_of: who is asking.
    """

    def __init__(self, app: ASGIApp, roles_of: RolesOf = local_roles) -> None:
        self._app = app
        self._roles_of = roles_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            scope["facematch.route"] = self._admitted(scope)
        except ApiError as error:
            if scope["type"] == "websocket":
                log.info("Listener refused", code=str(error.code))
            await _refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admitted(self, scope: Scope) -> str:
        """The route's template.

        Raises:
            ApiError: the request is refused.
        """
        rule = rule_of(scope)
        if rule and rule.roles is ANYONE:
            return rule.route
        roles = self._roles_of(scope)  # before 404 and 405: nobody else learns which addresses there are
        if rule is None:
            if allowed := methods_of(scope["path"]):
                sentence = "This address does not take that method."
                raise ApiError(405, Code.METHOD_NOT_ALLOWED, sentence, headers={"Allow": ", ".join(allowed)})
            raise ApiError(404, Code.NOT_FOUND, "There is nothing at this address.")
        if rule.roles is not None and not rule.roles & roles:
            raise _not_local("This request lacks a role.")
        if _method(scope) not in _SAFE_METHODS and not _same_origin(scope, Headers(scope=scope)):
            raise _foreign_origin()
        return rule.route


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    await error.response()(scope, receive, send)
