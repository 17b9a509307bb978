"""Reading what a request carries: bounded while it arrives, and strict.

The framework's own way reads a whole body before it looks at it, lets `NaN` and lone surrogates through, and keeps
uploads in temporary files.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from facematch.server.web.errors import ApiError, Code, invalid

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

KB = 1024
MB = 1024 * KB

BODY_SECONDS = 30.0
"""How long a body of JSON may take to arrive."""
UPLOAD_SECONDS = 120.0
"""How long an upload may take to arrive."""

_FORM_OVERHEAD = 64 * KB
"""What a form may hold besides the file: boundaries, headers, other fields."""

_SLOW = "The request took too long to arrive."
_NOT_JSON = "Send JSON, with the header Content-Type: application/json."

M = TypeVar("M", bound=BaseModel)


async def read_json(request: Request, model: type[M], limit: int) -> M:
    """The body as one JSON document that fits the model.

    Args:
        request: not read yet.
        model: validated strictly: no `"1"` for 1, no `NaN`, no lone surrogate. It says itself what becomes of fields
            that it does not know.
        limit: bytes.

    Raises:
        ApiError: 408, 413, 415 or 422.
    """
    body = await read_json_text(request, limit)
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from None


async def read_json_text(request: Request, limit: int, *kinds: str) -> bytes:
    """The body, which says that it is JSON, as it came.

    Args:
        request: not read yet.
        limit: bytes.
        kinds: media types that are JSON as well.

    Raises:
        ApiError: 408, 413 or 415.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind not in {"application/json", *kinds}:
        raise ApiError(415, Code.UNSUPPORTED_TYPE, _NOT_JSON)
    return await read_body(request, limit)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, whatever it is.

    Args:
        request: not read yet.
        limit: bytes.

    Raises:
        ApiError: 408 or 413.
    """
    return b"".join([chunk async for chunk in _bounded(request, limit, BODY_SECONDS)])


async def read_upload(request: Request, field: str, limit: int) -> bytes:
    """The one file of a multipart form, held in memory only.

    Args:
        request: not read yet.
        field: name of the form's file field.
        limit: bytes of the file.

    Raises:
        ApiError: 408, 413, 415 or 422.
    """
    [file] = await read_uploads(request, Uploads(field, limit, most=1, together=limit))
    if len(file.data) > limit:
        raise _too_large("photo", limit)
    return file.data


@dataclass(frozen=True, slots=True)
class Uploads:
    """What a form may hold."""

    field: str
    """Name of the form's file field."""
    limit: int
    """Bytes of one file; who reads them looks whether one is larger."""
    most: int
    """Files."""
    together: int
    """Bytes of all files."""
    what: str = "photo"
    """In the singular, for people."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form."""

    name: str
    """As its sender calls it: untrusted."""
    data: bytes


async def read_uploads(request: Request, uploads: Uploads) -> list[Upload]:
    """The files of a multipart form, at least one, in their order, held in memory only.

    Raises:
        ApiError: 408, 413, 415 or 422.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ApiError(415, Code.UNSUPPORTED_TYPE, _no_form(uploads.field, uploads.what))
    what = uploads.what if uploads.most == 1 else "request"
    most = uploads.together + _FORM_OVERHEAD
    chunks = _bounded(request, most, UPLOAD_SECONDS, what=what, shown=uploads.together)
    parser = _InMemory(
        request.headers, _for_parser(chunks), max_files=uploads.most, max_fields=8, max_part_size=_FORM_OVERHEAD
    )
    try:
        form = await parser.parse()
    except _StreamStoppedError as stopped:
        raise stopped.reason from None
    except MultiPartException as error:
        raise ApiError(422, Code.INVALID, f"The form cannot be read: {error.message}") from None
    except (KeyError, ValueError, LookupError):  # a boundary or a character set that does not exist
        raise ApiError(422, Code.INVALID, "The form cannot be read.") from None
    try:
        files = [file for file in form.getlist(uploads.field) if isinstance(file, UploadFile)]
        if not files:
            raise ApiError(422, Code.INVALID, _no_file(uploads.field))
        return [Upload(file.filename or "", await file.read()) for file in files]
    finally:
        await form.close()


class _InMemory(MultiPartParser):
    spool_max_size = 200 * MB
    """More than any limit: a full disk under /tmp is no reason to refuse a photo, and none is left behind there."""


class _StreamStoppedError(MultiPartException):
    """The body will not go on. Of the kind after which the parser closes what it has opened."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


