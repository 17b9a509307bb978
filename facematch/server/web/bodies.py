"""Reading what a request carries: bounded while it arrives, and strict.

The framework's own way reads a whole body before it looks at it, lets `NaN` and lone surrogates through, and keeps
uploads in temporary files.
"""

from __future__ import annotations

import asyncio
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

M = TypeVar("M", bound=BaseModel)


async def read_json(request: Request, model: type[M], limit: int) -> M:
    """The body as one JSON document that fits the model.

    Args:
        request: not read yet.
        model: validated strictly: no `"1"` for 1, no `NaN`, no lone surrogate, no unknown field.
        limit: bytes.

    Raises:
        ApiError: 408, 413, 415 or 422.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, Code.UNSUPPORTED_TYPE, "Send JSON, with the header Content-Type: application/json.")
    body = b"".join([chunk async for chunk in _bounded(request, limit, BODY_SECONDS)])
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from None


async def read_upload(request: Request, field: str, limit: int) -> bytes:
    """The one file of a multipart form, held in memory only.

    Args:
        request: not read yet.
        field: name of the form's file field.
        limit: bytes of the file.

    Raises:
        ApiError: 408, 413, 415 or 422.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ApiError(415, Code.UNSUPPORTED_TYPE, f"Send a multipart form with the photo in the field {field!r}.")
    chunks = _bounded(request, limit + _FORM_OVERHEAD, UPLOAD_SECONDS, what="photo", shown=limit)
    parser = _InMemory(request.headers, _for_parser(chunks), max_files=1, max_fields=8, max_part_size=_FORM_OVERHEAD)
    try:
        form = await parser.parse()
    except _StreamStoppedError as stopped:
        raise stopped.reason from None
    except MultiPartException as error:
        raise ApiError(422, Code.INVALID, f"The form cannot be read: {error.message}") from None
    except (KeyError, ValueError, LookupError):  # a boundary or a character set that does not exist
        raise ApiError(422, Code.INVALID, "The form cannot be read.") from None
    try:
        file = form.get(field)
        if not isinstance(file, UploadFile):
            raise ApiError(422, Code.INVALID, f"{field}: the form holds no file of this name")
        data = await file.read()
    finally:
        await form.close()
    if len(data) > limit:
        raise _too_large("photo", limit)
    return data


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
            raise ApiError(408, Code.TOO_SLOW, "The request took too long to arrive.") from None
        except asyncio.CancelledError:  # the server stops, and has waited for this request as long as it does
            raise ApiError(503, Code.STOPPING, "Face Match is stopping.") from None
        if chunk is None:
            return
        size += len(chunk)
        if size > limit:
            raise _too_large(what, shown or limit)
        yield chunk


def _too_large(what: str, limit: int) -> ApiError:
    size = f"{limit / MB:.3g} MB" if limit >= MB else f"{limit // KB} kB"
    return ApiError(413, Code.TOO_LARGE, f"The {what} is too large: at most {size}.", limit_bytes=limit)


def described(model: type[BaseModel], **examples: Any) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body `read_json` reads.

    Args:
        model: of the body; `openapi.document` adds its schema.
        examples: by name.
    """
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
    content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def described_upload(field: str, description: str) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body `read_upload` reads."""
    file = {"type": "string", "contentMediaType": "application/octet-stream", "description": description}
    schema = {"type": "object", "required": [field], "properties": {field: file}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
