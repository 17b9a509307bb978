"""No secret in any log: both processes work with keys, are used rightly and wrongly, and every byte is searched."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
import pytest

from facematch.config.settings import Settings
from facematch.faces.encoder import make_encoder
from facematch.faces.engine import FaceEngine
from tests.rig.listener import is_check, is_match
from tests.rig.photographs import DATA, NO_FACE, REFERENCE, STRANGER
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

KEYS = {
    "admin_key": "kadmin-0f3c2b1a-9d8e",
    "viewer_key": "kviewer-7a6b5c4d-3e2f",
    "recognizer_key": "krecognizer-1b2c3d4e",
}
WRONG = "kwrong-5e4d3c2b-1a0f"
FIRST = 30
JWT = re.compile(rb"eyJ[\w-]{8,}")
JPEG = (b"\xff\xd8\xff", base64.b64encode(b"\xff\xd8\xff\xe0").rstrip(b"="), rb"\xff\xd8\xff")


@pytest.mark.parametrize(("log_level", "log_format"), [("DEBUG", "text"), ("DEBUG", "json"), ("INFO", "text")])
async def test_no_secret_reaches_a_log(make_stack: MakeStack, log_level: str, log_format: str) -> None:
    settings: dict[str, Any] = {"log_level": log_level, "log_format": log_format, **KEYS}
    stack = make_stack(**settings)
    await stack.start()
    found = [*KEYS.values(), WRONG]
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        await events.next(is_match("Alice"), within=FIRST)
        found += await people_come_and_go(stack)
        await photographs_are_refused(stack)
        await events.next(is_check("Alice"), within=FIRST)
        stack.api.kill()
        await wait_until_true(
            lambda: "API does not take events" in stack.recognizer.output(), within=FIRST, what="a post has failed"
        )
    await stack.start_api()
    await stack.recognizer_connected(within=FIRST)
    stack.end()

    embedding = await embedding_of(stack.reference.read_bytes())
    for process in stack.processes:
        search(process.name, process.log.read_bytes(), found, embedding)


async def people_come_and_go(stack: Stack) -> list[str]:
    """Returns the secrets that they were given."""
    secrets = []
    own = {"Origin": stack.base_url}
    async with aiohttp.ClientSession(stack.base_url, cookie_jar=jar()) as browser:
        for key, status in ((WRONG, 401), (KEYS["recognizer_key"], 401), (KEYS["viewer_key"], 200)):
            async with browser.post("/api/session", json={"key": key, "name": "Dana"}, headers=own) as answer:
                assert answer.status == status
        secrets += [cookie.value for cookie in browser.cookie_jar]
        async with browser.ws_connect("/ws/matches", headers=own):
            pass
        for path in ("/api/status", "/token?identity=Bob", "/reference/current.jpg", "/api/events?limit=3"):
            async with browser.get(path) as answer:
                assert answer.status == 200, path
                if path.startswith("/token"):
                    secrets.append((await answer.json())["token"])
        async with browser.post("/api/token", json={"name": "face-match-recognizer"}, headers=own) as answer:
            assert answer.status == 403
        async with browser.post("/api/invites", json={}, headers=own) as answer:
            secrets.append((await answer.json())["token"])
        async with browser.delete("/api/session", headers=own) as answer:
            assert answer.status == 200
    async with aiohttp.ClientSession(stack.base_url, headers={"Authorization": f"Bearer {WRONG}"}) as stranger:
        for path in ("/api/status", f"/api/status?key={WRONG}", f"/{WRONG}", f"/captures/{WRONG}.jpg"):
            async with stranger.get(path) as answer:
                assert answer.status == 401
    async with aiohttp.ClientSession(stack.base_url, cookie_jar=jar()) as guest:
        async with guest.post("/api/session", json={"invitation": secrets[-1]}) as answer:
            assert answer.status == 200
        secrets += [cookie.value for cookie in guest.cookie_jar]
        async with guest.post("/api/session", data=f'{{"key": "{WRONG}"', headers=own) as answer:
            assert answer.status in (415, 422)
        async with guest.post("/api/session", json={"key": WRONG, WRONG: 1}, headers=own) as answer:
            assert answer.status == 422
    assert len(secrets) == 4
    return secrets


def jar() -> aiohttp.CookieJar:
    """One that keeps cookies of an address."""
    return aiohttp.CookieJar(unsafe=True)


async def photographs_are_refused(stack: Stack) -> None:
    for data in ((DATA / NO_FACE).read_bytes(), (DATA / REFERENCE).read_bytes()[:9000], b"\xff\xd8\xff\xe0 no photo"):
        form = aiohttp.FormData()
        form.add_field("file", data, filename=f"{WRONG}.jpg", content_type="image/jpeg")
        async with (
            aiohttp.ClientSession(headers=stack.headers) as session,
            session.post(f"{stack.base_url}/api/reference", data=form) as answer,
        ):
            assert answer.status == 422
    await stack.enroll(STRANGER)
    await stack.enroll(REFERENCE)


async def embedding_of(jpeg: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    settings = Settings()
    engine = FaceEngine(workers=1, processed_width=640, encoder=make_encoder("onnx", settings.model_cache))
    try:
        return (await engine.read_stored(jpeg)).embedding
    finally:
        await engine.aclose()


def search(name: str, log: bytes, secrets: list[str], embedding: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    assert len(log) > 500, f"{name} said nothing"
    for secret in secrets:
        for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("=")):
            assert form.encode() not in log, f"{name} said a secret: {context(log, form.encode())}"
    token = JWT.search(log)
    assert not token, f"{name} said a token: {context(log, token[0] if token else b'')}"
    for magic in JPEG:
        assert magic not in log, f"{name} said a picture: {context(log, magic)}"
    raw = embedding.astype("float32").tobytes()
    for numbers in (raw[:16], base64.b64encode(raw)[:20], json.dumps(list(raw[:8])).encode()):
        assert numbers not in log, f"{name} said an embedding"
    for number in embedding[:16]:
        digits = f"{abs(number):.7f}"[1:].encode()  # ".0912345", however it is signed or shown
        assert digits[:7] not in log, f"{name} said a number of an embedding: {context(log, digits[:7])}"


def context(log: bytes, what: bytes) -> str:
    """The line that it stands in."""
    at = log.index(what)
    return log[max(0, log.rfind(b"\n", 0, at)) : at + 60].decode("utf-8", "replace")


@pytest.mark.parametrize(
    "planted",
    [
        b"key=" + WRONG.encode(),
        b"Authorization: Basic " + base64.b64encode(WRONG.encode()),
        b"url=ws://x/?access_token=eyJhbGciOiJIUzI1NiJ9.e30.x",
        b"body=\xff\xd8\xff\xe0",
        rb"body=b'\xff\xd8\xff\xe0'",
        b"[ 0.0123457, -0.5]",
        b"distance to [-1.2345679e-02 ... and 0.01234567]",
    ],
)
def test_the_search_finds_what_is_there(planted: bytes) -> None:
    numbers = np.array([0.01234567, -0.5432109] + [0.1] * 126, dtype=np.float32)
    log = b"a line\n" * 100
    search("nobody", log, [WRONG], numbers)
    with pytest.raises(AssertionError):
        search("somebody", log + planted + b"\n", [WRONG], numbers)
