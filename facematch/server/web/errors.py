"""One shape for every refusal: `{"detail": sentence, "code": word}`, sometimes with more fields beside them."""

from __future__ import annotations

import functools
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

_MOST_PROBLEMS = 5
_LONGEST_FIELD = 80


class Code(StrEnum):
    """What went wrong, for programs. The sentence in `detail` may change, these do not."""

    NOT_LOCAL = "NOT_LOCAL"
    NOT_SIGNED_IN = "NOT_SIGNED_IN"
    WRONG_KEY = "WRONG_KEY"
    LOCAL_MODE = "LOCAL_MODE"
    ROLE_REQUIRED = "ROLE_REQUIRED"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    UNKNOWN_HOST = "UNKNOWN_HOST"
    FOREIGN_ORIGIN = "FOREIGN_ORIGIN"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    BAD_REQUEST = "BAD_REQUEST"
    INVALID = "INVALID"
    TOO_LARGE = "TOO_LARGE"
    TOO_SLOW = "TOO_SLOW"
    UNSUPPORTED_TYPE = "UNSUPPORTED_TYPE"
    ROOM_NOT_ALLOWED = "ROOM_NOT_ALLOWED"
    RESERVED_IDENTITY = "RESERVED_IDENTITY"
    NOT_AN_IMAGE = "NOT_AN_IMAGE"
    NO_FACE = "NO_FACE"
    MULTIPLE_FACES = "MULTIPLE_FACES"
    FACE_TOO_SMALL = "FACE_TOO_SMALL"
    NO_REFERENCE = "NO_REFERENCE"
    NO_PERSON = "NO_PERSON"
    IDENTITY_TAKEN = "IDENTITY_TAKEN"
    NOT_IN_ROOM = "NOT_IN_ROOM"
    NO_PHOTO = "NO_PHOTO"
    NO_EVENT = "NO_EVENT"
    NO_ROOMS = "NO_ROOMS"
    NO_STORE = "NO_STORE"
    NAME_TAKEN = "NAME_TAKEN"
    ROOM_TAKEN_OVER = "ROOM_TAKEN_OVER"
    WRONG_SIGNATURE = "WRONG_SIGNATURE"
    NO_ALARM = "NO_ALARM"
    TOO_MANY_PEOPLE = "TOO_MANY_PEOPLE"
    LIVEKIT_AWAY = "LIVEKIT_AWAY"
    TOO_MANY_BINDINGS = "TOO_MANY_BINDINGS"
    BOUND_TO_ANOTHER = "BOUND_TO_ANOTHER"
    BUSY = "BUSY"
    STOPPING = "STOPPING"
    STORAGE_FAILED = "STORAGE_FAILED"
    NOT_READY = "NOT_READY"
    INTERNAL = "INTERNAL"


_CODE_OF_STATUS = {
    400: Code.BAD_REQUEST,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.TOO_LARGE,
    415: Code.UNSUPPORTED_TYPE,
}
_SENTENCES = {
    400: "The request could not be understood.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The request is too large.",
    500: "Something went wrong here; the log of the web process says what.",
}


class Problem(BaseModel):
    """Every refusal has this shape."""

    model_config = ConfigDict(extra="allow")

    detail: str = Field(description="A sentence that a person can act on")
    code: str = Field(description="The same for programs; never changes")


PROBLEM_SCHEMA: Final = f"#/components/schemas/{Problem.__name__}"
"""Where /openapi.json describes it."""


class ApiError(Exception):
    """A refusal, raised anywhere below a route.

    Args:
        status: of HTTP.
        code: for programs.
        detail: a sentence that a person can act on.
        headers: of the response.
        more: further fields of the body.
    """

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.more = more

    def response(self) -> JSONResponse:
        """The refusal as it is sent."""
        body = {"detail": self.detail, "code": str(self.code), **self.more}
        return JSONResponse(body, self.status, headers=dict(self.headers or {}))


