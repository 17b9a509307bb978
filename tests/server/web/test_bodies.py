"""Bodies that arrive slowly, in pieces, or not to the end."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from facematch.server.web import bodies
from facematch.server.web.openapi import document

if TYPE_CHECKING:
    from fastapi import FastAPI

FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nphoto'


class Caller:
    """One request whose body arrives as a test decides."""

    def __init__(self, app: FastAPI, path: str, kind: str, **headers: str) -> None:
        names = {"host": "localhost", "content-type": kind, **headers}
        self._scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in names.items()],
        }
        self._app = app
        self._arriving: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.read = 0
        self.sent: list[dict[str, Any]] = []

    def arrives(self, body: bytes, *, more: bool) -> None:
        self._arriving.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def hangs_up(self) -> None:
        self._arriving.put_nowait({"type": "http.disconnect"})

    async def run(self) -> None:
        async def receive() -> dict[str, Any]:
            message = await self._arriving.get()
            self.read += 1
            return message

        async def send(message: Any) -> None:
            self.sent.append(message)

        async with asyncio.timeout(10):
            await self._app(self._scope, receive, send)

    @property
    def answer(self) -> tuple[int, Any]:
        body = b"".join(message.get("body", b"") for message in self.sent[1:])
        return self.sent[0]["status"], json.loads(body)


async def test_a_body_in_pieces(app: FastAPI, check: dict[str, Any]) -> None:
    caller = Caller(app, "/api/check", "application/json")
    for byte in json.dumps(check).encode():
        caller.arrives(bytes([byte]), more=True)
    caller.arrives(b"", more=False)
    async with app.router.lifespan_context(app):
        await caller.run()
    assert caller.answer == (200, {"ok": True, "delivered": 0})


@pytest.mark.parametrize(
    ("path", "kind", "start"), [("/api/check", "application/json", b"{"), ("/api/reference", FORM, PART)]
)
async def test_a_body_that_does_not_come(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, path: str, kind: str, start: bytes
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.02)
    monkeypatch.setattr(bodies, "UPLOAD_SECONDS", 0.02)
    caller = Caller(app, path, kind)
    caller.arrives(start, more=True)
    await caller.run()
    status, body = caller.answer
    assert (status, body["code"]) == (408, "TOO_SLOW")


@pytest.mark.parametrize(
    ("path", "kind", "start"), [("/api/check", "application/json", b"{"), ("/api/reference", FORM, PART)]
)
async def test_a_caller_that_hangs_up(app: FastAPI, path: str, kind: str, start: bytes) -> None:
    caller = Caller(app, path, kind)
    caller.arrives(start, more=True)
    caller.hangs_up()
    await caller.run()
    assert caller.sent == []


@pytest.mark.parametrize(("path", "kind"), [("/api/check", "application/json"), ("/api/reference", FORM)])
async def test_a_body_that_says_that_it_is_too_large_is_not_read(app: FastAPI, path: str, kind: str) -> None:
    caller = Caller(app, path, kind, content_length=str(10**9))
    await caller.run()
    status, body = caller.answer
    assert (status, body["code"], caller.read) == (413, "TOO_LARGE", 0)


async def test_a_body_that_lied_about_its_size_is_stopped(app: FastAPI) -> None:
    caller = Caller(app, "/api/check", "application/json", content_length="10")
    for _ in range(100):
        caller.arrives(b" " * 8_192, more=True)
    await caller.run()
    status, body = caller.answer
    assert (status, body["code"], caller.read) == (413, "TOO_LARGE", 9)


@pytest.mark.parametrize("length", ["", "x", "-1", "1e9", "9" * 400])
async def test_a_size_that_is_none(app: FastAPI, check: dict[str, Any], length: str) -> None:
    caller = Caller(app, "/api/check", "application/json", content_length=length)
    caller.arrives(json.dumps(check).encode(), more=False)
    async with app.router.lifespan_context(app):
        await caller.run()
    assert caller.answer[0] == (413 if length.startswith("9") else 200)


async def test_what_is_refused_is_what_is_announced(app: FastAPI) -> None:
    """In the same words, for the same limits: on every route with a body that can be sent in local mode."""
    tried = 0
    for path, operations in document(app)["paths"].items():
        operation = operations.get("post", {})
        for kind in operation.get("requestBody", {}).get("content", {}):
            for headers, status in [({"content_length": str(10**9)}, 413), ({}, 415)]:
                caller = Caller(
                    app, path.format(id=uuid4()), f"{kind}; boundary=x" if status == 413 else "text/plain", **headers
                )
                await caller.run()
                found, body = caller.answer
                announced = operation["responses"][str(status)]["content"]["application/json"]["examples"]
                if found == 409:
                    continue  # there is nothing to sign in to
                assert (found, body["detail"]) == (status, announced[body["code"]]["value"]["detail"]), path
                tried += 1
    assert tried >= 12
