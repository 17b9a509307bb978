"""People on the real thing: enrolled over HTTP, named in the room, and not any more once they are erased."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.rig.enrolling import enrol
from tests.rig.listener import is_check, is_match
from tests.rig.photographs import SAME_PERSON, STRANGER, Scene
from tests.rig.traces import Traces
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

FIRST = 30
"""Seconds within which the first event of a new track comes."""

IN_FORCE = timedelta(seconds=1)
"""After the answer that confirms a change."""


async def test_three_people_are_named_and_who_is_erased_is_not(make_stack: MakeStack) -> None:
    """Obama has two photographs that are not the one on camera; of the others there is one each."""
    stack = make_stack(wait_seconds=1, hold_seconds=1, match_cooldown_seconds=0)
    await stack.start(reference=None)
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice42", Scene(SAME_PERSON))
        nobody = await events.next(is_check("Alice42"), within=FIRST)
        assert nobody["outcome"] == "no_reference"
        ids = {
            name: await enrol(stack, name, *photos)
            for name, photos in {
                "Obama": ("obama.jpg", "obama3.jpg"),
                "Biden": ("biden.jpg",),
                "Collins": ("collins.jpg",),
            }.items()
        }
        match = await events.next(is_match("Alice42"), within=FIRST)
        check = await events.next(is_check("Alice42", "match"), within=FIRST)
        assert (match["person_id"], match["person_name"]) == (ids["Obama"], "Obama")
        assert match["distance"] <= match["threshold"] <= 0.5
        assert match["reference_id"] != check["reference_id"]
        assert check["reference_id"] is None
        assert check["people"][0]["person_id"] == ids["Obama"]
        assert check["unknown_faces"] == 0

        await publishers.on_air(stack.room, "Bob", Scene(STRANGER))
        match = await events.next(is_match("Bob"), within=FIRST)
        assert (match["person_name"], match["candidates"]) == ("Biden", 3)
        assert match["margin"] > 0.04

        traces = Traces.of(await fetched(stack, f"/api/people/{ids['Obama']}/export"))
        on_disk = traces.in_files(stack.folder)
        assert {what for what, _ in on_disk} == {"photo", "embedding", "centroid"}
        assert [what for what, file in on_disk if file.startswith("gallery-")] == ["centroid"]
        if os.geteuid() == 0:  # who may read another process's memory
            seen = traces.in_memory(stack.recognizer.pid)
            assert "centroid" in seen
            assert "photo" not in seen, "a recognizer never has one"

        receipt = await erase(stack, ids["Obama"])
        await wait_until_true(lambda: not traces.in_files(stack.folder), within=5, what="nothing is left of them")
        assert (receipt["photos"], receipt["recognizer"], receipt["verified"]) == (2, "done", True)
        assert receipt["events"] >= 1
        in_force = datetime.now(UTC) + IN_FORCE
        without = await events.next(is_check("Alice42", "no_match"), within=FIRST)
        assert [one for one in without["people"] if one["person_id"] == ids["Obama"]] == []
        await events.next(is_check("Alice42", "no_match"), within=FIRST)
        told = [datetime.fromisoformat(one["timestamp"]) for one in events.of(is_match("Alice42"))]
        assert max(told) < in_force

        # The default person comes first, with the answers of a recognizer that knows nobody else.
        reference = await stack.enroll("obama.jpg")
        match = await events.next(is_match("Alice42"), within=FIRST)
        assert (match["person_id"], match["reference_id"], match["threshold"]) == ("default", reference, 0.5)


async def fetched(stack: Stack, path: str) -> bytes:
    async with (
        aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session,
        session.get(path) as response,
    ):
        assert response.status == 200, path
        return await response.read()


async def erase(stack: Stack, person_id: str) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session,
        session.delete(f"/api/people/{person_id}") as response,
    ):
        receipt: dict[str, Any] = await response.json()
        assert response.status == 200, receipt
        return receipt
