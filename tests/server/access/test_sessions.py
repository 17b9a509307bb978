"""Logins and invitations: how long they last, what ends them, and that what is kept lets nobody in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from facematch.server.access.roles import Role
from facematch.server.access.sessions import INVITATION_PREFIX, STEP, Kind, Session, Sessions, SessionStore
from facematch.server.access.store import SqlSessionStore
from facematch.server.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

KEYS = ["admin-key-0123456789", "viewer-key-0123456789"]


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2025, 9, 25, 14, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[SessionStore]:
    database = Database(database_url)
    database.open()
    yield SqlSessionStore(database)
    await database.aclose()


END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


async def kept_in(store: SessionStore) -> Sequence[Session]:
    """Every one that is kept."""
    return await store.expired(END_OF_TIME, END_OF_TIME, "", 1_000_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sessions_in(store: SessionStore, clock: Clock, keys: list[str] = KEYS) -> Sessions:
    return Sessions(
        store,
        keys=keys,
        idle=timedelta(hours=1),
        longest=timedelta(days=1),
        invitation=timedelta(hours=2),
        now=clock,
    )


@pytest.fixture
def sessions(store: SessionStore, clock: Clock) -> Sessions:
    return sessions_in(store, clock)


async def test_a_login_is_found_by_its_token_alone(sessions: Sessions, store: SessionStore) -> None:
    token, session = await sessions.log_in(Role.VIEWER)
    assert await sessions.find(token, Kind.LOGIN) == session
    for other in ("", token[:-1], token + "x", token.swapcase(), session.id):
        assert await sessions.find(other, Kind.LOGIN) is None
    assert token not in str(await kept_in(store))


async def test_tokens_are_long_and_never_the_same(sessions: Sessions) -> None:
    tokens = {(await sessions.log_in(Role.ADMIN))[0] for _ in range(20)}
    assert len(tokens) == 20
    assert min(map(len, tokens)) >= 43  # 256 bits


async def test_a_login_that_nobody_uses_ends(sessions: Sessions, store: SessionStore, clock: Clock) -> None:
    token, _ = await sessions.log_in(Role.ADMIN)
    for _ in range(5):
        clock.go(minutes=59)
        assert await sessions.find(token, Kind.LOGIN)
    clock.go(minutes=60)
    assert await sessions.find(token, Kind.LOGIN) is None
    assert not await kept_in(store)


async def test_a_login_ends_however_much_it_is_used(sessions: Sessions, clock: Clock) -> None:
    token, session = await sessions.log_in(Role.ADMIN)
    while clock.now < session.expires_at:
        assert await sessions.find(token, Kind.LOGIN)
        clock.go(minutes=30)
    assert await sessions.find(token, Kind.LOGIN) is None


async def test_use_is_written_down_once_a_minute(sessions: Sessions, store: SessionStore, clock: Clock) -> None:
    token, session = await sessions.log_in(Role.ADMIN)
    clock.go(seconds=59)
    await sessions.find(token, Kind.LOGIN)
    assert [kept.used_at for kept in await kept_in(store)] == [session.used_at]
    clock.go(seconds=1)
    await sessions.find(token, Kind.LOGIN)
    assert [kept.used_at for kept in await kept_in(store)] == [clock.now]


async def away(*_: object) -> None:
    raise OSError("database or disk is full")


async def test_a_login_is_good_while_nothing_can_be_written(
    sessions: Sessions, store: SessionStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, session = await sessions.log_in(Role.ADMIN)
    monkeypatch.setattr(store, "used", away)
    monkeypatch.setattr(store, "remove", away)
    while clock.now < session.expires_at:
        assert await sessions.find(token, Kind.LOGIN)
        clock.go(minutes=59)
    assert await sessions.find(token, Kind.LOGIN) is None


async def test_use_that_could_not_be_noted_counts_all_the_same(
    sessions: Sessions, store: SessionStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, session = await sessions.log_in(Role.ADMIN)
    monkeypatch.setattr(store, "used", away)
    clock.go(minutes=50)
    await sessions.find(token, Kind.LOGIN)
    clock.go(minutes=50)
    await sessions.forget_expired()
    assert await sessions.good([session.id]) == {session.id}
    assert await sessions.find(token, Kind.LOGIN)
    clock.go(minutes=60)
    assert await sessions.good([session.id]) == frozenset()
    assert await sessions.find(token, Kind.LOGIN) is None


async def test_use_that_cannot_be_noted_is_tried_once_a_minute(
    sessions: Sessions, store: SessionStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try may wait for a lock: a page's many questions must not."""
    tries = []

    async def locked(*_: object) -> None:
        tries.append(clock.now)
        assert await sessions.find(token, Kind.LOGIN)  # somebody asks meanwhile
        raise OSError("database is locked")

    token, _ = await sessions.log_in(Role.ADMIN)
    monkeypatch.setattr(store, "used", locked)
    for _ in range(13):
        clock.go(seconds=10)
        assert await sessions.find(token, Kind.LOGIN)
    assert len(tries) == 2


async def test_what_was_seen_of_a_login_is_forgotten_with_it(
    sessions: Sessions, store: SessionStore, clock: Clock
) -> None:
    begun = [await sessions.log_in(Role.ADMIN) for _ in range(5)]
    clock.go(minutes=2)
    for token, _ in begun:
        await sessions.find(token, Kind.LOGIN)
    await sessions.end(begun[0][1])
    await store.remove(begun[1][1].id)  # by another process
    assert set(sessions._seen) == {session.id for _, session in begun[1:]}
    clock.go(minutes=60)
    await sessions.forget_expired()
    assert not sessions._seen


