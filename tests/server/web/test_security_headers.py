"""Headers of every answer, by how it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from facematch.server.web.security_headers import AddHeaders, security_headers

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_only_over_tls_the_browser_is_told_to_stay_there(scheme: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("x", headers={"Cache-Control": "no-cache"})(scope, receive, send)

    client = TestClient(AddHeaders(app, security_headers("ws://localhost:7880")), base_url=f"{scheme}://cam.example")
    headers = client.get("/").headers
    assert headers.get("Strict-Transport-Security") == ("max-age=31536000" if scheme == "https" else None)
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-cache"  # its own