async def _for_parser(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in chunks:
            yield chunk
    except Exception as reason:
        raise _StreamStoppedError(reason) from reason


async def _bounded(
    request: Request, limit: int, seconds: float, *, what: str = "request", shown: int | None = None
) -> AsyncGenerator[bytes, None]:
    """The body's chunks; nothing is read of one that says beforehand that it is too large.

    Raises:
        ApiError: 408 or 413; 503 when the server stops meanwhile.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise _too_large(what, shown or limit)
    deadline = asyncio.get_running_loop().time() + seconds
    size = 0
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise ApiError(408, Code.TOO_SLOW, _SLOW) from None
        except asyncio.CancelledError:  # the server stops, and has waited for this request as long as it does
            raise ApiError(503, Code.STOPPING, "Face Match is stopping.") from None
        if chunk is None:
            return
        size += len(chunk)
        if size > limit:
            raise _too_large(what, shown or limit)
        yield chunk


def _too_large(what: str, limit: int) -> ApiError:
    return ApiError(413, Code.TOO_LARGE, _too_large_sentence(what, limit), limit_bytes=limit)


def _too_large_sentence(what: str, limit: int) -> str:
    size = f"{limit / MB:.3g} MB" if limit >= MB else f"{limit // KB} kB"
    return f"The {what} is too large: at most {size}."


def _no_form(field: str, what: str = "photo") -> str:
    return f"Send a multipart form with the {what} in the field {field!r}."


Refusals = tuple[tuple[int, Code, str], ...]
"""As `errors.documented` takes them: status, code, sentence."""


def json_refusals(limit: int) -> Refusals:
    """What `read_json` refuses with for its own reasons, for the description of a route; `limit` in bytes, as there."""
    return (*body_refusals(limit), (415, Code.UNSUPPORTED_TYPE, _NOT_JSON))


def body_refusals(limit: int) -> Refusals:
    """The same of `read_body`."""
    return (
        (408, Code.TOO_SLOW, _SLOW),
        (413, Code.TOO_LARGE, _too_large_sentence("request", limit)),
    )


def upload_refusals(field: str, limit: int, what: str = "photo", *, many: bool = False) -> Refusals:
    """The same of `read_upload` and `read_uploads`; `limit` is of all files together."""
    return (
        (408, Code.TOO_SLOW, _SLOW),
        (413, Code.TOO_LARGE, _too_large_sentence("request" if many else what, limit)),
        (415, Code.UNSUPPORTED_TYPE, _no_form(field, what)),
        (422, Code.INVALID, _no_file(field)),
    )


def _no_file(field: str) -> str:
    return f"{field}: the form holds no file of this name"


class Described(dict[str, Any]):
    """The `openapi_extra` of a route whose body is read by hand, with the model of that body.

    The framework does not see such models; `openapi.document` adds their schemas.
    """

    def __init__(self, model: type[BaseModel], content: dict[str, Any]) -> None:
        """`content` is of the media type application/json."""
        super().__init__(requestBody={"required": True, "content": {"application/json": content}})
        self.model = model


def described(model: type[BaseModel], **examples: Any) -> Described:
    """The `openapi_extra` of a route whose body `read_json` reads.

    Args:
        model: of the body.
        examples: by name.
    """
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
    content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return Described(model, content)


def described_upload(field: str, description: str, *, many: bool = False) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body `read_upload`, or `read_uploads`, reads."""
    file: dict[str, Any] = {"type": "string", "contentMediaType": "application/octet-stream"}
    file = {"type": "array", "items": file, "minItems": 1} if many else file
    file["description"] = description
    schema = {"type": "object", "required": [field], "properties": {field: file}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