async def test_an_invitation_is_good_until_it_expires_and_for_its_room(sessions: Sessions, clock: Clock) -> None:
    token, invitation = await sessions.invite("lobby")
    assert token.startswith(INVITATION_PREFIX)
    assert (invitation.role, invitation.room) == (Role.PARTICIPANT, "lobby")
    clock.go(minutes=119)
    assert await sessions.find(token, Kind.INVITATION)
    clock.go(minutes=1)
    assert await sessions.find(token, Kind.INVITATION) is None


async def test_a_login_ends_with_what_it_was_had_for(sessions: Sessions, clock: Clock) -> None:
    _, invitation = await sessions.invite("lobby")
    clock.go(minutes=90)
    token, session = await sessions.log_in(Role.PARTICIPANT, invitation)
    assert session.expires_at == invitation.expires_at
    clock.go(minutes=29)
    assert await sessions.find(token, Kind.LOGIN)
    clock.go(minutes=1)
    assert await sessions.find(token, Kind.LOGIN) is None


async def test_a_long_invitation_makes_no_login_longer(sessions: Sessions, clock: Clock) -> None:
    _, invitation = await sessions.invite("lobby")
    longer = replace(invitation, expires_at=clock.now + timedelta(days=9), person_id="p_1")
    _, session = await sessions.log_in(Role.PARTICIPANT, longer)
    assert (session.room, session.person_id) == ("lobby", "p_1")
    assert session.expires_at == clock.now + timedelta(days=1)


async def test_neither_serves_as_the_other(sessions: Sessions) -> None:
    login, _ = await sessions.log_in(Role.ADMIN)
    invitation, _ = await sessions.invite("lobby")
    assert await sessions.find(login, Kind.INVITATION) is None
    assert await sessions.find(invitation, Kind.LOGIN) is None


async def test_what_is_ended_is_gone(sessions: Sessions, store: SessionStore) -> None:
    first, session = await sessions.log_in(Role.ADMIN)
    second, _ = await sessions.log_in(Role.VIEWER)
    await sessions.end(session)
    await sessions.end(session)
    assert await sessions.find(first, Kind.LOGIN) is None
    assert await sessions.find(second, Kind.LOGIN)
    await sessions.invite("lobby")
    assert await sessions.end_all() == 2
    assert await sessions.find(second, Kind.LOGIN) is None
    assert not await kept_in(store)


@pytest.mark.parametrize("keys", [["other-key-0123456789", KEYS[1]], [KEYS[0]], []])
async def test_a_changed_key_ends_what_was_begun_with_it(store: SessionStore, clock: Clock, keys: list[str]) -> None:
    token, _ = await sessions_in(store, clock).log_in(Role.ADMIN)
    assert await sessions_in(store, clock, KEYS[::-1]).find(token, Kind.LOGIN)  # a restart
    assert await sessions_in(store, clock, keys).find(token, Kind.LOGIN) is None


async def test_what_has_expired_is_told_first_and_forgotten_then(
    sessions: Sessions, store: SessionStore, clock: Clock
) -> None:
    _, stale = await sessions.log_in(Role.ADMIN)
    clock.go(minutes=50)
    _, fresh = await sessions.log_in(Role.ADMIN)
    _, invitation = await sessions.invite("lobby")
    clock.go(minutes=20)
    ids = [stale.id, fresh.id, invitation.id, "never there"]
    assert await sessions.good(ids) == {fresh.id, invitation.id}
    assert {kept.id for kept in await kept_in(store)} == {stale.id, fresh.id, invitation.id}
    await sessions.forget_expired()
    assert {kept.id for kept in await kept_in(store)} == {fresh.id, invitation.id}


async def test_a_clock_set_back_lets_nobody_stay_longer_than_that(sessions: Sessions, clock: Clock) -> None:
    token, session = await sessions.log_in(Role.ADMIN)
    clock.go(hours=-1)
    assert await sessions.find(token, Kind.LOGIN)
    clock.now = session.expires_at
    assert await sessions.find(token, Kind.LOGIN) is None


async def test_many_are_looked_at_and_forgotten_in_steps(
    sessions: Sessions, store: SessionStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of thousands at once would keep everybody else waiting."""
    sizes = []
    remove, some = store.remove, store.some

    async def noted_removal(*ids: str) -> None:
        sizes.append(len(ids))
        await remove(*ids)

    async def noted_look(ids: Collection[str]) -> Collection[Session]:
        sizes.append(len(ids))
        return await some(ids)

    monkeypatch.setattr(store, "remove", noted_removal)
    monkeypatch.setattr(store, "some", noted_look)
    monkeypatch.setattr("facematch.server.access.sessions.STEP", 10)
    stale = [(await sessions.invite("lobby"))[1].id for _ in range(35)]
    clock.go(minutes=90)
    fresh = [(await sessions.invite("lobby"))[1].id for _ in range(25)]
    assert await sessions.invitations() == 60
    clock.go(minutes=60)
    assert await sessions.good([*stale, *fresh]) == set(fresh)
    await sessions.forget_expired()
    assert {session.id for session in await kept_in(store)} == set(fresh)
    assert await sessions.invitations() == 25
    assert STEP >= 100
    assert max(sizes) == 10
    await sessions.good([])
