"""Somebody whom nobody has enrolled is seen, said who they are on the page, and recognised; or is erased whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp
from playwright.async_api import expect

from tests.rig.enrolling import enrol
from tests.rig.listener import is_match
from tests.rig.page import looking
from tests.rig.photographs import OTHER_STRANGER, SAME_PERSON, STRANGER, Scene
from tests.rig.traces import parts_of
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from typing import Any

    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

FIRST = 30
"""Seconds within which something comes that is on its way."""


async def test_an_unknown_face_becomes_a_person(make_stack: MakeStack) -> None:
    stack = make_stack(wait_seconds=0.3, hold_seconds=0.3, keep_unknown_faces=True)
    await stack.start(reference=None)
    await enrol(stack, "Obama", "obama.jpg")

    async def seen() -> list[dict[str, Any]]:
        faces: list[dict[str, Any]] = (await stack.asked("/api/unknowns"))["unknowns"]
        return faces

    async with stack.listen() as events, stack.publishers() as publishers, looking(stack) as page:
        await publishers.on_air(stack.room, "known", Scene(SAME_PERSON))
        await publishers.on_air(stack.room, "guest", Scene(OTHER_STRANGER))
        faces = await wait_until(seen, within=FIRST, what="the unknown face is kept")
        assert [one["participant_identity"] for one in faces] == ["guest"]

        await page.goto(f"{stack.base_url}/#/people")
        face = page.get_by_test_id("unknown-face")
        await expect(face).to_have_count(1)
        await face.get_by_role("button", name="Who is it?").click()
        await face.get_by_test_id("unknown-name").fill("Eileen")
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("unknown-assigned")).to_contain_text("It is a photo of Eileen now.")
        await expect(page.get_by_test_id("person-card")).to_have_count(2)
        match = await events.next(is_match("guest"), within=FIRST)
        assert match["person_name"] == "Eileen"
        assert await seen() == []

        other = await publishers.on_air(stack.room, "other", Scene(STRANGER))
        [kept] = await wait_until(seen, within=FIRST, what="the other unknown face is kept")
        parts = parts_of(await fetched(stack, "GET", kept["url"]))
        assert [part for part in parts if any(part in file for file in files_of(stack))]
        await other.leave()
        receipt = json.loads(await fetched(stack, "DELETE", "/api/participants?identity=other"))
        assert (receipt["recognizer"], receipt["verified"]) == ("done", True)
        assert [part for part in parts if any(part in file for file in files_of(stack))] == []
    assert await seen() == []


def files_of(stack: Stack) -> list[bytes]:
    return [path.read_bytes() for path in stack.folder.rglob("*") if path.is_file()]


async def fetched(stack: Stack, method: str, path: str) -> bytes:
    async with (
        aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session,
        session.request(method, path) as response,
    ):
        assert response.status == 200, await response.text()
        return await response.read()
