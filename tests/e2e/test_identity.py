"""Identity on the real thing: a participant is bound, recognised, replaced, hidden, and gone, each told once."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.rig.enrolling import enrol
from tests.rig.photographs import NO_FACE, SAME_PERSON, STRANGER, Scene
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

WITHIN = 30
"""Seconds, for a few looks on a busy machine."""


async def test_a_participant_goes_through_the_states(make_stack: MakeStack) -> None:
    """Obama is recognised by two photographs that are not the one on camera."""
    stack = make_stack(wait_seconds=1, hold_seconds=1, match_cooldown_seconds=0)
    await stack.start(reference=None)
    obama = await enrol(stack, "Obama", "obama.jpg", "obama3.jpg")
    biden = await enrol(stack, "Biden", "biden.jpg")
    async with stack.publishers() as publishers:
        alice = await publishers.on_air(stack.room, "Alice42", Scene(SAME_PERSON))
        await comes(stack, "unbound")
        await bind(stack, obama)
        await comes(stack, "expected")

        stack.api.end()
        await stack.start_api()
        assert (await told(stack))["person_name"] == "Obama"
        await comes(stack, "expected")

        await alice.show(Scene(STRANGER))
        seen = await comes(stack, "unexpected", "other_person")
        assert (seen["person_name"], seen["seen_person_name"]) == ("Obama", "Biden")
        await alice.show(Scene(NO_FACE))
        await comes(stack, "not_seen")
        await alice.show(Scene(SAME_PERSON))
        await comes(stack, "expected")
        camera = alice.last
        await alice.publish(Scene(STRANGER))
        await comes(stack, "accompanied")
        await alice.unpublish()
        alice.last = camera
        await comes(stack, "expected")
        await alice.mute()
        await comes(stack, "unknowable", "muted")
        await alice.leave()
        await comes(stack, "absent")

    states = [(one["was"], one["state"]) for one in await events(stack)]
    assert states[0] == ("unbound", "pending")
    assert all(was == before for (_, before), (was, _) in pairwise(states))
    missed = {"pending", "expected", "unexpected", "not_seen", "accompanied", "unknowable", "absent"}
    assert missed <= {state for _, state in states}
    assert {one["person_id"] for one in await events(stack)} == {obama}
    assert {one["seen_person_id"] for one in await events(stack)} == {None, biden}


async def bind(stack: Stack, person_id: str) -> None:
    body = {"identity": "Alice42", "person_id": person_id}
    async with (
        aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session,
        session.put("/api/bindings", json=body) as response,
    ):
        assert response.status == 200, await response.text()


async def told(stack: Stack) -> dict[str, Any]:
    [participant] = (await stack.asked("/api/identity?identity=Alice42"))["participants"]
    found: dict[str, Any] = participant
    return found


async def comes(stack: Stack, state: str, detail: str | None = None) -> dict[str, Any]:
    """What is told of Alice, as soon as it is this."""

    async def there() -> dict[str, Any] | None:
        participants = (await stack.asked("/api/identity?identity=Alice42"))["participants"]
        found = [one for one in participants if (one["state"], one["detail"]) == (state, detail)]
        return found[0] if found else None

    return await wait_until(there, within=WITHIN, what=f"Alice is {state}")


async def events(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stack.asked("/api/events?type=identity&limit=1000"))["events"]
    return found
