"""Who may do what: one table of route and roles; what is not in it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from starlette.responses import RedirectResponse
from starlette.routing import compile_path

from facematch.server.access.authentication import CHALLENGE, SAFE_METHODS, CallerOf, session_token_of
from facematch.server.access.caller import NOBODY, Caller, remember_caller
from facematch.server.access.hosts import foreign_origin, is_navigation, is_own_page_s, same_origin
from facematch.server.access.own_name import with_own_name
from facematch.server.access.roles import Role, Roles
from facematch.server.web.errors import ApiError, Code
from facematch.server.web.gate import vouch_for
from facematch.server.web.whole_paths import whole

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger(__name__)

LOGIN_PAGE: Final = "/login"

_ADMIN: Final = frozenset({Role.ADMIN})
_VIEW: Final = frozenset({Role.VIEWER, Role.ADMIN})
_JOIN: Final = frozenset({Role.PARTICIPANT, Role.VIEWER, Role.ADMIN})
_REPORT: Final = frozenset({Role.RECOGNIZER})
_WATCH_OVER: Final = frozenset({Role.RECOGNIZER, Role.VIEWER, Role.ADMIN})
_ANY_ROLE: Final = frozenset({Role.PARTICIPANT, Role.RECOGNIZER, Role.VIEWER, Role.ADMIN})
_SIGN_IN: Final = frozenset(Role)

ANYONE: Final = None
"""In place of roles: answered to whoever asks. Only for what says nothing but that the process is alive, and for what
LiveKit signs."""

NO_ROUTE: Final = "none of ours"
"""In place of a route's template, in the log."""

WEBSOCKET: Final = "WEBSOCKET"
"""In place of a method."""

TABLE: Final[dict[tuple[str, str], Roles | None]] = {
    ("GET", "/"): _JOIN,
    ("GET", LOGIN_PAGE): _SIGN_IN,
    ("GET", "/static/{path:path}"): _SIGN_IN,
    ("GET", "/livez"): ANYONE,
    ("GET", "/health"): ANYONE,
    ("GET", "/readyz"): _WATCH_OVER,
    ("GET", "/metrics"): _WATCH_OVER,
    ("GET", "/openapi.json"): _ANY_ROLE,
    ("POST", "/api/session"): _SIGN_IN,
    ("GET", "/api/session"): _ANY_ROLE,
    ("DELETE", "/api/session"): _ANY_ROLE,
    ("DELETE", "/api/sessions"): _ADMIN,
    ("POST", "/api/invites"): _VIEW,
    ("GET", "/token"): _JOIN,
    ("POST", "/api/token"): _JOIN,
    ("PUT", "/api/consent"): _JOIN,
    ("GET", "/api/notice"): _JOIN,
    ("POST", "/api/viewings"): _VIEW,
    ("POST", "/api/reference"): _ADMIN,
    ("DELETE", "/api/reference"): _ADMIN,
    ("DELETE", "/api/participants"): _ADMIN,
    ("DELETE", "/api/participants/{identity:path}"): _ADMIN,
    ("GET", "/api/erasures"): _ADMIN,
    ("GET", "/api/bindings"): _VIEW,
    ("PUT", "/api/bindings"): _ADMIN,
    ("DELETE", "/api/bindings"): _ADMIN,
    ("GET", "/api/identity"): _VIEW,
    ("POST", "/api/identity/acknowledge"): _ADMIN,
    ("GET", "/api/alarms"): _VIEW,
    ("POST", "/api/alarms/{id}/acknowledge"): _VIEW,
    ("POST", "/api/alarms/{id}/judge"): _ADMIN,
    ("GET", "/api/presence"): _VIEW,
    ("GET", "/api/sightings"): _VIEW,
    ("GET", "/api/participants/statistics"): _VIEW,
    ("GET", "/reference/current.jpg"): _VIEW,
    ("GET", "/api/calibration"): _VIEW,
    ("POST", "/api/events/{id}/verdict"): _ADMIN,
    ("GET", "/api/people"): _VIEW,
    ("POST", "/api/people"): _ADMIN,
    ("POST", "/api/people/import"): _ADMIN,
    ("GET", "/api/people/export"): _ADMIN,
    ("GET", "/api/people/{id}"): _VIEW,
    ("GET", "/api/people/{id}/export"): _ADMIN,
    ("GET", "/api/people/{id}/statistics"): _VIEW,
    ("PATCH", "/api/people/{id}"): _ADMIN,
    ("DELETE", "/api/people/{id}"): _ADMIN,
    ("POST", "/api/people/{id}/merge"): _ADMIN,
    ("POST", "/api/people/{id}/split"): _ADMIN,
    ("POST", "/api/people/{id}/photos"): _ADMIN,
    ("GET", "/api/people/{id}/photos/{photo}"): _VIEW,
    ("DELETE", "/api/people/{id}/photos/{photo}"): _ADMIN,
    ("POST", "/api/unknowns"): _REPORT,
    ("GET", "/api/unknowns"): _VIEW,
    ("GET", "/api/unknowns/{id}/image"): _VIEW,
    ("POST", "/api/unknowns/{id}/assign"): _ADMIN,
    ("POST", "/api/unknowns/{id}/dismiss"): _ADMIN,
    ("GET", "/api/not-compared"): _VIEW,
    ("PUT", "/api/not-compared"): _ADMIN,
    ("DELETE", "/api/not-compared"): _ADMIN,
    ("GET", "/api/participants/export"): _ADMIN,
    ("GET", "/api/gallery"): _REPORT,
    ("POST", "/api/match"): _REPORT,
    ("POST", "/api/check"): _REPORT,
    ("POST", "/api/events"): _REPORT,
    ("PUT", "/api/snapshots/{name}"): _REPORT,
    ("POST", "/api/heartbeat"): _REPORT,
    ("POST", "/api/anchors"): _REPORT,
    ("POST", "/api/beat"): _REPORT,
    ("POST", "/livekit/webhook"): ANYONE,
    ("POST", "/api/looks"): _VIEW,
    ("GET", "/api/status"): _VIEW,
    ("GET", "/api/rooms"): _VIEW,
    ("GET", "/api/recognizers"): _VIEW,
    ("GET", "/api/events"): _VIEW,
    ("GET", "/captures/{name}"): _VIEW,
    (WEBSOCKET, "/ws/matches"): _VIEW,
    (WEBSOCKET, "/ws/events"): _VIEW,
}
"""Every route of the application. HEAD counts as GET."""

