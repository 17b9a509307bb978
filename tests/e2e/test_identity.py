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
    from collections.abc import Awaitable, Callable

    from tests.rig.publishing import Person, Publishers
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

WITHIN = 30
"""Seconds, for a few looks on a busy machine."""
MORE: dict[str, Any] = {"bindings_from_attributes": True, "consent": "required", "batch_timeout_seconds": 5}
AGREED = {"facematch.consent": "given"}
HUGE = Scene(NO_FACE, width=4160, height=2340, sway=0)
"""More pixels than are taken."""
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
        alice = await publishers.join(stack.room, "Alice42", token=agreed(stack, "Alice42"))
        await alice.publish(Scene(SAME_PERSON))
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

        await nothing_to_be_seen(alice, comes)
        await who_cannot_be_looked_at_is_unknowable(stack, publishers, obama)
        await alice.leave()
        await comes("absent")

    await all_have_left(stack)
    await all_of_it(stack, reached, {None, obama}, {None, biden})
    told_of_all = [one["event_id"] for one in await events(stack)]
    stack.end()
    await made_anew(stack, told_of_all)


async def nothing_to_be_seen(alice: Person, comes: Callable[..., Awaitable[Any]]) -> None:
    await alice.show(Scene(NO_FACE))
    await comes("not_seen")
    await alice.mute()
    await comes("unknowable", "muted")
    await alice.unmute()
    await comes("not_seen")
    await alice.unpublish()
    await comes("unknowable", "camera_gone")


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


async def all_have_left(stack: Stack) -> None:
    """Of nobody anything more will be told."""

    async def left() -> bool:
        participants = (await stack.asked("/api/identity"))["participants"]
        return {one["state"] for one in participants} == {"absent"}

    await wait_until(left, within=WITHIN, what="it is told that all have left")


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
        attributes = {**AGREED, "facematch.person": obama}
        token = join_token(stack.room, identity, attributes=attributes, may_change_them=may)
        person = await publishers.join(stack.room, identity, token=token)
        await person.publish(Scene(NO_FACE))
        await stack.track_in(identity, "wait", within=WITHIN)

    async def bound() -> bool:
        found = (await stack.asked("/api/bindings"))["bindings"]
        return ("Bob", "attribute") in {(one["identity"], one["by"]) for one in found}

    await wait_until(bound, within=WITHIN, what="Bob is bound")
    found = (await stack.asked("/api/bindings"))["bindings"]
    assert {one["identity"] for one in found} == {"Alice42", "Bob"}


async def who_cannot_be_looked_at_is_unknowable(stack: Stack, publishers: Publishers, person_id: str) -> None:
    """For each reason that there is, and nobody is told of as a stranger."""
    why = {"Ellen": "encrypted", "Paul": "denied", "Lars": "too_large", "Nina": "no_frames", "Nora": "no_consent"}
    how: dict[str, dict[str, Any]] = {"Lars": {"scene": HUGE, "fps": 1}, "Nina": {"fps": 1e-4}}
    for identity in why:
        await bind(stack, person_id, identity)
        token = join_token(stack.room, identity) if identity == "Nora" else agreed(stack, identity)
        kept: dict[str, Any] = {"encrypted": identity == "Ellen", "private": identity == "Paul"}
        someone = await publishers.join(stack.room, identity, token=token, **kept)
        await someone.publish(**{"scene": Scene(SAME_PERSON), **how.get(identity, {})})
    for identity, detail in why.items():
        await told(stack, "unknowable", detail, identity)
    await said(stack, "PUT", "/api/consent", identity="Nora", given=True)
    await told(stack, "expected", None, "Nora")
    await said(stack, "PUT", "/api/consent", identity="Nora", given=False)
    await told(stack, "unknowable", "no_consent", "Nora")
    happened = [one for one in await events(stack) if one["participant_identity"] in why]
    assert {one["state"] for one in happened} == {"pending", "unknowable", "expected"}


def agreed(stack: Stack, identity: str) -> str:
    """A token of somebody who consents."""
    return join_token(stack.room, identity, attributes=AGREED)


async def bind(stack: Stack, person_id: str, identity: str = "Alice42") -> None:
    await said(stack, "PUT", "/api/bindings", identity=identity, person_id=person_id)


async def acknowledge(stack: Stack) -> None:
    await said(stack, "POST", "/api/identity/acknowledge", identity="Alice42")


async def said(stack: Stack, method: str, path: str, **body: Any) -> None:
    async with (
        aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session,
        session.request(method, path, json=body) as response,
    ):
        assert response.status == 200, await response.text()


async def told(stack: Stack, state: str, detail: str | None, identity: str = "Alice42") -> dict[str, Any]:
    """What is told of somebody, as soon as it is this."""

    async def there() -> dict[str, Any] | None:
        participants = (await stack.asked(f"/api/identity?identity={identity}"))["participants"]
        found = [one for one in participants if (one["state"], one["detail"]) == (state, detail)]
        return found[0] if found else None

    return await wait_until(there, within=WITHIN, what=f"{identity} is {state} ({detail})")


async def events(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stack.asked("/api/events?type=identity&limit=1000"))["events"]
    return found
