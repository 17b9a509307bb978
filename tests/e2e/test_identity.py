"""Identity on the real thing: every row of its table is reached with real video, told once, and outlives restarts."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import aiohttp

from facematch.server.identity.states import RULES
from facematch.server.storage.database import sqlite_url
from tests.rig.enrolling import enrol
from tests.rig.identities import Identities
from tests.rig.photographs import NO_FACE, OTHER_STRANGER, SAME_PERSON, STRANGER, Scene
from tests.rig.publishing import join_token
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from tests.rig.publishing import Publishers
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

WITHIN = 30
"""Seconds, for a few looks on a busy machine."""
MORE: dict[str, Any] = {"bindings_from_attributes": True}
BOTH = "two_faces.jpg"
"""Him, and the other stranger beside."""


async def test_a_participant_goes_through_every_row_of_the_table(make_stack: MakeStack) -> None:
    """Obama is recognised by two photographs that are not the one on camera; nobody has enrolled Collins."""
    stack = make_stack(wait_seconds=0.3, hold_seconds=0.3, match_cooldown_seconds=0, continuity=True, **MORE)
    await stack.start(reference=None)
    obama = await enrol(stack, "Obama", "obama.jpg", "obama3.jpg")
    biden = await enrol(stack, "Biden", "biden.jpg")
    reached: set[tuple[str, str | None]] = set()

    async def comes(state: str, detail: str | None = None) -> dict[str, Any]:
        reached.add((state, detail))
        return await told(stack, state, detail)

    async with stack.publishers() as publishers:
        alice = await publishers.on_air(stack.room, "Alice42", Scene(SAME_PERSON))
        await comes("unbound")
        await bind(stack, obama)
        await comes("expected")

        stack.recognizer.kill()
        await comes("unknowable", "recognizer_away")
        stack.api.end()
        await stack.start_api()
        await stack.start_recognizer()
        assert (await comes("expected"))["person_name"] == "Obama"

        await only_what_cannot_be_forged_binds(stack, publishers, obama)
        await alice.show(Scene(BOTH))
        await comes("accompanied")

        await alice.show(Scene(STRANGER))
        await comes("swapped")
        await acknowledge(stack)
        seen = await comes("unexpected", "other_person")
        assert (seen["person_name"], seen["seen_person_name"]) == ("Obama", "Biden")

        await alice.show(Scene(OTHER_STRANGER))
        await comes("swapped")
        stack.recognizer.end()
        await stack.start_recognizer()
        stack.api.end()
        await stack.start_api()
        await comes("swapped")
        await acknowledge(stack)
        assert (await comes("unexpected", "stranger"))["seen_person_id"] is None

        await alice.show(Scene(NO_FACE))
        await comes("not_seen")
        await alice.mute()
        await comes("unknowable", "muted")
        await alice.unmute()
        await comes("not_seen")
        await alice.unpublish()
        await comes("unknowable", "camera_gone")
        await alice.leave()
        await comes("absent")

    await all_of_it(stack, reached, {None, obama}, {None, biden})
    told_of_all = [one["event_id"] for one in await events(stack)]
    stack.end()
    await made_anew(stack, told_of_all)


async def all_of_it(
    stack: Stack, reached: set[tuple[str, str | None]], expected: set[str | None], seen: set[str | None]
) -> list[dict[str, Any]]:
    """Every row was reached, and each change is an event of its own; returns them."""
    assert {(rule.state, rule.detail or None) for rule in RULES if rule.detail is not None} <= {
        *reached,
        ("pending", None),
    }
    happened = [one for one in await events(stack) if one["participant_identity"] == "Alice42"]
    states = [(one["was"], one["state"]) for one in happened]
    assert states[0] == ("unbound", "pending")
    assert all(was == before for (_, before), (was, _) in pairwise(states))
    away = {("unbound", None), ("unknowable", "recognizer_away")}
    assert reached - away <= {(one["state"], one["detail"]) for one in happened}
    assert ("unknowable", "watch_began") in {(one["state"], one["detail"]) for one in happened}
    assert {one["person_id"] for one in happened} | {None} == expected
    assert {one["seen_person_id"] for one in happened} == seen
    assert len({one["event_id"] for one in happened}) == len(happened)
    return happened


async def made_anew(stack: Stack, event_ids: list[str]) -> None:
    """The log says the same once more."""
    kept = Identities(sqlite_url(stack.folder / "data" / "events.db"))
    await kept.log.open()
    try:
        before = await kept.told()
        assert [str(one) for one in await kept.fold.rebuild(kept.database)] == event_ids
        assert await kept.told() == before
    finally:
        await kept.log.aclose()


async def only_what_cannot_be_forged_binds(stack: Stack, publishers: Publishers, obama: str) -> None:
    for identity, may in (("Mallory", True), ("Bob", False)):
        token = join_token(stack.room, identity, attributes={"facematch.person": obama}, may_change_them=may)
        person = await publishers.join(stack.room, identity, token=token)
        await person.publish(Scene(NO_FACE))
        await stack.track_in(identity, "wait", within=WITHIN)

    async def bound() -> bool:
        found = (await stack.asked("/api/bindings"))["bindings"]
        return ("Bob", "attribute") in {(one["identity"], one["by"]) for one in found}

    await wait_until(bound, within=WITHIN, what="Bob is bound")
    found = (await stack.asked("/api/bindings"))["bindings"]
    assert {one["identity"] for one in found} == {"Alice42", "Bob"}


async def bind(stack: Stack, person_id: str) -> None:
    await said(stack, "PUT", "/api/bindings", identity="Alice42", person_id=person_id)


async def acknowledge(stack: Stack) -> None:
    await said(stack, "POST", "/api/identity/acknowledge", identity="Alice42")


async def said(stack: Stack, method: str, path: str, **body: Any) -> None:
    async with (
        aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session,
        session.request(method, path, json=body) as response,
    ):
        assert response.status == 200, await response.text()


async def told(stack: Stack, state: str, detail: str | None) -> dict[str, Any]:
    """What is told of Alice, as soon as it is this."""

    async def there() -> dict[str, Any] | None:
        participants = (await stack.asked("/api/identity?identity=Alice42"))["participants"]
        found = [one for one in participants if (one["state"], one["detail"]) == (state, detail)]
        return found[0] if found else None

    return await wait_until(there, within=WITHIN, what=f"Alice is {state} ({detail})")


async def events(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stack.asked("/api/events?type=identity&limit=1000"))["events"]
    return found