COUNTED: Final = frozenset({"/token"})
"""What even a link on another site's page must not lead to: only so many are given in a minute."""

_PATTERNS = [(whole(compile_path(path)[0]), method, path) for method, path in TABLE if "{" in path]
_PATHS = {path for _, path in TABLE if "{" not in path}


@dataclass(frozen=True, slots=True)
class Rule:
    """What the table says of a request."""

    route: str
    """The path's template."""
    roles: Roles | None


def rule_of(scope: Scope) -> Rule | None:
    """The table's entry for a request; None when there is none."""
    method, asked = _method(scope), scope["path"]
    if asked in _PATHS:
        return Rule(asked, TABLE[method, asked]) if (method, asked) in TABLE else None
    for pattern, of_method, path in _PATTERNS:
        if of_method == method and pattern.match(asked):
            return Rule(path, TABLE[of_method, path])
    return None


def methods_of(path: str) -> list[str]:
    """The HTTP methods that the table knows for a path."""
    found = {method for method, of_path in TABLE if of_path == path}
    found |= {method for pattern, method, _ in _PATTERNS if pattern.match(path)}
    return sorted(found - {WEBSOCKET})


def _method(scope: Scope) -> str:
    if scope["type"] == "websocket":
        return WEBSOCKET
    return "GET" if scope["method"] == "HEAD" else str(scope["method"])


class AccessControl:
    """ASGI middleware: nothing behind it is reached but by the table.

    Args:
        caller_of: who is asking.
        how_to_sign_in: a sentence for whoever is nobody yet.
    """

    def __init__(self, app: ASGIApp, caller_of: CallerOf, how_to_sign_in: str) -> None:
        self._app = app
        self._caller_of = caller_of
        self._how_to_sign_in = how_to_sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        rule = rule_of(scope)
        scope["facematch.route"] = rule.route if rule else NO_ROUTE  # for the log, also of what is refused
        try:
            await self._admit(scope, rule)
        except ApiError as error:
            if scope["type"] == "websocket":
                log.info("Listener refused", code=str(error.code))
            await _refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope, rule: Rule | None) -> None:
        """Return if the request may go on.

        Raises:
            ApiError: it is refused.
        """
        if rule and rule.roles is ANYONE:
            return
        may_be_linked_to = rule is None or rule.route not in COUNTED
        if not is_own_page_s(scope) and not (may_be_linked_to and is_navigation(scope)):
            raise foreign_origin()
        caller = await self._caller_of(scope)
        if caller is NOBODY and not (rule and rule.roles and Role.GUEST in rule.roles):
            # Before 404 and 405: strangers do not learn which addresses there are.
            raise ApiError(401, Code.NOT_SIGNED_IN, self._how_to_sign_in, headers=CHALLENGE)
        if rule is None:
            if allowed := methods_of(scope["path"]):
                sentence = "This address does not take that method."
                raise ApiError(405, Code.METHOD_NOT_ALLOWED, sentence, headers={"Allow": ", ".join(allowed)})
            raise ApiError(404, Code.NOT_FOUND, "There is nothing at this address.")
        if rule.roles is not None and not rule.roles & caller.roles:
            raise _role_required(rule.roles, caller)
        if _method(scope) not in SAFE_METHODS and not same_origin(scope):
            raise foreign_origin()
        if not caller.roles <= {Role.GUEST, Role.PARTICIPANT}:
            vouch_for(scope)
        remember_caller(scope, with_own_name(caller, scope))


def _role_required(wanted: Roles, caller: Caller) -> ApiError:
    have = " or ".join(sorted(caller.roles - {Role.GUEST}))
    return ApiError(
        403, Code.ROLE_REQUIRED, f"This takes the role {' or '.join(sorted(wanted))}; you are here as {have}."
    )


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    if error.code == Code.NOT_SIGNED_IN and scope["path"] == "/" and scope.get("method") in SAFE_METHODS:
        ended = "?ended=1" if session_token_of(scope) else ""
        await RedirectResponse(LOGIN_PAGE + ended, 303)(scope, receive, send)
        return
    await error.response()(scope, receive, send)