def invalid(problems: Sequence[Mapping[str, Any]], *, skip: int = 0) -> ApiError:
    """A 422 whose sentence names the fields.

    Args:
        problems: as pydantic's `errors()` gives them.
        skip: leading parts of each location that mean nothing to the sender, such as `body`.
    """
    named = [(_field(problem["loc"][skip:]), _message(problem)) for problem in problems[:_MOST_PROBLEMS]]
    sentence = "; ".join(f"{field}: {message}" if field else message for field, message in named)
    if len(problems) > _MOST_PROBLEMS:
        sentence += f"; and {len(problems) - _MOST_PROBLEMS} more"
    fields = [{"field": field, "message": message} for field, message in named]
    return ApiError(422, Code.INVALID, sentence, problems=fields)


def _field(location: Sequence[int | str]) -> str:
    """A dotted path. Names of unexpected fields are the sender's text: bounded, and nothing that cannot be shown."""
    path = ".".join(str(part) for part in location)
    return "".join(c if c.isprintable() else "?" for c in path)[:_LONGEST_FIELD]


def _message(problem: Mapping[str, Any]) -> str:
    return str(problem["msg"]).removeprefix("Value error, ")[:200]


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  (what the handler is registered for)
    return error.response()


async def _by_framework(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (what the handler is registered for)
    status = error.status_code
    sentence = _SENTENCES.get(status, str(error.detail))
    return ApiError(status, _CODE_OF_STATUS.get(status, Code.BAD_REQUEST), sentence, headers=error.headers).response()


async def _unfit(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (what the handler is registered for)
    return invalid(error.errors(), skip=1).response()


HANDLERS: dict[int | type[Exception], Any] = {
    ApiError: _refused,
    HTTPException: _by_framework,
    RequestValidationError: _unfit,
}
"""For FastAPI's `exception_handlers`."""


class CatchFailures:
    """ASGI middleware: a fault of ours becomes a 500 of the one shape, inside the middleware that adds headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            log.debug("Client left before its request was complete")
        except Exception:
            log.exception("Request failed", method=scope["method"])
            if started:
                raise
            await ApiError(500, Code.INTERNAL, _SENTENCES[500]).response()(scope, receive, send)


_EVERYWHERE = (
    (401, Code.NOT_SIGNED_IN, "Sign in first, or send a key."),
    (401, Code.WRONG_KEY, "This key is not valid (any more)."),
    (403, Code.NOT_LOCAL, "Face Match is in local mode: it answers only requests made on its own machine."),
    (403, Code.ROLE_REQUIRED, "This takes the role admin; you are here as viewer."),
    (403, Code.UNKNOWN_HOST, "Face Match does not answer to this host name."),
    (403, Code.FOREIGN_ORIGIN, "This request came from another site's page."),
    (429, Code.TOO_MANY_REQUESTS, "Too many wrong keys from your address. Try again in 42 s."),
    (500, Code.INTERNAL, _SENTENCES[500]),
    (503, Code.STORAGE_FAILED, "Logins cannot be looked up now. Try again."),
)
"""What may meet any request before it reaches its route."""


@functools.cache  # many routes have the same, and nobody changes what they are given
def documented(*refusals: tuple[int, Code, str]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for its OpenAPI: these refusals, and those that every route has.

    Args:
        refusals: status, code and an example of the sentence.
    """
    every = (
        *refusals,
        *_EVERYWHERE,
    )
    responses: dict[int | str, dict[str, Any]] = {}
    for status, code, sentence in every:
        # By its name, and not as `model`: FastAPI would make a validator of it for each status of each route.
        answer = {"schema": {"$ref": PROBLEM_SCHEMA}, "examples": {}}
        response = responses.setdefault(status, {"description": "", "content": {"application/json": answer}})
        response["content"]["application/json"]["examples"][str(code)] = {
            "value": {"detail": sentence, "code": str(code)}
        }
        response["description"] = ", ".join(response["content"]["application/json"]["examples"])
    return responses
