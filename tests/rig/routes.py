"""Every address of the application, and what whoever knocks there is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route, WebSocketRoute
from starlette.testclient import WebSocketDenialResponse

from facematch.server.access.authorization import WEBSOCKET

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient


SIGNED = {"/livekit/webhook": (401, "WRONG_SIGNATURE")}
"""What takes no key, since whoever sends it shows in another way who they are, and what anybody else is told."""


def addresses(app: FastAPI) -> set[tuple[str, str]]:
    """Every (method, template) of the application; fails on a kind of route that the table cannot express."""
    found = set()
    for route in app.routes:
        if isinstance(route, WebSocketRoute):
            found.add((WEBSOCKET, route.path))
        else:
            assert isinstance(route, Route), f"{route} has no entry in the access table"
            found |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
    return found


def concrete(template: str) -> str:
    """An address of this template."""
    filled = template.replace("{path:path}", "x.js").replace("{name}", "match_a.jpg")
    filled = filled.replace("{id}", "p_0123456789abcdef").replace("{photo}", "9f86d081884c7d65")
    return filled.replace("{identity:path}", "Alice%2F42")


def verdict(client: TestClient, method: str, path: str, **headers: str) -> tuple[int, str]:
    """Status and code; 101 for a WebSocket that was let in."""
    if method == WEBSOCKET:
        try:
            there = f"{client.base_url}{path}".replace("http", "ws", 1)
            with client.websocket_connect(there, headers=headers):
                return 101, ""
        except WebSocketDenialResponse as refused:
            return refused.status_code, refused.json()["code"]
    response = client.request(method, path, headers=headers, follow_redirects=False)
    code = response.json().get("code", "") if "json" in response.headers.get("content-type", "") else ""
    return response.status_code, code
