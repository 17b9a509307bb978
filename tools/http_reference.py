"""Writes the tables of `docs/http.md` from the application and the wire models.

Run it from the checkout after a change of a route, an error code or an event: `python -m tools.http_reference`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from facematch.config.settings import ROOT, Settings
from facematch.protocol.events import (
    AlarmChange,
    AuditEntry,
    BindingChange,
    Check,
    Evidence,
    IdentityChange,
    Match,
    ParticipantChange,
    ViewingChange,
    WatchChange,
)
from facematch.protocol.heartbeat import Heartbeat, TrackStatus
from facematch.server.app import create_app

if TYPE_CHECKING:
    from pydantic import BaseModel

PAGE = ROOT / "docs" / "http.md"
_MARKED = r"<!-- {name}: made by tools/http_reference\.py -->\n.*?\n?<!-- end of {name} -->"
_MADE = "<!-- {name}: made by tools/http_reference.py -->\n{body}\n<!-- end of {name} -->"

_MODELS: dict[str, type[BaseModel]] = {
    "match": Match,
    "check": Check,
    "evidence": Evidence,
    "participant": ParticipantChange,
    "watch": WatchChange,
    "identity": IdentityChange,
    "binding": BindingChange,
    "viewing": ViewingChange,
    "alarm": AlarmChange,
    "audit": AuditEntry,
    "heartbeat": Heartbeat,
    "track": TrackStatus,
}


def routes() -> str:
    """Every HTTP route: what it is for, and how it can refuse."""
    paths = create_app(Settings.model_validate({})).openapi()["paths"]
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    refusals = {route: _refusals(operation) for route, operation in operations.items()}
    everywhere = set.intersection(*refusals.values())
    lines = [
        f"Any of them can answer {_shown(everywhere)}.",
        "",
        "| route | what it does | refuses with |",
        "|---|---|---|",
    ]
    for route, operation in operations.items():
        summary = operation["summary"]
        what = " ".join(
            [summary if summary.endswith("?") else f"{summary}.", *operation.get("description", "").split()]
        )
        lines.append(f"| `{route}` | {what} | {_shown(refusals[route] - everywhere)} |")
    return "\n".join(lines)


def _refusals(operation: dict[str, Any]) -> set[tuple[str, str]]:
    """Status and code of each."""
    return {
        (status, code)
        for status, answer in operation["responses"].items()
        if status >= "400"
        for content in answer.get("content", {}).values()
        for code in content.get("examples", {"": None})
    }


def _shown(refusals: set[tuple[str, str]]) -> str:
    statuses = sorted({status for status, _ in refusals})
    codes = {status: sorted(code for of, code in refusals if of == status and code) for status in statuses}
    return ", ".join(" ".join([status, *(f"`{code}`" for code in codes[status])]) for status in statuses)


def fields(model: type[BaseModel]) -> str:
    """Every field of a wire model."""
    schema = model.model_json_schema(mode="serialization")
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    lines = ["| field | type | meaning |", "|---|---|---|"]
    for name, field in schema["properties"].items():
        shown = f"**`{name}`**" if name in required else f"`{name}`"
        lines.append(f"| {shown} | {_type(field, schema)} | {field.get('description', '')} |")
    return "\n".join(lines)


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        target = schema["$defs"][name]
        return _type(target, schema) if "enum" in target else name
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(_type(option, schema) for option in field["anyOf"])
    if field.get("type") == "array":
        items = field.get("prefixItems")
        return f"{len(items)} integers" if items else f"list of {_type(field['items'], schema)}"
    return {"date-time": "time", "uuid": "UUID"}.get(field.get("format", ""), str(field.get("type", "any")))


def page(text: str) -> str:
    """The page with its tables brought up to date; the prose stays as it is."""
    made = {"routes": routes(), **{name: fields(model) for name, model in _MODELS.items()}}
    for name, body in made.items():
        pattern = re.compile(_MARKED.format(name=name), re.DOTALL)
        text, found = pattern.subn(_MADE.format(name=name, body=body).replace("\\", "\\\\"), text)
        if found != 1:
            raise ValueError(f"{PAGE} has {found} places for {name}, and needs one")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
