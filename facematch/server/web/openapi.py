"""The description of the HTTP interface that programs read: /openapi.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from facematch.server.web.bodies import Described
from facematch.server.web.errors import Problem

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

TAGS = [
    {"name": "page", "description": "The page and its assets."},
    {"name": "events", "description": "What the recognizer reports. Listeners receive it on `WS /ws/matches`."},
    {"name": "reference", "description": "The photograph of the person who is looked for."},
    {
        "name": "people",
        "description": "Everybody else who is looked for: people with photos, and the gallery made of them.",
    },
    {"name": "snapshots", "description": "Frames of matches."},
    {"name": "presence", "description": "Who was there and when, and statistics."},
    {"name": "identity", "description": "Who participants are supposed to be, and whether they are."},
    {"name": "alarms", "description": "What somebody has to look at."},
    {"name": "erasure", "description": "Removing what is kept of somebody."},
    {"name": "tokens", "description": "Joining the LiveKit room."},
    {"name": "access", "description": "Signing in and out, and inviting somebody to the room."},
    {"name": "status", "description": "What the recognizer is doing."},
    {"name": "health", "description": "For supervisors."},
]

DESCRIPTION = """\
Face Match looks at a few frames of each video track of a LiveKit room at a time and reports whether a known person
is on camera.

**Errors** have one shape, `{"detail": sentence, "code": word}`, sometimes with more fields beside them. The codes
do not change; the sentences may.

**Access**: without keys, requests of the same user's programs on the server's own machine are answered, and no others.
With keys, programs send one with each request (`Authorization: Bearer …`), and people sign in at `/login`, which sets a
cookie. A request with that cookie that is not a GET has to name its page in the header `Origin`, as browsers do.

**`WS /ws/matches`** sends each event as one JSON message: the fields that were posted, and `cursor`, its position in
the event log. With `?after=<cursor>` it sends what the log holds after that position first (`?after=0`: all of it)
and then goes on with what comes, without a gap or a duplicate. What a client sends is ignored. Close codes: 1001 the
server stops, 1009 the client sent too much, 1013 the client is too slow; after each of them come back with the last
cursor. 4401 the login has ended: sign in first.

**`WS /ws/events`** is the same with every type of event; `?types=participant,watch` chooses some of `match`, `check`,
`participant`, `watch`, `identity`, `binding`, `viewing` and `alarm`.
"""


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the application, made once."""
    if not app.openapi_schema:
        described = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            license_info=app.license_info,
            routes=app.routes,
            separate_input_output_schemas=False,
        )
        extras = [route.openapi_extra for route in app.routes if isinstance(route, APIRoute)]
        named: set[type[BaseModel]] = {Problem, *(extra.model for extra in extras if isinstance(extra, Described))}
        _, models = models_json_schema(
            [(model, "validation") for model in sorted(named, key=lambda model: model.__name__)],
            ref_template="#/components/schemas/{model}",
        )
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in models["$defs"].items():
            schemas.setdefault(name, schema)
        _forget_unused(described)
        app.openapi_schema = described
    return app.openapi_schema


_FRAMEWORK_ERRORS = ("HTTPValidationError", "ValidationError")


def _forget_unused(described: dict[str, Any]) -> None:
    """Takes out what the framework says of any route with a parameter: here each refusal is described by its route."""
    for name in _FRAMEWORK_ERRORS:
        described["components"]["schemas"].pop(name, None)
    for operations in described["paths"].values():
        for operation in operations.values():
            schema = operation["responses"].get("422", {}).get("content", {}).get("application/json", {}).get("schema")
            if schema == {"$ref": f"#/components/schemas/{_FRAMEWORK_ERRORS[0]}"}:
                del operation["responses"]["422"]
